/** The course of a metric, as small as a word. */

import * as React from 'react';

/** Properties of a sparkline. */
export interface ISparklineProps {
  /** Values in the order of their steps; not finite ones leave a gap. [1] */
  readonly values: readonly number[];
  /** What it shows, for who can't see it. */
  readonly label: string;
}

const WIDTH = 56;
const HEIGHT = 14;

/** Write the path of a line through values. [px] */
export function sparkPath(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) {
    return '';
  }
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low || 1;
  let isDown = false;
  return values
    .map((value, index) => {
      if (!Number.isFinite(value)) {
        isDown = false;
        return '';
      }
      const x = 1 + (index / (values.length - 1)) * (WIDTH - 2);
      const y = HEIGHT - 1.5 - ((value - low) / span) * (HEIGHT - 3);
      const word = `${isDown ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
      isDown = true;
      return word;
    })
    .join('');
}

/** Draw a sparkline. */
export function Sparkline({ values, label }: ISparklineProps): React.ReactElement {
  return (
    <svg
      className="rayspace-Spark"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
    >
      <path d={sparkPath(values)} fill="none" stroke="currentColor" strokeWidth="1.2" />
    </svg>
  );
}
