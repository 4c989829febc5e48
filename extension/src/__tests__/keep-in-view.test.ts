/** A cell stays in view while the page settles, and nobody who scrolls is led back. */

import { keepInView } from '../jobs/keep-in-view';

const FRAME = { top: 0, bottom: 100 } as DOMRect;

function page(): { part: HTMLElement; frame: HTMLElement; put: (top: number) => void } {
  const [part, frame] = [document.createElement('div'), document.createElement('div')];
  let top = 0;
  part.getBoundingClientRect = () => ({ top, bottom: top + 20 }) as DOMRect;
  frame.getBoundingClientRect = () => FRAME;
  document.body.append(part);
  return { part, frame, put: value => (top = value) };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('what is pushed out of view is brought back, until it stands still', async () => {
  const { part, frame, put } = page();
  const scroll = jest.fn(() => Promise.resolve(put(40)));
  put(500);
  const done = keepInView(part, frame, scroll);
  await jest.advanceTimersByTimeAsync(1000);
  expect(scroll).toHaveBeenCalledTimes(1);
  for (const top of [300, -50]) {
    put(top);
    await jest.advanceTimersByTimeAsync(200);
  }
  expect(scroll).toHaveBeenCalledTimes(3);
  await jest.advanceTimersByTimeAsync(3000);
  await done;
  put(300);
  await jest.advanceTimersByTimeAsync(3000);
  expect(scroll).toHaveBeenCalledTimes(3);
});

test.each(['wheel', 'keydown', 'pointerdown'])('%s ends it', async hand => {
  const { part, frame, put } = page();
  const scroll = jest.fn(() => Promise.resolve(put(40)));
  const done = keepInView(part, frame, scroll);
  await jest.advanceTimersByTimeAsync(200);
  document.dispatchEvent(new Event(hand));
  put(900);
  await jest.advanceTimersByTimeAsync(200);
  await done;
  expect(scroll).toHaveBeenCalledTimes(1);
});

test('what is closed, or never comes into view, is let go', async () => {
  const closed = page();
  const scroll = jest.fn(() => Promise.resolve());
  closed.put(500);
  const done = keepInView(closed.part, closed.frame, scroll);
  closed.part.remove();
  await jest.advanceTimersByTimeAsync(200);
  await done;
  expect(scroll).toHaveBeenCalledTimes(1);
  const lost = page();
  lost.put(500);
  const given = keepInView(lost.part, lost.frame, scroll);
  await jest.advanceTimersByTimeAsync(61_000);
  await given;
});
