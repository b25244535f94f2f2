/** Time, passed in: flows can age a login in a millisecond, and nothing in the product asks the machine by itself. */
import type { Instant } from './gate/types.ts';

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): Instant;
  /**
   * Calls back once after `ms`, unless the returned function was called before. Timers never keep the process alive.
   */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Milliseconds since some moment of this process: it never goes back, and nobody can set it. For what must not last too long. */
export const steadyClock: Clock = { now: () => performance.now(), after: systemClock.after };
