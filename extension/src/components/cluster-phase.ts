/** Phases of clusters: what their dots mean, and what they are called. */

import { TranslationBundle } from '@jupyterlab/translation';

import { ClusterPhase, IClusterState } from '../wire';
import { Tone } from './status-dot';

const TONES: Record<ClusterPhase, Tone> = {
  starting: 'busy',
  queued: 'wait',
  ready: 'good',
  unreachable: 'warn',
  suspended: 'paused',
  ending: 'busy',
  failed: 'bad',
  lost: 'gone',
  unreadable: 'gone'
};

/** How a cluster is at a glance; one with problems that is not done for is warned of. */
export function clusterTone(cluster: IClusterState): Tone {
  const tone = TONES[cluster.phase] ?? 'gone';
  const isStuck = cluster.problems.some(problem => problem.is_final);
  if (tone === 'busy' || tone === 'wait') {
    return isStuck ? 'bad' : cluster.problems.length > 0 ? 'warn' : tone;
  }
  return tone === 'good' && cluster.problems.length > 0 ? 'warn' : tone;
}

/** Name a phase. */
export function phaseName(phase: ClusterPhase, trans: TranslationBundle): string {
  const names: Record<ClusterPhase, string> = {
    starting: trans.__('starting'),
    queued: trans.__('queued'),
    ready: trans.__('ready'),
    unreachable: trans.__('unreachable'),
    suspended: trans.__('suspended'),
    ending: trans.__('ending'),
    failed: trans.__('failed'),
    lost: trans.__('lost'),
    unreadable: trans.__('unreadable')
  };
  return names[phase] ?? phase;
}
