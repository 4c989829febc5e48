/** The section of clusters. */

import * as React from 'react';

import { EmptyState } from '../components/cards';
import { gpusOf } from '../components/cluster-gpus';
import { FailedOperation } from '../components/operation';
import { Row, RowList } from '../components/row';
import { SectionState } from '../components/section';
import { Stages } from '../components/stages';
import { StatusDot } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { stageText } from '../operations';
import { IOperation, isSilent } from '../wire';
import { IClusterActions } from './actions';
import { LetBe } from './body';
import { ClustersModel } from './model';
import { ClusterRow } from './row';

/** Properties of the section. */
export interface IClustersSectionProps {
  readonly model: ClustersModel;
  readonly actions: IClusterActions;
  readonly onStart: () => void;
}

/** Draw the clusters, those that are being started, and what failed. */
export function ClustersSection(props: IClustersSectionProps): React.ReactElement {
  const { model, actions, onStart } = props;
  const trans = useTrans();
  useModel(model);
  const rows = model.rows ?? [];
  const toggle = React.useCallback((key: string) => model.toggle(key), [model]);
  const starting = model.beginning;
  return (
    <SectionState
      live={model.live}
      isLoaded={model.rows !== null}
      isEmpty={rows.length + starting.length + model.failures.length === 0}
      empty={
        <EmptyState
          text={trans.__(
            'No cluster runs. Start one on this machine or on Kubernetes.'
          )}
          action={trans.__('Start a cluster')}
          onAction={onStart}
        />
      }
    >
      {model.failures.map(operation => (
        <FailedOperation
          key={operation.id}
          operation={operation}
          onDismiss={() => model.dismiss(operation.id)}
        />
      ))}
      <RowList
        label={trans.__('Clusters')}
        keys={[...starting.map(o => o.id), ...rows.map(row => row.key)]}
      >
        {starting.map(operation => (
          <StartingRow
            key={operation.id}
            operation={operation}
            model={model}
            actions={actions}
          />
        ))}
        {rows.map(row => (
          <ClusterRow
            key={row.key}
            row={row}
            isOpen={model.isOpen(row.key)}
            detail={model.isOpen(row.key) ? model.detail(row.key) : undefined}
            idle={model.idle(row.key)}
            gpus={gpusOf(model.detail(row.key)?.nodes ?? [])}
            staleMs={model.live.silentSinceMs(row.cluster.target)}
            actions={actions}
            onToggle={toggle}
          />
        ))}
      </RowList>
      <Silent model={model} />
    </SectionState>
  );
}

interface IOperationProps {
  readonly operation: IOperation;
  readonly model: ClustersModel;
  readonly actions: IClusterActions;
}

/** A cluster that is asked for, but is not there yet. */
function StartingRow(props: IOperationProps): React.ReactElement {
  const { operation, model, actions } = props;
  const trans = useTrans();
  return (
    <Row
      rowKey={operation.id}
      phase="starting"
      dot={<StatusDot tone="busy" label={trans.__('starting')} />}
      title={operation.name || trans.__('New cluster')}
      side={operation.target}
      facts={<span>{stageText(operation) || trans.__('starting')}</span>}
      isOpen={model.isOpen(operation.id)}
      onToggle={() => model.toggle(operation.id)}
    >
      <Stages stages={operation.stages} />
      <div className="rayspace-Buttons">
        <LetBe operation={operation} actions={actions} />
      </div>
    </Row>
  );
}

/** Say which targets do not answer: what is shown of them may be old. */
function Silent({
  model
}: {
  readonly model: ClustersModel;
}): React.ReactElement | null {
  const trans = useTrans();
  const silent = model.live.targets.filter(isSilent);
  if (silent.length === 0) {
    return null;
  }
  return (
    <ul className="rayspace-Silent" aria-label={trans.__('Targets that do not answer')}>
      {silent.map(target => (
        <li key={target.name} title={target.problem?.hint}>
          <StatusDot tone="warn" label={trans.__('does not answer')} />
          <span>
            {target.problem?.message ?? trans.__('%1 does not answer.', target.name)}
          </span>
        </li>
      ))}
    </ul>
  );
}
