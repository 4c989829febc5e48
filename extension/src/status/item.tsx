/** What stands in the status bar. */

import * as React from 'react';

import { clusterTone, phaseName } from '../components/cluster-phase';
import { StatusDot } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { formatFraction } from '../units';
import { StatusModel } from './model';

/** Properties of the item. */
export interface IStatusItemProps {
  readonly model: StatusModel;
  readonly onOpen: () => void;
}

/** Draw the item; nothing where there is no cluster. */
export function StatusItem({
  model,
  onOpen
}: IStatusItemProps): React.ReactElement | null {
  const trans = useTrans();
  useModel(model);
  const { cluster, gpuFraction } = model;
  if (!cluster) {
    return null;
  }
  const observed = cluster.groups.reduce((sum, group) => sum + group.n_observed, 0);
  const desired = cluster.groups.reduce((sum, group) => sum + group.n_desired, 0);
  const parts = [cluster.name];
  if (desired > 0) {
    parts.push(trans._n('%2/%1 worker', '%2/%1 workers', desired, observed));
  }
  if (gpuFraction !== null) {
    parts.push(trans.__('GPU %1', formatFraction(gpuFraction)));
  }
  const phase = phaseName(cluster.phase, trans);
  const label = trans.__('Ray cluster %1 (%2): show the panel', cluster.name, phase);
  return (
    <button type="button" className="rayspace-Status" title={label} onClick={onOpen}>
      <StatusDot tone={clusterTone(cluster)} label={phase} />
      <span>{parts.join(' · ')}</span>
    </button>
  );
}
