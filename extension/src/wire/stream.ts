/** What the stream tells. */

import { IClusterState } from './cluster';
import { IError, IStage, ITargetState } from './common';
import { IProjectJob } from './job';

export interface IOperation {
  readonly id: string;
  readonly verb: string;
  readonly target: string;
  readonly name: string;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly stages: readonly IStage[];
  readonly result: unknown;
  readonly error: IError | null;
  readonly started_ms: number;
  readonly ended_ms: number;
}

export interface IChoice {
  readonly target: string;
  readonly name: string;
}

/** What is chosen in a project: a path below the root of the server. */
export interface IProjectChoice extends IChoice {
  readonly project: string;
}

/** Why the jobs of a project can't be listed; null once they can. */
export interface IJobsProblem {
  readonly project: string;
  readonly problem: IError | null;
}

export interface ISnapshot {
  readonly clusters: readonly IClusterState[];
  readonly chosen: readonly IProjectChoice[];
  readonly jobs: readonly IProjectJob[] | null;
  readonly jobs_problems: readonly IJobsProblem[];
  readonly targets: readonly ITargetState[];
  readonly operations: readonly IOperation[];
}

/** One message of the stream. */
export type Message = { readonly epoch: string; readonly seq: number } & (
  | { readonly kind: 'snapshot'; readonly data: ISnapshot }
  | { readonly kind: 'cluster'; readonly data: IClusterState }
  | { readonly kind: 'cluster_gone'; readonly data: IChoice }
  | { readonly kind: 'job'; readonly data: IProjectJob }
  | { readonly kind: 'job_gone'; readonly data: { readonly name: string } }
  | { readonly kind: 'jobs_problem'; readonly data: IJobsProblem }
  | { readonly kind: 'target'; readonly data: ITargetState }
  | { readonly kind: 'chosen'; readonly data: IProjectChoice }
  | { readonly kind: 'operation'; readonly data: IOperation }
  | { readonly kind: 'ping'; readonly data: null }
);

/** The version of this interface that the front end speaks. [1] */
export const WIRE_VERSION = 1;

/** Whether something from the stream is a message; kinds of later versions are passed over. */
export function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const said = value as Record<string, unknown>;
  return (
    typeof said.epoch === 'string' &&
    typeof said.seq === 'number' &&
    typeof said.kind === 'string' &&
    'data' in said
  );
}
