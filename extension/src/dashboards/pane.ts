/** A page of another program as a pane, through the Jupyter server. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  IFrame,
  launchIcon,
  LabIcon,
  refreshIcon,
  ToolbarButton
} from '@jupyterlab/ui-components';

/** What a pane shows. */
export interface IPaneOptions {
  readonly id: string;
  readonly title: string;
  readonly icon: LabIcon;
  /** Below the base URL of the server. */
  readonly url: string;
  readonly trans: TranslationBundle;
}

/** Make a pane. */
export function makePane(options: IPaneOptions): MainAreaWidget<IFrame> {
  const { id, title, icon, url, trans } = options;
  const frame = new IFrame({
    referrerPolicy: 'same-origin',
    // These pages come through the server, with its login; they may not lead this page elsewhere.
    sandbox: [
      'allow-scripts',
      'allow-same-origin',
      'allow-forms',
      'allow-popups',
      'allow-downloads',
      'allow-modals'
    ]
  });
  frame.url = url;
  frame.node.querySelector('iframe')?.setAttribute('title', title);
  const pane = new MainAreaWidget({ content: frame });
  pane.id = id;
  pane.title.label = title;
  pane.title.icon = icon;
  pane.title.closable = true;
  pane.addClass('rayspace-Pane');
  pane.toolbar.addItem(
    'reload',
    new ToolbarButton({
      icon: refreshIcon,
      tooltip: trans.__('Load the page anew'),
      onClick: () => reload(frame)
    })
  );
  pane.toolbar.addItem(
    'out',
    new ToolbarButton({
      icon: launchIcon,
      tooltip: trans.__('Open in a tab of the browser'),
      onClick: () => {
        window.open(url, '_blank', 'noopener');
      }
    })
  );
  return pane;
}

/** Load the page of a frame anew. */
export function reload(frame: IFrame): void {
  frame.node.querySelector('iframe')?.contentWindow?.location.reload();
}
