/** Rows of jobs. */

import { Api } from '../api';
import { IRow, IRowSource, RowsModel } from '../rows';
import { ILive } from '../tokens';
import { IJobState } from '../wire';

/** One row. */
export interface IJobRow extends IRow {
  readonly job: IJobState;
}

const SOURCE: IRowSource<IJobRow> = {
  verbs: new Set(['submit', 'stop', 'retry']),
  rows: ({ jobs }, running) =>
    jobs &&
    jobs.map(job => ({
      key: job.name,
      job,
      // A job that is tried anew has ended: its row says nothing of it.
      operation: running.find(o => o.name === job.name && o.verb === 'stop')
    })),
  isApart: (operation, rows) =>
    operation.verb !== 'stop' && !rows.some(row => row.key === operation.name)
};

/** Rows of jobs. */
export class JobsModel extends RowsModel<IJobRow> {
  /**
   * @param api The server.
   * @param live What it tells.
   */
  constructor(api: Api, live: ILive) {
    super(api, live, SOURCE);
  }
}
