/** Notebooks to begin from, as cards in the launcher; in the palette where there is no launcher. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs, IStarterArgs, STARTER_SCHEMA } from '../commands';
import { starterIcon } from '../components/icons';
import { tell } from '../components/tell';
import { IServer } from '../tokens';

/** Below what starts and ships. */
const FIRST_RANK = 10;

/** The plugin. */
export const startersPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:starters',
  description: 'Offers notebooks to begin from in the launcher, or in the palette.',
  autoStart: true,
  requires: [IServer, IDocumentManager],
  // Jupyter Notebook has no launcher.
  optional: [ILauncher, ICommandPalette, IDefaultFileBrowser, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    documents: IDocumentManager,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    app.commands.addCommand(CommandIDs.starter, {
      label: args =>
        (args as unknown as IStarterArgs).title ?? trans.__('Begin From a Notebook'),
      caption: args =>
        (args as unknown as IStarterArgs).description ??
        trans.__('Copy a notebook to begin from into this folder'),
      icon: starterIcon,
      describedBy: STARTER_SCHEMA,
      execute: async args => {
        const { name, cwd } = args as unknown as IStarterArgs;
        try {
          const folder = cwd ?? browser?.model.path ?? '';
          documents.openOrReveal(await server.api.createNotebook(name, folder));
        } catch (error) {
          await tell(error, trans);
        }
      }
    });
    const place = (item: ILauncher.IItemOptions & { category: string }): void => {
      if (launcher) {
        launcher.add(item);
      } else {
        palette?.addItem(item);
      }
    };
    // Without the half in the server there are none; the panel says what is wrong.
    void server.api.starters().then(
      starters =>
        starters.forEach(({ name, title, description }, index) =>
          place({
            command: CommandIDs.starter,
            args: { name, title, description },
            category: trans.__('Ray'),
            rank: FIRST_RANK + index
          })
        ),
      () => undefined
    );
  }
};
