/** Commands in what people are advised to do. */

const PROGRAM = String.raw`(?:rayspace|pip|kubectl|jupyter|%ray_\w+|(?:'[^'\n]+'|\S+) -m pip)`;

/**
 * A command in a hint: in backticks, or what follows a colon up to the end of its line, or a whole
 * line. A program that is only named within a sentence is none.
 */
const COMMAND = new RegExp('`([^`\\n]+)`|(?:^|: )(' + PROGRAM + ' [^\\n]+)$', 'm');

/** Find the command in a hint. */
export function commandOf(hint: string): string {
  const found = COMMAND.exec(hint);
  return (found?.[1] ?? found?.[2] ?? '').trim();
}
