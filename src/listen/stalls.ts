/**
 * Cuts clients off that neither send what they announced nor read what is waiting for them. Only bytes that a client owes count:
 * an application that is silent (event streams, long polls, sockets) or slow to read is never the client's fault, and such
 * exchanges are cut off only when all of them have to end.
 */
import type { Clock } from '../clock.ts';
import { lookEachQuarter } from './looks.ts';

/** Something with a client at its end, looked at now and then. */
export interface Flow {
  /** Bytes that came, while the client owes more and somebody reads; `undefined` when it owes none. */
  received(): number | undefined;
  /** A figure that changes as the client reads, while something waits to be read; `undefined` when nothing does. */
  taken(): number | undefined;
  /** Whether something is under way that comes to an end by itself: neither an event stream nor a WebSocket. */
  hasEnd(): boolean;
  cut(): void;
}

interface Seen {
  received: number | undefined;
  receivedAt: number;
  taken: number | undefined;
  takenAt: number;
}

export class Stalls {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #flows = new Map<Flow, Seen>();
  readonly #end: () => void;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#end = lookEachQuarter(clock, limitMs, () => this.#look());
  }

  watch(flow: Flow): void {
    const now = this.#clock.now();
    this.#flows.set(flow, { received: undefined, receivedAt: now, taken: undefined, takenAt: now });
  }

  forget(flow: Flow): void {
    this.#flows.delete(flow);
  }

  /** Cuts off what would never end by itself. @returns whether anything is left. */
  endEndless(): boolean {
    for (const flow of this.#flows.keys()) {
      if (flow.hasEnd()) continue;
      this.#flows.delete(flow);
      flow.cut();
    }
    return this.#flows.size > 0;
  }

  stop(): void {
    this.#end();
    this.#flows.clear();
  }

  #look(): void {
    const now = this.#clock.now();
    for (const [flow, seen] of this.#flows) {
      const received = flow.received();
      if (received === undefined || received !== seen.received) seen.receivedAt = now;
      seen.received = received;
      const taken = flow.taken();
      if (taken === undefined || taken !== seen.taken) seen.takenAt = now;
      seen.taken = taken;
      if (now - Math.min(seen.receivedAt, seen.takenAt) < this.#limitMs) continue;
      this.#flows.delete(flow);
      flow.cut();
    }
  }
}
