import { INotebookModel } from '@jupyterlab/notebook';
import { PartialJSONObject } from '@lumino/coreutils';

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
});
