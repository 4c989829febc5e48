/** JSON as the server sends it; `workspace/rayspace/server/openapi.yaml` says what each means. */

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

export type JobPhase =
  'pending' | 'running' | 'succeeded' | 'failed' | 'stopped' | 'lost';

export interface IError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface IHealth {
  readonly rayspace_version: string;
  readonly wire_version: number;
  readonly labextension_version: string;
  readonly ray_version: string;
  readonly project: string;
  readonly root_dir: string;
  readonly problems: readonly IError[];
}

export interface IKernelProbe {
  readonly code: string;
  readonly mime_type: string;
}

/** What a notebook's kernel says of itself. */
export interface IKernel {
  readonly python: string;
  readonly python_version: string;
  readonly ray_version: string;
  readonly rayspace_version: string;
}

export interface IEvidence {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
}

export interface IProblem {
  readonly code: string;
  readonly summary: string;
  readonly hint: string;
  readonly owner: 'you' | 'admin';
  readonly evidence: readonly IEvidence[];
  readonly is_final: boolean;
}

export interface IStage {
  readonly key: string;
  readonly text: string;
  readonly state: 'doing' | 'done' | 'failed' | 'note';
  readonly done: number | null;
  readonly total: number | null;
  readonly is_passing: boolean;
}

export interface IWorkerGroup {
  readonly name: string;
  readonly n_desired: number;
  readonly n_requested: number;
  readonly n_observed: number;
  readonly n_min: number | null;
  readonly n_max: number | null;
}

export interface INodeResources {
  readonly cpus: number | null;
  readonly memory_bytes: number | null;
  readonly gpus: number;
  readonly gpu_type: string;
}

export interface IGroupSpec {
  readonly name: string;
  readonly n_workers: number;
  readonly worker: INodeResources;
  readonly max_workers: number | null;
}

export interface IPodOptions {
  readonly image: string;
  readonly queue: string;
  readonly idle_s: number | null;
  readonly max_lifetime_s: number | null;
  readonly price_per_hour: number | null;
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
  readonly memory_used_bytes: number;
  readonly memory_total_bytes: number;
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
}

export interface IClusterDetail {
  readonly cluster: IClusterState;
  readonly nodes: readonly INode[];
  readonly nodes_problem: IError | null;
  readonly dashboard: string;
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

export interface ICost {
  readonly per_hour: number;
  readonly most_per_hour: number;
  readonly price_per_hour: number;
  readonly n_workers: number;
  readonly max_workers: number;
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
}

export interface IDownResult {
  readonly name: string;
  readonly actions: readonly string[];
  readonly is_dry_run: boolean;
}

export interface IProfile {
  readonly name: string;
  readonly description: string;
  readonly target: string;
  readonly head: INodeResources;
  readonly n_workers: number;
  readonly worker: INodeResources;
  readonly max_workers: number | null;
  readonly more_groups: readonly IGroupSpec[];
  readonly pods: IPodOptions;
  readonly layer: string;
  readonly path: string;
}

export interface ITargetState {
  readonly name: string;
  readonly context: string;
  readonly namespace: string;
  readonly source: 'machine' | 'settings' | 'kubeconfig' | 'used' | 'pod';
  readonly state: 'unknown' | 'answers' | 'silent' | 'refused';
  readonly problem: IError | null;
}

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
  readonly parameters: Readonly<Record<string, string>>;
  readonly progress: IProgress | null;
  readonly submitted_ms: number;
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly heartbeat_ms: number;
  readonly failed_cell: number;
  readonly parent_run_id: string;
  readonly is_stuck: boolean;
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

export interface IOperation {
  readonly id: string;
  readonly verb: string;
  readonly target: string;
  readonly name: string;
  readonly state: 'running' | 'done' | 'failed';
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

/** Whether nothing more happens to a job. */
export function isEnded(job: IJobState): boolean {
  return job.phase !== 'pending' && job.phase !== 'running';
}
