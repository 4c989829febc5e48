/** Brings the text of a log piece by piece, until there is no more. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { LogBuffer } from '../log-text';
import { ILogPiece } from '../wire';

/** How long the server waits for more before it answers. [s] */
const WAIT_S = 20;
/** Pause after a question that failed. [ms] */
const PAUSE_MS = 3000;

/** Asks for a piece from an offset on, waiting so long for more. */
export type AskPiece = (
  offset: number,
  waitS: number,
  signal: AbortSignal
) => Promise<ILogPiece>;

/** Follows one log. */
export class LogFollower implements IDisposable {
  /** @param _ask Asks for a piece. */
  constructor(private readonly _ask: AskPiece) {}

  /** Emitted when there is more, or something about it has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What came so far. */
  readonly buffer = new LogBuffer();

  /** Why there is no more for now; undefined when nothing is wrong. */
  get error(): unknown {
    return this._error;
  }

  /** Whether there will be no more. */
  get isComplete(): boolean {
    return this._isComplete;
  }

  get isDisposed(): boolean {
    return this._abort.signal.aborted;
  }

  /** Begin. */
  start(): void {
    void this._follow();
  }

  dispose(): void {
    this._abort.abort();
    Signal.clearData(this);
  }

  private async _follow(): Promise<void> {
    let offset = 0;
    // The first piece is shown at once, also if it is all there is for now.
    let waitS = 0;
    while (!this.isDisposed && !this._isComplete) {
      try {
        const piece = await this._ask(offset, waitS, this._abort.signal);
        waitS = WAIT_S;
        offset = piece.offset;
        this.buffer.append(piece.text);
        this._isComplete = piece.is_complete;
        this._error = undefined;
      } catch (error) {
        if (this.isDisposed) {
          return;
        }
        this._error = error;
        this._changed.emit();
        await new Promise(done => setTimeout(done, PAUSE_MS));
      }
      if (!this.isDisposed) {
        this._changed.emit();
      }
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _abort = new AbortController();
  private _isComplete = false;
  private _error: unknown;
}
