/** Rows of jobs. */

import { Api } from '../api';
import { IRow, IRowSource, RowsModel } from '../rows';
import { ILive } from '../tokens';
import { IProjectJob } from '../wire';

/** One row. */
export interface IJobRow extends IRow {
  readonly job: IProjectJob;
  /** Its project where that is another than the one that is shown; else empty. */
  readonly elsewhere: string;
}

/** Rows of the jobs of one project, or of all. */
function source(isOneProject: () => boolean): IRowSource<IJobRow> {
  return {
    verbs: new Set(['submit', 'stop', 'retry']),
    rows: ({ jobs, projectPath }, running) =>
      jobs &&
      jobs
        .map(job => ({
          key: job.name,
          job,
          // A job that is tried anew has ended: its row says nothing of it.
          operation: running.find(o => o.name === job.name && o.verb === 'stop'),
          elsewhere: job.projects.includes(projectPath) ? '' : job.projects[0] || '/'
        }))
        .filter(row => row.elsewhere === '' || !isOneProject()),
    isApart: (operation, rows) =>
      operation.verb !== 'stop' && !rows.some(row => row.key === operation.name)
  };
}

/** Rows of jobs. */
export class JobsModel extends RowsModel<IJobRow> {
  /**
   * @param api The server.
   * @param live What it tells.
   * @param isOneProject Tells whether only jobs of the project are shown.
   */
  constructor(api: Api, live: ILive, isOneProject: () => boolean = () => true) {
    super(api, live, source(isOneProject));
  }

  /** A path of the project that a job is of, which need not be the one that is shown. */
  pathOf(name: string): string {
    const { jobs, path, projectPath } = this.live;
    const projects = jobs?.find(job => job.name === name)?.projects ?? [projectPath];
    return projects.includes(projectPath) ? path : (projects[0] ?? path);
  }
}
