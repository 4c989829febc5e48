/** GPUs that a cluster holds and nobody uses. */

import { TranslationBundle } from '@jupyterlab/translation';

import { asksForGpus } from '../components/cluster-gpus';
import { formatAge } from '../units';
import { IClusterDetail, IClusterState } from '../wire';

/** What is held and not used. */
export interface IIdleGpus {
  /** How many have been idle for longer than is right. [1] */
  readonly count: number;
  /** How many there are. [1] */
  readonly total: number;
  /** For how long all of these have been idle. [s] */
  readonly seconds: number;
}

/**
 * Find GPUs that have been idle for too long; null where there are none.
 *
 * @param detail What the server knows of a cluster.
 * @param limitS How long a GPU may be idle; 0 for ever. [s]
 */
export function idleGpus(detail: IClusterDetail, limitS: number): IIdleGpus | null {
  const gpus = detail.courses.flatMap(course => course.gpus);
  const idle = gpus.filter(gpu => limitS > 0 && gpu.idle_s >= limitS);
  if (idle.length === 0) {
    return null;
  }
  const seconds = Math.min(...idle.map(gpu => gpu.idle_s));
  return { count: idle.length, total: gpus.length, seconds };
}

/** Whether a cluster may hold GPUs that its person could free; one here has what Ray finds. */
export function mayIdle(cluster: IClusterState): boolean {
  return (
    cluster.phase === 'ready' &&
    cluster.origin !== 'foreign' &&
    (asksForGpus(cluster) || cluster.target === 'local')
  );
}

/** Whether its GPUs can be freed without ending it: its description stays, and it comes back. */
export function canSuspend(cluster: IClusterState): boolean {
  return cluster.namespace !== '';
}

/** Say what is held and not used. */
export function idleText(idle: IIdleGpus, trans: TranslationBundle): string {
  const age = formatAge(idle.seconds);
  return idle.total === 1
    ? trans.__('Its GPU has been idle for %1.', age)
    : trans._n(
        '%1 of its %2 GPUs has been idle for %3.',
        '%1 of its %2 GPUs have been idle for %3.',
        idle.count,
        idle.total,
        age
      );
}
