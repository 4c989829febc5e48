/** Runs of MLflow. */

export interface IMetric {
  readonly key: string;
  readonly value: number | null;
  readonly points: readonly (readonly [number, number | null])[];
}

export type RunStatus = 'SCHEDULED' | 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface IRun {
  readonly run_id: string;
  readonly name: string;
  readonly experiment_id: string;
  readonly experiment: string;
  readonly status: RunStatus;
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly job: string;
  readonly metrics: readonly IMetric[];
  readonly link: string;
}

export interface IRunList {
  readonly target: string;
  readonly tracking_uri: string;
  readonly runs: readonly IRun[];
  readonly link: string;
}
