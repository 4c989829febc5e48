/** One function for each thing that can be asked of the server. */

import { Request } from './request';
import * as wire from './wire';

/** What changes a cluster and takes long. */
export type ClusterVerb = 'suspend' | 'resume';

/** The server, as functions. */
export class Api {
  /** @param _request Asks the server. */
  constructor(private readonly _request: Request) {}

  /** Ask which versions work there, and for the project of a path. */
  health(path = ''): Promise<wire.IHealth> {
    return this._get('health', { path });
  }

  /** Ask for the code that asks a kernel for its versions. */
  kernelProbe(): Promise<wire.IKernelProbe> {
    return this._get('kernel', {});
  }

  /** List what can be started, in a target's namespace too if one is named. */
  async profiles(path: string, target = ''): Promise<readonly wire.IProfile[]> {
    const query: Record<string, string> = target ? { path, target } : { path };
    const answer = await this._get<{ profiles: wire.IProfile[] }>('profiles', query);
    return answer.profiles;
  }

  /** Ask for one cluster with its nodes. */
  cluster(target: string, name: string, path: string): Promise<wire.IClusterDetail> {
    return this._get(clusterPath(target, name), { path });
  }

  /** Ask what a start would do. */
  planCluster(
    wish: wire.IClusterWish,
    signal?: AbortSignal
  ): Promise<wire.IClusterPlan> {
    return this._post('clusters/plan', wish, signal);
  }

  /** Start a cluster. */
  startCluster(wish: wire.IClusterWish): Promise<wire.IOperation> {
    return this._post('clusters', wish);
  }

  /** Suspend or resume a cluster. */
  changeCluster(
    verb: ClusterVerb,
    target: string,
    name: string,
    path: string
  ): Promise<wire.IOperation> {
    return this._post(`${clusterPath(target, name)}/${verb}`, { path });
  }

  /** Change the number of workers. [1] */
  scaleCluster(
    target: string,
    name: string,
    change: wire.IWorkersWish,
    path: string
  ): Promise<wire.IOperation> {
    return this._post(`${clusterPath(target, name)}/scale`, { ...change, path });
  }

  /** Keep a cluster from suspending itself for so long. [s] */
  extendCluster(
    target: string,
    name: string,
    durationS: number,
    path: string
  ): Promise<wire.IOperation> {
    return this._post(`${clusterPath(target, name)}/extend`, {
      duration_s: durationS,
      path
    });
  }

  /** Say what ending a cluster would end. */
  planDown(target: string, name: string, path: string): Promise<wire.IDownResult> {
    return this._post(`${clusterPath(target, name)}/down`, { dry_run: true, path });
  }

  /** End a cluster. @param force Whether also one that somebody else made. */
  down(
    target: string,
    name: string,
    force: boolean,
    path: string
  ): Promise<wire.IOperation> {
    return this._post(`${clusterPath(target, name)}/down`, { force, path });
  }

  /** Choose the cluster that is meant from now on. */
  use(target: string, name: string, path: string): Promise<wire.IClusterState> {
    return this._post(`${clusterPath(target, name)}/use`, { path });
  }

  /** Confirm whose cluster it is whose dashboard will be shown; the server refuses another. */
  async confirmDashboard(
    target: string,
    name: string,
    owner: string,
    path: string
  ): Promise<void> {
    await this._post(`${clusterPath(target, name)}/dashboard`, { owner, path });
  }

  /** Stop waiting for what was begun; a cluster that is asked for goes on. */
  stopOperation(id: string): Promise<wire.IOperation> {
    return this._post(`operations/${encodeURIComponent(id)}/stop`, {});
  }

  /** Ask for the code of a cell that connects a notebook. */
  async connectCell(target: string, name: string, path: string): Promise<string> {
    const where = `${clusterPath(target, name)}/connect`;
    return (await this._get<{ code: string }>(where, { path })).code;
  }

  /** Ask for the last lines of a head's log. */
  async clusterLog(target: string, name: string, path: string): Promise<string> {
    const where = `${clusterPath(target, name)}/logs`;
    return (await this._get<{ text: string }>(where, { path })).text;
  }

  /** Ask for the parameters of a notebook, as it is saved. */
  async parameters(path: string): Promise<readonly wire.IField[]> {
    const answer = await this._get<{ parameters: wire.IField[] }>(
      'notebooks/parameters',
      { path }
    );
    return answer.parameters;
  }

  /** List the notebooks to begin from. */
  async starters(): Promise<readonly wire.IStarterNotebook[]> {
    const answer = await this._get<{ starters: wire.IStarterNotebook[] }>(
      'starters',
      {}
    );
    return answer.starters;
  }

  /** Copy one of them into a folder; resolves with the path of the copy. */
  async createNotebook(starter: string, folder: string): Promise<string> {
    return (await this._post<{ path: string }>('starters', { starter, folder })).path;
  }

  /** List the latest jobs. */
  async jobs(path: string): Promise<readonly wire.IJobState[]> {
    return (await this._get<{ jobs: wire.IJobState[] }>('jobs', { path })).jobs;
  }

  /** Ask what shipping a notebook would do. */
  planJob(wish: wire.IJobWish, signal?: AbortSignal): Promise<wire.IJobPlan> {
    return this._post('jobs/plan', wish, signal);
  }

  /** Ship a notebook. */
  submit(wish: wire.IJobWish): Promise<wire.IOperation> {
    return this._post('jobs', wish);
  }

  /** Stop a job, or run it once more. */
  changeJob(
    verb: 'stop' | 'retry',
    name: string,
    path: string
  ): Promise<wire.IOperation> {
    return this._post(`jobs/${encodeURIComponent(name)}/${verb}`, { path });
  }

  /** Ask what a job was made of, to begin another one with. */
  jobInputs(name: string, path: string): Promise<wire.IJobInputs> {
    return this._get(`jobs/${encodeURIComponent(name)}/inputs`, { path });
  }

  /** Bring the results of a job beside its source. */
  fetchJob(name: string, path: string): Promise<wire.IResults> {
    return this._post(`jobs/${encodeURIComponent(name)}/fetch`, { path });
  }

  /**
   * Ask for a piece of a job's log.
   *
   * @param offset Where to begin. [characters]
   * @param waitS How long to wait for more. [s]
   */
  jobLog(
    name: string,
    path: string,
    offset: number,
    waitS: number,
    signal?: AbortSignal
  ): Promise<wire.ILogPiece> {
    const where = `jobs/${encodeURIComponent(name)}/logs`;
    return this._get(where, { path, offset, wait_s: waitS }, signal);
  }

  /** List the latest runs of each experiment. */
  runs(target: string, path: string): Promise<wire.IRunList> {
    return this._get('runs', { target, path });
  }

  private async _get<T>(
    path: string,
    query: Readonly<Record<string, string | number>>,
    signal?: AbortSignal
  ): Promise<T> {
    return (await this._request(path, { query, signal })) as T;
  }

  private async _post<T>(
    path: string,
    body: unknown,
    signal?: AbortSignal
  ): Promise<T> {
    return (await this._request(path, { method: 'POST', body, signal })) as T;
  }
}

function clusterPath(target: string, name: string): string {
  return `clusters/${encodeURIComponent(target)}/${encodeURIComponent(name)}`;
}
