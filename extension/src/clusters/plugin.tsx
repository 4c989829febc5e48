/** Clusters: their section, and what can be done with them. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import {
  ITranslator,
  nullTranslator,
  TranslationBundle
} from '@jupyterlab/translation';
import { addIcon } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import {
  CLUSTER_SCHEMA,
  CommandIDs,
  IClusterArgs,
  IStartArgs,
  START_SCHEMA
} from '../commands';
import { phaseName } from '../components/cluster-phase';
import { logIcon } from '../components/icons';
import { LogFollower } from '../components/log-follower';
import { makeLogPane } from '../components/log-view';
import { addLog } from '../components/place';
import { makeSection } from '../components/section';
import { tell } from '../components/tell';
import { kernelOf } from '../kernel';
import { IPanel, IServer } from '../tokens';
import { IOperation, IReplaced } from '../wire';
import { IClusterActions } from './actions';
import { ClustersModel, IClusterRow } from './model';
import { ClustersSection } from './section';
import { askStart } from './start-dialog';
import { StartModel } from './start-model';

/** The plugin. */
export const clustersPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:clusters',
  description: 'Shows Ray clusters in the panel, starts, changes and ends them.',
  autoStart: true,
  requires: [IServer, IPanel],
  optional: [ITranslator, ICommandPalette, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    panel: IPanel,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    notebooks: INotebookTracker | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const model = new ClustersModel(
      server.api,
      server.live,
      () => server.settings.idleGpuMinutes * 60
    );
    const actions = clusterActions(app, server, model, trans);
    const { commands } = app;
    commands.addCommand(CommandIDs.clusterStart, {
      label: trans.__('Start a Ray Cluster…'),
      caption: trans.__('Start a Ray cluster on this machine or on Kubernetes'),
      icon: addIcon,
      describedBy: START_SCHEMA,
      execute: async args => {
        const { profile, target } = args as IStartArgs;
        panel.reveal();
        // Its packages and its Ray are what a cluster must get on with.
        const notebook = notebooks?.currentWidget;
        const kernel = notebook ? await kernelOf(server.api, notebook) : null;
        const first = profile ?? server.settings.defaultProfile;
        const form = new StartModel(
          server.api,
          server.live.path,
          first,
          kernel,
          target
        );
        await start(model, form, trans);
      }
    });
    commands.addCommand(CommandIDs.clusterDown, {
      label: trans.__('End a Ray Cluster…'),
      caption: trans.__('End a Ray cluster, its jobs first'),
      describedBy: CLUSTER_SCHEMA,
      execute: async args => {
        const { target, name } = args as unknown as IClusterArgs;
        await endCluster(model, target, name, trans);
      }
    });
    commands.addCommand(CommandIDs.clusterLog, {
      label: trans.__('Show the Log of a Ray Cluster'),
      caption: trans.__("Show the last lines of the log of a cluster's head"),
      icon: logIcon,
      describedBy: CLUSTER_SCHEMA,
      execute: args => {
        const { target, name } = args as unknown as IClusterArgs;
        const follower = new LogFollower(async () => {
          const text = await server.api.clusterLog(target, name, server.live.path);
          return { text, offset: 0, is_complete: true };
        });
        const id = `rayspace-cluster-log-${UUID.uuid4()}`;
        addLog(app.shell, makeLogPane(id, name, follower, trans));
        app.shell.activateById(id);
      }
    });
    palette?.addItem({ command: CommandIDs.clusterStart, category: trans.__('Ray') });
    panel.addSection(
      makeSection({
        id: 'clusters',
        title: trans.__('Clusters'),
        trans,
        tools: [
          {
            name: 'start',
            icon: addIcon,
            label: trans.__('Start a cluster'),
            onClick: () => void commands.execute(CommandIDs.clusterStart)
          }
        ],
        draw: () => (
          <ClustersSection
            model={model}
            actions={actions}
            onStart={() => void commands.execute(CommandIDs.clusterStart)}
          />
        )
      }),
      10
    );
  }
};

