import {
  activityText,
  clusterFacts,
  costPerHour,
  gpuCount,
  isOthers,
  sizeText,
  usageFacts
} from '../clusters/words';
import { clusterTone } from '../components/cluster-phase';
import { commandOf } from '../hints';
import { sparkPath } from '../components/spark-path';
import { doneFraction, jobFacts, jobSide, jobTone, parameterText } from '../jobs/words';
import { runLink } from '../links';
import { grouped, merged } from '../runs/model';
import { busyFraction } from '../status/model';
import {
  formatAge,
  formatBytes,
  formatFraction,
  formatMetric,
  formatSeconds
} from '../units';
import { IActivity, INode, IProblem, IRun, IRunList } from '../wire';
import { cluster, job, trans } from './server';

const problem = (isFinal: boolean): IProblem => ({
  code: 'image_not_found',
  summary: 'The image is not there.',
  hint: '',
  owner: 'you',
  evidence: [],
  is_final: isFinal
});

describe('isOthers', () => {
  it('tells what somebody else owns from what was made by hand', () => {
    expect(isOthers(cluster({ origin: 'foreign', owner: 'bob' }))).toBe(true);
    expect(isOthers(cluster({ origin: 'foreign', owner: '' }))).toBe(false);
    expect(isOthers(cluster({ origin: 'started', owner: 'me' }))).toBe(false);
  });
});

describe('units', () => {
  it('writes sizes in binary units', () => {
    expect(formatBytes(0)).toBe('0 B');
    expect(formatBytes(1536)).toBe('1.5 KiB');
    expect(formatBytes(3 * 2 ** 40)).toBe('3.0 TiB');
  });

  it('writes durations with two units at most', () => {
    expect(formatSeconds(59.4)).toBe('59 s');
    expect(formatSeconds(200)).toBe('3 min 20 s');
    expect(formatSeconds(7200)).toBe('2 h');
    expect(formatSeconds(50 * 3600)).toBe('2 d 2 h');
    expect(formatAge(3599)).toBe('59 min');
    expect(formatAge(-3)).toBe('0 s');
  });

  it('writes shares and metrics', () => {
    expect(formatFraction(0.256)).toBe('26 %');
    expect(formatMetric(0.98512)).toBe('0.9851');
    expect(formatMetric(12)).toBe('12');
    expect(formatMetric(1e-7)).toBe('1.00e-7');
    expect(formatMetric(NaN)).toBe('NaN');
  });
});

