/** "Connect this notebook": inserts and runs the cell that joins a cluster. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { linkIcon } from '@jupyterlab/ui-components';

import { CLUSTER_SCHEMA, CommandIDs, IClusterArgs } from '../commands';
import { tell } from '../components/tell';
import { IServer } from '../tokens';

/** The plugin. */
export const connectPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:connect',
  description: 'Connects the notebook in front to a Ray cluster.',
  autoStart: true,
  requires: [IServer, INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    notebooks: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    app.commands.addCommand(CommandIDs.clusterConnect, {
      label: trans.__('Connect This Notebook to a Ray Cluster'),
      caption: trans.__('Insert and run the cell that joins a cluster'),
      icon: linkIcon,
      describedBy: CLUSTER_SCHEMA,
      execute: async args => {
        const { target, name } = args as unknown as IClusterArgs;
        const panel = notebooks.currentWidget;
        if (!panel) {
          Notification.info(
            trans.__('Open a notebook first: it is what is connected.')
          );
          return;
        }
        try {
          const code = await server.api.connectCell(target, name, panel.context.path);
          app.shell.activateById(panel.id);
          await panel.sessionContext.ready;
          NotebookActions.insertBelow(panel.content);
          panel.content.activeCell?.model.sharedModel.setSource(code);
          await NotebookActions.run(panel.content, panel.sessionContext);
        } catch (error) {
          await tell(error, trans);
        }
      }
    });
  }
};
