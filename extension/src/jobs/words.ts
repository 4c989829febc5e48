/** A job in words. */

import { TranslationBundle } from '@jupyterlab/translation';

import { Tone } from '../components/status-dot';
import { formatAge, formatSeconds } from '../units';
import { IJobState, JobPhase } from '../wire';

const TONES: Record<JobPhase, Tone> = {
  pending: 'wait',
  running: 'busy',
  succeeded: 'good',
  failed: 'bad',
  stopped: 'paused',
  lost: 'gone'
};

/** How a job is at a glance. */
export function jobTone(job: IJobState): Tone {
  if (job.is_stuck) {
    return 'bad';
  }
  return TONES[job.phase] ?? 'gone';
}

/** Name a phase. */
export function jobPhaseName(phase: JobPhase, trans: TranslationBundle): string {
  const names: Record<JobPhase, string> = {
    pending: trans.__('pending'),
    running: trans.__('running'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    stopped: trans.__('stopped'),
    lost: trans.__('lost')
  };
  return names[phase] ?? phase;
}

/** Name the notebook of a job without its folders. */
export function notebookName(job: IJobState): string {
  return job.notebook.split('/').pop() || job.name;
}

/** How far a job is; null before its runner has it, and after its end. [1] */
export function doneFraction(job: IJobState): number | null {
  const progress = job.progress;
  if (job.phase !== 'running' || !progress || progress.n_cells === 0) {
    return null;
  }
  return Math.min(1, progress.n_done / progress.n_cells);
}

/** Say on the right of a row how far a job is, or how long it took. */
export function jobSide(
  job: IJobState,
  nowMs: number,
  trans: TranslationBundle
): string {
  const progress = job.progress;
  if (job.phase === 'running' && progress) {
    return progress.unit === 'trial'
      ? trans.__('trial %1 of %2', progress.n_done, progress.n_cells)
      : trans.__('cell %1 of %2', Math.max(1, progress.cell_number), progress.n_cells);
  }
  const duration = durationS(job, nowMs);
  return duration === null ? '' : formatSeconds(duration);
}

/** How long a job runs or ran; null while it has not begun. [s] */
export function durationS(job: IJobState, nowMs: number): number | null {
  if (!job.started_ms) {
    return null;
  }
  return ((job.ended_ms || nowMs) - job.started_ms) / 1000;
}

/** Say under the name of a row how a job is. */
export function jobFacts(
  job: IJobState,
  nowMs: number,
  trans: TranslationBundle
): string[] {
  const facts = [jobPhaseName(job.phase, trans)];
  const duration = durationS(job, nowMs);
  if (job.phase === 'running') {
    if (duration !== null) {
      facts.push(formatSeconds(duration));
    }
    if (job.progress?.cell_preview) {
      facts.push(job.progress.cell_preview);
    }
  } else if (job.phase === 'pending') {
    facts.push(job.reason || trans.__('waits to begin'));
  } else {
    facts.push(trans.__('%1 ago', formatAge((nowMs - job.ended_ms) / 1000)));
  }
  if (job.phase !== 'pending') {
    facts.push(job.cluster && job.cluster !== job.name ? job.cluster : job.target);
  }
  return facts;
}

/** Write parameters as they are given: ``lr=0.1 layers=[64, 32]``. */
export function parameterText(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
