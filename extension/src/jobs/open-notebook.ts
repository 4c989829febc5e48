/** Open an executed notebook beside its source: to read, with the failing cell in view. */

import { IDocumentManager } from '@jupyterlab/docmanager';
import { createReadonlyLabel } from '@jupyterlab/docregistry';
import { NotebookPanel } from '@jupyterlab/notebook';

import { runOnRayIcon } from '../components/icons';
import { IResults } from '../wire';
import { keepInView } from './keep-in-view';

/** Mark what a job has executed, and the cell at which a job ended. */
const EXECUTED_CLASS = 'rayspace-Executed';
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
  // Else its tab looks like that of its source; another label would rename the file.
  widget.title.icon = runOnRayIcon;
  keepUnchanged(widget);
  showCell(widget, results.failed_cell);
  return widget;
}

/** Let nobody change what was executed: it is a record. */
function keepUnchanged(panel: NotebookPanel): void {
  const close = (): void => {
    for (const cell of panel.content.widgets) {
      cell.readOnly = true;
    }
  };
  close();
  if (panel.hasClass(EXECUTED_CLASS)) {
    return;
  }
  panel.addClass(EXECUTED_CLASS);
  const { model } = panel.context;
  model.readOnly = true;
  // Showing it completes what the file left out; nobody wants to be asked to save that.
  model.dirty = false;
  model.stateChanged.connect((_, change) => {
    if (change.name === 'dirty' && change.newValue) {
      model.dirty = false;
    }
  });
  panel.content.modelContentChanged.connect(close);
  panel.toolbar.insertBefore(
    'kernelName',
    'read-only-indicator',
    createReadonlyLabel(panel)
  );
}

/** Scroll to a cell and mark it; -1 for none. [1] */
function showCell(panel: NotebookPanel, index: number): void {
  const cell = panel.content.widgets[index];
  if (!cell) {
    return;
  }
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  cell.addClass(FAILED_CLASS);
  void keepInView(cell.node, panel.content.node, async () => {
    // Another wish to scroll takes the place of this one.
    await panel.content.scrollToCell(cell, 'center').catch(() => undefined);
  });
}
