/** What several things have: errors, problems, stages, costs; and the server itself. */

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
  /** A path of the project below the root, by which the stream names it. */
  readonly project_path: string;
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

export interface ICost {
  readonly per_hour: number;
  readonly most_per_hour: number;
  readonly price_per_hour: number;
  readonly n_workers: number;
  readonly max_workers: number;
}

export interface ITargetState {
  readonly name: string;
  readonly context: string;
  readonly namespace: string;
  readonly source: 'machine' | 'settings' | 'kubeconfig' | 'used' | 'pod' | 'simulated';
  readonly state: 'unknown' | 'answers' | 'silent' | 'refused';
  readonly problem: IError | null;
}

/** Whether what is shown of a target may be old, because it does not answer. */
export function isSilent({ state }: ITargetState): boolean {
  return state === 'silent' || state === 'refused';
}
