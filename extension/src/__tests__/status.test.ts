import { Api } from '../api';
import { StatusModel } from '../status/model';
import { ILive } from '../tokens';
import * as wire from '../wire';
import { cluster, FakeServer } from './server';

function detail(gpus: number): wire.IClusterDetail {
  const sample = {
    gpu_index: 0,
    name: 'RTX',
    busy_fraction: 0.5,
    memory_used_bytes: null,
    memory_total_bytes: null,
    power_w: null,
    temperature_c: null,
    key: 'gpu_0',
    n_processes: null
  };
  const node = {
    node_id: 'aa',
    ip: '',
    hostname: '',
    is_head: true,
    is_alive: true,
    cpus: 8,
    gpus,
    cpu_used_fraction: 0,
    memory_used_bytes: 0,
    memory_total_bytes: 0,
    gpu_samples: gpus > 0 ? [sample] : [],
    name: 'head'
  };
  return {
    cluster: cluster(),
    nodes: [node],
    courses: [],
    nodes_problem: null,
    dashboard: ''
  };
}

describe('StatusModel', () => {
  let tell = (): void => undefined;

  function made(server: FakeServer, found = cluster()): StatusModel {
    const live = {
      clusters: [found],
      chosen: { target: found.target, name: found.name },
      path: '',
      changed: {
        connect: (update: () => void, self: unknown) => {
          tell = () => update.call(self);
        }
      }
    } as unknown as ILive;
    const model = new StatusModel(new Api(server.request), live);
    tell();
    return model;
  }

  beforeEach(() => {
    jest.useFakeTimers();
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('tells of GPUs that Ray found on this machine', async () => {
    const model = made(new FakeServer().on('GET clusters/local/laptop', detail(1)));
    await jest.advanceTimersByTimeAsync(10);
    expect(model.gpuFraction).toBe(0.5);
    model.dispose();
  });

  it('looks once where this machine has none', async () => {
    const server = new FakeServer().on('GET clusters/local/laptop', detail(0));
    const model = made(server);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toHaveLength(1);
    expect(model.gpuFraction).toBeNull();
    model.dispose();
  });

  it('asks nothing of a cluster elsewhere that was asked for without GPUs', async () => {
    const server = new FakeServer();
    const model = made(server, cluster({ target: 'team-a' }));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toEqual([]);
    model.dispose();
  });
});
