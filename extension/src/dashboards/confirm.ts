/** Asking before pages of somebody else's cluster are shown: they could act as who looks. */

import { IServer } from '../tokens';
import { IClusterState } from '../wire';

/** Asks a person whether the pages of somebody else's cluster may be shown. */
export type Ask = (cluster: IClusterState) => Promise<boolean>;

/** What was confirmed since the page was loaded; the server refuses all else. */
export class Confirmations {
  /**
   * @param _server The server, which is told.
   * @param _ask Asks the person.
   */
  constructor(
    private readonly _server: Pick<IServer, 'api' | 'live'>,
    private readonly _ask: Ask
  ) {}

  /**
   * Say whether a dashboard is shown, after a question where somebody else made the cluster.
   *
   * @returns `new` where it was confirmed just now.
   */
  async find(target: string, name: string): Promise<'yes' | 'new' | 'no'> {
    const { api, live } = this._server;
    const cluster = live.clusters?.find(c => c.target === target && c.name === name);
    // What is not known yet is left to the server, which refuses what is not confirmed.
    if (cluster?.origin !== 'foreign') {
      return 'yes';
    }
    const key = JSON.stringify([target, name, cluster.uid, cluster.owner]);
    if (this._confirmed.has(key)) {
      return 'yes';
    }
    if (!(await this._ask(cluster))) {
      return 'no';
    }
    await api.confirmDashboard(target, name, cluster.owner, live.path);
    this._confirmed.add(key);
    return 'new';
  }

  private readonly _confirmed = new Set<string>();
}
