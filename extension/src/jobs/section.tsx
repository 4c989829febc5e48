/** The section of jobs. */

import * as React from 'react';

import { EmptyState, ErrorCard } from '../components/cards';
import { FailedOperation } from '../components/operation';
import { Row, RowList } from '../components/row';
import { SectionState } from '../components/section';
import { Stages } from '../components/stages';
import { StatusDot } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { stageText } from '../operations';
import { IOperation, isEnded } from '../wire';
import { JobsModel } from './model';
import { IJobActions, JobRow } from './row';

/** Properties of the section. */
export interface IJobsSectionProps {
  readonly model: JobsModel;
  readonly actions: IJobActions;
  /** Ships the notebook in front; undefined where none is. */
  readonly onRun: () => void;
}

/** Draw the jobs, those on their way, and what failed. */
export function JobsSection({
  model,
  actions,
  onRun
}: IJobsSectionProps): React.ReactElement {
  const trans = useTrans();
  useModel(model);
  const rows = model.rows ?? [];
  const { beginning: submitting, failures } = model;
  const { jobsProblem } = model.live;
  const toggle = React.useCallback((key: string) => model.toggle(key), [model]);
  return (
    <SectionState
      live={model.live}
      isLoaded={model.rows !== null || submitting.length > 0 || jobsProblem !== null}
      isEmpty={!jobsProblem && rows.length + submitting.length + failures.length === 0}
      empty={
        <EmptyState
          text={trans.__(
            'No job in this project yet. Open a notebook and run it on Ray.'
          )}
          action={trans.__('Run a notebook on Ray')}
          onAction={onRun}
        />
      }
    >
      {jobsProblem && (
        <ErrorCard
          message={jobsProblem.message}
          hint={jobsProblem.hint}
          onRetry={() => model.live.retryJobs()}
        />
      )}
      {failures.map(operation => (
        <FailedOperation
          key={operation.id}
          operation={operation}
          onDismiss={() => model.dismiss(operation.id)}
        />
      ))}
      <RowList
        label={trans.__('Jobs')}
        keys={[...submitting.map(o => o.id), ...rows.map(row => row.key)]}
      >
        {submitting.map(operation => (
          <SubmittingRow key={operation.id} operation={operation} model={model} />
        ))}
        {rows.map(row => (
          <JobRow
            key={row.key}
            row={row}
            isOpen={model.isOpen(row.key)}
            staleMs={isEnded(row.job) ? null : model.live.silentSinceMs(row.job.target)}
            actions={actions}
            onToggle={toggle}
          />
        ))}
      </RowList>
    </SectionState>
  );
}

interface ISubmittingRowProps {
  readonly operation: IOperation;
  readonly model: JobsModel;
}

/** A job that is being shipped. */
function SubmittingRow({ operation, model }: ISubmittingRowProps): React.ReactElement {
  const trans = useTrans();
  return (
    <Row
      rowKey={operation.id}
      phase="pending"
      dot={<StatusDot tone="busy" label={trans.__('on its way')} />}
      title={operation.name.split('/').pop() ?? operation.name}
      side={operation.target}
      facts={<span>{stageText(operation) || trans.__('on its way')}</span>}
      isOpen={model.isOpen(operation.id)}
      onToggle={() => model.toggle(operation.id)}
    >
      <Stages stages={operation.stages} />
    </Row>
  );
}
