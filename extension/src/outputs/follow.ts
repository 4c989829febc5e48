/** Keep the outputs of a notebook right whose cells this page has not run. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import { KernelMessage } from '@jupyterlab/services';
import { DisposableSet } from '@lumino/disposable';

import { markOf, showAnew, unfinished } from './marked';

/** What a kernel with our magics answers on. */
const COMM_TARGET = 'rayspace.stages';

/**
 * Take changes of outputs whose cell this page did not run.
 *
 * JupyterLab passes them over. What was told while no page listened is asked for.
 */
export function follow(panel: NotebookPanel): void {
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
