/** Draw anew when a model changes, or when time goes on. */

import { ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

/** Something that says when it has changed. */
export interface IChanging {
  readonly changed: ISignal<unknown, void>;
}

/** Draw the component anew with each change of a model. */
export function useModel(model: IChanging): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const slot = (): void => draw();
    model.changed.connect(slot);
    return () => {
      model.changed.disconnect(slot);
    };
  }, [model]);
}

/** One timer for all that shows how long something lasts. */
class Ticker {
  readonly ticked = new Signal<this, void>(this);

  constructor(private readonly _intervalMs: number) {}

  join(slot: () => void): () => void {
    this.ticked.connect(slot);
    this._members += 1;
    this._timer ??= setInterval(() => {
      if (typeof document === 'undefined' || !document.hidden) {
        this.ticked.emit();
      }
    }, this._intervalMs);
    return () => {
      this.ticked.disconnect(slot);
      this._members -= 1;
      if (this._members === 0) {
        clearInterval(this._timer);
        this._timer = undefined;
      }
    };
  }

  private _members = 0;
  private _timer: ReturnType<typeof setInterval> | undefined;
}

const EACH_SECOND = new Ticker(1000);
const EACH_HALF_MINUTE = new Ticker(30_000);

/**
 * Return the time, and draw anew as it goes on.
 *
 * @param isFast Whether seconds count; else half minutes.
 * @returns The time. [ms since 1970]
 */
export function useNow(isFast: boolean): number {
  const [nowMs, setNow] = React.useState(() => Date.now());
  React.useEffect(
    () => (isFast ? EACH_SECOND : EACH_HALF_MINUTE).join(() => setNow(Date.now())),
    [isFast]
  );
  return nowMs;
}
