/** Clusters: how they are, what is wished of them, and what would be made. */

import { ICost, IError, IKernel, IProblem, IStage } from './common';
import { IGroupSpec, INodeResources, IPodOptions } from './profile';

export type ClusterPhase =
  | 'starting'
  | 'queued'
  | 'ready'
  | 'unreachable'
  | 'suspended'
  | 'ending'
  | 'failed'
  | 'lost'
  | 'unreadable';

export interface IWorkerGroup {
  readonly name: string;
  readonly n_desired: number;
  readonly n_requested: number;
  readonly n_observed: number;
  readonly n_min: number | null;
  readonly n_max: number | null;
}

export interface IClusterSpec {
  readonly name: string;
  readonly profile: string;
  readonly head: INodeResources;
  readonly worker: INodeResources;
  readonly n_workers: number;
  readonly max_workers: number | null;
  readonly more_groups: readonly IGroupSpec[];
  readonly pods: IPodOptions;
}

export interface IActivity {
  readonly seen_ms: number;
  readonly active: readonly string[];
  readonly acts_at_ms: number | null;
  readonly action: string;
  readonly idle_since_ms: number | null;
  readonly is_known: boolean;
}

export interface IClusterState {
  readonly name: string;
  readonly uid: string;
  readonly target: string;
  readonly phase: ClusterPhase;
  readonly reason: string;
  readonly profile: string;
  readonly origin: 'started' | 'adopted' | 'foreign';
  readonly project: string;
  readonly groups: readonly IWorkerGroup[];
  readonly started_ms: number;
  readonly ray_version: string;
  readonly python_version: string;
  readonly spec: IClusterSpec;
  readonly namespace: string;
  readonly owner: string;
  readonly problems: readonly IProblem[];
  readonly activity: IActivity | null;
  readonly stages: readonly IStage[];
}

export interface IGpuSample {
  readonly gpu_index: number;
  readonly name: string;
  readonly busy_fraction: number | null;
  readonly memory_used_bytes: number | null;
  readonly memory_total_bytes: number | null;
  readonly power_w: number | null;
  readonly temperature_c: number | null;
  readonly key: string;
  readonly n_processes: number | null;
}

export interface INode {
  readonly node_id: string;
  readonly ip: string;
  readonly hostname: string;
  readonly is_head: boolean;
  readonly is_alive: boolean;
  readonly cpus: number;
  readonly gpus: number;
  readonly cpu_used_fraction: number;
  readonly memory_used_bytes: number;
  readonly memory_total_bytes: number;
  readonly gpu_samples: readonly IGpuSample[];
  readonly name: string;
}

export interface IGpuCourse {
  readonly key: string;
  readonly busy_fractions: readonly (number | null)[];
  readonly idle_s: number;
}

export interface INodeCourse {
  readonly node_id: string;
  readonly span_s: number;
  readonly cpu_fractions: readonly (number | null)[];
  readonly gpus: readonly IGpuCourse[];
}

export interface IClusterDetail {
  readonly cluster: IClusterState;
  readonly nodes: readonly INode[];
  readonly courses: readonly INodeCourse[];
  readonly nodes_problem: IError | null;
  readonly dashboard: string;
}

/** Another number of workers of a group, or other bounds where they come by need. [1] */
export interface IWorkersWish {
  readonly group: string;
  readonly workers: number;
  readonly max_workers: number | null;
}

export interface IClusterWish {
  readonly path?: string;
  readonly kernel?: IKernel | null;
  readonly profile?: string | null;
  readonly name?: string | null;
  readonly target?: string | null;
  readonly workers?: number | null;
  readonly gpus?: number | null;
  readonly queue?: string | null;
  readonly force?: boolean;
}

/** What gives its place to another cluster of its name that is asked for by force. */
export interface IReplaced {
  readonly name: string;
  readonly phase: ClusterPhase;
  readonly why: string;
}

export interface IClusterPlan {
  readonly spec: IClusterSpec;
  readonly target: string;
  readonly name_was: string;
  readonly yaml: string;
  readonly difference: string;
  readonly problems: readonly IProblem[];
  readonly notes: readonly string[];
  readonly cost: ICost | null;
  readonly magic: string;
  readonly replaced: IReplaced | null;
}

export interface IDownResult {
  readonly name: string;
  readonly actions: readonly string[];
  readonly is_dry_run: boolean;
}
