/** Profiles, and what they ask for. */

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
