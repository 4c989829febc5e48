/** What the status bar tells: the cluster that is meant, and what its GPUs do. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { asksForGpus, gpusOf } from '../components/cluster-gpus';
import { ILive } from '../tokens';
import { IClusterState, INode } from '../wire';

/** Time between two looks at the GPUs. [ms] */
const INTERVAL_MS = 10_000;

/** The cluster that is meant when nobody names one. */
export class StatusModel implements IDisposable {
  /**
   * @param _api The server.
   * @param live What it tells.
   */
  constructor(
    private readonly _api: Api,
    readonly live: ILive
  ) {
    live.changed.connect(this._update, this);
  }

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The chosen cluster, else the only one; null where there is none. */
  get cluster(): IClusterState | null {
    return this._cluster;
  }

  /** Share of time in which its GPUs were busy, on average; null where that is not known. [1] */
  get gpuFraction(): number | null {
    return this._gpuFraction;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private _update(): void {
    const { clusters, chosen } = this.live;
    const before = this._cluster;
    this._cluster =
      clusters?.find(c => c.target === chosen.target && c.name === chosen.name) ??
      (clusters?.length === 1 ? (clusters[0] ?? null) : null);
    if (before?.uid !== this._cluster?.uid) {
      this._gpuFraction = null;
      this._observedGpus = null;
      this._lookSoon(0);
    }
    if (before !== this._cluster) {
      this._changed.emit();
    }
  }

  /** A cluster of this machine has the GPUs that Ray finds, though none were asked for. */
  private get _mayHaveGpus(): boolean {
    const cluster = this._cluster;
    return (
      cluster !== null &&
      (asksForGpus(cluster) || (cluster.target === 'local' && this._observedGpus !== 0))
    );
  }

  private _lookSoon(pauseMs: number): void {
    clearTimeout(this._timer);
    if (!this._isDisposed) {
      this._timer = setTimeout(() => void this._look(), pauseMs);
    }
  }

  private async _look(): Promise<void> {
    const cluster = this._cluster;
    if (cluster && cluster.phase === 'ready' && this._mayHaveGpus && !document.hidden) {
      try {
        const detail = await this._api.cluster(
          cluster.target,
          cluster.name,
          this.live.path
        );
        if (cluster.uid !== this._cluster?.uid) {
          return;
        }
        if (detail.nodes.length > 0) {
          this._observedGpus = gpusOf(detail.nodes);
        }
        this._gpuFraction = busyFraction(detail.nodes);
        this._changed.emit();
      } catch {
        this._gpuFraction = null;
      }
    }
    if (this._mayHaveGpus) {
      this._lookSoon(INTERVAL_MS);
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _cluster: IClusterState | null = null;
  private _gpuFraction: number | null = null;
  /** GPUs that Ray found; null before that is known. [1] */
  private _observedGpus: number | null = null;
  private _isDisposed = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/** How busy all GPUs of some nodes are on average; null where no driver tells. [1] */
export function busyFraction(nodes: readonly INode[]): number | null {
  const told = nodes
    .flatMap(node => node.gpu_samples)
    .map(sample => sample.busy_fraction)
    .filter((fraction): fraction is number => fraction !== null);
  return told.length > 0
    ? told.reduce((sum, value) => sum + value, 0) / told.length
    : null;
}
