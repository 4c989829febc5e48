import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { ClustersModel } from '../clusters/model';
import { stageText } from '../operations';
import { LogFollower } from '../components/log-follower';
import { JobsModel } from '../jobs/model';
import { ProfilesModel } from '../profiles/model';
import { ResponseError } from '../request';
import { RunsModel } from '../runs/model';
import { Connection, ILive } from '../tokens';
import * as wire from '../wire';
import { cluster, FakeServer, job, operation } from './server';

/** What the server tells, as a test says. */
class FakeLive implements ILive {
  readonly connection: Connection = { kind: 'live' };
  readonly project = '/work';
  path = '';
  projectPath = '';
  readonly problems = [];
  targets: readonly wire.ITargetState[] = [];
  readonly jobsProblem = null;
  clusters: readonly wire.IClusterState[] | null = null;
  jobs: readonly wire.IProjectJob[] | null = null;
  operations: readonly wire.IOperation[] = [];
  chosen = { target: 'local', name: 'laptop' };

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get operationEnded(): ISignal<this, wire.IOperation> {
    return this._operation;
  }

  get jobEnded(): ISignal<this, wire.IProjectJob> {
    return this._job;
  }

  tell(changes: Partial<FakeLive>): void {
    Object.assign(this, changes);
    this._changed.emit();
  }

  note(): void {
    return;
  }

  async follow(): Promise<void> {
    await Promise.resolve();
  }

  retry(): void {
    return;
  }

  retryJobs(): void {
    return;
  }

