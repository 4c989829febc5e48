/** One job in the section. */

import { notebookIcon, redoIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { IconAction } from '../components/icon-action';
import { logIcon } from '../components/icons';
import { Facts, Row } from '../components/row';
import { StatusDot } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useNow } from '../components/use-signal';
import { asOfText } from '../units';
import { isEnded } from '../wire';
import { IJobRow } from './model';
import {
  doneFraction,
  jobFacts,
  jobPhaseName,
  jobSide,
  jobTone,
  notebookName,
  parameterText
} from './words';

/** What can be done with a job. */
export interface IJobActions {
  open(row: IJobRow): void;
  log(row: IJobRow): void;
  stop(row: IJobRow): void;
  retry(row: IJobRow): void;
  clone(row: IJobRow): void;
  run(row: IJobRow): void;
}

/** Properties of a row. */
export interface IJobRowProps {
  readonly row: IJobRow;
  readonly isOpen: boolean;
  /** Since when its target does not answer: 0 for unknown; null where that makes no difference. */
  readonly staleMs: number | null;
  readonly actions: IJobActions;
  readonly onToggle: (key: string) => void;
}

/** Draw a job; drawn anew only when something about it has changed. */
export const JobRow = React.memo(function JobRow(props: IJobRowProps) {
  const { row, isOpen, staleMs, actions, onToggle } = props;
  const { job, operation } = row;
  const trans = useTrans();
  const ended = isEnded(job);
  const nowMs = useNow(!ended);
  const name = notebookName(job);
  const fraction = doneFraction(job);
  const isStale = staleMs !== null;
  const facts = operation
    ? [trans.__('is being stopped')]
    : isStale
      ? [jobPhaseName(job.phase, trans), job.target, asOfText(staleMs, trans)]
      : jobFacts(job, nowMs, trans);
  if (row.elsewhere) {
    facts.push(trans.__('in %1', row.elsewhere));
  }
  return (
    <Row
      rowKey={row.key}
      phase={job.phase}
      isStale={isStale}
      dot={
        <StatusDot
          tone={isStale ? 'gone' : jobTone(job)}
          label={jobPhaseName(job.phase, trans)}
        />
      }
      title={name}
      side={jobSide(job, nowMs, trans)}
      facts={<Facts facts={facts} />}
      below={
        fraction !== null && (
          <div
            className="rayspace-Progress"
            role="progressbar"
            aria-label={trans.__('Cells of %1', name)}
            aria-valuemin={0}
            aria-valuemax={job.progress?.n_cells}
            aria-valuenow={job.progress?.n_done}
          >
            <span style={{ width: `${fraction * 100}%` }} />
          </div>
        )
      }
      isOpen={isOpen}
      onToggle={() => onToggle(row.key)}
      actions={tabIndex => (
        <>
          <IconAction
            icon={notebookIcon}
            label={trans.__('Open the executed notebook of %1', job.name)}
            tabIndex={tabIndex}
            onClick={() => actions.open(row)}
          />
          <IconAction
            icon={logIcon}
            label={trans.__('Show the log of %1', job.name)}
            tabIndex={tabIndex}
            onClick={() => actions.log(row)}
          />
          {ended ? (
            <IconAction
              icon={redoIcon}
              label={trans.__('Run %1 once more', job.name)}
              tabIndex={tabIndex}
              onClick={() => actions.retry(row)}
            />
          ) : (
            <IconAction
              icon={stopIcon}
              label={trans.__('Stop %1', job.name)}
              tabIndex={tabIndex}
              isBusy={!!operation}
              onClick={() => actions.stop(row)}
            />
          )}
        </>
      )}
    >
      <JobBody row={row} actions={actions} />
    </Row>
  );
});

interface IJobBodyProps {
  readonly row: IJobRow;
  readonly actions: IJobActions;
}

function JobBody({ row, actions }: IJobBodyProps): React.ReactElement {
  const trans = useTrans();
  const { job } = row;
  const parameters = parameterText(job.parameters);
  return (
    <>
      {job.reason && (
        <div
          className="rayspace-Card"
          data-kind={job.phase === 'failed' || job.is_stuck ? 'error' : 'note'}
        >
          <p className="rayspace-Card-summary">{job.reason}</p>
        </div>
      )}
      <dl className="rayspace-Details">
        <dt>{trans.__('Job')}</dt>
        <dd>{job.name}</dd>
        {parameters && (
          <>
            <dt>{trans.__('Parameters')}</dt>
            <dd>{parameters}</dd>
          </>
        )}
        <dt>{trans.__('Where')}</dt>
        <dd>{[job.cluster, job.target].filter(Boolean).join(' · ')}</dd>
        {job.experiment && (
          <>
            <dt>{trans.__('Experiment')}</dt>
            <dd>{job.experiment}</dd>
          </>
        )}
        {job.results_dir && (
          <>
            <dt>{trans.__('Results')}</dt>
            <dd>{job.results_dir}</dd>
          </>
        )}
      </dl>
      <div className="rayspace-Buttons">
        <button
          type="button"
          className="rayspace-Button"
          onClick={() => actions.clone(row)}
        >
          {trans.__('Run with other parameters…')}
        </button>
        {job.run_id && (
          <button
            type="button"
            className="rayspace-Button"
            onClick={() => actions.run(row)}
          >
            {trans.__('Open in MLflow')}
          </button>
        )}
      </div>
    </>
  );
}
