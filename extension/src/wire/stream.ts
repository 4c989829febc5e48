/** What the stream tells. */

import { IClusterState } from './cluster';
import { IError, IStage, ITargetState } from './common';
import { IJobState } from './job';

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

export interface ISnapshot {
  readonly clusters: readonly IClusterState[];
  readonly chosen: IChoice;
  readonly jobs: readonly IJobState[] | null;
  /** Why jobs can't be listed; null where they can. */
  readonly jobs_problem: IError | null;
  readonly targets: readonly ITargetState[];
  readonly operations: readonly IOperation[];
}

/** One message of the stream. */
export type Message = { readonly epoch: string; readonly seq: number } & (
  | { readonly kind: 'snapshot'; readonly data: ISnapshot }
  | { readonly kind: 'cluster'; readonly data: IClusterState }
  | { readonly kind: 'cluster_gone'; readonly data: IChoice }
  | { readonly kind: 'job'; readonly data: IJobState }
  | { readonly kind: 'job_gone'; readonly data: { readonly name: string } }
  | { readonly kind: 'jobs_problem'; readonly data: IError | null }
  | { readonly kind: 'target'; readonly data: ITargetState }
  | { readonly kind: 'chosen'; readonly data: IChoice }
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
