/** What an open cluster shows: stages, nodes, facts, and what is done less often. */

import * as React from 'react';

import { ErrorCard } from '../components/cards';
import { Stages } from '../components/stages';
import { useTrans } from '../components/trans';
import { isWaiting } from '../operations';
import { IClusterDetail, IOperation } from '../wire';
import { IClusterActions } from './actions';
import { IClusterRow } from './model';
import { Nodes } from './nodes';
import { activityText } from './words';
import { Workers } from './workers';

/** Properties of `ClusterBody`. */
export interface IClusterBodyProps {
  readonly row: IClusterRow;
  readonly detail: IClusterDetail | undefined;
  readonly actions: IClusterActions;
}

/** Draw what is below the row of an open cluster. */
export function ClusterBody({
  row,
  detail,
  actions
}: IClusterBodyProps): React.ReactElement {
  const trans = useTrans();
  const { cluster, operation } = row;
  const activity = activityText(cluster, trans);
  const stages = operation
    ? operation.stages
    : cluster.phase === 'ready'
      ? []
      : cluster.stages;
  const versions = [
    cluster.ray_version && `Ray ${cluster.ray_version}`,
    cluster.python_version && `Python ${cluster.python_version}`
  ].filter(Boolean);
  return (
    <>
      {cluster.reason && cluster.problems.length === 0 && (
        <p className="rayspace-muted">{cluster.reason}</p>
      )}
      <Stages stages={stages} />
      {detail && detail.nodes.length > 0 && (
        <Nodes nodes={detail.nodes} courses={detail.courses} />
      )}
      {detail?.nodes_problem && cluster.phase === 'ready' && (
        <ErrorCard
          message={detail.nodes_problem.message}
          hint={detail.nodes_problem.hint}
        />
      )}
      {activity && <p className="rayspace-muted">{activity}</p>}
      {versions.length > 0 && <p className="rayspace-muted">{versions.join(' · ')}</p>}
      {cluster.owner && (
        <p className="rayspace-muted">{trans.__('Of %1', cluster.owner)}</p>
      )}
      <ClusterButtons row={row} actions={actions} />
    </>
  );
}

interface IButtonsProps {
  readonly row: IClusterRow;
  readonly actions: IClusterActions;
}

function ClusterButtons({ row, actions }: IButtonsProps): React.ReactElement {
  const trans = useTrans();
  const { cluster } = row;
  const isReady = cluster.phase === 'ready';
  // The server leaves alone what somebody else made, also with no owner's name.
  const isMine = cluster.origin !== 'foreign';
  const isOnKubernetes = cluster.namespace !== '';
  return (
    <div className="rayspace-Buttons">
      {row.operation && <LetBe operation={row.operation} actions={actions} />}
      {isMine &&
        isReady &&
        cluster.groups.map(group => (
          <Workers
            key={group.name}
            group={group}
            isNamed={cluster.groups.length > 1}
            onSet={change => actions.scale(row, change)}
          />
        ))}
      {!row.isChosen && isReady && (
        <TextAction label={trans.__('Use')} onClick={() => actions.use(row)} />
      )}
      <TextAction label={trans.__('Log')} onClick={() => actions.openLog(row)} />
      {isMine && isOnKubernetes && isReady && (
        <TextAction label={trans.__('Suspend')} onClick={() => actions.suspend(row)} />
      )}
      {isMine && cluster.phase === 'suspended' && (
        <TextAction label={trans.__('Resume')} onClick={() => actions.resume(row)} />
      )}
      {isMine && typeof cluster.activity?.acts_at_ms === 'number' && (
        <TextAction label={trans.__('Keep')} onClick={() => actions.extend(row)} />
      )}
    </div>
  );
}

interface ILetBeProps {
  readonly operation: IOperation;
  readonly actions: IClusterActions;
}

/** Offer not to wait any more, where somebody waits. */
export function LetBe({ operation, actions }: ILetBeProps): React.ReactElement | null {
  const trans = useTrans();
  return isWaiting(operation) ? (
    <TextAction
      label={trans.__('Stop waiting')}
      onClick={() => actions.letBe(operation)}
    />
  ) : null;
}

interface ITextActionProps {
  readonly label: string;
  readonly onClick: () => void;
}

function TextAction({ label, onClick }: ITextActionProps): React.ReactElement {
  return (
    <button type="button" className="rayspace-Button" onClick={onClick}>
      {label}
    </button>
  );
}
