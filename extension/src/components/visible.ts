/** Know whether a widget can be seen: who is not looked at asks for nothing. */

import { IMessageHandler, Message, MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

/** Call a function whenever a widget begins or ceases to be seen. */
export function whenVisible(widget: Widget, tell: (isVisible: boolean) => void): void {
  const hook = (_: IMessageHandler, message: Message): boolean => {
    if (
      ['after-show', 'after-attach', 'before-hide', 'before-detach'].includes(
        message.type
      )
    ) {
      tell(message.type.startsWith('after') && widget.isVisible);
    }
    return true;
  };
  MessageLoop.installMessageHook(widget, hook);
}
