import { Api } from '../api';
import { StartModel } from '../clusters/start-model';
import { PAUSE_MS } from '../planner';
import { ResponseError } from '../request';
import { ShipModel } from '../ship/model';
import { changedValues, givenTexts, initialText, valueError } from '../ship/values';
import { ILive } from '../tokens';
import { IField, IProfile } from '../wire';
import { cluster, FakeServer, trans } from './server';

function field(changes: Partial<IField> = {}): IField {
  return {
    name: 'lr',
    type: 'float',
    kind: 'float',
    is_optional: false,
    default: 0.1,
    default_repr: '0.1',
    has_default: true,
    choices: [],
    help: '',
    ...changes
  };
}

const LAPTOP = {
  name: 'laptop',
  description: '',
  target: 'local'
} as unknown as IProfile;
const TEAMS = { name: 'team-gpu', description: '', target: '' } as unknown as IProfile;

describe('values of parameters', () => {
  const layers = field({
    name: 'layers',
    kind: 'list',
    default: [64, 32],
    default_repr: '[64, 32]'
  });
  const flag = field({
    name: 'flag',
    kind: 'bool',
    default: true,
    default_repr: 'True'
  });
  const mode = field({ name: 'mode', kind: 'choice', default: 1, choices: [1, 2] });

  it('begin with their defaults, and are not sent unless they differ', () => {
    expect(initialText(layers)).toBe('[64,32]');
    expect(initialText(field({ default: null, default_repr: 'Path("x")' }))).toBe(
      'Path("x")'
    );
    const all = [field(), layers, flag, mode];
    expect(
      changedValues(all, { lr: '0.1', layers: '[64,32]', flag: 'true', mode: '1' })
    ).toEqual({});
    expect(
      changedValues(all, { lr: '0.2', layers: '[1]', flag: 'false', mode: '2' })
    ).toEqual({
      lr: '0.2',
      layers: '[1]',
      flag: false,
      mode: 2
    });
  });

  it('of a job are typed so that they are read as the same again', () => {
    const text = field({ name: 'name', type: 'str', kind: 'str', default: 'a' });
    const any = field({ name: 'any', type: 'any', kind: 'any', default: null });
    const all = [field(), layers, flag, text, any];
    const values = { lr: 1e-7, layers: ['a', 'c'], flag: false, name: '007', gone: 1 };
    const typed = givenTexts(all, values);
    expect(typed).toEqual({
      lr: '1e-7',
      layers: '["a","c"]',
      flag: 'false',
      name: '007'
    });
    expect(all.map(f => valueError(f, typed[f.name] ?? '', trans))).toEqual(
      all.map(() => '')
    );
    expect(changedValues(all, typed)).toEqual({ ...typed, flag: false });
    // What equals its default is not sent.
    expect(
      changedValues(all, givenTexts(all, { flag: true, layers: [64, 32] }))
    ).toEqual({});
    expect(givenTexts([any], { any: '1' })).toEqual({ any: '"1"' });
    expect(givenTexts([any], { any: 'fast' })).toEqual({ any: 'fast' });
    expect(givenTexts([any], { any: true })).toEqual({ any: 'true' });
    expect(givenTexts([field()], { lr: 'inf' })).toEqual({ lr: 'inf' });
  });

  it('of a job may be None', () => {
    const optional = field({ is_optional: true });
    expect(changedValues([optional], givenTexts([optional], { lr: null }))).toEqual({
      lr: null
    });
    const text = field({ kind: 'str', is_optional: true, default: 'a' });
    expect(givenTexts([text], { lr: null })).toEqual({ lr: 'None' });
    const none = field({ kind: 'any', default: null, default_repr: 'None' });
    expect(changedValues([none], givenTexts([none], { lr: null }))).toEqual({});
    const choice = field({ kind: 'choice', default: 'a', choices: ['a', null] });
    expect(changedValues([choice], givenTexts([choice], { lr: null }))).toEqual({
      lr: null
    });
  });

  it('are None where they are left empty and may be', () => {
    const optional = field({ is_optional: true });
    expect(changedValues([optional], { lr: '' })).toEqual({ lr: null });
    expect(changedValues([field()], { lr: ' ' })).toEqual({});
  });

  it('are checked before they are sent', () => {
    expect(valueError(field(), 'fast', trans)).toBe('Give a number.');
    expect(valueError(field(), '1e-3', trans)).toBe('');
    expect(valueError(field({ kind: 'int' }), '1.5', trans)).toBe(
      'Give a whole number.'
    );
    expect(valueError(layers, '[64', trans)).toContain('Give a list');
    expect(valueError(layers, '{"a": 1}', trans)).toContain('Give a list');
    expect(valueError(field({ has_default: false }), '', trans)).toContain(
      'needs a value'
    );
  });
});

