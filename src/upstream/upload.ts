/**
 * The body of a request on its way to the application: from the client's request into the socket, framed as the head says. It
 * never reads ahead of what the application takes, and never writes more or less than was announced.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestHead } from './request-head.ts';
import { writeTogether } from './together.ts';
import { countBody } from './young.ts';

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

/** Who sends it. */
export interface Carrier {
  /** The last byte was handed to the socket. */
  onSent(): void;
  /** The body is not as long as was announced: the connection must end, or the next request would be taken for its rest. */
  onMismatch(): void;
}

export class Upload {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #socket: Socket | undefined;
  #carrier: Carrier | undefined;
  /** The head, while it waits a tick for what of the body is here already. */
  #head: string | undefined;
  /** Bytes of the announced length that did not come yet; `undefined` for chunks. */
  #left: number | undefined;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req;
    this.#res = res;
  }

  /**
   * Writes the head to `socket` and the body behind it. The application takes the body now: only now does a client that waits
   * for a sign get it (RFC 9110 10.1.1).
   */
  begin(socket: Socket, { text, length }: RequestHead, carrier: Carrier): void {
    this.#socket = socket;
    this.#head = text;
    this.#left = length;
    this.#carrier = carrier;
    if (awaitsContinue(this.#req, this.#res)) this.#res.writeContinue();
    this.#req.on('data', this.#onData);
    this.#req.on('end', this.#onEnd);
    // A client that goes away in the middle is seen by the exchange, which aborts: it must not look like an end here.
    this.#req.resume();
    process.nextTick(writeHead, this); // behind the tick in which `resume` gives out what is here
  }

  /** Sends the head alone if nothing of the body is here yet. */
  writeHead(): void {
    if (this.#head === undefined) return;
    this.#socket?.write(this.#head, 'latin1');
    this.#head = undefined;
  }

  /** The socket takes bytes again. */
  drained(): void {
    if (this.#socket !== undefined) this.#req.resume();
  }

  /** What is left of the body is read and thrown away, so that an early answer arrives and the connection can go on. */
  stop(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#req.off('data', this.#onData);
    this.#req.off('end', this.#onEnd);
    if (!this.#req.destroyed) this.#req.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    const socket = this.#socket;
    if (socket === undefined || chunk.length === 0) return;
    countBody(chunk.length);
    let flows: boolean;
    if (this.#left === undefined) {
      socket.cork();
      this.writeHead();
      socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
      socket.write(chunk);
      flows = socket.write('\r\n', 'latin1');
      socket.uncork();
    } else {
      this.#left -= chunk.length;
      if (this.#left < 0) {
        this.#carrier?.onMismatch();
        return;
      }
      flows = this.#head === undefined ? socket.write(chunk) : writeTogether(socket, this.#head, chunk);
      this.#head = undefined;
    }
    if (!flows) this.#req.pause();
  };

  readonly #onEnd = (): void => {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.writeHead();
    this.stop();
    if (this.#left === undefined) socket.write('0\r\n\r\n', 'latin1');
    if (this.#left === undefined || this.#left === 0) this.#carrier?.onSent();
    else this.#carrier?.onMismatch();
  };
}

function writeHead(upload: Upload): void {
  upload.writeHead();
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
