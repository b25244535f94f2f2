/**
 * Ends connections that ask for nothing any more. All are looked at now and then: Node would set a timer for each answer and take it
 * back for each request, which is what a request pays for and hardly any needs.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { answerOn } from './flows.ts';
import { lookEachQuarter } from './looks.ts';

interface Seen {
  bytes: number;
  /** When it was last seen to do something, in ms since the epoch. */
  at: number;
}

export class IdleConnections {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #seen = new Map<Socket, Seen>();
  readonly #end: () => void;

  /** @param limitMs how long one may be idle; it ends at most a quarter later */
  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#end = lookEachQuarter(clock, limitMs, () => this.#look());
  }

  watch(socket: Socket): void {
    this.#seen.set(socket, { bytes: 0, at: this.#clock.now() });
  }

  /** It was closed, or speaks something else from now on. */
  forget(socket: Socket): void {
    this.#seen.delete(socket);
  }

  stop(): void {
    this.#end();
    this.#seen.clear();
  }

  /** What it did since the last look counts as done now: no connection ends too early. */
  #look(): void {
    const now = this.#clock.now();
    for (const [socket, seen] of this.#seen) {
      if (socket.bytesRead !== seen.bytes || answerOn(socket) !== undefined) {
        seen.bytes = socket.bytesRead;
        seen.at = now;
      } else if (now - seen.at >= this.#limitMs) {
        this.#seen.delete(socket);
        socket.destroy();
      }
    }
  }
}
