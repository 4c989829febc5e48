/** Open an executed notebook beside its source: to read, with the failing cell in view. */

import { IDocumentManager } from '@jupyterlab/docmanager';
import { NotebookPanel } from '@jupyterlab/notebook';

import { IResults } from '../wire';

/** Marks the cell at which a job ended. */
const FAILED_CLASS = 'rayspace-FailedCell';

/**
 * Open what a job has executed.
 *
 * @param documents Opens files.
 * @param results Where the executed notebook and its source are.
 * @returns The panel that shows it.
 */
export async function openExecuted(
  documents: IDocumentManager,
  results: IResults
): Promise<NotebookPanel | null> {
  const { notebook, source } = results.contents;
  const beside = source ? documents.findWidget(source) : undefined;
  const known = documents.findWidget(notebook);
  if (known) {
    // The file may be newer than what is shown.
    await known.context.revert();
  }
  const widget = documents.openOrReveal(
    notebook,
    'Notebook',
    undefined,
    beside ? { mode: 'split-right', ref: beside.id } : {},
    // Who reads needs no kernel.
    { shouldStart: false, canStart: true, autoStartDefault: false }
  );
  if (!(widget instanceof NotebookPanel)) {
    return null;
  }
  await widget.context.ready;
  await widget.revealed;
  keepUnchanged(widget);
  await showCell(widget, results.failed_cell);
  return widget;
}

/** Let nobody change what was executed: it is a record. */
function keepUnchanged(panel: NotebookPanel): void {
  const close = (): void => {
    for (const cell of panel.content.widgets) {
      cell.readOnly = true;
    }
  };
  panel.context.model.readOnly = true;
  panel.addClass('rayspace-Executed');
  close();
  panel.content.modelContentChanged.connect(close);
}

/** Scroll to a cell and mark it; -1 for none. [1] */
async function showCell(panel: NotebookPanel, index: number): Promise<void> {
  const cell = panel.content.widgets[index];
  if (!cell) {
    return;
  }
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  cell.addClass(FAILED_CLASS);
  await panel.content.scrollToCell(cell, 'center');
}
