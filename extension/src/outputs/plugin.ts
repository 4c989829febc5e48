/** Outputs of long verbs go on after a page was loaded anew. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { KernelMessage } from '@jupyterlab/services';
import { DisposableSet } from '@lumino/disposable';

import { markOf, showAnew, unfinished } from './marked';

/** What a kernel with our magics answers on. */
const COMM_TARGET = 'rayspace.stages';

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

/**
 * Take changes of outputs whose cell this page did not run.
 *
 * JupyterLab passes them over. What was told while no page listened is asked for.
 */
function follow(panel: NotebookPanel): void {
  const { context, sessionContext } = panel;
  const asked = new DisposableSet();
  const ask = (): void => {
    const kernel = sessionContext.session?.kernel;
    const ids = context.model && context.isReady ? unfinished(context.model) : [];
    if (kernel?.connectionStatus === 'connected' && ids.length > 0) {
      // Answered when the cell that runs has ended; a kernel without our magics closes it.
      const comm = kernel.createComm(COMM_TARGET);
      asked.add(comm);
      comm.onClose = () => void asked.remove(comm);
      comm.open({ ids: [...ids] });
    }
  };
  sessionContext.iopubMessage.connect((_, message) => {
    if (KernelMessage.isUpdateDisplayDataMsg(message)) {
      const data = message.content.data;
      if (markOf(data)) {
        showAnew(panel.context.model, data);
      }
    }
  });
  sessionContext.connectionStatusChanged.connect(ask);
  panel.disposed.connect(() => asked.dispose());
  void context.ready.then(ask);
}
