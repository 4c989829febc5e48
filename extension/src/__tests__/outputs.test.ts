import { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';
import { PartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import { follow } from '../outputs/follow';
import { MARK, markOf, showAnew, unfinished } from '../outputs/marked';

type Output = { output_type: string; data: PartialJSONObject };

/** A notebook whose cells have such outputs. */
function notebook(...cells: (Output[] | null)[]): INotebookModel {
  const made = cells.map(outputs =>
    outputs === null
      ? {}
      : {
          outputs: {
            length: outputs.length,
            get: (index: number) => ({ toJSON: () => outputs[index] }),
            set: (index: number, output: Output) => (outputs[index] = output)
          }
        }
  );
  return { cells: made } as unknown as INotebookModel;
}

const bundle = (id: string, isFinal: boolean, html = ''): PartialJSONObject => ({
  'text/html': html,
  [MARK]: { id, is_final: isFinal }
});
const output = (data: PartialJSONObject): Output => ({
  output_type: 'display_data',
  data
});

describe('outputs of long verbs', () => {
  it('are found by their mark, and those without an end are asked for', () => {
    const model = notebook(
      null,
      [output({ 'text/plain': 'other' }), output(bundle('a', false))],
      [output(bundle('b', true)), output({ [MARK]: 'broken' })]
    );
    expect(unfinished(model)).toEqual(['a']);
    expect(markOf(undefined)).toBeNull();
  });

  it('show what is told of them, and nothing else does', () => {
    const told = [output(bundle('a', false, 'old'))];
    const others = [output(bundle('b', false, 'old'))];
    const model = notebook(told, others);
    const shown = told[0];
    showAnew(model, bundle('a', false, 'old'));
    // What is shown already is not drawn anew.
    expect(told[0]).toBe(shown);
    showAnew(model, bundle('a', true, 'new'));
    expect(told[0]).toEqual(output(bundle('a', true, 'new')));
    expect(others[0]?.data['text/html']).toBe('old');
    expect(unfinished(model)).toEqual(['b']);
  });

  it('are followed in a page that has not run their cell', async () => {
    const told = [output(bundle('a', false, 'old'))];
    const opened: unknown[] = [];
    const kernel = {
      connectionStatus: 'connecting',
      createComm: (target: string) => ({
        open: (data: unknown) => opened.push([target, data]),
        dispose: () => undefined
      })
    };
    const sessionContext = {
      session: { kernel },
      iopubMessage: new Signal<object, object>({}),
      connectionStatusChanged: new Signal<object, string>({})
    };
    const ready = Promise.resolve();
    const context = { model: notebook(told), isReady: true, ready };
    const disposed = new Signal<object, void>({});
    follow({ context, sessionContext, disposed } as unknown as NotebookPanel);
    await ready;
    // Nobody can be asked before there is a line.
    expect(opened).toEqual([]);
    kernel.connectionStatus = 'connected';
    sessionContext.connectionStatusChanged.emit('connected');
    expect(opened).toEqual([['rayspace.stages', { ids: ['a'] }]]);
    const say = (type: string, data: PartialJSONObject): void =>
      sessionContext.iopubMessage.emit({
        header: { msg_type: type },
        content: { data }
      });
    say('stream', bundle('a', true, 'no'));
    say('update_display_data', { 'text/html': 'other' });
    expect(told[0]?.data['text/html']).toBe('old');
    say('update_display_data', bundle('a', true, 'new'));
    expect(told[0]?.data['text/html']).toBe('new');
    sessionContext.connectionStatusChanged.emit('connected');
    expect(opened.length).toBe(1);
    disposed.emit();
  });
});
