/** Jobs: their section, their logs and their executed notebooks. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import {
  ITranslator,
  nullTranslator,
  TranslationBundle
} from '@jupyterlab/translation';
import { notebookIcon } from '@jupyterlab/ui-components';
import { ReadonlyJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import { CommandIDs, IJobArgs, JOB_SCHEMA } from '../commands';
import { logIcon, runOnRayIcon } from '../components/icons';
import { LogFollower } from '../components/log-follower';
import { LogView, makeLogPane } from '../components/log-view';
import { addLog } from '../components/place';
import { makeSection } from '../components/section';
import { tell } from '../components/tell';
import { runLink } from '../links';
import { IPanel, IServer } from '../tokens';
import { formatSeconds } from '../units';
import { IJobState, IOperation } from '../wire';
import { JobsModel } from './model';
import { openExecuted } from './open-notebook';
import { IJobActions } from './row';
import { JobsSection } from './section';
import { durationS, notebookName } from './words';

/** The plugin. */
export const jobsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:jobs',
  description: 'Shows jobs in the panel, with their logs and executed notebooks.',
  autoStart: true,
  requires: [IServer, IPanel, IDocumentManager],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    panel: IPanel,
    documents: IDocumentManager,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const model = new JobsModel(
      server.api,
      server.live,
      () => server.settings.followProject
    );
    const { commands } = app;
    const logs = new WidgetTracker<MainAreaWidget<LogView>>({
      namespace: 'rayspace-logs'
    });
    commands.addCommand(CommandIDs.jobOpen, {
      label: trans.__('Open the Executed Notebook'),
      caption: trans.__('Open what a job has executed, beside its source'),
      icon: notebookIcon,
      describedBy: JOB_SCHEMA,
      execute: async args => {
        await openJob(model, documents, (args as unknown as IJobArgs).name, trans);
      }
    });
    commands.addCommand(CommandIDs.jobLog, {
      label: trans.__('Show the Log of a Job'),
      caption: trans.__('Show what a job writes, as it comes'),
      icon: logIcon,
      describedBy: JOB_SCHEMA,
      execute: async args => {
        const { name } = args as unknown as IJobArgs;
        const id = `rayspace-log-${name}`;
        const known = logs.find(pane => pane.id === id);
        if (!known) {
          const path = model.pathOf(name);
          const follower = new LogFollower((offset, waitS, signal) =>
            server.api.jobLog(name, path, offset, waitS, signal)
          );
          const pane = makeLogPane(id, name, follower, trans);
          await logs.add(pane);
          addLog(app.shell, pane);
        }
        app.shell.activateById(id);
      }
    });
    const onRun = (): void => void commands.execute(CommandIDs.runOnRay);
    const actions = jobActions(app, model, trans);
    panel.addSection(
      makeSection({
        id: 'jobs',
        title: trans.__('Jobs'),
        trans,
        tools: [
          {
            name: 'run',
            icon: runOnRayIcon,
            label: trans.__('Run the current notebook on Ray'),
            onClick: onRun
          }
        ],
        draw: () => <JobsSection model={model} actions={actions} onRun={onRun} />
      }),
      20
    );
    server.live.jobEnded.connect((_, job) => {
      if (server.settings.announceJobs && !job.parent_run_id) {
        announce(app, job, trans);
      }
    });
  }
};

function jobActions(
  app: JupyterFrontEnd,
  model: JobsModel,
  trans: TranslationBundle
): IJobActions {
  const { api } = model;
  const begin = (operation: Promise<IOperation>): void =>
    void model.begin(operation).catch((error: unknown) => tell(error, trans));
  const named = (command: string, job: IJobState): void =>
    void app.commands.execute(command, { name: job.name });
  return {
    open: ({ job }) => named(CommandIDs.jobOpen, job),
    log: ({ job }) => named(CommandIDs.jobLog, job),
    stop: ({ job }) => begin(api.changeJob('stop', job.name, model.pathOf(job.name))),
    retry: ({ job }) => begin(api.changeJob('retry', job.name, model.pathOf(job.name))),
    clone: ({ job }) => void clone(app, model, job, trans),
    run: ({ job }) =>
      void app.commands.execute(CommandIDs.mlflow, {
        link: runLink(job, model.pathOf(job.name)),
        title: notebookName(job)
      })
  };
}

/** Ship the notebook of a job once more, with its parameters to begin with. */
async function clone(
  app: JupyterFrontEnd,
  model: JobsModel,
  job: IJobState,
  trans: TranslationBundle
): Promise<void> {
  try {
    const inputs = await model.api.jobInputs(job.name, model.pathOf(job.name));
    if (!inputs.source) {
      Notification.info(
        trans.__('%1 is not in a folder of this Jupyter.', notebookName(job))
      );
      return;
    }
    await app.commands.execute(CommandIDs.runOnRay, {
      path: inputs.source,
      parameters: inputs.parameters as ReadonlyJSONObject
    });
  } catch (error) {
    await tell(error, trans);
  }
}

async function openJob(
  model: JobsModel,
  documents: IDocumentManager,
  name: string,
  trans: TranslationBundle
): Promise<void> {
  try {
    const results = await model.api.fetchJob(name, model.pathOf(name));
    if (!results.contents.notebook) {
      Notification.info(
        results.notebook
          ? trans.__(
              'The executed notebook lies outside of the folder of Jupyter: %1',
              results.notebook
            )
          : trans.__(
              'There is no executed notebook yet: the job has not come to its first cell.'
            )
      );
      return;
    }
    await openExecuted(documents, results);
  } catch (error) {
    await tell(error, trans);
  }
}

/** Say that a job has ended, with what comes next. */
function announce(
  app: JupyterFrontEnd,
  job: IJobState,
  trans: TranslationBundle
): void {
  const name = notebookName(job);
  const took = formatSeconds(durationS(job, job.ended_ms) ?? 0);
  const actions = [
    {
      label: trans.__('Open'),
      callback: () => void app.commands.execute(CommandIDs.jobOpen, { name: job.name })
    }
  ];
  if (job.phase === 'succeeded') {
    Notification.success(trans.__('%1 succeeded after %2.', name, took), { actions });
  } else if (job.phase !== 'stopped') {
    const why = job.reason || trans.__('%1 did not succeed.', name);
    Notification.error(`${name}: ${why}`, { actions, autoClose: 15_000 });
  }
}
