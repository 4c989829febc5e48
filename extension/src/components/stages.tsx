/** The steps of something that takes long. */

import * as React from 'react';

import { IStage } from '../wire';
import { StatusDot, Tone } from './status-dot';
import { useTrans } from './trans';

const TONES: Record<IStage['state'], Tone> = {
  doing: 'busy',
  done: 'good',
  failed: 'bad',
  note: 'wait'
};

/** Properties of `Stages`. */
export interface IStagesProps {
  readonly stages: readonly IStage[];
}

/** Draw stages in the order in which they came; those that only passed by are left out. */
export function Stages({ stages }: IStagesProps): React.ReactElement | null {
  const trans = useTrans();
  const shown = stages.filter(stage => !stage.is_passing || stage.state === 'doing');
  if (shown.length === 0) {
    return null;
  }
  const words: Record<IStage['state'], string> = {
    doing: trans.__('goes on'),
    done: trans.__('done'),
    failed: trans.__('failed'),
    note: trans.__('remark')
  };
  return (
    <ol className="rayspace-Stages">
      {shown.map(stage => (
        <li key={stage.key} data-state={stage.state}>
          <StatusDot tone={TONES[stage.state]} label={words[stage.state]} />
          <span>{stage.text}</span>
          {stage.total !== null && stage.state === 'doing' && (
            <span className="rayspace-muted">{`${stage.done ?? 0}/${stage.total}`}</span>
          )}
        </li>
      ))}
    </ol>
  );
}
