import { Api } from '../api';
import { Confirmations } from '../dashboards/confirm';
import { ILive } from '../tokens';
import * as wire from '../wire';
import { cluster, FakeServer } from './server';

const ROUTE = 'POST clusters/team-a/theirs/dashboard';

function made(
  clusters: readonly wire.IClusterState[] | null,
  answer: boolean
): { server: FakeServer; asked: string[]; confirmations: Confirmations } {
  const server = new FakeServer().on(ROUTE, { dashboard: 'x' });
  const asked: string[] = [];
  const live = { clusters, path: 'work' } as unknown as ILive;
  const confirmations = new Confirmations(
    { api: new Api(server.request), live },
    async found => {
      asked.push(found.owner);
      return Promise.resolve(answer);
    }
  );
  return { server, asked, confirmations };
}

const theirs = cluster({
  target: 'team-a',
  name: 'theirs',
  origin: 'foreign',
  owner: 'bob'
});

describe('Confirmations', () => {
  it('asks nothing about clusters of one’s own, and of what is not known yet', async () => {
    const { server, asked, confirmations } = made([cluster()], false);
    expect(await confirmations.find('local', 'laptop')).toBe('yes');
    expect(await made(null, false).confirmations.find('local', 'laptop')).toBe('yes');
    expect(asked).toEqual([]);
    expect(server.asked).toEqual([]);
  });

  it('tells the server whose it is, once a person has said so', async () => {
    const { server, asked, confirmations } = made([theirs], true);
    expect(await confirmations.find('team-a', 'theirs')).toBe('new');
    expect(await confirmations.find('team-a', 'theirs')).toBe('yes');
    expect(asked).toEqual(['bob']);
    expect(server.asked.map(asking => asking.body)).toEqual([
      { owner: 'bob', path: 'work' }
    ]);
  });

  it('asks about one without a known owner too', async () => {
    const { asked, confirmations } = made([{ ...theirs, owner: '' }], true);
    expect(await confirmations.find('team-a', 'theirs')).toBe('new');
    expect(asked).toEqual(['']);
  });

  it('tells the server nothing where a person says no', async () => {
    const { server, confirmations } = made([theirs], false);
    expect(await confirmations.find('team-a', 'theirs')).toBe('no');
    expect(server.asked).toEqual([]);
  });
});
