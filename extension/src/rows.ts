/** What a section shows of things the server tells: rows, what is open, what goes on. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from './api';
import { ILive } from './tokens';
import { IOperation } from './wire';

/** One row. */
export interface IRow {
  readonly key: string;
  /** What goes on with it; undefined for nothing. */
  readonly operation: IOperation | undefined;
}

/** What rows of one kind are made of. */
export interface IRowSource<Row extends IRow> {
  /** Verbs that concern them. */
  readonly verbs: ReadonlySet<string>;
  /** Make the rows from what the server tells; null before that is known. */
  rows(live: ILive, running: readonly IOperation[]): readonly Row[] | null;
  /** Say whether what goes on has a row of its own, because its thing has none yet. */
  isApart(operation: IOperation, rows: readonly Row[]): boolean;
}

/** Rows of one kind; nothing is kept of those that are gone. */
export class RowsModel<Row extends IRow> implements IDisposable {
  /**
   * @param api The server.
   * @param live What it tells.
   * @param _source What the rows are made of.
   */
  constructor(
    readonly api: Api,
    readonly live: ILive,
    private readonly _source: IRowSource<Row>
  ) {
    live.changed.connect(this._update, this);
    this._update();
  }

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The rows; null before they are known. */
  get rows(): readonly Row[] | null {
    return this._rows;
  }

  /** What goes on and has no other row yet. */
  get beginning(): readonly IOperation[] {
    return this._beginning;
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
    this.drawAnew();
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
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  /** Let who shows the rows know that something has changed. */
  protected drawAnew(): void {
    this._changed.emit();
  }

  private _update(): void {
    const ours = this.live.operations.filter(o => this._source.verbs.has(o.verb));
    const running = ours.filter(o => o.state === 'running');
    const rows = this._source.rows(this.live, running);
    this._failures = ours.filter(
      o => o.state === 'failed' && !this._dismissed.has(o.id)
    );
    this._rows = rows && rows.map(row => this._kept(row));
    this._beginning = running.filter(o => this._source.isApart(o, rows ?? []));
    keepOnly(this._dismissed, new Set(ours.map(o => o.id)));
    if (this._rows) {
      this._rowOf = new Map(this._rows.map(row => [row.key, row]));
      keepOnly(
        this._open,
        new Set([...this._rowOf.keys(), ...this._beginning.map(o => o.id)])
      );
    }
    this.drawAnew();
  }

  /** Rows that did not change stay the same object, so that they are not drawn anew. */
  private _kept(row: Row): Row {
    const before = this._rowOf.get(row.key);
    return before && isSame(before, row) ? before : row;
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _open = new Set<string>();
  private readonly _dismissed = new Set<string>();
  private _rowOf = new Map<string, Row>();
  private _rows: readonly Row[] | null = null;
  private _beginning: readonly IOperation[] = [];
  private _failures: readonly IOperation[] = [];
  private _isDisposed = false;
}

/** Take out of a set what is not in another. */
function keepOnly(keys: Set<string>, known: ReadonlySet<string>): void {
  for (const key of keys) {
    if (!known.has(key)) {
      keys.delete(key);
    }
  }
}

function isSame<Row extends IRow>(one: Row, other: Row): boolean {
  return (Object.keys(other) as (keyof Row)[]).every(key => one[key] === other[key]);
}
