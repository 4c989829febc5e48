/** The status bar: the cluster that is meant, its workers and its GPUs. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';

import { CommandIDs } from '../commands';
import { Drawn } from '../components/section';
import { IServer } from '../tokens';
import { StatusModel } from './model';
import { StatusItem } from './item';

/** The plugin. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:status',
  description: 'Shows the chosen Ray cluster in the status bar.',
  autoStart: true,
  requires: [IServer],
  // Jupyter Notebook has none.
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ): void => {
    if (!statusBar) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('rayspace');
    const model = new StatusModel(server.api, server.live);
    const item = new Drawn(
      () => (
        <StatusItem
          model={model}
          onOpen={() => void app.commands.execute(CommandIDs.openPanel)}
        />
      ),
      trans
    );
    item.addClass('rayspace-StatusItem');
    statusBar.registerStatusItem('rayspace:status', {
      item,
      align: 'left',
      rank: 10,
      isActive: () => model.cluster !== null,
      activeStateChanged: model.changed
    });
  }
};
