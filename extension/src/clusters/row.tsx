/** One cluster in the section. */

import { linkIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { WhyCard } from '../components/cards';
import { clusterTone, phaseName } from '../components/cluster-phase';
import { IconAction } from '../components/icon-action';
import { dashboardIcon } from '../components/icons';
import { Facts, Row } from '../components/row';
import { StatusDot } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useNow } from '../components/use-signal';
import { stageText } from '../operations';
import { IClusterDetail } from '../wire';
import { IClusterActions } from './actions';
import { ClusterBody } from './body';
import { canSuspend, idleText, IIdleGpus } from './idle';
import { IClusterRow } from './model';
import { clusterFacts, isOthers, sizeText } from './words';

/** Properties of a row. */
export interface IClusterRowProps {
  readonly row: IClusterRow;
  readonly isOpen: boolean;
  readonly detail: IClusterDetail | undefined;
  /** GPUs that it holds in vain; null for none. */
  readonly idle: IIdleGpus | null;
  /** GPUs that Ray found; 0 before that is known. [1] */
  readonly gpus: number;
  /** Since when its target does not answer: 0 for unknown; null where it does. */
  readonly staleMs: number | null;
  readonly actions: IClusterActions;
  readonly onToggle: (key: string) => void;
}

/** Draw a cluster; drawn anew only when something about it has changed. */
export const ClusterRow = React.memo(function ClusterRow(props: IClusterRowProps) {
  const { row, isOpen, detail, idle, gpus, staleMs, actions, onToggle } = props;
  const { cluster, operation } = row;
  const trans = useTrans();
  const nowMs = useNow(cluster.phase === 'starting');
  const first = cluster.problems[0];
  // Who waits for something that has a problem is told of the problem.
  const isStale = staleMs !== null;
  const tone = isStale ? 'gone' : operation && !first ? 'busy' : clusterTone(cluster);
  const phase = phaseName(cluster.phase, trans);
  const stage = operation ? stageText(operation) : '';
  return (
    <Row
      rowKey={row.key}
      phase={cluster.phase}
      isStale={isStale}
      dot={
        <StatusDot
          tone={tone}
          label={isStale ? trans.__('%1, not up to date', phase) : phase}
        />
      }
      title={cluster.name}
      isMarked={row.isChosen}
      side={sizeText(cluster, trans, gpus)}
      facts={
        stage ? (
          <span>{stage}</span>
        ) : (
          <Facts facts={clusterFacts(cluster, nowMs, trans, staleMs)} />
        )
      }
      below={
        <>
          {!isOpen && first && first.summary !== stage && (
            <WhyLine text={first.summary} />
          )}
          {idle && !operation && <IdleLine row={row} idle={idle} actions={actions} />}
        </>
      }
      isOpen={isOpen}
      onToggle={() => onToggle(row.key)}
      actions={tabIndex => (
        <>
          {cluster.phase === 'ready' && (
            <>
              <IconAction
                icon={linkIcon}
                label={trans.__('Connect this notebook to %1', cluster.name)}
                tabIndex={tabIndex}
                onClick={() => actions.connect(row)}
              />
              <IconAction
                icon={dashboardIcon}
                label={trans.__('Open the Ray dashboard of %1', cluster.name)}
                tabIndex={tabIndex}
                onClick={() => actions.openDashboard(row)}
              />
            </>
          )}
          {!isOthers(cluster) && (
            <IconAction
              icon={stopIcon}
              label={trans.__('End %1…', cluster.name)}
              tabIndex={tabIndex}
              isBusy={operation?.verb === 'down' || cluster.phase === 'ending'}
              onClick={() => actions.down(row)}
            />
          )}
        </>
      )}
    >
      {cluster.problems.map(problem => (
        <WhyCard key={problem.code + problem.summary} problem={problem} />
      ))}
      <ClusterBody row={row} detail={detail} actions={actions} />
    </Row>
  );
});

function WhyLine({ text }: { readonly text: string }): React.ReactElement {
  return <div className="rayspace-Row-why">{text}</div>;
}

interface IIdleLineProps {
  readonly row: IClusterRow;
  readonly idle: IIdleGpus;
  readonly actions: IClusterActions;
}

/** Say that GPUs are held in vain, with the one click that frees them. */
function IdleLine({ row, idle, actions }: IIdleLineProps): React.ReactElement {
  const trans = useTrans();
  const suspends = canSuspend(row.cluster);
  return (
    <div className="rayspace-Idle" role="status">
      <span>{idleText(idle, trans)}</span>
      <button
        type="button"
        className="rayspace-Button"
        title={
          suspends
            ? trans.__(
                'Suspend %1: its pods go, and Resume brings it back',
                row.cluster.name
              )
            : trans.__('End %1, after a question', row.cluster.name)
        }
        onClick={() => (suspends ? actions.suspend(row) : actions.down(row))}
      >
        {suspends ? trans.__('Suspend it') : trans.__('End it…')}
      </button>
    </div>
  );
}