describe('StartModel', () => {
  it('knows before a start what would be replaced by what is typed last', async () => {
    const replaced = { name: 'sweep', phase: 'failed', why: 'it had another image' };
    const server = new FakeServer()
      .on('GET profiles', { profiles: [LAPTOP] })
      .on('POST clusters/plan', { problems: [], replaced });
    const model = new StartModel(new Api(server.request), '', 'laptop');
    await model.load();
    expect(await model.settled()).toBe(true);
    expect(model.replaced).toEqual(replaced);
    server.on('POST clusters/plan', { problems: [], replaced: null });
    model.set({ name: 'other' });
    // Nobody waits for the pause of who types.
    expect(await model.settled()).toBe(true);
    expect(model.replaced).toBeNull();
    expect(model.isHopeless).toBe(false);
    model.dispose();
  });
});

describe('ShipModel', () => {
  const live = {
    clusters: [cluster(), cluster({ name: 'off', phase: 'suspended' })],
    chosen: { target: 'local', name: 'laptop' },
    targets: []
  } as unknown as ILive;

  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function loaded(server: FakeServer, given = {}): ShipModel {
    return new ShipModel(
      new Api(server.request),
      live,
      'a/train.ipynb',
      null,
      given,
      trans
    );
  }

  it('proposes the chosen cluster, and asks once when nobody types any more', async () => {
    const server = new FakeServer()
      .on('GET notebooks/parameters', { parameters: [field()] })
      .on('GET profiles', { profiles: [LAPTOP] })
      .on('POST jobs/plan', { magic: '%ray_job submit train.ipynb' });
    const model = loaded(server, { lr: 0.5, gone: 1 });
    await model.load();
    expect(model.places.map(place => place.key)).toEqual([
      'cluster local laptop',
      'profile laptop'
    ]);
    model.setValue('lr', '0.6');
    model.setValue('lr', '0.7');
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    const plans = server.asked.filter(asked => asked.path === 'jobs/plan');
    expect(plans.map(asked => asked.body)).toEqual(
      ['0.5', '0.7'].map(lr => ({
        path: 'a/train.ipynb',
        kernel: null,
        parameters: { lr },
        cluster: 'laptop',
        target: 'local'
      }))
    );
    expect(model.plan?.magic).toBe('%ray_job submit train.ipynb');
    model.dispose();
  });

  it('offers the profiles of the namespace that is chosen', async () => {
    const server = new FakeServer()
      .on('GET notebooks/parameters', { parameters: [field()] })
      .on('GET profiles', { profiles: [LAPTOP] })
      .on('GET profiles team-a', { profiles: [LAPTOP, TEAMS] })
      .on('POST jobs/plan', { magic: '' });
    const model = loaded(server);
    await model.load();
    model.setPlace('profile laptop');
    model.setTarget('team-a');
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(model.places.map(place => place.key)).toContain('profile team-gpu');
    expect(model.place).toBe('profile laptop');
    model.setPlace('profile team-gpu');
    model.setTarget('');
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    // It is there no more.
    expect(model.place).toBe('cluster local laptop');
    model.dispose();
  });

  it('proposes neither a cluster of somebody else nor one that is only played', async () => {
    const server = new FakeServer()
      .on('GET notebooks/parameters', { parameters: [] })
      .on('GET profiles', { profiles: [TEAMS, LAPTOP] })
      .on('POST jobs/plan', { magic: '' });
    const bobs = {
      name: 'bobs-gpu',
      target: 'team-a',
      origin: 'foreign',
      owner: 'bob'
    };
    const around = {
      clusters: [
        cluster({ ...bobs, origin: 'foreign' }),
        cluster({ name: 'played', target: 'simulated' })
      ],
      chosen: { target: '', name: '' },
      targets: [
        { name: 'team-a', source: 'settings' },
        { name: 'simulated', source: 'simulated' }
      ]
    };
    const proposed = async (changes = {}): Promise<ShipModel> => {
      const told = { ...around, ...changes } as unknown as ILive;
      const model = new ShipModel(
        new Api(server.request),
        told,
        'n.ipynb',
        null,
        {},
        trans
      );
      await model.load();
      model.dispose();
      return model;
    };
    const model = await proposed();
    expect(model.place).toBe('profile laptop');
    expect(model.places.map(({ key, owner }) => [key, owner])).toEqual([
      ['cluster team-a bobs-gpu', 'bob'],
      ['profile team-gpu', ''],
      ['profile laptop', '']
    ]);
    expect(model.targets.map(({ name }) => name)).toEqual(['team-a']);
    const mine = [...around.clusters, cluster({ name: 'mine', target: 'team-a' })];
    expect((await proposed({ clusters: mine })).place).toBe('cluster team-a mine');
    // Who says to use it means it.
    expect((await proposed({ chosen: bobs })).place).toBe('cluster team-a bobs-gpu');
  });

  it('does not ask with values that are wrong', async () => {
    const server = new FakeServer()
      .on('GET notebooks/parameters', { parameters: [field()] })
      .on('GET profiles', { profiles: [LAPTOP] })
      .on('POST jobs/plan', { magic: '' });
    const model = loaded(server);
    await model.load();
    model.setValue('lr', 'fast');
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(model.isSound).toBe(false);
    expect(server.asked.filter(asked => asked.path === 'jobs/plan').length).toBe(1);
    model.dispose();
  });
});

