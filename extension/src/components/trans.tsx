/** The translator, for everything that is drawn. */

import { nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

const Trans = React.createContext<TranslationBundle>(nullTranslator.load('rayspace'));

/** Gives the translator to all below it. */
export const TransProvider = Trans.Provider;

/** Return the translator. */
export function useTrans(): TranslationBundle {
  return React.useContext(Trans);
}
