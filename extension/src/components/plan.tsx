/** What dialogs show of a plan: price, YAML, and the line that does the same. */

import * as React from 'react';

import { ICost } from '../wire';
import { CopyAction } from './cards';
import { useTrans } from './trans';

/** Properties of `MagicLine`. */
export interface IMagicLineProps {
  readonly magic: string;
}

/** Show the line that does the same in a cell, to copy. */
export function MagicLine({ magic }: IMagicLineProps): React.ReactElement {
  const trans = useTrans();
  return (
    <div className="rayspace-Magic">
      <code aria-label={trans.__('The same as a magic')}>{magic}</code>
      {magic && <CopyAction text={magic} label={trans.__('Copy as magic')} />}
    </div>
  );
}

/** Properties of `YamlView`. */
export interface IYamlViewProps {
  readonly yaml: string;
}

/** Show the object that would be applied, where there is one. */
export function YamlView({ yaml }: IYamlViewProps): React.ReactElement | null {
  const trans = useTrans();
  if (!yaml) {
    return null;
  }
  return (
    <details className="rayspace-Yaml">
      <summary>{trans.__('Show YAML')}</summary>
      <div className="rayspace-Yaml-box">
        <pre tabIndex={0} aria-label={trans.__('YAML')}>
          {yaml}
        </pre>
        <CopyAction text={yaml} label={trans.__('Copy the YAML')} />
      </div>
    </details>
  );
}

/** Properties of `Price`. */
export interface IPriceProps {
  readonly cost: ICost | null;
}

/** Say what it costs, where the profile says so. */
export function Price({ cost }: IPriceProps): React.ReactElement | null {
  const trans = useTrans();
  if (!cost) {
    return null;
  }
  const now = cost.per_hour.toFixed(2);
  const most = cost.most_per_hour.toFixed(2);
  return (
    <p className="rayspace-Price">
      {now === most
        ? trans.__('Costs %1 per hour.', now)
        : trans.__('Costs %1 per hour, at most %2.', now, most)}
    </p>
  );
}
