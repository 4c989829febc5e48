/** Where panes go: Jupyter Notebook has another shell than JupyterLab. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

/**
 * Whether the main area takes panes. That of Jupyter Notebook holds the notebook alone, and drops
 * whatever else is added without a word; only JupyterLab's can be arranged in modes.
 */
export function takesPanes(shell: JupyterFrontEnd.IShell): boolean {
  return 'mode' in shell;
}

/** Add a log: below what is in front, or beside it where there is no other room. */
export function addLog(shell: JupyterFrontEnd.IShell, pane: Widget): void {
  if (takesPanes(shell)) {
    shell.add(pane, 'main', { mode: 'split-bottom' });
  } else {
    shell.add(pane, 'right');
  }
}
