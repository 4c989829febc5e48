/** The document in front: its project is shown. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';
import type { Widget } from '@lumino/widgets';

/**
 * Tell the folder of each document that comes to the front, in JupyterLab and Jupyter Notebook.
 *
 * @param shell The shell.
 * @param pathOf Tells the path of a document.
 * @param follow Takes the folder.
 */
export function followFront(
  shell: JupyterFrontEnd.IShell,
  pathOf: (widget: Widget) => string | undefined,
  follow: (folder: string) => void
): void {
  // Jupyter Notebook's signal does not say what came to the front.
  shell.currentChanged?.connect(() => {
    const widget = shell.currentWidget;
    const path = widget && pathOf(widget);
    // Files of other drives are not on the server.
    if (path && !path.includes(':')) {
      follow(PathExt.dirname(path));
    }
  });
}
