/** The pooled connections to the application, shared by `forward` and `ask`. It knows when a request may be sent twice. */
import { type Dispatcher, Pool } from 'undici';
import { type Dialler, dial, diedIdle } from './dial.ts';

export interface LineOptions {
  readonly connections: number;
  readonly headersTimeoutMs: number;
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
  }

  /** @param repeats how often the request was sent before. */
  send(request: Request, repeats: number, handler: Dispatcher.DispatchHandler): void {
    const options: Sending = {
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      servername: this.#servername,
    };
    (repeats < REPEATS ? this.#kept : this.#fresh).dispatch(options, handler);
  }

  /** Ends everything that still runs; whoever wants to wait for it does so before. */
  async close(): Promise<void> {
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
