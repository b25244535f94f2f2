/**
 * The body of a request on its way to the application. It stands between `req` and undici, which destroys the stream it is
 * given and would take the client's connection with it; it never reads ahead of what the application takes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

/** Whether a body follows the head (RFC 9112 6.3). Walks `rawHeaders`: asking for `req.headers` would build an object. */
export function announcesBody(raw: readonly string[]): boolean {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (raw[i + 1] !== '0') return true;
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      return true;
    }
  }
  return false;
}

export class Upload extends Readable {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #begun = false;

  constructor(req: IncomingMessage, res: ServerResponse) {
    super({ highWaterMark: 65_536 });
    this.#req = req;
    this.#res = res;
  }

  override _read(): void {
    if (!this.#begun) this.#begin();
    this.#req.resume();
  }

  /** What is left of the body is read and thrown away, so that an early answer arrives and the connection can go on. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#begun) {
      this.#req.off('data', this.#onData);
      this.#req.off('end', this.#onEnd);
      if (!this.#req.destroyed) this.#req.resume();
    }
    callback(error);
  }

  /** The application takes the body now: only now does a client that waits for a sign get it (RFC 9110 10.1.1). */
  #begin(): void {
    this.#begun = true;
    if (awaitsContinue(this.#req, this.#res)) this.#res.writeContinue();
    this.#req.on('data', this.#onData);
    this.#req.on('end', this.#onEnd);
    // A client that goes away in the middle is seen by the exchange, which aborts: it must not look like an end here.
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#req.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };
}

/** A server without a `checkContinue` listener has already answered 100; node:http remembers it under this name. */
function awaitsContinue(req: IncomingMessage, res: ServerResponse): boolean {
  if (res.headersSent || Reflect.get(res, '_sent100') === true || req.httpVersionMinor === 0) return false;
  const raw = req.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.length === 6 && raw[i]?.toLowerCase() === 'expect') return /^100-continue$/i.test(raw[i + 1] ?? '');
  }
  return false;
}
