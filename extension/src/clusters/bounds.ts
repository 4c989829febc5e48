/** How many workers a group may have. */

import { IWorkerGroup } from '../wire';

/** A fixed number, or the bounds between which workers come by need. [1] */
export interface IBounds {
  readonly least: number;
  /** Null for a fixed number. */
  readonly most: number | null;
}

/** Read the bounds of a group. */
export function boundsOf({ n_desired, n_min, n_max }: IWorkerGroup): IBounds {
  return n_max === null
    ? { least: n_desired, most: null }
    : { least: n_min ?? 0, most: n_max };
}

/** Raise the lower bound by one; where it passes the upper one it takes that along. */
export function raised({ least, most }: IBounds): IBounds {
  const more = least + 1;
  return { least: more, most: most === null ? null : Math.max(most, more) };
}

/** Lower the upper bound by one, not below one; where it passes the lower one it takes that along. */
export function lowered({ least, most }: IBounds): IBounds {
  const fewer = Math.max(1, (most ?? 1) - 1);
  return { least: Math.min(least, fewer), most: fewer };
}
