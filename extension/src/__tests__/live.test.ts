import { Api } from '../api';
import { Live } from '../live';
import { ResponseError } from '../request';
import { Stream } from '../stream';
import * as wire from '../wire';
import {
  cluster,
  FakeServer,
  FakeSocket,
  health,
  job,
  operation,
  snapshot,
  trans
} from './server';

describe('Live', () => {
  let server: FakeServer;
  let socket: FakeSocket;
  let stream: Stream;
  let live: Live;

  const settle = async (): Promise<void> => {
    await jest.advanceTimersByTimeAsync(50);
  };

  beforeEach(() => {
    jest.useFakeTimers();
    server = new FakeServer().on('GET health', health());
    stream = new Stream({
      open: query => (socket = new FakeSocket(query)),
      random: () => 0.5
    });
    live = new Live(new Api(server.request), stream, trans);
  });

  afterEach(() => {
    live.dispose();
    jest.useRealTimers();
  });

  it('holds what a snapshot and changes tell', async () => {
    await live.start();
    socket.say('snapshot', 1, snapshot({ clusters: [cluster()], jobs: [job()] }));
    socket.say('cluster', 2, cluster({ name: 'big', target: 'team' }));
    socket.say('cluster', 3, cluster({ name: 'alpha' }));
    socket.say('job', 4, job({ name: 'train-2', submitted_ms: 2_000_000 }));
    socket.say('cluster_gone', 5, { target: 'local', name: 'laptop' });
    await settle();
    expect(live.clusters?.map(c => `${c.target}/${c.name}`)).toEqual([
      'local/alpha',
      'team/big'
    ]);
    expect(live.jobs?.map(j => j.name)).toEqual(['train-2', 'train-1']);
    expect(live.connection).toEqual({ kind: 'live' });
  });

  it('asks for the jobs at once where a person tries again', async () => {
    const problem = { code: 'x', message: 'No.', hint: '', details: {} };
    const away = new ResponseError(503, 'gateway_unavailable', 'MLflow is away.');
    server.on('GET jobs', away);
    await live.start();
    socket.say(
      'snapshot',
      1,
      snapshot({ jobs: null, jobs_problems: [{ project: '', problem }] })
    );
    await settle();
    expect(live.jobsProblem).toEqual(problem);
    live.retryJobs();
    await settle();
    expect(live.jobsProblem?.message).toBe('MLflow is away.');
    server.on('GET jobs', { jobs: [job()], problem: null });
    live.retryJobs();
    await settle();
    expect(live.jobsProblem).toBeNull();
    expect(live.jobs?.map(j => j.name)).toEqual(['train-1']);
  });

  it('knows since when a target is silent', async () => {
    const target = (state: 'answers' | 'silent' | 'refused'): wire.ITargetState => ({
      name: 'team',
      context: '',
      namespace: '',
      source: 'settings',
      state,
      problem: null
    });
    await live.start();
    socket.say('snapshot', 1, snapshot({ targets: [target('silent')] }));
    expect(live.silentSinceMs('team')).toBe(0);
    expect(live.silentSinceMs('local')).toBeNull();
    socket.say('target', 2, target('answers'));
    expect(live.silentSinceMs('team')).toBeNull();
    socket.say('target', 3, target('silent'));
    const sinceMs = Date.now();
    expect(live.silentSinceMs('team')).toBe(sinceMs);
    await jest.advanceTimersByTimeAsync(1000);
    socket.say('target', 4, target('refused'));
    socket.say('snapshot', 5, snapshot({ targets: [target('silent')] }));
    expect(live.silentSinceMs('team')).toBe(sinceMs);
    await settle();
  });

  it('tells what the server finds wrong with the installation', async () => {
    const problem = (code: string): wire.IError => ({
      code,
      message: 'No.',
      hint: 'Restart Jupyter after: pip install x',
      details: {}
    });
    const found = ['labextension_missing', 'labextension_differs', 'proxy_missing'];
    server.on('GET health', health({ problems: found.map(problem) }));
    await live.start();
    await settle();
    expect(live.connection).toEqual({ kind: 'connecting' });
    expect(live.problems.map(p => p.code)).toEqual([
      'labextension_differs',
      'proxy_missing'
    ]);
  });

  it('keeps its order when things change, come and go', async () => {
    await live.start();
    const names = (): string[] => live.clusters?.map(c => c.name) ?? [];
    socket.say(
      'snapshot',
      1,
      snapshot({ clusters: [cluster({ name: 'c' }), cluster({ name: 'a' })] })
    );
    await settle();
    expect(names()).toEqual(['a', 'c']);
    socket.say('cluster', 2, cluster({ name: 'c', phase: 'lost' }));
    await settle();
    expect(live.clusters?.map(c => c.phase)).toEqual(['ready', 'lost']);
    socket.say('cluster', 3, cluster({ name: 'b' }));
    socket.say('job', 4, job({ name: 'old', submitted_ms: 1 }));
    socket.say('job', 5, job({ name: 'new', submitted_ms: 2 }));
    await settle();
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(live.jobs?.map(j => j.name)).toEqual(['new', 'old']);
    socket.say('cluster_gone', 6, { target: 'local', name: 'a' });
    await settle();
    expect(names()).toEqual(['b', 'c']);
  });

  it('holds why jobs can not be listed, until they can', async () => {
    const problem = { code: 'missing_extra', message: 'No.', hint: 'Do.', details: {} };
    await live.start();
    socket.say(
      'snapshot',
      1,
      snapshot({ jobs: null, jobs_problems: [{ project: '', problem }] })
    );
    await settle();
    expect(live.jobsProblem).toEqual(problem);
    socket.say('jobs_problem', 2, { project: '', problem: null });
    await settle();
    expect(live.jobsProblem).toBeNull();
  });

  it('tells the choice and the problem of its own project', async () => {
    const problem = { code: 'missing_extra', message: 'No.', hint: 'Do.', details: {} };
    const choice = { project: 'a', target: 'local', name: 'bench' };
    server.on('GET health', health({ project: '/work/a', project_path: 'a' }));
    await live.start();
    socket.say(
      'snapshot',
      1,
      snapshot({ chosen: [choice], jobs_problems: [{ project: 'b', problem }] })
    );
    expect([live.projectPath, live.chosen, live.jobsProblem]).toEqual([
      'a',
      choice,
      null
    ]);
    socket.say('chosen', 2, { project: 'b', target: 'team', name: 'big' });
    socket.say('jobs_problem', 3, { project: 'a', problem });
    expect([live.chosen, live.jobsProblem]).toEqual([choice, problem]);
    server.on('GET health', health({ project: '/work/b', project_path: 'b' }));
    await live.follow('b/deep');
    expect([live.chosen.name, live.jobsProblem]).toEqual(['big', problem]);
    server.on('GET health', health({ project: '/work/c', project_path: 'c' }));
    await live.follow('c');
    expect([live.chosen, live.jobsProblem]).toEqual([{ target: '', name: '' }, null]);
  });

  it('draws once for changes that come together', async () => {
    await live.start();
    await settle();
    let count = 0;
    live.changed.connect(() => (count += 1));
    socket.say('snapshot', 1, snapshot());
    for (let seq = 2; seq < 500; seq += 1) {
      socket.say('cluster', seq, cluster({ name: `c${seq}` }));
    }
    await settle();
    expect(count).toBe(1);
    expect(live.clusters?.length).toBe(498);
  });

  it('keeps what it holds when the server goes, and says since when it may be old', async () => {
    await live.start();
    socket.say('snapshot', 1, snapshot({ clusters: [cluster()] }));
    await settle();
    const sinceMs = Date.now();
    socket.break();
    await settle();
    expect(live.connection.kind).toBe('live');
    await jest.advanceTimersByTimeAsync(3000);
    expect(live.connection).toEqual({ kind: 'stale', sinceMs });
    expect(live.clusters?.length).toBe(1);
    socket.say('snapshot', 1, snapshot(), 'e2');
    await settle();
    expect(live.connection).toEqual({ kind: 'live' });
    expect(live.clusters).toEqual([]);
  });

  it('says how to enable a server extension that is not there', async () => {
    server.on('GET health', new ResponseError(404, '', 'Not Found'));
    await live.start();
    expect(live.connection.kind).toBe('failed');
    expect(live.connection.kind === 'failed' && live.connection.error.hint).toContain(
      '`jupyter server extension enable rayspace.server`'
    );
  });

  it('says which half to mend when both differ', async () => {
    server.on('GET health', health({ wire_version: 0, rayspace_version: '0.0.9' }));
    await live.start();
    const error = live.connection.kind === 'failed' ? live.connection.error : null;
    expect(error?.message).toBe(
      'The panel is of rayspace 0.1.0, but the half in the server is of 0.0.9.'
    );
    expect(error?.hint).toContain('`pip install rayspace==0.1.0`');
    server.on('GET health', health({ wire_version: 9, rayspace_version: '0.2.0' }));
    await live.start();
    const other = live.connection.kind === 'failed' ? live.connection.error : null;
    expect(other?.hint).toContain('Reload this page');
  });

  it('tells of a job that ends, but not of one that had ended', async () => {
    const ended: string[] = [];
    live.jobEnded.connect((_, { name }) => ended.push(name));
    await live.start();
    socket.say(
      'snapshot',
      1,
      snapshot({ jobs: [job(), job({ name: 'old', phase: 'failed' })] })
    );
    socket.say('job', 2, job({ phase: 'succeeded', ended_ms: 2_000_000 }));
    socket.say('job', 3, job({ name: 'old', phase: 'failed' }));
    expect(ended).toEqual(['train-1']);
  });

  it('asks for the jobs where the snapshot does not hold them', async () => {
    server.on('GET jobs', { jobs: [], unreached: [] });
    await live.start();
    socket.say('snapshot', 1, snapshot({ jobs: null }));
    await settle();
    expect(live.jobs).toEqual([]);
  });

  it('listens anew for the project of another folder, and only then', async () => {
    await live.start();
    socket.say('snapshot', 1, snapshot({ jobs: [job()] }));
    await settle();
    const first = socket;
    await live.follow('same');
    expect(socket).toBe(first);
    server.on('GET health', health({ project: '/work/other' }));
    await live.follow('other');
    expect(socket.query).toEqual({ path: 'other' });
    expect(live.project).toBe('/work/other');
    await settle();
    expect(live.jobs).toBeNull();
  });

  it('shows an operation before the stream tells it', async () => {
    await live.start();
    socket.say('snapshot', 1, snapshot());
    live.note(operation());
    await settle();
    expect(live.operations.map(o => o.id)).toEqual(['o1']);
    socket.say('operation', 2, operation({ state: 'done' }));
    live.note(operation());
    await settle();
    expect(live.operations.map(o => o.state)).toEqual(['done']);
  });
});
