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

  /** Why not all could be found: what is shown of who did not answer is old. */
  get error(): IError | null {
    return this._error;
  }

  /** When all that is shown was seen last; 0 for never. [ms since 1970] */
  get seenMs(): number {
    return this._seenMs;
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
      this._listOf = new Map();
      this._error = null;
      this._seenMs = 0;
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
    const targets = targetsOf(this.live);
    const answers = await Promise.allSettled(
      targets.map(target => this._api.runs(target, path))
    );
    if (path !== this.live.path) {
      return;
    }
    const isAnswered = answers.some(answer => answer.status === 'fulfilled');
    const before = this._listOf;
    this._listOf = new Map();
    const errors: IError[] = [];
    answers.forEach((answer, index) => {
      const target = targets[index] ?? '';
      // Runs of who does not answer now stay, and are said to be old.
      const list = answer.status === 'fulfilled' ? answer.value : before.get(target);
      if (list) {
        this._listOf.set(target, list);
      }
      if (answer.status === 'rejected') {
        const error = toError(answer.reason);
        // Who works with other places needs no MLflow here.
        if (!isAnswered || list || error.code !== 'missing_extra') {
          errors.push(error);
        }
      }
    });
    this._error = errors[0] ?? null;
    if (!this._error) {
      this._seenMs = Date.now();
    }
    this._list = merged([...this._listOf.values()]);
    this._changed.emit();
    if (this._error && !isAnswered) {
      // Lets the poll wait longer.
      throw new Error(this._error.message);
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _poll: Poll;
  private _list: IRunList | null = null;
  private _listOf = new Map<string, IRunList>();
  private _error: IError | null = null;
  private _seenMs = 0;
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
