/** Wait for something a moment: a dialog that opens with its content does not jump. */

/** So long a click may stay without an answer. [ms] */
const MOMENT_MS = 800;

/** Wait until something is done, but not longer than a moment; it goes on. */
export async function soon(work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const moment = new Promise<void>(done => {
    timer = setTimeout(done, MOMENT_MS);
  });
  await Promise.race([work, moment]);
  clearTimeout(timer);
}
