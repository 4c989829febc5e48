/** What the server tells of clusters, jobs and targets, kept up to date. */

import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from './api';
import { awayError, failureOf, mismatchOf, problemsOf } from './failures';
import { ResponseError, toError } from './request';
import { ServerState } from './server-state';
import { Stream } from './stream';
import { Connection, ILive } from './tokens';
import * as wire from './wire';

/** Shorter breaks are not worth a word. [ms] */
const BREAK_MS = 2000;
/** Changes that come together are drawn together. [ms] */
const GATHER_MS = 40;
/** The state of the server, fed by its stream, and the line to it. */
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
    this._state.operationEnded.connect((_, operation) =>
      this._operationEnded.emit(operation)
    );
    this._state.jobEnded.connect((_, job) => this._jobEnded.emit(job));
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
    return this._state.jobsProblem(this._projectPath);
  }

  get targets(): readonly wire.ITargetState[] {
    return this._state.targets;
  }

  silentSinceMs(target: string): number | null {
    return this._state.silentSinceMs(target);
  }

  get operations(): readonly wire.IOperation[] {
    return this._operations;
  }

  get chosen(): wire.IChoice {
    return this._state.chosen(this._projectPath);
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
    if (this._state.note(operation)) {
      this._touch();
    }
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._restart);
    clearTimeout(this._gather);
    clearTimeout(this._breaking);
    this._stream.dispose();
    this._state.clear();
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
    if (!this._state.take(message)) {
      return;
    }
    if (message.kind === 'snapshot') {
      this._isFresh = true;
      if (!message.data.jobs) {
        void this._askJobs();
      }
    }
    this._touch();
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
        this._state.addJobs(jobs, project);
        this._touch();
      }
    } catch (error) {
      // They come by the stream as soon as the tracking server answers.
      if (isWished && path === this._path) {
        this._state.setJobsProblem(project, toError(error));
        this._touch();
      }
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
      this._clusters = this._state.clusters;
      this._jobs = this._state.jobs;
    } else if (this._connection.kind === 'connecting') {
      // Clusters are the same in each project, jobs are not.
      this._jobs = null;
    }
    this._operations = this._state.operations;
  }

  private readonly _state = new ServerState();
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
  private _isDisposed = false;
  private _brokeMs = 0;
  private _clusters: readonly wire.IClusterState[] | null = null;
  private _jobs: readonly wire.IProjectJob[] | null = null;
  private _operations: readonly wire.IOperation[] = [];
  private _gather: ReturnType<typeof setTimeout> | undefined;
  private _breaking: ReturnType<typeof setTimeout> | undefined;
  private _restart: ReturnType<typeof setTimeout> | undefined;
}
