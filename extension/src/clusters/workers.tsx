/** Set how many workers a group has: asked for once the numbers stand still. */

import * as React from 'react';

import { useTrans } from '../components/trans';
import { IWorkerGroup, IWorkersWish } from '../wire';
import { boundsOf, IBounds, lowered, raised } from './bounds';

/** Properties of `Workers`. */
export interface IWorkersProps {
  readonly group: IWorkerGroup;
  /** Whether there are other groups. */
  readonly isNamed: boolean;
  readonly onSet: (change: IWorkersWish) => void;
}

/** Draw the number of workers, or the two bounds between which they come by need. */
export function Workers({ group, isNamed, onSet }: IWorkersProps): React.ReactElement {
  const trans = useTrans();
  const { least, most } = boundsOf(group);
  const [wanted, setWanted] = React.useState<IBounds | null>(null);
  React.useEffect(() => setWanted(null), [least, most]);
  const shown = wanted ?? { least, most };
  const label = isNamed ? trans.__('Workers of %1', group.name) : trans.__('Workers');
  const set = (change: Partial<IBounds>): void => setWanted({ ...shown, ...change });
  return (
    <span className="rayspace-Stepper" role="group" aria-label={label}>
      {isNamed && <span className="rayspace-Stepper-name">{group.name}</span>}
      <Step
        label={
          most === null
            ? trans.__('One worker less')
            : trans.__('At least one worker less')
        }
        text="−"
        onStep={() => set({ least: Math.max(0, shown.least - 1) })}
      />
      <output aria-label={label}>
        {shown.most === null
          ? trans._n('%1 worker', '%1 workers', shown.least)
          : trans.__('%1 to', shown.least)}
      </output>
      <Step
        label={
          most === null
            ? trans.__('One worker more')
            : trans.__('At least one worker more')
        }
        text="+"
        onStep={() => setWanted(raised(shown))}
      />
      {shown.most !== null && (
        <>
          <Step
            label={trans.__('At most one worker less')}
            text="−"
            onStep={() => setWanted(lowered(shown))}
          />
          <output aria-label={trans.__('%1 at most', label)}>
            {trans._n('%1 worker', '%1 workers', shown.most)}
          </output>
          <Step
            label={trans.__('At most one worker more')}
            text="+"
            onStep={() => set({ most: (shown.most ?? 0) + 1 })}
          />
        </>
      )}
      {wanted !== null && (wanted.least !== least || wanted.most !== most) && (
        <button
          type="button"
          className="rayspace-Stepper-set"
          onClick={() =>
            onSet({
              group: group.name,
              workers: wanted.least,
              max_workers: wanted.most
            })
          }
        >
          {trans.__('Scale')}
        </button>
      )}
    </span>
  );
}

interface IStepProps {
  readonly label: string;
  readonly text: string;
  readonly onStep: () => void;
}

function Step({ label, text, onStep }: IStepProps): React.ReactElement {
  return (
    <button type="button" aria-label={label} onClick={onStep}>
      {text}
    </button>
  );
}
