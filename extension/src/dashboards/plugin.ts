/** Ray's dashboard and MLflow's pages as panes. */

import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { IFrame, launchIcon } from '@jupyterlab/ui-components';

import {
  CLUSTER_SCHEMA,
  CommandIDs,
  IClusterArgs,
  IMlflowArgs,
  IPaneArgs,
  MLFLOW_SCHEMA,
  PANE_SCHEMA
} from '../commands';
import { dashboardIcon } from '../components/icons';
import { mlflowLink } from '../links';
import { ROOT } from '../request';
import { IServer } from '../tokens';
import { makePane } from './pane';

const MLFLOW_ID = 'rayspace-mlflow ';
const RAY_ID = 'rayspace-ray ';

/** The plugin. */
export const dashboardsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:dashboards',
  description: "Opens Ray's dashboard and MLflow's pages as panes.",
  autoStart: true,
  requires: [IServer],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<IFrame>>({
      namespace: 'rayspace-panes'
    });
    const show = async (
      id: string,
      make: () => MainAreaWidget<IFrame>
    ): Promise<void> => {
      let pane = tracker.find(known => known.id === id);
      if (!pane) {
        pane = make();
        await tracker.add(pane);
        app.shell.add(pane, 'main');
      }
      app.shell.activateById(id);
    };
    commands.addCommand(CommandIDs.rayDashboard, {
      label: trans.__('Open the Ray Dashboard'),
      caption: trans.__('Open the Ray dashboard of a cluster as a pane'),
      icon: dashboardIcon,
      describedBy: CLUSTER_SCHEMA,
      execute: async args => {
        const { target, name } = args as unknown as IClusterArgs;
        const where = `${encodeURIComponent(target)}/${encodeURIComponent(name)}/`;
        await show(`${RAY_ID}${where}`, () =>
          makePane({
            id: `${RAY_ID}${where}`,
            title: trans.__('Ray: %1', name),
            icon: dashboardIcon,
            url: `${server.baseUrl}${ROOT}proxy/ray/${where}`,
            trans
          })
        );
      }
    });
    commands.addCommand(CommandIDs.mlflow, {
      label: trans.__('Open MLflow'),
      caption: trans.__('Open the pages of MLflow as a pane'),
      icon: launchIcon,
      describedBy: MLFLOW_SCHEMA,
      execute: async args => {
        const { link, title } = args as IMlflowArgs;
        const below = link ?? mlflowLink('local', server.live.path);
        const id = `${MLFLOW_ID}${below}`;
        await show(id, () =>
          makePane({
            id,
            title: title ? trans.__('MLflow: %1', title) : trans.__('MLflow'),
            icon: launchIcon,
            url: `${server.baseUrl}${below}`,
            trans
          })
        );
      }
    });
    palette?.addItem({ command: CommandIDs.mlflow, category: trans.__('Ray') });
    commands.addCommand(CommandIDs.restorePane, {
      label: trans.__('Show a Pane Again'),
      describedBy: PANE_SCHEMA,
      isVisible: () => false,
      execute: async args => {
        const { id } = args as unknown as IPaneArgs;
        if (id.startsWith(RAY_ID)) {
          await commands.execute(CommandIDs.rayDashboard, paneArgs(id));
        } else {
          await commands.execute(CommandIDs.mlflow, {
            link: id.slice(MLFLOW_ID.length)
          });
        }
      }
    });
    if (restorer) {
      void restorer.restore(tracker, {
        command: CommandIDs.restorePane,
        args: pane => ({ id: pane.id }),
        name: pane => pane.id
      });
    }
  }
};

/** Read from the id of a pane which cluster it shows. */
function paneArgs(id: string): { target: string; name: string } {
  const [target = '', name = ''] = id.slice(RAY_ID.length).split('/');
  return { target: decodeURIComponent(target), name: decodeURIComponent(name) };
}
