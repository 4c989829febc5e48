/** Rows of clusters, and what is known of those that are open. */

import { Api } from '../api';
import { clusterKey } from '../server-state';
import { IRow, IRowSource, RowsModel } from '../rows';
import { ILive } from '../tokens';
import { IClusterDetail, IClusterState, IOperation } from '../wire';
import { idleGpus, IIdleGpus, mayIdle } from './idle';

/** Time between two looks at the nodes of a cluster that is open, and of one that is not. [ms] */
const DETAIL_MS = 5000;
const CLOSED_MS = 30_000;
/** Of those that are not open so many are looked at a time: there may be a thousand. [1] */
const CLOSED_AT_A_TIME = 8;
/** For how long a GPU may be idle where nobody says. [s] */
const IDLE_S = 1800;

/** One row. */
export interface IClusterRow extends IRow {
  readonly cluster: IClusterState;
  readonly isChosen: boolean;
}

const SOURCE: IRowSource<IClusterRow> = {
  verbs: new Set(['up', 'scale', 'suspend', 'resume', 'extend', 'down']),
  rows: ({ clusters, chosen }, running) =>
    clusters &&
    clusters.map(cluster => ({
      key: clusterKey(cluster.target, cluster.name),
      cluster,
      operation: running.find(o => isAbout(o, cluster)),
      isChosen: cluster.target === chosen.target && cluster.name === chosen.name
    })),
  isApart: (operation, rows) => !rows.some(row => row.operation === operation)
};

/** Rows of clusters, with the nodes of those that are open, or may hold GPUs in vain. */
export class ClustersModel extends RowsModel<IClusterRow> {
  /**
   * @param api The server.
   * @param live What it tells.
   * @param _idleLimitS Tells for how long a GPU may be idle. [s]
   */
  constructor(
    api: Api,
    live: ILive,
    private readonly _idleLimitS: () => number = () => IDLE_S
  ) {
    super(api, live, SOURCE);
    this.changed.connect(this._follow, this);
    this._follow();
  }

  /** Open or close a row; the nodes of what is open are looked at. */
  override toggle(key: string): void {
    super.toggle(key);
    this._watch();
  }

  /** GPUs of a cluster that have been idle for too long; null where there are none. */
  idle(key: string): IIdleGpus | null {
    const detail = this._details.get(key);
    const found = detail && idleGpus(detail, this._idleLimitS());
    const before = this._idle.get(key);
    if (!found) {
      this._idle.delete(key);
      return null;
    }
    if (
      before?.count === found.count &&
      before.total === found.total &&
      before.seconds === found.seconds
    ) {
      return before;
    }
    this._idle.set(key, found);
    return found;
  }

  /** What is known of an open cluster; undefined before it is. */
  detail(key: string): IClusterDetail | undefined {
    return this._details.get(key);
  }

  override dispose(): void {
    clearTimeout(this._timer);
    super.dispose();
  }

  private get _watched(): readonly IClusterRow[] {
    return this.rows?.filter(row => this.isOpen(row.key) || mayIdle(row.cluster)) ?? [];
  }

  /** Forget what is watched no more, and begin with what is new. */
  private _follow(): void {
    const watched = new Set(this._watched.map(row => row.key));
    for (const key of this._lookedMs.keys()) {
      if (!watched.has(key)) {
        this._details.delete(key);
        this._lookedMs.delete(key);
      }
    }
    if (watched.size > 0 && this._timer === undefined && !this._isLooking) {
      this._watch();
    }
  }

  private _watch(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    if (this._watched.length > 0 && !this.isDisposed) {
      this._isLooking = true;
      void this._look().finally(() => {
        this._isLooking = false;
        clearTimeout(this._timer);
        this._timer = setTimeout(() => this._watch(), DETAIL_MS);
      });
    }
  }

  private async _look(): Promise<void> {
    if (typeof document !== 'undefined' && document.hidden) {
      return;
    }
    const nowMs = Date.now();
    const lookedMs = (key: string): number => this._lookedMs.get(key) ?? 0;
    const open = this._watched.filter(({ key }) => this.isOpen(key));
    const closed = this._watched
      .filter(({ key }) => !this.isOpen(key) && nowMs - lookedMs(key) >= CLOSED_MS)
      .sort((one, other) => lookedMs(one.key) - lookedMs(other.key))
      .slice(0, CLOSED_AT_A_TIME);
    const due = [...open, ...closed];
    due.forEach(({ key }) => this._lookedMs.set(key, nowMs));
    await Promise.all(due.map(row => this._lookAt(row)));
  }

  private async _lookAt({ key, cluster }: IClusterRow): Promise<void> {
    try {
      const detail = await this.api.cluster(
        cluster.target,
        cluster.name,
        this.live.path
      );
      if (this._lookedMs.has(key)) {
        this._details.set(key, detail);
        this.drawAnew();
      }
    } catch {
      // What was seen last stays; that the server is away is told elsewhere.
    }
  }

  private readonly _details = new Map<string, IClusterDetail>();
  private readonly _idle = new Map<string, IIdleGpus>();
  private readonly _lookedMs = new Map<string, number>();
  private _isLooking = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/** Whether an operation concerns a cluster; where it is may not be known yet. */
function isAbout(operation: IOperation, cluster: IClusterState): boolean {
  return (
    operation.name === cluster.name && ['', cluster.target].includes(operation.target)
  );
}