describe('a cluster in words', () => {
  it('counts workers that are there of those that are wanted', () => {
    expect(sizeText(cluster(), trans)).toBe('1/2 workers');
    expect(sizeText(cluster({ groups: [] }), trans)).toBe('head only');
  });

  it('tells of GPUs that Ray found where none were asked for', () => {
    expect(sizeText(cluster(), trans, 2)).toBe('1/2 workers · 2 GPU');
  });

  it('counts the GPUs of head and of all groups', () => {
    const { spec, groups } = cluster();
    const with2 = { ...spec.worker, gpus: 2 };
    const big = {
      name: 'big',
      n_workers: 1,
      worker: { ...with2, gpus: 8 },
      max_workers: null
    };
    const found = cluster({
      spec: {
        ...spec,
        head: { ...spec.head, gpus: 1 },
        worker: with2,
        more_groups: [big]
      },
      groups: [
        ...groups,
        {
          name: 'big',
          n_desired: 1,
          n_requested: 1,
          n_observed: 0,
          n_min: null,
          n_max: null
        }
      ]
    });
    expect(gpuCount(found)).toBe(1 + 2 * 2 + 8);
  });

  it('costs what its workers cost that are there', () => {
    const { spec } = cluster();
    expect(costPerHour(cluster())).toBeNull();
    const priced = { ...spec, pods: { ...spec.pods, price_per_hour: 1.5 } };
    expect(costPerHour(cluster({ spec: priced }))).toBe(1.5);
  });

  it('says of when it is where its target does not answer', () => {
    const facts = (staleMs: number | null): string[] =>
      clusterFacts(cluster(), 2_000_000, trans, staleMs);
    expect(facts(null)).toEqual(['ready', 'local', '16 min']);
    expect(facts(0)).toEqual(['ready', 'local', 'not up to date']);
    expect(facts(1_500_000).at(-1)).toMatch(/^as of \d/);
  });

  it('says when it suspends itself', () => {
    const nowMs = 10_000_000;
    const idle = cluster({
      started_ms: nowMs - 720_000,
      activity: {
        seen_ms: nowMs,
        active: [],
        acts_at_ms: nowMs + 1_080_000,
        action: 'none',
        idle_since_ms: nowMs - 660_000,
        is_known: true
      }
    });
    expect(clusterFacts(idle, nowMs, trans)).toEqual([
      'ready',
      'local',
      '12 min',
      'idle for 11 min',
      'suspends in 18 min'
    ]);
    expect(activityText(idle, trans)).toMatch(
      /^Not in use since \d.*; suspends itself at \d/
    );
    const rests = { ...idle, phase: 'suspended' as const };
    expect(clusterFacts(rests, nowMs, trans)).toEqual(['suspended', 'local', '12 min']);
    expect(activityText(rests, trans)).toMatch(/^Not in use since [^;]*$/);
  });

  it('says whether it is used, but not what nobody knows', () => {
    const nowMs = 10_000_000;
    const seen = {
      seen_ms: nowMs,
      active: ['job train-x'],
      acts_at_ms: null,
      action: 'none',
      idle_since_ms: null,
      is_known: true
    };
    const facts = (changes: Partial<IActivity>): string[] =>
      usageFacts(cluster({ activity: { ...seen, ...changes } }), nowMs, trans);
    expect(facts({})).toEqual(['in use']);
    expect(facts({ acts_at_ms: nowMs + 7_200_000 })).toEqual([
      'in use',
      'suspends in 2 h'
    ]);
    expect(facts({ active: ['it does not tell'], is_known: false })).toEqual([]);
    // Nobody has heard of its watcher for too long.
    expect(facts({ seen_ms: nowMs - 1_500_000 })).toEqual([]);
    expect(facts({ active: [], idle_since_ms: nowMs - 90_000 })).toEqual([
      'idle for 1 min'
    ]);
    expect(usageFacts(cluster(), nowMs, trans)).toEqual([]);
  });

  it('warns of problems, and of those that do not go away', () => {
    expect(clusterTone(cluster())).toBe('good');
    expect(clusterTone(cluster({ problems: [problem(false)] }))).toBe('warn');
    expect(clusterTone(cluster({ phase: 'starting' }))).toBe('busy');
    expect(
      clusterTone(cluster({ phase: 'starting', problems: [problem(false)] }))
    ).toBe('warn');
    expect(clusterTone(cluster({ phase: 'starting', problems: [problem(true)] }))).toBe(
      'bad'
    );
    expect(clusterTone(cluster({ phase: 'lost' }))).toBe('gone');
  });
});

describe('a job in words', () => {
  it('says at which cell it is', () => {
    expect(jobSide(job(), 1_030_000, trans)).toBe('cell 3 of 8');
    expect(doneFraction(job())).toBe(0.25);
    expect(jobFacts(job(), 1_030_000, trans)).toEqual([
      'running',
      '20 s',
      'fit(model)',
      'laptop'
    ]);
  });

  it('says how long it took, and when that was', () => {
    const done = job({ phase: 'succeeded', ended_ms: 1_070_000 });
    expect(jobSide(done, 9_000_000, trans)).toBe('1 min');
    expect(jobFacts(done, 1_190_000, trans)).toEqual([
      'succeeded',
      '2 min ago',
      'laptop'
    ]);
    expect(doneFraction(done)).toBeNull();
  });

  it('says what it waits for', () => {
    const waits = job({
      phase: 'pending',
      started_ms: 0,
      progress: null,
      reason: 'No room.'
    });
    expect(jobFacts(waits, 1_030_000, trans)).toEqual(['pending', 'No room.']);
    expect(jobTone(job({ phase: 'pending', is_stuck: true }))).toBe('bad');
  });

  it('writes parameters as they are given', () => {
    expect(parameterText({ lr: '0.1', layers: '[64, 32]' })).toBe(
      'lr=0.1 layers=[64, 32]'
    );
  });
});

