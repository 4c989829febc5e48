/** What an open cluster shows: stages, nodes, facts, and what is done less often. */

import * as React from 'react';

import { ErrorCard } from '../components/cards';
import { Stages } from '../components/stages';
import { useTrans } from '../components/trans';
import { formatBytes, formatFraction } from '../units';
import { IClusterDetail, INode } from '../wire';
import { IClusterRow } from './model';
import type { IClusterActions } from './row';
import { activityText, workerCounts } from './words';

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
      {detail && detail.nodes.length > 0 && <Nodes nodes={detail.nodes} />}
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
  const isOnKubernetes = cluster.namespace !== '';
  return (
    <div className="rayspace-Buttons">
      {isReady && (
        <Workers
          count={workerCounts(cluster).desired}
          onSet={workers => actions.scale(row, workers)}
        />
      )}
      {!row.isChosen && isReady && (
        <TextAction label={trans.__('Use')} onClick={() => actions.use(row)} />
      )}
      <TextAction label={trans.__('Log')} onClick={() => actions.openLog(row)} />
      {isOnKubernetes && isReady && (
        <TextAction label={trans.__('Suspend')} onClick={() => actions.suspend(row)} />
      )}
      {cluster.phase === 'suspended' && (
        <TextAction label={trans.__('Resume')} onClick={() => actions.resume(row)} />
      )}
      {typeof cluster.activity?.acts_at_ms === 'number' && (
        <TextAction label={trans.__('Keep')} onClick={() => actions.extend(row)} />
      )}
    </div>
  );
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

interface IWorkersProps {
  readonly count: number;
  readonly onSet: (workers: number) => void;
}

/** Set the number of workers: asked for once the number stands still. */
function Workers({ count, onSet }: IWorkersProps): React.ReactElement {
  const trans = useTrans();
  const [wanted, setWanted] = React.useState<number | null>(null);
  const shown = wanted ?? count;
  React.useEffect(() => setWanted(null), [count]);
  const step = (by: number): void => setWanted(Math.max(0, shown + by));
  return (
    <span className="rayspace-Stepper" role="group" aria-label={trans.__('Workers')}>
      <button
        type="button"
        aria-label={trans.__('One worker less')}
        onClick={() => step(-1)}
      >
        −
      </button>
      <output aria-label={trans.__('Workers')}>
        {trans._n('%1 worker', '%1 workers', shown)}
      </output>
      <button
        type="button"
        aria-label={trans.__('One worker more')}
        onClick={() => step(1)}
      >
        +
      </button>
      {wanted !== null && wanted !== count && (
        <button
          type="button"
          className="rayspace-Stepper-set"
          onClick={() => onSet(wanted)}
        >
          {trans.__('Scale')}
        </button>
      )}
    </span>
  );
}

interface INodesProps {
  readonly nodes: readonly INode[];
}

function Nodes({ nodes }: INodesProps): React.ReactElement {
  const trans = useTrans();
  return (
    <table className="rayspace-Nodes">
      <thead>
        <tr>
          <th scope="col">{trans.__('Node')}</th>
          <th scope="col">{trans.__('CPU')}</th>
          <th scope="col">{trans.__('Memory')}</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map(node => (
          <NodeRows key={node.node_id} node={node} />
        ))}
      </tbody>
    </table>
  );
}

function NodeRows({ node }: { readonly node: INode }): React.ReactElement {
  const trans = useTrans();
  const memory = node.memory_total_bytes
    ? node.memory_used_bytes / node.memory_total_bytes
    : 0;
  const name = node.is_head ? trans.__('head') : trans.__('worker');
  return (
    <>
      <tr data-alive={node.is_alive}>
        <th scope="row" title={`${node.hostname} ${node.ip}`}>
          {name} <span className="rayspace-muted">{node.ip}</span>
        </th>
        <td>
          <Meter
            fraction={node.cpu_used_fraction}
            label={trans.__(
              '%1 of %2 CPUs',
              formatFraction(node.cpu_used_fraction),
              node.cpus
            )}
          />
        </td>
        <td>
          <Meter
            fraction={memory}
            label={trans.__(
              '%1 of %2',
              formatBytes(node.memory_used_bytes),
              formatBytes(node.memory_total_bytes)
            )}
          />
        </td>
      </tr>
      {node.gpu_samples.map(gpu => (
        <tr key={gpu.gpu_index}>
          <th scope="row" className="rayspace-Nodes-gpu" title={gpu.name}>
            {trans.__('GPU %1', gpu.gpu_index)}{' '}
            <span className="rayspace-muted">{gpu.name}</span>
          </th>
          <td>
            {gpu.busy_fraction === null ? (
              '–'
            ) : (
              <Meter
                fraction={gpu.busy_fraction}
                label={trans.__(
                  'busy %1 of the time',
                  formatFraction(gpu.busy_fraction)
                )}
              />
            )}
          </td>
          <td>
            <Meter
              fraction={gpu.memory_used_bytes / (gpu.memory_total_bytes || 1)}
              label={trans.__(
                '%1 of %2',
                formatBytes(gpu.memory_used_bytes),
                formatBytes(gpu.memory_total_bytes)
              )}
            />
          </td>
        </tr>
      ))}
    </>
  );
}

interface IMeterProps {
  /** The share. [1] */
  readonly fraction: number;
  readonly label: string;
}

function Meter({ fraction, label }: IMeterProps): React.ReactElement {
  const share = Math.min(1, Math.max(0, fraction));
  return (
    <span className="rayspace-Meter" title={label}>
      <span className="rayspace-Meter-text">{formatFraction(share)}</span>
      <span className="rayspace-Meter-bar" aria-hidden="true">
        <span
          style={{ width: `${share * 100}%` }}
          data-high={share > 0.9 || undefined}
        />
      </span>
    </span>
  );
}
