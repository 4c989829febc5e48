/** A cluster in words: what a row says, and what its dot means. */

import { TranslationBundle } from '@jupyterlab/translation';

import { phaseName } from '../components/cluster-phase';
import { asOfText, formatAge, formatClock } from '../units';
import { IClusterState } from '../wire';

/** How many workers there are, and how many are wanted. [1] */
export function workerCounts(cluster: IClusterState): {
  observed: number;
  desired: number;
} {
  return {
    observed: cluster.groups.reduce((sum, group) => sum + group.n_observed, 0),
    desired: cluster.groups.reduce((sum, group) => sum + group.n_desired, 0)
  };
}

/** Whether it is somebody else's: it is shown, and left alone. */
export function isOthers(cluster: IClusterState): boolean {
  return cluster.origin === 'foreign' && cluster.owner !== '';
}

/** How many GPUs a cluster was asked for: of the head, and of the workers that are wanted. [1] */
export function gpuCount(cluster: IClusterState): number {
  const perWorker = new Map(cluster.spec.more_groups.map(g => [g.name, g.worker.gpus]));
  const ofWorkers = cluster.groups.reduce(
    (sum, group) =>
      sum + group.n_desired * (perWorker.get(group.name) ?? cluster.spec.worker.gpus),
    0
  );
  return cluster.spec.head.gpus + ofWorkers;
}

/** What the workers that are there cost an hour; null where there is no price. [1] */
export function costPerHour(cluster: IClusterState): number | null {
  const price = cluster.spec.pods.price_per_hour;
  return price === null ? null : price * workerCounts(cluster).observed;
}

/**
 * Say on the right of a row how large a cluster is.
 *
 * @param observedGpus GPUs that Ray found, told where none were asked for. [1]
 */
export function sizeText(
  cluster: IClusterState,
  trans: TranslationBundle,
  observedGpus = 0
): string {
  const { observed, desired } = workerCounts(cluster);
  const workers =
    desired === 0 && observed === 0
      ? trans.__('head only')
      : trans._n('%2/%1 worker', '%2/%1 workers', desired, observed);
  const gpus = gpuCount(cluster) || observedGpus;
  return gpus > 0 ? trans.__('%1 · %2 GPU', workers, gpus) : workers;
}

/** Say when a cluster suspends itself; empty where it does not. */
export function stopText(
  cluster: IClusterState,
  nowMs: number,
  trans: TranslationBundle
): string {
  const at = cluster.activity?.acts_at_ms;
  if (typeof at !== 'number') {
    return '';
  }
  const left = (at - nowMs) / 1000;
  return left > 0
    ? trans.__('suspends in %1', formatAge(left))
    : trans.__('suspends now');
}

/** A watcher says each ten minutes what it sees; who was not heard for two of them is gone. [ms] */
const HEARD_MS = 1_260_000;

/**
 * Say whether a cluster is used, or for how long it is not, and when it suspends itself; nothing of
 * what nobody knows.
 */
export function usageFacts(
  cluster: IClusterState,
  nowMs: number,
  trans: TranslationBundle
): string[] {
  const activity = cluster.activity;
  if (!activity) {
    return [];
  }
  const facts: string[] = [];
  if (activity.is_known && nowMs - activity.seen_ms < HEARD_MS) {
    if (activity.active.length > 0) {
      facts.push(trans.__('in use'));
    } else if (activity.idle_since_ms !== null) {
      facts.push(
        trans.__('idle for %1', formatAge((nowMs - activity.idle_since_ms) / 1000))
      );
    }
  }
  const stops = stopText(cluster, nowMs, trans);
  return stops ? [...facts, stops] : facts;
}

/** Say under the name of a row how a cluster is; parts are joined by dots. */
export function clusterFacts(
  cluster: IClusterState,
  nowMs: number,
  trans: TranslationBundle,
  staleMs: number | null = null
): string[] {
  const facts = [phaseName(cluster.phase, trans), cluster.target];
  if (staleMs !== null) {
    // Ages and what it costs are of a cluster that is there, which nobody knows now.
    return [...facts, asOfText(staleMs, trans)];
  }
  if (cluster.started_ms > 0) {
    facts.push(formatAge((nowMs - cluster.started_ms) / 1000));
  }
  if (cluster.phase === 'ready') {
    facts.push(...usageFacts(cluster, nowMs, trans));
  }
  const cost = costPerHour(cluster);
  if (cost !== null && cluster.phase === 'ready') {
    facts.push(trans.__('%1 per hour', formatCost(cost)));
  }
  return facts;
}

/** Say what keeps a cluster from being suspended, and until when. */
export function activityText(cluster: IClusterState, trans: TranslationBundle): string {
  const activity = cluster.activity;
  if (!activity) {
    return '';
  }
  if (!activity.is_known) {
    return trans.__('Its head does not tell what runs on it, so it is left alone');
  }
  if (activity.active.length > 0) {
    return trans.__('In use: %1', activity.active.join(', '));
  }
  const { idle_since_ms: since, acts_at_ms: at } = activity;
  if (since === null) {
    return trans.__('Not in use');
  }
  return at === null || cluster.phase !== 'ready'
    ? trans.__('Not in use since %1', formatClock(since))
    : trans.__(
        'Not in use since %1; suspends itself at %2',
        formatClock(since),
        formatClock(at)
      );
}

/** Write what something costs, in whatever money the profile counts. [1] */
export function formatCost(cost: number): string {
  return cost.toFixed(cost < 10 ? 2 : 0);
}
