/** A clock that tests move by hand: a flow can age a login without waiting for it. It never looks at the machine's time. */
import type { Clock } from '../../src/clock.ts';
import type { Instant } from '../../src/gate/types.ts';

interface Timer {
  readonly due: Instant;
  readonly order: number;
  readonly callback: () => void;
}

export class TestClock implements Clock {
  #now: Instant;
  #count = 0;
  readonly #timers = new Set<Timer>();

  constructor(start: Instant = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): Instant {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    this.#count += 1;
    const timer: Timer = { due: this.#now + ms, order: this.#count, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Moves on by `ms` and runs what falls due on the way, in order, each at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
    }
    this.#now = end;
  }

  #next(end: Instant): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due > end) continue;
      if (first === undefined || timer.due < first.due || (timer.due === first.due && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}