describe('valueError', () => {
  it('lets a default be what it is', () => {
    const code = field({ kind: 'int', default: null, default_repr: '60 * 60' });
    expect(valueError(code, '60 * 60', trans)).toBe('');
    expect(valueError(code, '60 * 61', trans)).not.toBe('');
    expect(valueError(code, '61', trans)).toBe('');
  });
});

describe('StartModel', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('sends what is typed, and nothing for what is not', async () => {
    const server = new FakeServer()
      .on('GET profiles', { profiles: [LAPTOP] })
      .on('POST clusters/plan', { problems: [{ is_final: true }] });
    const model = new StartModel(new Api(server.request), 'p', 'laptop');
    await model.load();
    model.set({ workers: '2', name: ' mine ' });
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(server.asked[server.asked.length - 1]?.body).toEqual({
      path: 'p',
      kernel: null,
      profile: 'laptop',
      name: 'mine',
      target: null,
      workers: 2,
      gpus: null,
      queue: null
    });
    expect(model.isHopeless).toBe(true);
    model.dispose();
  });

  it('offers the profiles of the namespace that is chosen', async () => {
    const server = new FakeServer()
      .on('GET profiles', { profiles: [LAPTOP] })
      .on('GET profiles team-a', { profiles: [LAPTOP, TEAMS] })
      .on('GET profiles away', new ResponseError(503, 'unavailable', 'Silence.', ''))
      .on('POST clusters/plan', { problems: [] });
    const model = new StartModel(new Api(server.request), 'p', 'laptop');
    const names = (): string[] => (model.profiles ?? []).map(({ name }) => name);
    await model.load();
    model.set({ target: 'team-a' });
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(names()).toEqual(['laptop', 'team-gpu']);
    model.set({ profile: 'team-gpu' });
    // Where nobody answers, what was known stays.
    model.set({ target: 'away' });
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(model.profile).toBe(TEAMS);
    model.set({ target: '' });
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect([names(), model.form.profile]).toEqual([['laptop'], 'laptop']);
    model.dispose();
  });

  it('shows why a wish is wrong', async () => {
    const server = new FakeServer()
      .on('GET profiles', { profiles: [LAPTOP] })
      .on(
        'POST clusters/plan',
        new ResponseError(400, 'usage', 'Too many.', 'Give 0 to 16.')
      );
    const model = new StartModel(new Api(server.request), '', 'laptop');
    await model.load();
    await jest.advanceTimersByTimeAsync(0);
    expect(model.error).toEqual({
      code: 'usage',
      message: 'Too many.',
      hint: 'Give 0 to 16.',
      details: {}
    });
    expect(model.plan).toBeNull();
    model.dispose();
  });
});
