/** What the section of jobs shows: rows, what is open, and what goes on. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { ILive } from '../tokens';
import { IJobState, IOperation } from '../wire';

const VERBS = new Set(['submit', 'stop', 'retry']);

/** One row. */
export interface IJobRow {
  readonly key: string;
  readonly job: IJobState;
  /** What goes on with it; undefined for nothing. */
  readonly operation: IOperation | undefined;
}

/** Rows of jobs. */
export class JobsModel implements IDisposable {
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
  get rows(): readonly IJobRow[] | null {
    return this._rows;
  }

  /** Submissions that have no job yet. */
  get submitting(): readonly IOperation[] {
    return this._submitting;
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
    this._changed.emit();
  }

  /** Put a failure away. */
  dismiss(id: string): void {
    this._dismissed.add(id);
    this._update();
  }

  /** Let the server begin something, and show it. */
  async begin(operation: Promise<IOperation>): Promise<void> {
    this.live.note(await operation);
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private _update(): void {
    const { jobs } = this.live;
    const ours = this.live.operations.filter(operation => VERBS.has(operation.verb));
    const running = ours.filter(operation => operation.state === 'running');
    this._failures = ours.filter(
      o => o.state === 'failed' && !this._dismissed.has(o.id)
    );
    this._rows = jobs && jobs.map(job => this._row(job, running));
    const known = new Set(this._rows?.map(row => row.key));
    this._submitting = running.filter(o => o.verb !== 'stop' && !known.has(o.name));
    this._changed.emit();
  }

  /** Rows that did not change stay the same object, so that they are not drawn anew. */
  private _row(job: IJobState, running: readonly IOperation[]): IJobRow {
    const operation = running.find(o => o.name === job.name && o.verb === 'stop');
    const before = this._rowOf.get(job.name);
    if (before?.job === job && before.operation === operation) {
      return before;
    }
    const row = { key: job.name, job, operation };
    this._rowOf.set(job.name, row);
    return row;
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _open = new Set<string>();
  private readonly _dismissed = new Set<string>();
  private readonly _rowOf = new Map<string, IJobRow>();
  private _rows: readonly IJobRow[] | null = null;
  private _submitting: readonly IOperation[] = [];
  private _failures: readonly IOperation[] = [];
  private _isDisposed = false;
}
