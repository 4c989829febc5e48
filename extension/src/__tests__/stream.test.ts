import { Stream } from '../stream';
import { FakeSocket, snapshot } from './server';

describe('Stream', () => {
  let sockets: FakeSocket[];
  let stream: Stream;
  let heard: string[];

  const last = (): FakeSocket => sockets[sockets.length - 1] as FakeSocket;

  beforeEach(() => {
    jest.useFakeTimers();
    sockets = [];
    heard = [];
    stream = new Stream({
      open: query => {
        sockets.push(new FakeSocket(query));
        return last();
      },
      random: () => 0.5
    });
    stream.message.connect((_, message) =>
      heard.push(`${message.kind} ${message.seq}`)
    );
    stream.connect('work');
  });

  afterEach(() => {
    stream.dispose();
    jest.useRealTimers();
  });

  it('delivers a snapshot, then each change once', () => {
    last().say('snapshot', 4, snapshot());
    last().say('chosen', 5, { target: '', name: '' });
    last().say('chosen', 5, { target: '', name: '' });
    last().say('ping', 5, null);
    expect(heard).toEqual(['snapshot 4', 'chosen 5']);
    expect(stream.state).toBe('live');
  });

  it('goes on after the last number when it comes back', () => {
    last().say('snapshot', 4, snapshot());
    last().say('chosen', 5, { target: '', name: '' });
    last().break();
    expect(stream.state).toBe('broken');
    jest.advanceTimersByTime(500);
    expect(last().query).toEqual({ path: 'work', epoch: 'e1', after: '5' });
    last().say('chosen', 6, { target: '', name: '' });
    expect(heard).toEqual(['snapshot 4', 'chosen 5', 'chosen 6']);
    expect(stream.state).toBe('live');
  });

  it('takes a snapshot of another epoch after a restart of the server', () => {
    last().say('snapshot', 40, snapshot());
    last().break();
    jest.advanceTimersByTime(500);
    last().say('snapshot', 1, snapshot(), 'e2');
    last().say('chosen', 2, { target: '', name: '' }, 'e2');
    expect(heard).toEqual(['snapshot 40', 'snapshot 1', 'chosen 2']);
  });

  it('asks for all again when a number was missed', () => {
    last().say('snapshot', 4, snapshot());
    last().say('chosen', 7, { target: '', name: '' });
    jest.advanceTimersByTime(500);
    expect(last().query).toEqual({ path: 'work' });
    expect(heard).toEqual(['snapshot 4']);
  });

  it('comes back later and later, and at once when asked', () => {
    last().break();
    for (const pauseMs of [500, 1000, 2000]) {
      const before = sockets.length;
      jest.advanceTimersByTime(pauseMs - 1);
      expect(sockets.length).toBe(before);
      jest.advanceTimersByTime(1);
      expect(sockets.length).toBe(before + 1);
      last().break();
    }
    const before = sockets.length;
    stream.retryNow();
    expect(sockets.length).toBe(before + 1);
  });

  it('takes long silence for a break', () => {
    last().say('snapshot', 4, snapshot());
    jest.advanceTimersByTime(20_000);
    last().say('ping', 4, null);
    jest.advanceTimersByTime(20_000);
    expect(stream.state).toBe('live');
    jest.advanceTimersByTime(5_000);
    expect(stream.state).toBe('broken');
    expect(sockets[0]?.isClosed).toBe(true);
  });

  it('passes over what it does not understand', () => {
    last().onmessage?.({ data: 'no JSON' } as MessageEvent);
    last().onmessage?.({ data: '{"kind": 1}' } as MessageEvent);
    expect(heard).toEqual([]);
  });

  it('tells the server when nobody looks', () => {
    last().onopen?.({} as Event);
    stream.setVisible(false);
    expect(last().sent).toEqual([{ kind: 'visible', is_visible: false }]);
    last().break();
    jest.advanceTimersByTime(500);
    last().onopen?.({} as Event);
    expect(last().sent).toEqual([{ kind: 'visible', is_visible: false }]);
  });
});
