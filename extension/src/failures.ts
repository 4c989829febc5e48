/** Why the panel has nothing to show: which half to mend, and how. */

import { TranslationBundle } from '@jupyterlab/translation';

import { ResponseError, toError } from './request';
import { VERSION } from './version';
import * as wire from './wire';

/** Say that the server is away. */
export function awayError(trans: TranslationBundle): wire.IError {
  return {
    code: 'server_away',
    message: trans.__('The Jupyter server does not answer.'),
    hint: trans.__('Look whether it still runs; the panel comes back by itself.'),
    details: {}
  };
}

/** Say what to do where both halves don't fit each other; null where they do. */
export function mismatchOf(
  health: wire.IHealth,
  trans: TranslationBundle
): wire.IError | null {
  if (health.wire_version === wire.WIRE_VERSION) {
    return null;
  }
  const isServerOlder = health.wire_version < wire.WIRE_VERSION;
  return {
    code: 'versions_differ',
    message: trans.__(
      'The panel is of rayspace %1, but the half in the server is of %2.',
      VERSION,
      health.rayspace_version
    ),
    hint: isServerOlder
      ? trans.__(
          'Run `pip install rayspace==%1` where the Jupyter server runs, then restart it.',
          VERSION
        )
      : trans.__(
          'Reload this page; if that does not help, run `pip install --force-reinstall --no-deps rayspace==%1`.',
          health.rayspace_version
        ),
    details: {}
  };
}

/** What is wrong with an installation that works all the same, as the server sees it. */
export function problemsOf(health: wire.IHealth): readonly wire.IError[] {
  // A panel that asks is there, wherever it was loaded from.
  return health.problems.filter(problem => problem.code !== 'labextension_missing');
}

/** Say why the server's half can't be asked. */
export function failureOf(error: unknown, trans: TranslationBundle): wire.IError {
  if (error instanceof ResponseError && error.isMissingServer) {
    return {
      code: 'server_extension_missing',
      message: trans.__('The half of rayspace in the Jupyter server is not active.'),
      hint: trans.__(
        'Run `jupyter server extension enable rayspace.server`, then restart Jupyter.'
      ),
      details: {}
    };
  }
  return toError(error);
}
