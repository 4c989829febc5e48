/** What the server tells of clusters, jobs and targets, kept up to date. */

import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from './api';
import { awayError, failureOf, mismatchOf, problemsOf } from './failures';
import { ResponseError, toError } from './request';
import { Stream } from './stream';
import { Connection, ILive } from './tokens';
import * as wire from './wire';

/** Shorter breaks are not worth a word. [ms] */
const BREAK_MS = 2000;
/** Changes that come together are drawn together. [ms] */
const GATHER_MS = 40;
/** So many operations that have ended are kept. [1] */
const MAX_ENDED = 50;

/** Returns the key of a cluster in all targets. */
export function clusterKey(target: string, name: string): string {
  return `${target}/${name}`;
}

/** The state of the server, fed by its stream. */
export class Live implements ILive, IDisposable {
  /**
   * @param api The server.
   * @param stream Its changes.
   * @param trans The translator.
   */
  constructor(
    private readonly _api: Api,
    private readonly _stream: Stream,
    private readonly _trans: TranslationBundle
  ) {
    _stream.message.connect(this._receive, this);
    _stream.stateChanged.connect(this._onState, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get operationEnded(): ISignal<this, wire.IOperation> {
    return this._operationEnded;
  }

  get jobEnded(): ISignal<this, wire.IProjectJob> {
    return this._jobEnded;
  }

  get connection(): Connection {
    return this._connection;
  }

  get problems(): readonly wire.IError[] {
    return this._problems;
  }

  get project(): string {
    return this._project;
  }

  get path(): string {
    return this._path;
  }

  get projectPath(): string {
    return this._projectPath;
  }

  get clusters(): readonly wire.IClusterState[] | null {
    return this._clusters;
  }

  get jobs(): readonly wire.IProjectJob[] | null {
    return this._jobs;
  }

  get jobsProblem(): wire.IError | null {
    return this._problemOf.get(this._projectPath) ?? null;
  }

  get targets(): readonly wire.ITargetState[] {
    return [...this._targetOf.values()];
  }

  silentSinceMs(target: string): number | null {
    return this._silentMs.get(target) ?? null;
  }

  get operations(): readonly wire.IOperation[] {
    return this._operations;
  }

  get chosen(): wire.IChoice {
    return this._chosenOf.get(this._projectPath) ?? { target: '', name: '' };
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Begin: ask whether both halves fit, then listen. */
  async start(): Promise<void> {
    clearTimeout(this._restart);
    try {
      const health = await this._api.health(this._path);
      const mismatch = mismatchOf(health, this._trans);
      if (mismatch) {
        this._fail(mismatch);
        return;
      }
      this._problems = problemsOf(health);
      this._take(health);
      this._listen();
    } catch (error) {
      if (this._isDisposed) {
        return;
      }
      this._fail(failureOf(error, this._trans));
      // A server that is only away comes back; one without the extension does not by itself.
      if (
        error instanceof ResponseError &&
        !error.isMissingServer &&
        error.status !== 403
      ) {
        this._restart = setTimeout(() => void this.start(), 5000);
      }
    }
  }

  /** Try again at once. */
  retry(): void {
    if (this._connection.kind === 'failed') {
      this._setConnection({ kind: 'connecting' });
      void this.start();
    } else {
      this._stream.retryNow();
    }
  }

  /**
   * Follow the project of another folder.
   *
   * @param path The folder, or a notebook in it.
   */
  async follow(path: string): Promise<void> {
    if (path === this._wanted || this._isDisposed) {
      return;
    }
    this._wanted = path;
    if (this._connection.kind === 'failed' || !this._project) {
      this._path = path;
      return;
    }
    try {
      const known = this._healthOf.get(path) ?? (await this._api.health(path));
      this._healthOf.set(path, known);
      if (known.project === this._project || path !== this._wanted) {
        return;
      }
      this._take(known);
      this._path = path;
      this._listen();
    } catch {
      // The stream says by itself that the server is away; the project is looked for next time.
      this._wanted = this._path;
    }
  }

  /** Tell the server whether somebody looks at the panel. */
  setVisible(isVisible: boolean): void {
    this._stream.setVisible(isVisible);
  }

  /** Take an operation that was just begun, before the stream tells it. */
  note(operation: wire.IOperation): void {
    if (!this._operationOf.has(operation.id)) {
      this._operationOf.set(operation.id, operation);
      this._touch();
    }
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._restart);
    clearTimeout(this._gather);
    clearTimeout(this._breaking);
    this._stream.dispose();
    Signal.clearData(this);
  }

  private _take(health: wire.IHealth): void {
    this._project = health.project;
    this._projectPath = health.project_path;
  }

  private _listen(): void {
    this._setConnection({ kind: 'connecting' });
    this._isFresh = false;
    this._stream.connect(this._path);
  }

  private _receive(_: unknown, message: wire.Message): void {
    switch (message.kind) {
      case 'snapshot':
        this._replace(message.data);
        break;
      case 'cluster':
        this._takeCluster(message.data);
        break;
      case 'cluster_gone':
        this._clusterOf.delete(clusterKey(message.data.target, message.data.name));
        break;
      case 'job':
        this._takeJob(message.data);
        break;
      case 'job_gone':
        this._jobOf?.delete(message.data.name);
        break;
      case 'jobs_problem':
        this._problemOf.set(message.data.project, message.data.problem);
        break;
      case 'target':
        this._takeTarget(message.data);
        break;
      case 'chosen':
        this._chosenOf.set(message.data.project, message.data);
        break;
      case 'operation':
        this._takeOperation(message.data);
        break;
      default:
        return;
    }
    this._touch();
  }

  private _replace(all: wire.ISnapshot): void {
    this._isFresh = true;
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
    if (!all.jobs) {
      void this._askJobs();
    }
  }

  retryJobs(): void {
    void this._askJobs(true);
  }

  /** Ask for the jobs, where the stream did not hold them: no job at all is no change either. */
  private async _askJobs(isWished = false): Promise<void> {
    const path = this._path;
    const project = this._projectPath;
    try {
      const jobs = await this._api.jobs(path);
      if (path === this._path) {
        // What the stream told meanwhile is newer.
        this._jobOf = new Map([
          ...jobs.map(job => [job.name, { ...job, projects: [project] }] as const),
          ...(this._jobOf ?? [])
        ]);
        this._isInOrder = false;
        this._problemOf.delete(project);
        this._touch();
      }
    } catch (error) {
      // They come by the stream as soon as the tracking server answers.
      if (isWished && path === this._path) {
        this._problemOf.set(project, toError(error));
        this._touch();
      }
    }
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

  private _onState(): void {
    clearTimeout(this._breaking);
    if (this._stream.state === 'live') {
      this._brokeMs = 0;
      if (this._connection.kind !== 'live') {
        this._setConnection({ kind: 'live' });
      }
    } else if (this._stream.state === 'broken') {
      this._brokeMs ||= Date.now();
      const told = (): void =>
        this._setConnection(
          this._isFresh || this._clusters
            ? { kind: 'stale', sinceMs: this._brokeMs }
            : { kind: 'failed', error: awayError(this._trans) }
        );
      if (Date.now() - this._brokeMs >= BREAK_MS) {
        told();
      } else {
        this._breaking = setTimeout(told, BREAK_MS);
      }
    }
  }

  private _fail(error: wire.IError): void {
    this._setConnection({ kind: 'failed', error });
  }

  private _setConnection(connection: Connection): void {
    this._connection = connection;
    this._touch();
  }

  /** Let who draws know, once for what comes together. */
  private _touch(): void {
    this._gather ??= setTimeout(() => {
      this._gather = undefined;
      this._settle();
      this._changed.emit();
    }, GATHER_MS);
  }

  private _settle(): void {
    if (this._isFresh) {
      this._order();
      this._clusters = [...this._clusterOf.values()];
      this._jobs = this._jobOf && [...this._jobOf.values()];
    } else if (this._connection.kind === 'connecting') {
      // Clusters are the same in each project, jobs are not.
      this._jobs = null;
    }
    this._operations = [...this._operationOf.values()].sort(
      (a, b) => b.started_ms - a.started_ms
    );
  }

  /** Put clusters and jobs in order, where one came that was not known: there may be thousands. */
  private _order(): void {
    if (!this._isInOrder) {
      this._clusterOf = sorted(this._clusterOf, byTargetAndName);
      this._jobOf = this._jobOf && sorted(this._jobOf, byNewest);
      this._isInOrder = true;
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _operationEnded = new Signal<this, wire.IOperation>(this);
  private readonly _jobEnded = new Signal<this, wire.IProjectJob>(this);
  private readonly _healthOf = new Map<string, wire.IHealth>();
  private _connection: Connection = { kind: 'connecting' };
  private _problems: readonly wire.IError[] = [];
  private _project = '';
  private _projectPath = '';
  private _path = '';
  private _wanted = '';
  private _isFresh = false;
  private _isInOrder = false;
  private _isDisposed = false;
  private _brokeMs = 0;
  private _clusterOf = new Map<string, wire.IClusterState>();
  private _jobOf: Map<string, wire.IProjectJob> | null = null;
  private _targetOf = new Map<string, wire.ITargetState>();
  private readonly _silentMs = new Map<string, number>();
  private _operationOf = new Map<string, wire.IOperation>();
  private _chosenOf = new Map<string, wire.IChoice>();
  private _clusters: readonly wire.IClusterState[] | null = null;
  private _jobs: readonly wire.IProjectJob[] | null = null;
  private _operations: readonly wire.IOperation[] = [];
  private _problemOf = new Map<string, wire.IError | null>();
  private _gather: ReturnType<typeof setTimeout> | undefined;
  private _breaking: ReturnType<typeof setTimeout> | undefined;
  private _restart: ReturnType<typeof setTimeout> | undefined;
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
