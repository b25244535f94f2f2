/** The pooled connections to the application, shared by `forward` and `ask`. It knows when a request may be sent twice. */
import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../clock.ts';
import { type Dialler, dial, diedIdle } from './dial.ts';
import { UpstreamError } from './upstream.ts';

export interface LineOptions {
  readonly connections: number;
  /** Most requests that wait for a connection, and how long each may, in ms. */
  readonly queue: number;
  readonly queueTimeoutMs: number;
  readonly headersTimeoutMs: number;
}

/** Who sends. Each `send` is followed by one `onComplete` or `onError`, and each of them by `left`. */
type Sender = Dispatcher.DispatchHandler & { onError(error: Error): void };

interface Waiting {
  readonly request: Request;
  readonly repeats: number;
  readonly sender: Sender;
  readonly cancel: () => void;
}

/** Options of undici that its types leave out. Without `servername` the name would follow each request's `Host`. */
type Sending = Dispatcher.DispatchOptions & { readonly servername: string };

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  readonly body: Dispatcher.DispatchOptions['body'];
}

/** Further tries after a kept-alive connection died; the last one is made on a connection of its own. */
const REPEATS = 2;

export class Line {
  readonly #kept: Pool;
  readonly #fresh: Pool;
  readonly #servername: string;
  readonly #options: LineOptions;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #active = 0;

  constructor(dialler: Dialler, options: LineOptions) {
    const shared: Pool.Options = {
      connect: (_, callback) => {
        dial(dialler, (error, socket) => (error === null ? callback(null, socket) : callback(error, null)));
      },
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: 0, // event streams are silent for hours
      maxHeaderSize: 65_536,
      connections: options.connections,
    };
    this.#kept = new Pool(dialler.to.origin, { ...shared, pipelining: 1 });
    this.#fresh = new Pool(dialler.to.origin, { ...shared, pipelining: 0 });
    this.#servername = dialler.to.host;
    this.#options = options;
    this.#clock = dialler.clock;
  }

  /** @param repeats how often the request was sent before. `busy` when no connection is free, none is in time, or too many wait. */
  send(request: Request, repeats: number, sender: Sender): void {
    this.#active += 1;
    if (this.#active <= this.#options.connections) this.#dispatch(request, repeats, sender);
    else if (this.#waiting.size >= this.#options.queue) sender.onError(new UpstreamError('busy'));
    else this.#wait(request, repeats, sender);
  }

  /** A request that was sent is over: the next one may go. */
  left(): void {
    this.#active -= 1;
    // Those that wait are counted as active as well.
    if (this.#waiting.size === 0 || this.#active - this.#waiting.size >= this.#options.connections) return;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next.cancel();
      this.#dispatch(next.request, next.repeats, next.sender);
      return;
    }
  }

  /** undici has a queue as well, which knows no end. */
  #wait(request: Request, repeats: number, sender: Sender): void {
    const cancel = this.#clock.after(this.#options.queueTimeoutMs, () => {
      this.#waiting.delete(waiting);
      sender.onError(new UpstreamError('busy'));
    });
    const waiting = { request, repeats, sender, cancel };
    this.#waiting.add(waiting);
  }

  #dispatch(request: Request, repeats: number, sender: Sender): void {
    const options: Sending = {
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      servername: this.#servername,
    };
    (repeats < REPEATS ? this.#kept : this.#fresh).dispatch(options, sender);
  }

  /** Ends everything that still runs; whoever wants to wait for it does so before. */
  async close(): Promise<void> {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { cancel, sender } of waiting) {
      cancel();
      sender.onError(new UpstreamError('unreachable'));
    }
    await Promise.all([this.#kept.destroy(), this.#fresh.destroy()]);
  }
}

/**
 * Whether the request may go out once more: it does nothing (RFC 9110 9.2.2), has no body that is gone, not a byte of an
 * answer came, and the connection was an old one that the application had closed meanwhile. Anything else is sent once.
 */
export function mayRepeat(request: Request, repeats: number, answered: boolean, error: Error): boolean {
  if (answered || repeats >= REPEATS || request.body !== null) return false;
  const { method } = request;
  return (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') && diedIdle(error);
}
