/** Commands in what people are advised to do. */

/** A command in a hint: all that follows ``: `` on words that are typed, or stands in backticks. */
const COMMAND =
  /`([^`]+)`|((?:rayspace|pip|kubectl|%ray_\w+|jupyter) [^\n]*?)(?:[.;]?$|\n)/;

/** Find the command in a hint. */
export function commandOf(hint: string): string {
  const found = COMMAND.exec(hint);
  return (found?.[1] ?? found?.[2] ?? '').trim();
}
