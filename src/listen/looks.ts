/** Looks at everything now and then, instead of a timer for each of many things. */
import type { Clock } from '../clock.ts';

/**
 * Four looks in the time that is allowed, so that what is over is seen at most a quarter late.
 * @returns ends it
 */
export function lookEachQuarter(clock: Clock, limitMs: number, look: () => void): () => void {
  let cancel = (): void => {};
  const next = (): void => {
    cancel = clock.after(Math.ceil(limitMs / 4), () => {
      look();
      next();
    });
  };
  next();
  return () => cancel();
}
