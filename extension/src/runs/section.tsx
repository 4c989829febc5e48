/** The section of runs. */

import { TranslationBundle } from '@jupyterlab/translation';
import { launchIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { EmptyState, ErrorCard } from '../components/cards';
import { IconAction } from '../components/icon-action';
import { Facts, Row, RowList } from '../components/row';
import { SectionState } from '../components/section';
import { Sparkline } from '../components/sparkline';
import { StatusDot, Tone } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useModel, useNow } from '../components/use-signal';
import { asOfText, formatAge, formatMetric } from '../units';
import { IMetric, IRun, RunStatus } from '../wire';
import { RunsModel } from './model';

const TONES: Record<RunStatus, Tone> = {
  SCHEDULED: 'wait',
  RUNNING: 'busy',
  FINISHED: 'good',
  FAILED: 'bad',
  KILLED: 'paused'
};

/** Properties of the section. */
export interface IRunsSectionProps {
  readonly model: RunsModel;
  readonly onOpen: (link: string, title: string) => void;
}

/** Draw the latest runs of each experiment. */
export function RunsSection({ model, onOpen }: IRunsSectionProps): React.ReactElement {
  const trans = useTrans();
  useModel(model);
  const [open, setOpen] = React.useState('');
  const { experiments, list, error } = model;
  return (
    <SectionState
      live={model.live}
      isLoaded={list !== null}
      isEmpty={experiments.length === 0 && !error}
      error={error && !list ? error : undefined}
      onRetry={() => model.refresh()}
      empty={
        <EmptyState
          text={trans.__('No run yet. Each job is tracked as a run of MLflow.')}
        />
      }
    >
      {error && (
        <ErrorCard
          message={
            model.seenMs > 0
              ? `${error.message} ${trans.__('What is shown is %1.', asOfText(model.seenMs, trans))}`
              : error.message
          }
          hint={error.hint}
          onRetry={() => model.refresh()}
        />
      )}
      {experiments.map(experiment => (
        <React.Fragment key={experiment.key}>
          <h4 className="rayspace-Group">{experiment.name}</h4>
          <RowList
            label={experiment.name}
            keys={experiment.runs.map(run => run.run_id)}
          >
            {experiment.runs.map(run => (
              <RunRow
                key={run.run_id}
                run={run}
                isOpen={open === run.run_id}
                onToggle={() => setOpen(open === run.run_id ? '' : run.run_id)}
                onOpen={onOpen}
              />
            ))}
          </RowList>
        </React.Fragment>
      ))}
    </SectionState>
  );
}

interface IRunRowProps {
  readonly run: IRun;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
  readonly onOpen: (link: string, title: string) => void;
}

function RunRow({ run, isOpen, onToggle, onOpen }: IRunRowProps): React.ReactElement {
  const trans = useTrans();
  const nowMs = useNow(false);
  const first = run.metrics[0];
  const status = statusName(run.status, trans);
  const age = formatAge((nowMs - (run.ended_ms || run.started_ms)) / 1000);
  const facts = [
    status,
    run.ended_ms ? trans.__('%1 ago', age) : trans.__('for %1', age),
    ...(first ? [first.key] : [])
  ];
  return (
    <Row
      rowKey={run.run_id}
      phase={run.status}
      dot={<StatusDot tone={TONES[run.status]} label={status} />}
      title={run.name}
      side={first && <MetricValue metric={first} />}
      facts={<Facts facts={facts} />}
      isOpen={run.metrics.length > 1 ? isOpen : undefined}
      onToggle={run.metrics.length > 1 ? onToggle : undefined}
      actions={tabIndex => (
        <IconAction
          icon={launchIcon}
          label={trans.__('Open %1 in MLflow', run.name)}
          tabIndex={tabIndex}
          onClick={() => onOpen(run.link, run.name)}
        />
      )}
    >
      <dl className="rayspace-Metrics">
        {run.metrics.map(metric => (
          <div key={metric.key}>
            <dt>{metric.key}</dt>
            <dd>
              <Spark metric={metric} />
              <span>{metric.value === null ? '–' : formatMetric(metric.value)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Row>
  );
}

function MetricValue({ metric }: { readonly metric: IMetric }): React.ReactElement {
  return (
    <span className="rayspace-Metric" title={metric.key}>
      <Spark metric={metric} />
      {metric.value === null ? '–' : formatMetric(metric.value)}
    </span>
  );
}

function Spark({ metric }: { readonly metric: IMetric }): React.ReactElement | null {
  const trans = useTrans();
  if (metric.points.length < 2) {
    return null;
  }
  return (
    <Sparkline
      values={metric.points.map(([, value]) => value ?? NaN)}
      label={trans.__('Course of %1', metric.key)}
    />
  );
}

function statusName(status: RunStatus, trans: TranslationBundle): string {
  const names: Record<RunStatus, string> = {
    SCHEDULED: trans.__('scheduled'),
    RUNNING: trans.__('running'),
    FINISHED: trans.__('finished'),
    FAILED: trans.__('failed'),
    KILLED: trans.__('stopped')
  };
  return names[status] ?? status;
}
