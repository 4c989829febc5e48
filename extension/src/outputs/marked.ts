/** Outputs of ours in a notebook: found by the mark that they bear. */

import { INotebookModel } from '@jupyterlab/notebook';
import { JSONExt, PartialJSONObject } from '@lumino/coreutils';

/** Marks an output that changes while a verb works; the kernel names it so as well. */
export const MARK = 'application/vnd.rayspace.stages+json';

/** What the mark of an output holds. */
export interface IMark {
  readonly id: string;
  /** Whether nothing comes after it. */
  readonly is_final: boolean;
}

/** Outputs of a cell, as far as they are needed here. */
interface IOutputs {
  readonly length: number;
  get(index: number): { toJSON(): PartialJSONObject };
  set(index: number, output: PartialJSONObject): void;
}

interface IMarked {
  readonly mark: IMark;
  readonly outputs: IOutputs;
  readonly index: number;
}

/** Read the mark of an output's data; null for one that is not ours. */
export function markOf(data: PartialJSONObject | undefined): IMark | null {
  const mark = data?.[MARK] as Partial<IMark> | undefined;
  return typeof mark?.id === 'string'
    ? { id: mark.id, is_final: mark.is_final === true }
    : null;
}

/** Return the ids of outputs whose end is not shown yet. */
export function unfinished(model: INotebookModel): readonly string[] {
  return [...marked(model)].filter(({ mark }) => !mark.is_final).map(m => m.mark.id);
}

/** Show data in the outputs that bear its mark, where they show something else. */
export function showAnew(model: INotebookModel, data: PartialJSONObject): void {
  const wanted = markOf(data);
  for (const { mark, outputs, index } of marked(model)) {
    const shown = outputs.get(index).toJSON();
    if (
      mark.id === wanted?.id &&
      !JSONExt.deepEqual(shown.data as PartialJSONObject, data)
    ) {
      outputs.set(index, { ...shown, data });
    }
  }
}

function* marked(model: INotebookModel): Iterable<IMarked> {
  for (const cell of model.cells) {
    if (!('outputs' in cell)) {
      continue;
    }
    const outputs = cell.outputs as IOutputs;
    for (let index = 0; index < outputs.length; index++) {
      const mark = markOf(
        outputs.get(index).toJSON().data as PartialJSONObject | undefined
      );
      if (mark) {
        yield { mark, outputs, index };
      }
    }
  }
}
