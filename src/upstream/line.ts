/** The kept connections to the application, shared by `forward` and `ask`. It knows when a request may be sent twice. */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { Connection, type Owner, type Sender } from './connection.ts';
import { type Dialler, dial } from './dial.ts';
import { Intake } from './intake.ts';
import type { Request } from './request-head.ts';
import { UpstreamError } from './upstream.ts';

export interface LineOptions {
  readonly connections: number;
  /** Most requests that wait for a connection, and how long each may, in ms. */
  readonly queue: number;
  readonly queueTimeoutMs: number;
  readonly headersTimeoutMs: number;
}

interface Waiting {
  readonly request: Request;
  readonly repeats: number;
  readonly sender: Sender;
  readonly cancel: () => void;
}

/** Further tries after a kept connection died; the last one is made on a connection of its own. */
const REPEATS = 2;
const UNSENT = { isUnsent: true } as const;

export class Line implements Owner {
  readonly #dialler: Dialler;
  readonly #options: LineOptions;
  readonly #clock: Clock;
  readonly #dialling = new Set<Socket>();
  readonly #connections = new Set<Connection>();
  /** The one that was used last is used next, so that those that are not needed grow old. */
  readonly #idle: Connection[] = [];
  readonly #waiting = new Map<Sender, Waiting>();
  #closed = false;

  constructor(dialler: Dialler, options: LineOptions) {
    this.#dialler = dialler;
    this.#options = options;
    this.#clock = dialler.clock;
  }

  /** @param repeats how often the request was sent before. `busy` when no connection is free, none is in time, or too many wait. */
  send(request: Request, repeats: number, sender: Sender): void {
    if (this.#closed) {
      sender.onError(new UpstreamError('unreachable', UNSENT), false);
      return;
    }
    const kept = repeats < REPEATS;
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (kept && idle.usable) {
        idle.send(request, true, sender);
        return;
      }
      idle.close();
      if (!kept) break; // one less makes room for a connection of its own
    }
    if (this.#hasRoom) this.#dial(request, repeats, sender);
    else if (this.#waiting.size >= this.#options.queue) sender.onError(new UpstreamError('busy', UNSENT), false);
    else this.#wait(request, repeats, sender);
  }

  /** Nobody wants the request any more: it gives its place in the queue up, and hears nothing. */
  withdraw(sender: Sender): void {
    const waiting = this.#waiting.size === 0 ? undefined : this.#waiting.get(sender);
    if (waiting === undefined) return;
    waiting.cancel();
    this.#waiting.delete(sender);
  }

  onFree(connection: Connection): void {
    const next = this.#first();
    if (next === undefined) {
      this.#idle.push(connection);
    } else if (next.repeats < REPEATS) {
      this.withdraw(next.sender);
      connection.send(next.request, true, next.sender);
    } else {
      connection.close(); // makes room for one of its own, see `#fill`
    }
  }

  onGone(connection: Connection): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#fill();
  }

  /** Ends everything that still runs; whoever wants to wait for it does so before. */
  close(): void {
    this.#closed = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      next.sender.onError(new UpstreamError('unreachable', UNSENT), false);
    }
    for (const socket of this.#dialling) socket.destroy();
    for (const connection of [...this.#connections]) connection.close();
  }

  get #hasRoom(): boolean {
    return this.#dialling.size + this.#connections.size < this.#options.connections;
  }

  /** A connection less: the next one that waits gets one of its own. */
  #fill(): void {
    if (this.#closed || !this.#hasRoom) return;
    const next = this.#next();
    if (next !== undefined) this.#dial(next.request, next.repeats, next.sender);
  }

  #first(): Waiting | undefined {
    for (const next of this.#waiting.values()) return next;
    return undefined;
  }

  #next(): Waiting | undefined {
    const next = this.#first();
    if (next !== undefined) this.withdraw(next.sender);
    return next;
  }

  #wait(request: Request, repeats: number, sender: Sender): void {
    const cancel = this.#clock.after(this.#options.queueTimeoutMs, () => {
      this.#waiting.delete(sender);
      sender.onError(new UpstreamError('busy', UNSENT), false);
    });
    this.#waiting.set(sender, { request, repeats, sender, cancel });
  }

  #dial(request: Request, repeats: number, sender: Sender): void {
    const intake = new Intake();
    const dialled = dial(
      this.#dialler,
      (error, socket) => {
        this.#dialling.delete(socket);
        if (error !== null) {
          sender.onError(new UpstreamError('unreachable', { cause: error, ...UNSENT }), false);
          this.#fill();
          return;
        }
        const connection = new Connection(socket, intake, this.#clock, this.#options.headersTimeoutMs, this);
        this.#connections.add(connection);
        connection.send(request, repeats < REPEATS, sender);
      },
      intake,
    );
    this.#dialling.add(dialled);
  }
}

/**
 * Whether the request may go out once more: it does nothing (RFC 9110 9.2.2), has no body that is gone, and the connection was
 * an old one that the application had closed meanwhile, without a byte of an answer. Anything else is sent once.
 */
export function mayRepeat({ method, body }: Request, repeats: number, unheard: boolean): boolean {
  if (!unheard || repeats >= REPEATS || body !== null) return false;
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}
