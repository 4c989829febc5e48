/** The panel in the side bar. */

import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { SidePanel } from '@jupyterlab/ui-components';
import { AccordionPanel, Widget } from '@lumino/widgets';
import * as React from 'react';

import { CommandIDs, NO_ARGS } from '../commands';
import { rayspaceIcon } from '../components/icons';
import { Drawn } from '../components/section';
import { IPanel, IServer } from '../tokens';
import { PanelHeader } from './header';

/** The plugin. */
export const panelPlugin: JupyterFrontEndPlugin<IPanel> = {
  id: 'rayspace:panel',
  description: 'Adds the Ray panel to the side bar.',
  autoStart: true,
  provides: IPanel,
  requires: [IServer],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): IPanel => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const panel = new SidePanel({ translator: translator ?? nullTranslator });
    panel.id = 'rayspace-panel';
    panel.title.icon = rayspaceIcon;
    panel.title.caption = trans.__('Ray clusters, jobs and runs');
    panel.addClass('rayspace-Panel');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', trans.__('Ray'));
    const header = new Drawn(() => <PanelHeader live={server.live} />, trans);
    header.addClass('rayspace-Header');
    panel.header.addWidget(header);
    giveWay(panel);
    app.shell.add(panel, 'left', { rank: 450, type: 'Ray' });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show the Ray Panel'),
      caption: trans.__('Show Ray clusters, jobs and runs'),
      icon: rayspaceIcon,
      describedBy: NO_ARGS,
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.openPanel, category: trans.__('Ray') });
    const ranks: number[] = [];
    return {
      addSection: (section: Widget, rank: number) => {
        const index = ranks.filter(other => other <= rank).length;
        ranks.splice(index, 0, rank);
        panel.insertWidget(index, section);
        void app.restored.then(() => share(panel.content));
      },
      reveal: () => app.shell.activateById(panel.id)
    };
  }
};

/** Let the sections give way to a header that grows: their layout hears only of the panel's size. */
function giveWay(panel: SidePanel): void {
  const observer = new ResizeObserver(() => panel.content.update());
  observer.observe(panel.header.node);
  panel.disposed.connect(() => observer.disconnect());
}

/** Give clusters and jobs more room than what is looked at less often. */
function share(content: Widget): void {
  if (content instanceof AccordionPanel) {
    content.setRelativeSizes(content.widgets.map((_, index) => (index < 2 ? 3 : 2)));
  }
}
