/** Ray's dashboard and MLflow's pages as panes. */

import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  MainAreaWidget,
  showDialog,
  WidgetTracker
} from '@jupyterlab/apputils';
import {
  ITranslator,
  nullTranslator,
  TranslationBundle
} from '@jupyterlab/translation';
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
import { takesPanes } from '../components/place';
import { tell } from '../components/tell';
import { ROOT } from '../request';
import { IServer } from '../tokens';
import { IClusterState } from '../wire';
import { Confirmations } from './confirm';
import { IPaneOptions, makePane, reload } from './pane';

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
    const confirmations = new Confirmations(server, found => askWhose(found, trans));
    const show = async (
      id: string,
      url: string,
      make: (
        options: Pick<IPaneOptions, 'id' | 'url' | 'trans'>
      ) => MainAreaWidget<IFrame>
    ): Promise<void> => {
      if (!takesPanes(app.shell)) {
        window.open(url, '_blank', 'noopener');
        return;
      }
      let pane = tracker.find(known => known.id === id);
      if (!pane) {
        pane = make({ id, url, trans });
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
        try {
          const found = await confirmations.find(target, name);
          if (found === 'no') {
            return;
          }
          const refused = tracker.find(pane => pane.id === `${RAY_ID}${where}`);
          if (found === 'new' && refused) {
            reload(refused.content);
          }
        } catch (error) {
          await tell(error, trans);
          return;
        }
        const url = `${server.baseUrl}${ROOT}proxy/ray/${where}`;
        await show(`${RAY_ID}${where}`, url, options =>
          makePane({
            ...options,
            title: trans.__('Ray: %1', name),
            icon: dashboardIcon
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
        await show(`${MLFLOW_ID}${below}`, `${server.baseUrl}${below}`, options =>
          makePane({
            ...options,
            title: title ? trans.__('MLflow: %1', title) : trans.__('MLflow'),
            icon: launchIcon
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

/** Ask whether pages of somebody else's cluster may be shown, and say what that means. */
async function askWhose(
  { name, owner }: IClusterState,
  trans: TranslationBundle
): Promise<boolean> {
  const whose = owner
    ? trans.__('The cluster %1 is of %2, not yours.', name, owner)
    : trans.__('The cluster %1 was not made by you with rayspace.', name);
  const result = await showDialog({
    title: trans.__('Open the Ray dashboard of somebody else?'),
    body: `${whose} ${trans.__(
      'Pages that come from it can act as you in Jupyter: read your files and run code in your name. Open them only if you trust who made the cluster.'
    )}`,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({
        label: owner
          ? trans.__('Trust %1, open it', owner)
          : trans.__('Trust it, open it')
      })
    ]
  });
  return result.button.accept;
}

/** Read from the id of a pane which cluster it shows. */
function paneArgs(id: string): { target: string; name: string } {
  const [target = '', name = ''] = id.slice(RAY_ID.length).split('/');
  return { target: decodeURIComponent(target), name: decodeURIComponent(name) };
}
