/** Rows of clusters, and what is known of those that are open. */

import { Api } from '../api';
import { clusterKey } from '../live';
import { IRow, IRowSource, RowsModel } from '../rows';
import { ILive } from '../tokens';
import { IClusterDetail, IClusterState, IOperation } from '../wire';

/** Time between two looks at the nodes of a cluster that is open. [ms] */
const DETAIL_MS = 5000;

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

/** Rows of clusters, with the nodes of those that are open. */
export class ClustersModel extends RowsModel<IClusterRow> {
  /**
   * @param api The server.
   * @param live What it tells.
   */
  constructor(api: Api, live: ILive) {
    super(api, live, SOURCE);
    this.changed.connect(this._forget, this);
  }

  /** Open or close a row; the nodes of what is open are looked at. */
  override toggle(key: string): void {
    super.toggle(key);
    this._watch();
  }

  /** What is known of an open cluster; undefined before it is. */
  detail(key: string): IClusterDetail | undefined {
    return this._details.get(key);
  }

  override dispose(): void {
    clearTimeout(this._timer);
    super.dispose();
  }

  private get _openRows(): readonly IClusterRow[] {
    return this.rows?.filter(row => this.isOpen(row.key)) ?? [];
  }

  private _forget(): void {
    for (const key of this._details.keys()) {
      if (!this.isOpen(key)) {
        this._details.delete(key);
      }
    }
  }

  private _watch(): void {
    clearTimeout(this._timer);
    if (this._openRows.length > 0 && !this.isDisposed) {
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
    await Promise.all(this._openRows.map(row => this._lookAt(row)));
  }

  private async _lookAt({ key, cluster }: IClusterRow): Promise<void> {
    try {
      const detail = await this.api.cluster(
        cluster.target,
        cluster.name,
        this.live.path
      );
      if (this.isOpen(key)) {
        this._details.set(key, detail);
        this.drawAnew();
      }
    } catch {
      // What was seen last stays; that the server is away is told elsewhere.
    }
  }

  private readonly _details = new Map<string, IClusterDetail>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/** Whether an operation concerns a cluster; where it is may not be known yet. */
function isAbout(operation: IOperation, cluster: IClusterState): boolean {
  return (
    operation.name === cluster.name && ['', cluster.target].includes(operation.target)
  );
}
