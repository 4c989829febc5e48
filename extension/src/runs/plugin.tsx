/** Runs: the latest of each experiment. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { launchIcon, refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { CommandIDs } from '../commands';
import { makeSection } from '../components/section';
import { whenVisible } from '../components/visible';
import { IPanel, IServer } from '../tokens';
import { RunsModel } from './model';
import { RunsSection } from './section';

/** The plugin. */
export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:runs',
  description: 'Shows the latest runs of each experiment in the panel.',
  autoStart: true,
  requires: [IServer, IPanel],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    panel: IPanel,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const model = new RunsModel(server.api, server.live);
    const open = (link: string, title: string): void =>
      void app.commands.execute(CommandIDs.mlflow, link ? { link, title } : {});
    const section = makeSection({
      id: 'runs',
      title: trans.__('Runs'),
      trans,
      tools: [
        {
          name: 'refresh',
          icon: refreshIcon,
          label: trans.__('Look for runs now'),
          onClick: () => model.refresh()
        },
        {
          name: 'mlflow',
          icon: launchIcon,
          label: trans.__('Open MLflow'),
          onClick: () => open(model.list?.link ?? '', '')
        }
      ],
      draw: () => <RunsSection model={model} onOpen={open} />
    });
    whenVisible(section, isVisible => model.setVisible(isVisible));
    panel.addSection(section, 30);
  }
};
