/** Text of logs, made harmless and readable: it is other people's words. */

// Escape sequences of terminals: CSI, OSC up to its end, and the short ones. See ECMA-48.

const ESCAPES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
// What is left of control characters, but not tab and newline.

const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
/** So much of a log is kept on screen: a browser slows down with more. [characters] */
export const KEPT_CHARACTERS = 2_000_000;

/** Take escape sequences of terminals out of a text, and overwrite as they would. */
export function plainText(text: string): string {
  const clean = text.replace(ESCAPES, '').replace(/\r+\n/g, '\n');
  return clean
    .split('\n')
    .map(line => line.slice(line.replace(/\r+$/, '').lastIndexOf('\r') + 1))
    .join('\n')
    .replace(CONTROLS, '');
}

/**
 * Keeps the end of a log that grows.
 *
 * A piece may end inside of a line or of an escape sequence; the rest waits for the next.
 */
export class LogBuffer {
  /** Lines that are complete. */
  get text(): string {
    return this._text + plainText(this._rest);
  }

  /** Whether the begin was dropped, since there was too much. */
  get isCut(): boolean {
    return this._isCut;
  }

  /** Add a piece as it came. */
  append(piece: string): void {
    const all = this._rest + piece;
    const end = all.lastIndexOf('\n') + 1;
    this._rest = all.slice(end);
    this._text += plainText(all.slice(0, end));
    if (this._text.length > KEPT_CHARACTERS) {
      const cut = this._text.indexOf('\n', this._text.length - KEPT_CHARACTERS / 2);
      this._text = this._text.slice(cut + 1);
      this._isCut = true;
    }
  }

  private _text = '';
  private _rest = '';
  private _isCut = false;
}