  silentSinceMs(): number | null {
    return null;
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _operation = new Signal<this, wire.IOperation>(this);
  private readonly _job = new Signal<this, wire.IProjectJob>(this);
}

describe('ProfilesModel', () => {
  const profile = (name: string, layer: string): wire.IProfile =>
    ({ name, layer }) as unknown as wire.IProfile;
  const target = (
    name: string,
    state: string,
    source = 'settings'
  ): wire.ITargetState => ({ name, state, source }) as unknown as wire.ITargetState;

  it('asks each target once that answers, and keeps what is its own', async () => {
    const laptop = profile('laptop', 'built-in');
    const server = new FakeServer()
      .on('GET profiles', { profiles: [laptop] })
      .on('GET profiles team-a', { profiles: [laptop, profile('a', 'namespace')] })
      .on('GET profiles team-b', new ResponseError(503, 'unavailable', 'Silence.', ''))
      .on('GET profiles team-c', { profiles: [laptop] });
    const live = new FakeLive();
    live.targets = [
      target('local', 'answers', 'machine'),
      target('team-a', 'answers'),
      target('team-b', 'answers'),
      target('team-c', 'silent')
    ];
    const model = new ProfilesModel(new Api(server.request), live);
    const settle = (): Promise<void> => new Promise(done => setTimeout(done));
    live.tell({});
    live.tell({});
    await settle();
    expect(model.profiles).toEqual([laptop]);
    expect([...model.ofTargets]).toEqual([['team-a', [profile('a', 'namespace')]]]);
    expect(model.error).toBeNull();
    expect(server.asked.length).toBe(3);
    live.tell({ targets: [...live.targets.slice(0, 3), target('team-c', 'answers')] });
    live.tell({});
    await settle();
    expect(server.asked.length).toBe(4);
    expect([...model.ofTargets.keys()]).toEqual(['team-a']);
    model.dispose();
  });
});

describe('ClustersModel', () => {
  it('shows a start on its own until there is a cluster, then at its row', () => {
    const live = new FakeLive();
    const model = new ClustersModel(new Api(new FakeServer().request), live);
    expect(model.rows).toBeNull();
    const up = operation({ target: '' });
    live.tell({ clusters: [], operations: [up] });
    expect([model.rows?.length, model.beginning]).toEqual([0, [up]]);
    live.tell({ clusters: [cluster({ phase: 'starting' })] });
    expect(model.beginning).toEqual([]);
    expect(model.rows?.[0]).toMatchObject({ isChosen: true, operation: up });
    model.dispose();
  });

  it('leaves rows the same object that did not change', () => {
    const live = new FakeLive();
    const model = new ClustersModel(new Api(new FakeServer().request), live);
    const first = cluster();
    live.tell({ clusters: [first, cluster({ name: 'other' })] });
    const before = model.rows?.[0];
    live.tell({ clusters: [first, cluster({ name: 'other', phase: 'lost' })] });
    expect(model.rows?.[0]).toBe(before);
    model.dispose();
  });

  it('shows a failure until it is put away', () => {
    const live = new FakeLive();
    const model = new ClustersModel(new Api(new FakeServer().request), live);
    live.tell({ clusters: [], operations: [operation({ state: 'failed' })] });
    expect(model.failures.map(o => o.id)).toEqual(['o1']);
    model.dismiss('o1');
    expect(model.failures).toEqual([]);
    model.dispose();
  });

  it('asks for the nodes of what is open, and forgets what is gone', async () => {
    const server = new FakeServer().on('GET clusters/local/laptop', { nodes: [] });
    const live = new FakeLive();
    const model = new ClustersModel(new Api(server.request), live);
    live.tell({ clusters: [cluster()] });
    model.toggle('local/laptop');
    await new Promise(done => setTimeout(done, 0));
    expect(model.detail('local/laptop')).toEqual({ nodes: [] });
    live.tell({ clusters: [] });
    expect([model.isOpen('local/laptop'), model.detail('local/laptop')]).toEqual([
      false,
      undefined
    ]);
    model.dispose();
  });
});

describe('JobsModel', () => {
  it('forgets what is gone, but not what is open on its way', () => {
    const live = new FakeLive();
    const model = new JobsModel(new Api(new FakeServer().request), live);
    const submit = operation({ verb: 'submit', name: 'work/train.ipynb' });
    live.tell({ jobs: [job()], operations: [submit] });
    const before = model.rows?.[0];
    model.toggle('train-1');
    model.toggle(submit.id);
    live.tell({ jobs: [...(live.jobs ?? [])] });
    expect(model.rows?.[0]).toBe(before);
    live.tell({ jobs: [] });
    expect([model.isOpen('train-1'), model.isOpen(submit.id)]).toEqual([false, true]);
    live.tell({ jobs: live.jobs, operations: [] });
    live.tell({ jobs: [job()] });
    expect(model.rows?.[0]).not.toBe(before);
    expect(model.isOpen(submit.id)).toBe(false);
    model.dispose();
  });

  it('shows the jobs of the project, or all with where they are', () => {
    const live = new FakeLive();
    let isOneProject = true;
    const api = new Api(new FakeServer().request);
    const model = new JobsModel(api, live, () => isOneProject);
    const shown = (): string[] =>
      (model.rows ?? []).map(row => `${row.key} ${row.elsewhere}`);
    const jobs = [
      job({ name: 'of-root', projects: [''] }),
      job({ name: 'of-a', projects: ['a'] }),
      job({ name: 'of-both', projects: ['a', 'b'] })
    ];
    live.tell({ jobs, path: 'b/deep', projectPath: 'b' });
    expect(shown()).toEqual(['of-both ']);
    isOneProject = false;
    live.tell({});
    expect(shown()).toEqual(['of-root /', 'of-a a', 'of-both ']);
    expect(jobs.map(({ name }) => model.pathOf(name))).toEqual(['', 'a', 'b/deep']);
    expect(model.pathOf('unheard-of')).toBe('b/deep');
    model.dispose();
  });

  it('shows a submission until its job is there', () => {
    const live = new FakeLive();
    const model = new JobsModel(new Api(new FakeServer().request), live);
    const submit = operation({ verb: 'submit', name: 'work/train.ipynb' });
    live.tell({ jobs: [], operations: [submit, operation({ id: 'o2' })] });
    expect(model.beginning).toEqual([submit]);
    live.tell({ jobs: [job()], operations: [{ ...submit, name: 'train-1' }] });
    expect(model.beginning).toEqual([]);
    expect(model.rows?.[0]?.operation).toBeUndefined();
    live.tell({ operations: [operation({ verb: 'stop', name: 'train-1' })] });
    expect(model.rows?.[0]?.operation?.verb).toBe('stop');
    model.dispose();
  });
});

describe('stageText', () => {
  it('says what goes on, else what came last', () => {
    const stage = (text: string, state: wire.IStage['state']): wire.IStage => ({
      key: text,
      text,
      state,
      done: null,
      total: null,
      is_passing: false
    });
    expect(stageText(operation())).toBe('');
    expect(
      stageText(operation({ stages: [stage('a', 'doing'), stage('b', 'done')] }))
    ).toBe('a');
    expect(
      stageText(operation({ stages: [stage('a', 'done'), stage('b', 'done')] }))
    ).toBe('b');
  });
});

describe('LogFollower', () => {
  it('asks on from where it is until there is no more', async () => {
    const asked: number[][] = [];
    const pieces = [
      { text: 'one\n', offset: 4, is_complete: false },
      { text: '', offset: 4, is_complete: false },
      { text: 'two\n', offset: 8, is_complete: true }
    ];
    const follower = new LogFollower((offset, waitS) => {
      asked.push([offset, waitS]);
      return Promise.resolve(pieces[asked.length - 1] as wire.ILogPiece);
    });
    follower.start();
    await new Promise(done => setTimeout(done, 0));
    expect(asked).toEqual([
      [0, 0],
      [4, 20],
      [4, 20]
    ]);
    expect([follower.buffer.text, follower.isComplete]).toEqual(['one\ntwo\n', true]);
    follower.dispose();
  });
});

describe('RunsModel', () => {
  beforeAll(() => {
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
  });

  const away = (code: string): ResponseError =>
    new ResponseError(503, code, 'MLflow is away.');
  const list = (target: string, id: string): wire.IRunList => ({
    target,
    tracking_uri: '',
    link: `link-of-${target}`,
    runs: [
      {
        run_id: id,
        name: id,
        experiment_id: '1',
        experiment: 'work',
        status: 'RUNNING',
        started_ms: 1,
        ended_ms: 0,
        job: '',
        metrics: [],
        link: ''
      }
    ]
  });
  const looked = async (model: RunsModel): Promise<void> => {
    await new Promise<void>(resolve => {
      model.changed.connect(() => resolve());
      model.setVisible(true);
      model.refresh();
    });
    // The poll has to settle before it is asked again.
    await new Promise(resolve => setTimeout(resolve, 10));
  };
  const ids = (model: RunsModel): readonly string[] =>
    (model.list?.runs ?? []).map(run => run.run_id);

  it('says why what it keeps is old, and nothing any more once all answer', async () => {
    const server = new FakeServer().on('GET runs local', list('local', 'r1'));
    const model = new RunsModel(new Api(server.request), new FakeLive());
    await looked(model);
    expect(model.error).toBeNull();
    const seenMs = model.seenMs;
    expect(seenMs).toBeGreaterThan(0);
    server.on('GET runs local', away('gateway_unavailable'));
    await looked(model);
    expect(ids(model)).toEqual(['r1']);
    expect(model.error?.message).toBe('MLflow is away.');
    expect(model.seenMs).toBe(seenMs);
    server.on('GET runs local', list('local', 'r2'));
    await looked(model);
    expect(model.error).toBeNull();
    expect(ids(model)).toEqual(['r2']);
    model.dispose();
  });

  it('keeps the runs of a target that is away, and tells of it beside those of others', async () => {
    const server = new FakeServer()
      .on('GET runs local', list('local', 'r1'))
      .on('GET runs far', list('far', 'r2'));
    const live = new FakeLive();
    live.jobs = [job({ target: 'far' })];
    const model = new RunsModel(new Api(server.request), live);
    await looked(model);
    server.on('GET runs far', away('gateway_unavailable'));
    await looked(model);
    expect(ids(model)).toEqual(['r1', 'r2']);
    expect(model.error?.message).toBe('MLflow is away.');
    model.dispose();
  });

  it('asks nobody for an MLflow here who works elsewhere', async () => {
    const server = new FakeServer()
      .on('GET runs local', away('missing_extra'))
      .on('GET runs far', list('far', 'r2'));
    const live = new FakeLive();
    live.jobs = [job({ target: 'far' })];
    const model = new RunsModel(new Api(server.request), live);
    await looked(model);
    expect(model.error).toBeNull();
    expect(ids(model)).toEqual(['r2']);
    model.dispose();
  });
});
