/** Outputs of long verbs go on after a page was loaded anew. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { follow } from './follow';

/** The plugin. */
export const outputsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:outputs',
  description: 'Keeps the progress in cells right when the page is loaded anew.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker): void => {
    notebooks.widgetAdded.connect((_, panel) => follow(panel));
    notebooks.forEach(follow);
  }
};
