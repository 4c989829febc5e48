/** What the section of clusters shows: rows, what is open, and what goes on. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { clusterKey } from '../live';
import { ILive } from '../tokens';
import { IClusterDetail, IClusterState, IOperation } from '../wire';

/** Verbs that concern clusters. */
const VERBS = new Set(['up', 'scale', 'suspend', 'resume', 'extend', 'down']);
/** Time between two looks at the nodes of a cluster that is open. [ms] */
const DETAIL_MS = 5000;

/** One row. */
export interface IClusterRow {
  readonly key: string;
  readonly cluster: IClusterState;
  /** What goes on with it; undefined for nothing. */
  readonly operation: IOperation | undefined;
  readonly isChosen: boolean;
}

/** Rows of clusters, and what is known of those that are open. */
export class ClustersModel implements IDisposable {
  /**
   * @param api The server.
   * @param live What it tells.
   */
  constructor(
    readonly api: Api,
    readonly live: ILive
  ) {
    live.changed.connect(this._update, this);
    this._update();
  }

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The rows; null before they are known. */
  get rows(): readonly IClusterRow[] | null {
    return this._rows;
  }

  /** Starts of clusters that are not there yet. */
  get starting(): readonly IOperation[] {
    return this._starting;
  }

  /** What failed and was not put away yet. */
  get failures(): readonly IOperation[] {
    return this._failures;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether a row is open. */
  isOpen(key: string): boolean {
    return this._open.has(key);
  }

  /** Open or close a row. */
  toggle(key: string): void {
    if (!this._open.delete(key)) {
      this._open.add(key);
    }
    this._watch();
    this._changed.emit();
  }

  /** What is known of an open cluster; undefined before it is. */
  detail(key: string): IClusterDetail | undefined {
    return this._details.get(key);
  }

  /** Put a failure away. */
  dismiss(id: string): void {
    this._dismissed.add(id);
    this._update();
  }

  /** Let the server begin something, and show it. */
  async begin(operation: Promise<IOperation>): Promise<IOperation> {
    const begun = await operation;
    this.live.note(begun);
    return begun;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private _update(): void {
    const { clusters, chosen } = this.live;
    const ours = this.live.operations.filter(operation => VERBS.has(operation.verb));
    const running = ours.filter(operation => operation.state === 'running');
    this._failures = ours.filter(
      o => o.state === 'failed' && !this._dismissed.has(o.id)
    );
    this._rows =
      clusters &&
      clusters.map(cluster => this._row(cluster, running, chosen.target, chosen.name));
    const known = new Set(this._rows?.map(row => row.key));
    const shown = new Set(this._rows?.map(row => row.operation));
    this._starting = running.filter(operation => !shown.has(operation));
    for (const key of this._open) {
      if (clusters && !known.has(key)) {
        this._open.delete(key);
        this._details.delete(key);
      }
    }
    this._changed.emit();
  }

  /** Rows that did not change stay the same object, so that they are not drawn anew. */
  private _row(
    cluster: IClusterState,
    running: readonly IOperation[],
    chosenTarget: string,
    chosenName: string
  ): IClusterRow {
    const key = clusterKey(cluster.target, cluster.name);
    const operation = running.find(o => isAbout(o, cluster));
    const isChosen = cluster.target === chosenTarget && cluster.name === chosenName;
    const before = this._rowOf.get(key);
    if (
      before?.cluster === cluster &&
      before.operation === operation &&
      before.isChosen === isChosen
    ) {
      return before;
    }
    const row = { key, cluster, operation, isChosen };
    this._rowOf.set(key, row);
    return row;
  }

  private _watch(): void {
    clearTimeout(this._timer);
    if (this._open.size > 0 && !this._isDisposed) {
      void this._look().finally(() => {
        clearTimeout(this._timer);
        this._timer = setTimeout(() => this._watch(), DETAIL_MS);
      });
    }
  }

  private async _look(): Promise<void> {
    if (typeof document !== 'undefined' && document.hidden) {
      return;
    }
    const open = this._rows?.filter(row => this._open.has(row.key)) ?? [];
    await Promise.all(
      open.map(async ({ key, cluster }) => {
        try {
          const { target, name } = cluster;
          this._details.set(key, await this.api.cluster(target, name, this.live.path));
          this._changed.emit();
        } catch {
          // What was seen last stays; that the server is away is told elsewhere.
        }
      })
    );
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _open = new Set<string>();
  private readonly _dismissed = new Set<string>();
  private readonly _details = new Map<string, IClusterDetail>();
  private readonly _rowOf = new Map<string, IClusterRow>();
  private _rows: readonly IClusterRow[] | null = null;
  private _starting: readonly IOperation[] = [];
  private _failures: readonly IOperation[] = [];
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
}

/** Whether an operation concerns a cluster; where it is may not be known yet. */
function isAbout(operation: IOperation, cluster: IClusterState): boolean {
  return (
    operation.name === cluster.name && ['', cluster.target].includes(operation.target)
  );
}
