/** Jobs: how they are, what is shipped, and what came of it. */

import { ICost, IKernel } from './common';

export type JobPhase =
  'pending' | 'running' | 'succeeded' | 'failed' | 'stopped' | 'lost';

export interface IProgress {
  readonly n_done: number;
  readonly n_cells: number;
  readonly cell_number: number;
  readonly cell_preview: string;
  readonly elapsed_s: number;
  readonly cell_elapsed_s: number;
  readonly unit: string;
}

export interface IJobState {
  readonly name: string;
  readonly phase: JobPhase;
  readonly cause: string;
  readonly reason: string;
  readonly notebook: string;
  readonly cluster: string;
  readonly target: string;
  readonly profile: string;
  readonly run_id: string;
  readonly experiment: string;
  readonly experiment_id: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly progress: IProgress | null;
  readonly submitted_ms: number;
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly heartbeat_ms: number;
  readonly failed_cell: number;
  readonly parent_run_id: string;
  /** The folder of results that were fetched; empty while they were not. */
  readonly results_dir: string;
  readonly is_stuck: boolean;
}

/** A job, and the projects that list it: paths below the root of the server. */
export interface IProjectJob extends IJobState {
  readonly projects: readonly string[];
}

export interface IField {
  readonly name: string;
  readonly type: string;
  readonly kind: 'bool' | 'int' | 'float' | 'str' | 'list' | 'dict' | 'choice' | 'any';
  readonly is_optional: boolean;
  readonly default: unknown;
  readonly default_repr: string;
  readonly has_default: boolean;
  readonly choices: readonly unknown[];
  readonly help: string;
}

export interface IJobWish {
  readonly path: string;
  readonly kernel?: IKernel | null;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly cluster?: string | null;
  readonly profile?: string | null;
  readonly target?: string | null;
}

export interface IBundleFile {
  readonly path: string;
  readonly size_bytes: number;
}

export interface ISkipped {
  readonly path: string;
  readonly kind: string;
  readonly reason: string;
  readonly size_bytes: number | null;
}

export interface IBundlePreview {
  readonly summary: string;
  readonly root: string;
  readonly n_files: number;
  readonly total_bytes: number;
  readonly files: readonly IBundleFile[];
  readonly skipped: readonly ISkipped[];
}

export interface IJobPlan {
  readonly notebook: string;
  readonly target: string;
  readonly cluster: string;
  readonly experiment: string;
  readonly fields: readonly IField[];
  readonly bundle: IBundlePreview;
  readonly warnings: readonly string[];
  readonly packages: readonly string[];
  readonly yaml: string;
  readonly cost: ICost | null;
  readonly magic: string;
}

export interface ILogPiece {
  readonly text: string;
  readonly offset: number;
  readonly is_complete: boolean;
}

export interface IJobInputs {
  /** The notebook below the root; empty where it is not there. */
  readonly source: string;
  /** Values with which it runs, as JSON holds them. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface IResults {
  readonly job: string;
  readonly notebook: string;
  readonly directory: string;
  readonly failed_cell: number;
  readonly contents: {
    readonly directory: string;
    readonly notebook: string;
    readonly html: string;
    readonly log: string;
    readonly source: string;
    readonly trials: readonly string[];
  };
}

/** Whether nothing more happens to a job. */
export function isEnded(job: IJobState): boolean {
  return job.phase !== 'pending' && job.phase !== 'running';
}
