/** The one fake server: answers what a test put there, and holds what was asked. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { IRequestOptions, Request, ResponseError } from '../request';
import { ISocket } from '../stream';
import * as wire from '../wire';

/** One question. */
export interface IAsked {
  readonly path: string;
  readonly method: string;
  readonly body: unknown;
  readonly query: IRequestOptions['query'];
}

/** Answers by method and path; a path that nobody put there fails with its name. */
export class FakeServer {
  readonly asked: IAsked[] = [];

  /** Let a path answer; with a target after it, only questions for that target. */
  on(route: string, answer: unknown): this {
    this._answers.set(route, answer);
    return this;
  }

  readonly request: Request = async (path, options = {}) => {
    const method = options.method ?? 'GET';
    this.asked.push({ path, method, body: options.body, query: options.query });
    const target = options.query?.['target'];
    const narrow = target ? `${method} ${path} ${String(target)}` : '';
    const route = this._answers.has(narrow) ? narrow : `${method} ${path}`;
    if (!this._answers.has(route)) {
      throw new Error(`Nobody said what ${route} answers.`);
    }
    const answer = this._answers.get(route);
    await Promise.resolve();
    if (answer instanceof ResponseError) {
      throw answer;
    }
    return answer;
  };

  private readonly _answers = new Map<string, unknown>();
}

/** A socket that a test speaks through. */
export class FakeSocket implements ISocket {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readonly sent: unknown[] = [];
  isClosed = false;

  constructor(readonly query: Readonly<Record<string, string>>) {}

  close(): void {
    this.isClosed = true;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  /** Let the server say something. */
  say(kind: string, seq: number, data: unknown, epoch = 'e1'): void {
    const text = JSON.stringify({ kind, seq, data, epoch });
    this.onmessage?.({ data: text } as MessageEvent);
  }

  /** Let the connection break. */
  break(): void {
    this.onclose?.({} as CloseEvent);
  }
}

/** A cluster that is ready. */
export function cluster(changes: Partial<wire.IClusterState> = {}): wire.IClusterState {
  const resources = { cpus: 1, memory_bytes: null, gpus: 0, gpu_type: '' };
  return {
    name: 'laptop',
    uid: 'u1',
    target: 'local',
    phase: 'ready',
    reason: '',
    profile: 'laptop',
    origin: 'started',
    project: '/work',
    groups: [
      {
        name: 'workers',
        n_desired: 2,
        n_requested: 2,
        n_observed: 1,
        n_min: null,
        n_max: null
      }
    ],
    started_ms: 1_000_000,
    ray_version: '2.60.0',
    python_version: '3.12.1',
    spec: {
      name: 'laptop',
      profile: 'laptop',
      head: resources,
      worker: resources,
      n_workers: 2,
      max_workers: null,
      more_groups: [],
      pods: {
        image: '',
        queue: '',
        idle_s: null,
        max_lifetime_s: null,
        price_per_hour: null
      }
    },
    namespace: '',
    owner: '',
    problems: [],
    activity: null,
    stages: [],
    ...changes
  };
}

/** A job that runs. */
export function job(changes: Partial<wire.IProjectJob> = {}): wire.IProjectJob {
  return {
    name: 'train-1',
    phase: 'running',
    cause: '',
    reason: '',
    notebook: 'work/train.ipynb',
    cluster: 'laptop',
    target: 'local',
    profile: 'laptop',
    run_id: 'r1',
    experiment: 'work',
    experiment_id: '3',
    parameters: {},
    progress: {
      n_done: 2,
      n_cells: 8,
      cell_number: 3,
      cell_preview: 'fit(model)',
      elapsed_s: 20,
      cell_elapsed_s: 2,
      unit: 'cell'
    },
    submitted_ms: 1_000_000,
    started_ms: 1_010_000,
    ended_ms: 0,
    heartbeat_ms: 1_020_000,
    failed_cell: -1,
    parent_run_id: '',
    results_dir: '',
    is_stuck: false,
    projects: [''],
    ...changes
  };
}

/** Something that goes on. */
export function operation(changes: Partial<wire.IOperation> = {}): wire.IOperation {
  return {
    id: 'o1',
    verb: 'up',
    target: 'local',
    name: 'laptop',
    state: 'running',
    stages: [],
    result: null,
    error: null,
    started_ms: 1_000_000,
    ended_ms: 0,
    ...changes
  };
}

/** All there is, at one moment. */
export function snapshot(changes: Partial<wire.ISnapshot> = {}): wire.ISnapshot {
  return {
    clusters: [],
    chosen: [],
    jobs: [],
    jobs_problems: [],
    targets: [],
    operations: [],
    ...changes
  };
}

/** How the server is when all is well. */
export function health(changes: Partial<wire.IHealth> = {}): wire.IHealth {
  return {
    rayspace_version: '0.1.0',
    wire_version: wire.WIRE_VERSION,
    labextension_version: '0.1.0',
    ray_version: '2.60.0',
    project: '/work',
    project_path: '',
    root_dir: '/work',
    problems: [],
    ...changes
  };
}

function filled(text: string, values: readonly unknown[]): string {
  return text.replace(/%(\d)/g, (_, index: string) =>
    String(values[Number(index) - 1])
  );
}

/** A translator that leaves English as it is. */
export const trans = {
  __: (text: string, ...values: unknown[]) => filled(text, values),
  _n: (one: string, many: string, n: number, ...values: unknown[]) =>
    filled(n === 1 ? one : many, [n, ...values])
} as unknown as TranslationBundle;
