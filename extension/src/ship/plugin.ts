/** "Run on Ray": from the notebook's toolbar, the file browser, the launcher and the palette. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import {
  FileDialog,
  IDefaultFileBrowser,
  IFileBrowserFactory
} from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import {
  ITranslator,
  nullTranslator,
  TranslationBundle
} from '@jupyterlab/translation';

import { CommandIDs, IRunArgs, NO_ARGS, RUN_SCHEMA } from '../commands';
import { runOnRayIcon } from '../components/icons';
import { tell } from '../components/tell';
import { kernelOf } from '../kernel';
import { IPanel, IServer } from '../tokens';
import { askShip } from './dialog';
import { ShipModel } from './model';

/** The plugin. */
export const shipPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:ship',
  description: 'Runs notebooks on Ray.',
  autoStart: true,
  requires: [IServer, IPanel, IDocumentManager],
  optional: [
    INotebookTracker,
    IFileBrowserFactory,
    IDefaultFileBrowser,
    ILauncher,
    ICommandPalette,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    panel: IPanel,
    documents: IDocumentManager,
    notebooks: INotebookTracker | null,
    browsers: IFileBrowserFactory | null,
    browser: IDefaultFileBrowser | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const { commands } = app;
    commands.addCommand(CommandIDs.runOnRay, {
      label: trans.__('Run on Ray'),
      caption: trans.__('Save this notebook and run it as a job on Ray'),
      icon: runOnRayIcon,
      describedBy: RUN_SCHEMA,
      execute: async args => {
        const { path: given, parameters } = args as IRunArgs;
        const inFront = notebooks?.currentWidget;
        const isInFront = inFront && app.shell.currentWidget === inFront;
        const path =
          given ??
          (isInFront ? inFront.context.path : await pick(documents, browser, trans));
        if (path) {
          await ship(server, panel, documents, path, parameters ?? {}, trans);
        }
      }
    });
    commands.addCommand(CommandIDs.runFileOnRay, {
      label: trans.__('Run on Ray'),
      caption: trans.__('Run the selected notebook as a job on Ray'),
      icon: runOnRayIcon,
      describedBy: NO_ARGS,
      execute: async () => {
        const items = browsers?.tracker.currentWidget?.selectedItems() ?? [];
        for (const selected of items) {
          await ship(server, panel, documents, selected.path, {}, trans);
        }
      }
    });
    launcher?.add({ command: CommandIDs.runOnRay, category: trans.__('Ray'), rank: 1 });
    launcher?.add({
      command: CommandIDs.clusterStart,
      category: trans.__('Ray'),
      rank: 2
    });
    palette?.addItem({ command: CommandIDs.runOnRay, category: trans.__('Ray') });
  }
};

/** Ask for a notebook, where none is in front. */
async function pick(
  manager: IDocumentManager,
  browser: IDefaultFileBrowser | null,
  trans: TranslationBundle
): Promise<string> {
  const result = await FileDialog.getOpenFiles({
    manager,
    title: trans.__('Which notebook shall run on Ray?'),
    defaultPath: browser?.model.path,
    filter: item => (item.type === 'notebook' ? { score: 0 } : null)
  });
  return result.button.accept ? (result.value?.[0]?.path ?? '') : '';
}

async function ship(
  server: IServer,
  panel: IPanel,
  documents: IDocumentManager,
  path: string,
  parameters: Readonly<Record<string, unknown>>,
  trans: TranslationBundle
): Promise<void> {
  let model: ShipModel | null = null;
  try {
    const widget = documents.findWidget(path);
    if (widget?.context.model.dirty) {
      await widget.context.save();
    }
    const kernel =
      widget instanceof NotebookPanel ? await kernelOf(server.api, widget) : null;
    model = new ShipModel(server.api, server.live, path, kernel, parameters, trans);
    if (!(await askShip(model, trans))) {
      return;
    }
    server.live.note(await server.api.submit(model.wish()));
    panel.reveal();
    if (server.settings.followProject) {
      // Its notebook need not be in front.
      await server.live.follow(PathExt.dirname(path));
    }
  } catch (error) {
    await tell(error, trans);
  } finally {
    model?.dispose();
  }
}