describe('hints and lines', () => {
  it('finds the command in a hint', () => {
    expect(commandOf('Run `pip install x`, then restart.')).toBe('pip install x');
    expect(commandOf('See: rayspace cluster list')).toBe('rayspace cluster list');
    expect(commandOf('Ask for less.')).toBe('');
  });

  it.each([
    [
      'Install them there: /opt/x/bin/python -m pip install papermill',
      '/opt/x/bin/python -m pip install papermill'
    ],
    [
      "Install the same there: '/opt/my env/python' -m pip install 'ray==2.60.0'",
      "'/opt/my env/python' -m pip install 'ray==2.60.0'"
    ],
    [
      'Install rayspace again: pip install --force-reinstall --no-deps rayspace',
      'pip install --force-reinstall --no-deps rayspace'
    ],
    [
      'Name a queue that exists, as rayspace cluster up --queue Q: kubectl get localqueues -n a',
      'kubectl get localqueues -n a'
    ],
    [
      'Bring one with: rayspace doctor --on a --fix\nor name one with the setting tracking_uri.',
      'rayspace doctor --on a --fix'
    ],
    ['kubectl logs head -n a', 'kubectl logs head -n a'],
    ['Try again; rayspace doctor --on a looks for causes.', ''],
    ['Templates of rayspace are in pip packages.', '']
  ])('copies of a hint exactly its command: %s', (hint, command) => {
    expect(commandOf(hint)).toBe(command);
  });

  it('draws a line through what is finite', () => {
    expect(sparkPath([1])).toBe('');
    expect(sparkPath([0, NaN, 1]).match(/M/g)?.length).toBe(2);
    expect(sparkPath([1, 1, 1])).toBe('M1.0 12.5L28.0 12.5L55.0 12.5');
  });
});

describe('runLink', () => {
  it('names the page of any job, however old, at its tracking server', () => {
    expect(runLink(job(), '')).toBe(
      'rayspace/proxy/mlflow/local/#/experiments/3/runs/r1'
    );
    expect(runLink(job(), 'a b/train.ipynb')).toBe(
      'rayspace/proxy/mlflow/local/?path=a%20b%2Ftrain.ipynb#/experiments/3/runs/r1'
    );
    expect(runLink(job({ target: 'team/a' }), 'x.ipynb')).toBe(
      'rayspace/proxy/mlflow/team%2Fa/?path=x.ipynb#/experiments/3/runs/r1'
    );
  });
});

describe('runs and GPUs', () => {
  it('puts runs of one experiment together, in their order', () => {
    const run = (id: string, experiment: string): IRun => ({
      run_id: id,
      name: id,
      experiment_id: experiment,
      experiment,
      status: 'FINISHED',
      started_ms: 0,
      ended_ms: 0,
      job: '',
      metrics: [],
      link: ''
    });
    const found = grouped([run('a', 'x'), run('b', 'y'), run('c', 'x')]);
    expect(found.map(e => [e.name, e.runs.map(r => r.run_id)])).toEqual([
      ['x', ['a', 'c']],
      ['y', ['b']]
    ]);
  });

  it('joins what several tracking servers told, each run once', () => {
    const list = (...ids: string[]): IRunList => ({
      target: '',
      tracking_uri: '',
      link: ids[0] ?? '',
      runs: ids.map(id => ({ run_id: id }) as IRun)
    });
    const found = merged([list('a', 'b'), list('b', 'c')]);
    expect([found?.link, found?.runs.map(run => run.run_id)]).toEqual([
      'a',
      ['a', 'b', 'c']
    ]);
    expect(merged([])).toBeNull();
  });

  it('averages what drivers tell', () => {
    const gpu = (busy: number | null): INode['gpu_samples'][number] => ({
      gpu_index: 0,
      name: '',
      busy_fraction: busy,
      memory_used_bytes: 0,
      memory_total_bytes: 0,
      power_w: null,
      temperature_c: null,
      key: 'gpu_0',
      n_processes: null
    });
    const node = { gpu_samples: [gpu(0.5), gpu(null), gpu(1)] } as unknown as INode;
    expect(busyFraction([node])).toBe(0.75);
    expect(busyFraction([])).toBeNull();
  });
});
