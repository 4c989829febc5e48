/** The latest runs of each experiment. */

import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { toError } from '../request';
import { ILive } from '../tokens';
import { IError, IRun, IRunList } from '../wire';

/** Time between two looks: MLflow does not tell of changes. [ms] */
const INTERVAL_MS = 10_000;
const LONGEST_MS = 120_000;

/** Runs of one experiment. */
export interface IExperiment {
  readonly name: string;
  readonly runs: readonly IRun[];
}

/** Asks for runs while somebody looks. */
export class RunsModel implements IDisposable {
  /**
   * @param _api The server.
   * @param live What it tells: a job that ends has new metrics.
   */
  constructor(
    private readonly _api: Api,
    readonly live: ILive
  ) {
    this._poll = new Poll({
      auto: false,
      factory: () => this._look(),
      frequency: { interval: INTERVAL_MS, backoff: true, max: LONGEST_MS },
      name: 'rayspace:runs',
      standby: () => (this._isVisible ? 'when-hidden' : true)
    });
    live.jobEnded.connect(this._refresh, this);
    live.changed.connect(this._onLive, this);
  }

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What was found; null before that. */
  get list(): IRunList | null {
    return this._list;
  }

  /** Why nothing could be found. */
  get error(): IError | null {
    return this._error;
  }

  /** Runs by experiment, the one with the newest run first. */
  get experiments(): readonly IExperiment[] {
    return grouped(this._list?.runs ?? []);
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Say whether somebody looks. */
  setVisible(isVisible: boolean): void {
    const isNew = isVisible && !this._isVisible;
    this._isVisible = isVisible;
    if (isNew && this.live.connection.kind === 'live') {
      this._start();
    }
  }

  /** Look at once. */
  refresh(): void {
    void this._poll.refresh();
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private _onLive(): void {
    if (this.live.connection.kind !== 'live') {
      return;
    }
    if (this.live.path !== this._path) {
      this._list = null;
      this._path = this.live.path;
      this._start();
    } else if (!this._hasBegun) {
      this._start();
    }
  }

  private _start(): void {
    this._hasBegun = true;
    void this._poll.start();
    void this._poll.refresh();
  }

  private _refresh(): void {
    if (this._hasBegun) {
      void this._poll.refresh();
    }
  }

  private async _look(): Promise<void> {
    const path = this.live.path;
    try {
      const list = await this._api.runs('local', path);
      if (path !== this.live.path) {
        return;
      }
      this._list = list;
      this._error = null;
      this._changed.emit();
    } catch (error) {
      this._error = toError(error);
      this._changed.emit();
      throw error;
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _poll: Poll;
  private _list: IRunList | null = null;
  private _error: IError | null = null;
  private _path = '';
  private _isVisible = false;
  private _hasBegun = false;
}

/** Put runs together that belong to one experiment, in the order in which they come. */
export function grouped(runs: readonly IRun[]): readonly IExperiment[] {
  const found = new Map<string, IRun[]>();
  for (const run of runs) {
    const of = found.get(run.experiment_id);
    if (of) {
      of.push(run);
    } else {
      found.set(run.experiment_id, [run]);
    }
  }
  return [...found.values()].map(of => ({ name: of[0]?.experiment ?? '', runs: of }));
}
