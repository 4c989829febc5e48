/** The log of a job or of a cluster, as a pane. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ToolbarButton, downloadIcon } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { logIcon } from './icons';
import { LogBuffer } from '../log-text';
import { toError } from '../request';
import { LogFollower } from './log-follower';

/** Closer to the end than this, the view goes along. [px] */
const AT_END_PX = 40;

/** Text that grows, and is gone along with unless somebody reads further up. */
export class LogView extends Widget {
  /**
   * @param follower Brings the text.
   * @param _trans The translator.
   */
  constructor(
    readonly follower: LogFollower,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('rayspace-Log');
    this._text.tabIndex = 0;
    this._text.setAttribute('role', 'log');
    this._text.setAttribute('aria-label', _trans.__('Log'));
    this._note.className = 'rayspace-Log-note';
    this._note.setAttribute('role', 'status');
    this.node.append(this._text, this._note);
    follower.changed.connect(this._onChanged, this);
    follower.start();
    this._onChanged();
  }

  /** The text that is shown. */
  get text(): string {
    return this.follower.buffer.text;
  }

  override dispose(): void {
    this.follower.dispose();
    super.dispose();
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._text.focus();
  }

  private _onChanged(): void {
    const { buffer, error, isComplete } = this.follower;
    const isAtEnd =
      this._text.scrollHeight - this._text.scrollTop - this._text.clientHeight <
      AT_END_PX;
    this._show(buffer);
    if (isAtEnd) {
      this._text.scrollTop = this._text.scrollHeight;
    }
    this._note.dataset.kind = error ? 'error' : isComplete ? 'done' : 'doing';
    this._note.textContent = error
      ? toError(error).message
      : isComplete
        ? buffer.text
          ? this._trans.__('The end of the log.')
          : this._trans.__('The log is empty.')
        : this._trans.__('Waiting for more…');
  }

  /** Append what is new: a log of megabytes is not laid out anew for a line. */
  private _show(buffer: LogBuffer): void {
    const text = buffer.text;
    const shown = this._text.textContent ?? '';
    if (text.length > shown.length && text.startsWith(shown)) {
      this._text.append(text.slice(shown.length));
    } else if (text !== shown) {
      this._text.textContent = text;
    }
  }

  private readonly _text = document.createElement('pre');
  private readonly _note = document.createElement('div');
}

/** Make a pane of a log. */
export function makeLogPane(
  id: string,
  label: string,
  follower: LogFollower,
  trans: TranslationBundle
): MainAreaWidget<LogView> {
  const view = new LogView(follower, trans);
  const pane = new MainAreaWidget({ content: view });
  pane.id = id;
  pane.title.label = label;
  pane.title.icon = logIcon;
  pane.title.closable = true;
  pane.toolbar.addItem(
    'save',
    new ToolbarButton({
      icon: downloadIcon,
      tooltip: trans.__('Download the log'),
      onClick: () => save(view.text, `${label}.log`)
    })
  );
  return pane;
}

function save(text: string, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
