import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import { addLog, takesPanes } from '../components/place';
import { followFront } from '../server/front';

/** A shell that holds what is added, by area. */
class FakeShell {
  readonly added: unknown[] = [];
  currentWidget: Widget | null = null;
  readonly currentChanged = new Signal<this, void>(this);

  add(_: Widget, ...where: unknown[]): void {
    this.added.push(where);
  }

  show(path: string | null): void {
    this.currentWidget = path === null ? null : ({ path } as unknown as Widget);
    this.currentChanged.emit();
  }

  get shell(): JupyterFrontEnd.IShell {
    return this as unknown as JupyterFrontEnd.IShell;
  }
}

class FakeLabShell extends FakeShell {
  readonly mode = 'multiple-document';
}

describe('panes', () => {
  const pane = {} as Widget;

  it('are put below what is in front in JupyterLab', () => {
    const lab = new FakeLabShell();
    expect(takesPanes(lab.shell)).toBe(true);
    addLog(lab.shell, pane);
    expect(lab.added).toEqual([['main', { mode: 'split-bottom' }]]);
  });

  it('are put beside the notebook in Jupyter Notebook, whose main area takes no other', () => {
    const notebook = new FakeShell();
    expect(takesPanes(notebook.shell)).toBe(false);
    addLog(notebook.shell, pane);
    expect(notebook.added).toEqual([['right']]);
  });
});

describe('followFront', () => {
  it('tells the folder of the document in front, whatever the signal says', () => {
    const shell = new FakeShell();
    const folders: string[] = [];
    followFront(
      shell.shell,
      widget => (widget as unknown as { path?: string }).path,
      folder => folders.push(folder)
    );
    for (const path of ['work/a.ipynb', null, '', 'drive:work/b.ipynb', 'c.ipynb']) {
      shell.show(path);
    }
    expect(folders).toEqual(['work', '']);
  });
});
