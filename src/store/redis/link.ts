/**
 * The way to the server: one connection for commands and one for messages, made, watched and lost together. It never keeps a
 * command for later: without a way there is an error at once, and the caller refuses.
 *
 * The server sends messages and the answer to a PING over one connection in order. So an answered PING proves that every
 * message published before it was sent has arrived here, and for a second after that nothing older can be unknown.
 */
import { randomInt } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { reason } from '../durable-file.ts';
import { StoreError } from '../store.ts';
import { type Connection, dial, type RedisServer } from './dial.ts';
import { locate } from './locate.ts';

/** How often both connections are asked for a sign of life, in ms. */
export const BEAT_MS = 250;
/** How long an answered PING is good for, in ms; what `Elsewhere.isHeard` promises. */
export const HEARD_MS = 1_000;
const LONGEST_PAUSE_MS = 1_000;

export type Send = (args: readonly string[]) => Promise<unknown>;

export interface LinkOptions {
  readonly server: RedisServer;
  /** Never goes back, and its timers do not keep the process alive. */
  readonly timers: Clock;
  readonly channel: string;
  /** A key that is always there. One that is missing means that the server lost what it held. */
  readonly landmark: string;
  /** Whether the server is the one that was known before. @throws StoreError when it must not be used */
  readonly check: (send: Send) => Promise<void>;
  readonly onMessage: (message: string) => void;
  /** A new way: anything may have happened meanwhile. Commands work again, but nothing counts as heard yet. */
  readonly onRestored: () => void;
  /** Told once when the way is lost, and once (`undefined`) when it is there again. */
  readonly onTrouble: (trouble: StoreError | undefined) => void;
}

interface Pair {
  readonly commands: Connection;
  readonly messages: Connection;
  /** When the last PING that was answered was sent. */
  provenAt: number;
  /** Beats in a row that one of both did not answer. */
  missed: number;
}

export class Link {
  readonly #options: LinkOptions;
  #pair: Pair | undefined;
  #trouble: StoreError | undefined;
  #closed = false;
  #cancel: () => void = () => undefined;

  private constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** @throws StoreError with one sentence when the server cannot be used now */
  static async open(options: LinkOptions): Promise<Link> {
    const link = new Link(options);
    try {
      await link.#connect();
    } catch (error) {
      link.close();
      throw link.#explain(error);
    }
    return link;
  }

  /** @throws StoreError without a way; else what the server said */
  async send(args: readonly string[]): Promise<unknown> {
    const pair = this.#pair;
    if (pair === undefined) throw this.#trouble ?? new StoreError('unreadable', 'The store is closed.');
    try {
      return await pair.commands.send(args);
    } catch (error) {
      // Not the server that takes writes any more, or not yet: look for the one that does.
      if (/^(?:MOVED|READONLY|CLUSTERDOWN|MASTERDOWN|LOADING) /.test(messageOf(error))) this.#lose(pair, error);
      throw error;
    }
  }

  isHeard(): boolean {
    return this.#pair !== undefined && this.#options.timers.now() - this.#pair.provenAt < HEARD_MS;
  }

  /** Waits as the connection is watched: in real time. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.timers.after(ms, resolve));
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    end(this.#pair);
    this.#pair = undefined;
  }

  async #connect(): Promise<void> {
    const { server, timers, landmark, channel } = this.#options;
    const address = await locate(server, landmark, timers);
    const life: { pair?: Pair; lost?: Error } = {};
    const onLost = (error: Error): void => {
      life.lost ??= error;
      if (life.pair !== undefined) this.#lose(life.pair, error);
    };
    const made: Connection[] = [];
    const limit = timers.after(server.timeoutMs * 2, () => made.map((connection) => connection.destroy()));
    try {
      const commands = await dial(address, server, timers, onLost);
      made.push(commands);
      await this.#options.check((args) => commands.send(args));
      const messages = await dial(address, server, timers, onLost);
      made.push(messages);
      const subscribedAt = timers.now();
      await messages.subscribe(channel, this.#options.onMessage);
      if (life.lost !== undefined) throw life.lost;
      if (this.#closed) throw new StoreError('unreadable', 'The store is closed.');
      const pair: Pair = { commands, messages, provenAt: Number.NEGATIVE_INFINITY, missed: 0 };
      life.pair = pair;
      this.#pair = pair;
      this.#options.onRestored();
      pair.provenAt = subscribedAt;
      this.#beatLater(pair);
    } catch (error) {
      for (const connection of made) connection.destroy();
      throw error;
    } finally {
      limit();
    }
  }

  #beatLater(pair: Pair): void {
    this.#cancel = this.#options.timers.after(BEAT_MS, () => this.#beat(pair));
  }

  /** Counted in beats and not in time: when this process itself stood still, the answers are only not read yet. */
  #beat(pair: Pair): void {
    const { server, timers, landmark } = this.#options;
    if (pair.missed >= Math.max(1, Math.floor(server.timeoutMs / BEAT_MS) - 1)) {
      this.#lose(pair, new StoreError('unreadable', `no answer within ${server.timeoutMs} ms`));
      return;
    }
    pair.missed += 1;
    const askedAt = timers.now();
    const alive = Promise.all([
      pair.messages.send(['PING']).then(() => {
        pair.provenAt = askedAt;
      }),
      pair.commands.send(['EXISTS', landmark]),
    ]);
    alive.then(
      ([, found]) => {
        pair.missed = 0;
        if (found !== 1) this.#lose(pair, new StoreError('damaged', 'its data is gone'));
      },
      (error: unknown) => this.#lose(pair, error),
    );
    this.#beatLater(pair);
  }

  #lose(pair: Pair, error: unknown): void {
    if (this.#pair !== pair) return;
    this.#pair = undefined;
    this.#cancel();
    this.#trouble = this.#explain(error);
    end(pair);
    this.#options.onTrouble(this.#trouble);
    this.#retryLater(0);
  }

  #retryLater(tries: number): void {
    const longest = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** tries);
    this.#cancel = this.#options.timers.after(longest / 2 + randomInt(longest / 2), () => void this.#retry(tries));
  }

  async #retry(tries: number): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      if (this.#closed) return;
      this.#trouble = this.#explain(error);
      this.#retryLater(Math.min(tries + 1, 10));
      return;
    }
    this.#trouble = undefined;
    this.#options.onTrouble(undefined);
  }

  #explain(error: unknown): StoreError {
    const where = this.#options.server.addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
    const isOurs = error instanceof StoreError;
    if (isOurs && error.message.endsWith('.')) return error;
    const code = isOurs ? error.code : 'unreadable';
    const what = `The Redis server (${where}) cannot be used: ${isOurs ? error.message : reason(error)}`;
    return new StoreError(code, `${what}; check that it runs, and address, user, password and TLS in store.`, {
      cause: error,
    });
  }
}

function end(pair: Pair | undefined): void {
  pair?.commands.destroy();
  pair?.messages.destroy();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
