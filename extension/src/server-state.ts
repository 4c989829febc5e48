/** Clusters, jobs and targets as the server told them last. */

import { ISignal, Signal } from '@lumino/signaling';

import * as wire from './wire';

/** So many operations that have ended are kept. [1] */
const MAX_ENDED = 50;

/** Returns the key of a cluster in all targets. */
export function clusterKey(target: string, name: string): string {
  return `${target}/${name}`;
}

/** What a stream says, put together: first all there is, then each change. */
export class ServerState {
  get operationEnded(): ISignal<this, wire.IOperation> {
    return this._operationEnded;
  }

  get jobEnded(): ISignal<this, wire.IProjectJob> {
    return this._jobEnded;
  }

  /** In their order. */
  get clusters(): readonly wire.IClusterState[] {
    this._order();
    return [...this._clusterOf.values()];
  }

  /** In their order; null before they are known. */
  get jobs(): readonly wire.IProjectJob[] | null {
    this._order();
    return this._jobOf && [...this._jobOf.values()];
  }

  get targets(): readonly wire.ITargetState[] {
    return [...this._targetOf.values()];
  }

  /** The latest first. */
  get operations(): readonly wire.IOperation[] {
    return [...this._operationOf.values()].sort((a, b) => b.started_ms - a.started_ms);
  }

  /** Since when a target is silent, 0 for longer than this page is there; null where it answers. */
  silentSinceMs(target: string): number | null {
    return this._silentMs.get(target) ?? null;
  }

  /** Why the jobs of a project are not known; null where they are. */
  jobsProblem(project: string): wire.IError | null {
    return this._problemOf.get(project) ?? null;
  }

  /** What is chosen in a project. */
  chosen(project: string): wire.IChoice {
    return this._chosenOf.get(project) ?? { target: '', name: '' };
  }

  /** Take all there is, in place of what was known. */
  replace(all: wire.ISnapshot): void {
    this._clusterOf = new Map(all.clusters.map(c => [clusterKey(c.target, c.name), c]));
    this._jobOf = all.jobs && new Map(all.jobs.map(job => [job.name, job]));
    this._isInOrder = false;
    const before = this._targetOf;
    this._targetOf = new Map();
    for (const target of all.targets) {
      this._takeTarget(target, before.get(target.name));
    }
    this._operationOf = new Map(
      all.operations.map(operation => [operation.id, operation])
    );
    this._chosenOf = new Map(all.chosen.map(choice => [choice.project, choice]));
    this._problemOf = new Map(all.jobs_problems.map(p => [p.project, p.problem]));
  }

  /**
   * Take one change.
   *
   * @returns Whether it is one that is known here.
   */
  take(message: wire.Message): boolean {
    switch (message.kind) {
      case 'snapshot':
        this.replace(message.data);
        return true;
      case 'cluster':
        this._takeCluster(message.data);
        return true;
      case 'cluster_gone':
        this._clusterOf.delete(clusterKey(message.data.target, message.data.name));
        return true;
      case 'job':
        this._takeJob(message.data);
        return true;
      case 'job_gone':
        this._jobOf?.delete(message.data.name);
        return true;
      case 'jobs_problem':
        this.setJobsProblem(message.data.project, message.data.problem);
        return true;
      case 'target':
        this._takeTarget(message.data);
        return true;
      case 'chosen':
        this._chosenOf.set(message.data.project, message.data);
        return true;
      case 'operation':
        this._takeOperation(message.data);
        return true;
      default:
        return false;
    }
  }

  /** Take jobs of a project that were asked for; what the stream told meanwhile is newer. */
  addJobs(jobs: readonly wire.IJobState[], project: string): void {
    this._jobOf = new Map([
      ...jobs.map(job => [job.name, { ...job, projects: [project] }] as const),
      ...(this._jobOf ?? [])
    ]);
    this._isInOrder = false;
    this._problemOf.delete(project);
  }

  setJobsProblem(project: string, problem: wire.IError | null): void {
    this._problemOf.set(project, problem);
  }

  /**
   * Take an operation that was just begun.
   *
   * @returns Whether the stream had not told of it yet.
   */
  note(operation: wire.IOperation): boolean {
    const isNew = !this._operationOf.has(operation.id);
    if (isNew) {
      this._operationOf.set(operation.id, operation);
    }
    return isNew;
  }

  /** Let go of who listens. */
  clear(): void {
    Signal.clearData(this);
  }

  private _takeTarget(
    target: wire.ITargetState,
    before = this._targetOf.get(target.name)
  ): void {
    this._targetOf.set(target.name, target);
    if (!wire.isSilent(target)) {
      this._silentMs.delete(target.name);
    } else if (!this._silentMs.has(target.name)) {
      // One that was silent already when the page was loaded may be so for hours.
      this._silentMs.set(target.name, before?.state === 'answers' ? Date.now() : 0);
    }
  }

  private _takeCluster(cluster: wire.IClusterState): void {
    const key = clusterKey(cluster.target, cluster.name);
    // What is known keeps its place.
    this._isInOrder &&= this._clusterOf.has(key);
    this._clusterOf.set(key, cluster);
  }

  private _takeJob(job: wire.IProjectJob): void {
    this._jobOf ??= new Map();
    const before = this._jobOf.get(job.name);
    this._isInOrder &&= before?.submitted_ms === job.submitted_ms;
    this._jobOf.set(job.name, job);
    if (before && !wire.isEnded(before) && wire.isEnded(job)) {
      this._jobEnded.emit(job);
    }
  }

  private _takeOperation(operation: wire.IOperation): void {
    const before = this._operationOf.get(operation.id);
    this._operationOf.set(operation.id, operation);
    if (operation.state !== 'running' && before?.state !== operation.state) {
      this._operationEnded.emit(operation);
    }
    const ended = [...this._operationOf.values()].filter(o => o.state !== 'running');
    for (const { id } of ended.slice(0, -MAX_ENDED)) {
      this._operationOf.delete(id);
    }
  }

  /** Put clusters and jobs in order, where one came that was not known: there may be thousands. */
  private _order(): void {
    if (!this._isInOrder) {
      this._clusterOf = sorted(this._clusterOf, byTargetAndName);
      this._jobOf = this._jobOf && sorted(this._jobOf, byNewest);
      this._isInOrder = true;
    }
  }

  private readonly _operationEnded = new Signal<this, wire.IOperation>(this);
  private readonly _jobEnded = new Signal<this, wire.IProjectJob>(this);
  private readonly _silentMs = new Map<string, number>();
  private _isInOrder = false;
  private _clusterOf = new Map<string, wire.IClusterState>();
  private _jobOf: Map<string, wire.IProjectJob> | null = null;
  private _targetOf = new Map<string, wire.ITargetState>();
  private _operationOf = new Map<string, wire.IOperation>();
  private _chosenOf = new Map<string, wire.IChoice>();
  private _problemOf = new Map<string, wire.IError | null>();
}

function sorted<T>(of: Map<string, T>, order: (a: T, b: T) => number): Map<string, T> {
  return new Map([...of].sort((a, b) => order(a[1], b[1])));
}

function byTargetAndName(a: wire.IClusterState, b: wire.IClusterState): number {
  return a.target.localeCompare(b.target) || a.name.localeCompare(b.name);
}

function byNewest(a: wire.IProjectJob, b: wire.IProjectJob): number {
  return b.submitted_ms - a.submitted_ms || b.name.localeCompare(a.name);
}
