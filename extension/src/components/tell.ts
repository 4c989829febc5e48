/** Tell people that something did not work. */

import { showErrorMessage } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';

import { toError } from '../request';

/** Show an error in a dialog: one sentence, and what helps. */
export async function tell(error: unknown, trans: TranslationBundle): Promise<void> {
  const { message, hint } = toError(error);
  const text = hint ? `${message}\n\n${hint}` : message;
  await showErrorMessage(trans.__('That did not work'), text);
}
