/** The course of a metric, as small as a word. */

import * as React from 'react';

import { HEIGHT, sparkPath, WIDTH } from './spark-path';

/** Properties of a sparkline. */
export interface ISparklineProps {
  /** Values in the order of their steps; not finite ones leave a gap. [1] */
  readonly values: readonly number[];
  /** What it shows, for who can't see it. */
  readonly label: string;
  /** Values at the bottom and at the top; by default the smallest and the largest. [1] */
  readonly range?: readonly [number, number];
}

/** Draw a sparkline. */
export function Sparkline({
  values,
  label,
  range
}: ISparklineProps): React.ReactElement {
  return (
    <svg
      className="rayspace-Spark"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
    >
      <path
        d={sparkPath(values, range)}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.2"
      />
    </svg>
  );
}
