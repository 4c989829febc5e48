/** Ask the server what would come of a wish, while somebody types it. */

import { toError } from './request';
import { IError } from './wire';

/** So long nobody types before the server is asked. [ms] */
export const PAUSE_MS = 300;

/** What the server would do; of several answers that of the last question counts. */
export class Planner<Plan> {
  /**
   * @param _ask Asks the server for the wish as it is now; null when it can't be asked.
   * @param _changed Called when something is to be drawn anew.
   */
  constructor(
    private readonly _ask: (signal: AbortSignal) => Promise<Plan> | null,
    private readonly _changed: () => void
  ) {}

  /** What would come of it; null before that is known, and while the wish is wrong. */
  plan: Plan | null = null;

  /** Why the wish is wrong; null when it is not. */
  error: IError | null = null;

  /** Whether an answer is waited for. */
  isPlanning = false;

  /** Ask when nobody types any more. */
  askSoon(): void {
    clearTimeout(this._timer);
    this.isPlanning = true;
    this._timer = setTimeout(() => this.ask(), PAUSE_MS);
    this._changed();
  }

  /** Ask now; an earlier question does not count any more. */
  ask(): void {
    this.cancel();
    const abort = (this._abort = new AbortController());
    const answer = this._ask(abort.signal);
    this.isPlanning = answer !== null;
    this._changed();
    this._answered = answer?.then(
      plan => this._take(abort, plan, null),
      (error: unknown) => this._take(abort, null, toError(error))
    );
  }

  /** Return when there is an answer to the wish as it is now; asked at once, without a pause. */
  async settled(): Promise<void> {
    if (this._timer !== undefined) {
      this.ask();
    }
    await this._answered;
  }

  /** Ask for nothing, and take no answer. */
  cancel(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    this._abort.abort();
    this.isPlanning = false;
  }

  private _take(abort: AbortController, plan: Plan | null, error: IError | null): void {
    if (!abort.signal.aborted) {
      this.plan = plan;
      this.error = error;
      this.isPlanning = false;
      this._changed();
    }
  }

  private _abort = new AbortController();
  private _answered: Promise<void> | undefined;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}
