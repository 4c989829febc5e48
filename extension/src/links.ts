/** Addresses of pages that are shown in panes, below the base URL. */

import { ROOT } from './request';
import { IJobState } from './wire';

/**
 * Where the pages of MLflow are.
 *
 * @param target Whose tracking server.
 * @param path A file of the project: each may have a tracking server or a database of its own.
 */
export function mlflowLink(target: string, path: string): string {
  const query = path ? `?path=${encodeURIComponent(path)}` : '';
  return `${ROOT}proxy/mlflow/${encodeURIComponent(target)}/${query}`;
}

/** Where the page of a job's run is. */
export function runLink(job: IJobState, path: string): string {
  const page = `experiments/${job.experiment_id}/runs/${job.run_id}`;
  return `${mlflowLink(job.target || 'local', path)}#/${page}`;
}
