/** The line of a sparkline. */

/** Size of a sparkline. [px] */
export const WIDTH = 56;
export const HEIGHT = 14;

/**
 * Write the path of a line through values. [px]
 *
 * @param values The values; not finite ones leave a gap. [1]
 * @param range Values at the bottom and at the top; by default the smallest and the largest. [1]
 */
export function sparkPath(
  values: readonly number[],
  range?: readonly [number, number]
): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) {
    return '';
  }
  const [low, high] = range ?? [Math.min(...finite), Math.max(...finite)];
  const span = high - low || 1;
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
