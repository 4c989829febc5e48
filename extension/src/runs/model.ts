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
  /** Tells it from those of other tracking servers. */
  readonly key: string;
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
    const answers = await Promise.allSettled(
      targetsOf(this.live).map(target => this._api.runs(target, path))
    );
    if (path !== this.live.path) {
      return;
    }
    const lists = answers.flatMap(answer =>
      answer.status === 'fulfilled' ? [answer.value] : []
    );
    const failed = answers.find(answer => answer.status === 'rejected');
    this._error = failed && lists.length === 0 ? toError(failed.reason) : null;
    this._list = merged(lists) ?? this._list;
    this._changed.emit();
    if (this._error) {
      // Lets the poll wait longer.
      throw new Error(this._error.message);
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

/** Name the targets whose tracking servers hold jobs that are shown, this machine's first. */
function targetsOf(live: ILive): readonly string[] {
  return [...new Set(['local', ...(live.jobs ?? []).map(job => job.target)])];
}

/** Join what tracking servers told; several targets may have one. */
export function merged(lists: readonly IRunList[]): IRunList | null {
  const [first] = lists;
  const runs = new Map(
    lists.flatMap(list => list.runs.map(run => [run.run_id, run] as const))
  );
  return first ? { ...first, runs: [...runs.values()] } : null;
}

/** Put runs together that belong to one experiment, in the order in which they come. */
export function grouped(runs: readonly IRun[]): readonly IExperiment[] {
  const found = new Map<string, IRun[]>();
  for (const run of runs) {
    // Ids of two servers may be the same.
    const key = `${run.experiment_id} ${run.experiment}`;
    found.set(key, [...(found.get(key) ?? []), run]);
  }
  return [...found].map(([key, of]) => ({
    key,
    name: of[0]?.experiment ?? '',
    runs: of
  }));
}
