/** Keep a cell in view while the cells around it still take their size. */

/** Time between two looks, and for how long it must stay in view to be let go. [ms] */
const LOOK_MS = 100;
const STILL_MS = 2000;
/** After so long it is let go wherever it is. [ms] */
const PATIENCE_MS = 60_000;
/** What somebody does who wants to look at something else. */
const HANDS = ['keydown', 'pointerdown', 'touchstart', 'wheel'] as const;

/**
 * Scroll to a part of a page, and again while it is pushed out of view.
 *
 * Cells of a notebook are drawn one after the other, and each that takes its size moves those
 * below it. Whoever touches the page meanwhile is not led back.
 *
 * @param part What is to be seen.
 * @param frame What it is seen in.
 * @param scroll Scrolls to it.
 */
export async function keepInView(
  part: Element,
  frame: Element,
  scroll: () => Promise<void>
): Promise<void> {
  let isTouched = false;
  const touch = (): void => {
    isTouched = true;
  };
  for (const hand of HANDS) {
    document.addEventListener(hand, touch, { capture: true, passive: true });
  }
  try {
    await scroll();
    let stillMs = 0;
    for (let ms = 0; ms < PATIENCE_MS && stillMs < STILL_MS; ms += LOOK_MS) {
      await new Promise(done => setTimeout(done, LOOK_MS));
      if (isTouched || !part.isConnected) {
        return;
      }
      if (isInView(part, frame)) {
        stillMs += LOOK_MS;
      } else {
        stillMs = 0;
        await scroll();
      }
    }
  } finally {
    for (const hand of HANDS) {
      document.removeEventListener(hand, touch, { capture: true });
    }
  }
}

function isInView(part: Element, frame: Element): boolean {
  const seen = part.getBoundingClientRect();
  const around = frame.getBoundingClientRect();
  return seen.top < around.bottom && seen.bottom > around.top;
}
