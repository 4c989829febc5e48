import { Api } from '../api';
import { canSuspend, idleGpus, idleText, mayIdle } from '../clusters/idle';
import { ClustersModel } from '../clusters/model';
import { sparkPath } from '../components/spark-path';
import { ILive } from '../tokens';
import * as wire from '../wire';
import { cluster, FakeServer, trans } from './server';

function detail(...idleS: number[]): wire.IClusterDetail {
  const gpus = idleS.map((idle_s, index) => ({
    key: `gpu_${index}`,
    busy_fractions: [0, 0],
    idle_s
  }));
  const course = { node_id: 'aa', span_s: 60, cpu_fractions: [0.5, 0.5], gpus };
  return {
    cluster: cluster(),
    nodes: [],
    courses: [course],
    nodes_problem: null,
    dashboard: ''
  };
}

describe('GPUs held in vain', () => {
  it('are those that have been idle for longer than the setting says', () => {
    expect(idleGpus(detail(2000, 1799, 3600), 1800)).toEqual({
      count: 2,
      total: 3,
      seconds: 2000
    });
    expect(idleGpus(detail(1799, 0), 1800)).toBeNull();
    expect(idleGpus(detail(), 1800)).toBeNull();
  });

  it('are none where the setting is 0', () => {
    expect(idleGpus(detail(86_400), 0)).toBeNull();
  });

  it('are told of in a sentence', () => {
    const text = (count: number, total: number): string =>
      idleText({ count, total, seconds: 2700 }, trans);
    expect(text(1, 1)).toBe('Its GPU has been idle for 45 min.');
    expect(text(1, 4)).toBe('1 of its 4 GPUs has been idle for 45 min.');
    expect(text(3, 4)).toBe('3 of its 4 GPUs have been idle for 45 min.');
  });

  it('can be freed by suspending on Kubernetes only, and not from others', () => {
    const spec = cluster().spec;
    const far = cluster({
      target: 'team-a',
      namespace: 'team-a',
      spec: { ...spec, worker: { ...spec.worker, gpus: 2 } }
    });
    expect([canSuspend(far), canSuspend(cluster())]).toEqual([true, false]);
    expect(mayIdle(far)).toBe(true);
    expect(mayIdle({ ...far, spec })).toBe(false);
    expect(mayIdle({ ...far, origin: 'foreign' })).toBe(false);
    expect(mayIdle({ ...far, phase: 'suspended' })).toBe(false);
    expect(mayIdle(cluster())).toBe(true);
  });
});

describe('a closed row', () => {
  it('warns of idle GPUs, and stops when the setting allows more', async () => {
    let limitS = 1800;
    const server = new FakeServer().on('GET clusters/local/laptop', detail(2000, 0));
    const live = {
      clusters: [cluster()],
      operations: [],
      chosen: { target: 'local', name: 'laptop' },
      path: '',
      changed: { connect: () => true }
    } as unknown as ILive;
    const model = new ClustersModel(new Api(server.request), live, () => limitS);
    const drawn = new Promise<void>(resolve => model.changed.connect(() => resolve()));
    await drawn;
    const key = model.rows?.[0]?.key ?? '';
    expect(model.idle(key)).toEqual({ count: 1, total: 2, seconds: 2000 });
    expect(model.idle(key)).toBe(model.idle(key));
    limitS = 3600;
    expect(model.idle(key)).toBeNull();
    expect(server.asked).toHaveLength(1);
    model.dispose();
  });
});

describe('a thousand closed rows', () => {
  it('are looked at a few at a time', async () => {
    const server = new FakeServer();
    const clusters = Array.from({ length: 1000 }, (_, i) => cluster({ name: `c${i}` }));
    for (const { name } of clusters) {
      server.on(`GET clusters/local/${name}`, detail());
    }
    const live = {
      clusters,
      operations: [],
      chosen: { target: '', name: '' },
      path: '',
      changed: { connect: () => true }
    } as unknown as ILive;
    const model = new ClustersModel(new Api(server.request), live);
    await new Promise<void>(resolve => model.changed.connect(() => resolve()));
    expect(server.asked.length).toBe(8);
    model.dispose();
  });
});

describe('a small line', () => {
  it('stands where its share is, not where its smallest value is', () => {
    expect(sparkPath([0.5, 0.5], [0, 1])).toBe('M1.0 7.0L55.0 7.0');
    expect(sparkPath([0, NaN, 1], [0, 1])).toBe('M1.0 12.5M55.0 1.5');
  });
});