function clusterActions(
  app: JupyterFrontEnd,
  server: IServer,
  model: ClustersModel,
  trans: TranslationBundle
): IClusterActions {
  const { api, live } = model;
  const run = (command: string, { cluster }: IClusterRow): void =>
    void app.commands.execute(command, { target: cluster.target, name: cluster.name });
  const begin = (operation: Promise<IOperation>): void =>
    void model.begin(operation).catch((error: unknown) => tell(error, trans));
  return {
    openDashboard: row => run(CommandIDs.rayDashboard, row),
    connect: row => run(CommandIDs.clusterConnect, row),
    openLog: row => run(CommandIDs.clusterLog, row),
    down: row => run(CommandIDs.clusterDown, row),
    use: ({ cluster }) =>
      void api
        .use(cluster.target, cluster.name, live.path)
        .catch((error: unknown) => tell(error, trans)),
    scale: ({ cluster }, change) =>
      begin(api.scaleCluster(cluster.target, cluster.name, change, live.path)),
    suspend: ({ cluster }) =>
      begin(api.changeCluster('suspend', cluster.target, cluster.name, live.path)),
    resume: ({ cluster }) =>
      begin(api.changeCluster('resume', cluster.target, cluster.name, live.path)),
    letBe: ({ id }) => begin(api.stopOperation(id)),
    extend: ({ cluster }) => {
      const seconds = server.settings.keepHours * 3600;
      begin(api.extendCluster(cluster.target, cluster.name, seconds, live.path));
    }
  };
}

async function start(
  model: ClustersModel,
  form: StartModel,
  trans: TranslationBundle
): Promise<void> {
  try {
    if (!(await askStart(form, model.live.targets, trans))) {
      return;
    }
    // A plan of what was typed before says nothing: only what was asked about is forced.
    const isKnown = await form.settled();
    const { replaced, isHopeless } = form;
    const force = isKnown && (isHopeless || replaced !== null);
    if (force && !(await isForced(replaced, isHopeless, trans))) {
      return;
    }
    await model.begin(model.api.startCluster({ ...form.wish(), force }));
  } catch (error) {
    await tell(error, trans);
  } finally {
    form.dispose();
  }
}

async function isForced(
  replaced: IReplaced | null,
  isHopeless: boolean,
  trans: TranslationBundle
): Promise<boolean> {
  const result = await showDialog({
    title: replaced
      ? trans.__('Replace the cluster %1?', replaced.name)
      : trans.__('Start it all the same?'),
    body: (
      <div className="rayspace-Dialog">
        {replaced && (
          <p>
            {trans.__(
              '%1 is %2. It is deleted first, and what you ask for takes its place.',
              replaced.name,
              phaseName(replaced.phase, trans)
            )}
          </p>
        )}
        {replaced && <p className="rayspace-muted">{replaced.why}.</p>}
        {isHopeless && (
          <p>{trans.__('As things are, this cluster can never come up.')}</p>
        )}
      </div>
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({
        label: replaced ? trans.__('Replace it') : trans.__('Start it all the same')
      })
    ]
  });
  return result.button.accept;
}

async function endCluster(
  model: ClustersModel,
  target: string,
  name: string,
  trans: TranslationBundle
): Promise<void> {
  const { api, live } = model;
  try {
    const plan = await api.planDown(target, name, live.path);
    const found = live.clusters?.find(c => c.target === target && c.name === name);
    const isForeign = found?.origin === 'foreign';
    const result = await showDialog({
      title: trans.__('End the cluster %1?', name),
      body: <DownBody actions={plan.actions} isForeign={isForeign} trans={trans} />,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.warnButton({ label: trans.__('End it') })
      ]
    });
    if (result.button.accept) {
      await model.begin(api.down(target, name, isForeign, live.path));
    }
  } catch (error) {
    await tell(error, trans);
  }
}

interface IDownBodyProps {
  readonly actions: readonly string[];
  readonly isForeign: boolean;
  readonly trans: TranslationBundle;
}

/** Say what ends with a cluster. */
function DownBody({ actions, isForeign, trans }: IDownBodyProps): React.ReactElement {
  return (
    <div className="rayspace-Dialog">
      {isForeign && <p>{trans.__('Somebody else made this cluster.')}</p>}
      <p>{trans.__('This will:')}</p>
      <ul>
        {actions.map((action, index) => (
          <li key={index}>{action}</li>
        ))}
      </ul>
    </div>
  );
}
