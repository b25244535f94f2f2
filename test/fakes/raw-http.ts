/**
 * An HTTP/1.1 client on a bare socket. It sends exactly the bytes it is given and keeps every byte that comes back, so that
 * a test can say what never appeared. It never tidies: duplicates, case and order of headers stay as they were sent.
 */
import { connect, type Socket } from 'node:net';

/** How long to wait for an answer before the test fails with what there is so far. */
const DEFAULT_TIMEOUT_MS = 10_000;

export type Header = readonly [name: string, value: string];

export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** As received: order, case and duplicates kept. */
  readonly headers: readonly Header[];
  /** All Set-Cookie lines, untouched. */
  readonly setCookie: readonly string[];
  readonly body: Buffer;
  /** Trailer lines of a chunked body. */
  readonly trailers: readonly Header[];
  readonly text: string;
  /** The first header of this name. */
  header(name: string): string | undefined;
}

export interface RawClientOptions {
  readonly host?: string;
  readonly timeoutMs?: number;
}

/** Thrown when an answer does not come or cannot be read; carries what had arrived. */
export class RawHttpError extends Error {
  readonly received: Buffer;

  constructor(message: string, received: Buffer) {
    super(`${message}; received: ${JSON.stringify(received.toString('latin1').slice(0, 500))}`);
    this.received = received;
  }
}

export class RawConnection {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #all: Buffer[] = [];
  #unread: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#all.push(chunk);
      this.#unread = Buffer.concat([this.#unread, chunk]);
      this.#changed();
    });
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    socket.on('error', (error) => {
      this.#failure = error;
      this.#finish();
    });
  }

  static open(port: number, options: RawClientOptions = {}): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      // Half-open on purpose: the far side's FIN must not close our side before the test says so.
      const socket = connect({ port, host: options.host ?? '127.0.0.1', allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawConnection(socket, options.timeoutMs ?? DEFAULT_TIMEOUT_MS));
      });
    });
  }

  /** Every byte that came in since the connection was opened. */
  get received(): Buffer {
    return Buffer.concat(this.#all);
  }

  /** Bytes that no answer has used yet; after an upgrade, the tunnel. */
  get unread(): Buffer {
    return this.#unread;
  }

  get isClosed(): boolean {
    return this.#ended;
  }

  /** Text is sent as latin1: one byte for each character. */
  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends and waits until the socket has taken everything; for bodies that are larger than its buffer. */
  sendAll(bytes: string | Buffer): Promise<void> {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    return new Promise((resolve, reject) => {
      this.#socket.write(buffer, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Closes our direction only. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Cuts the connection with a reset, as a vanished client would. */
  destroy(): void {
    this.#socket.resetAndDestroy();
  }

  /** Closes our side; what is on the way is still kept. */
  async close(): Promise<void> {
    this.#socket.end();
    if (!this.#socket.closed) {
      await new Promise<void>((resolve) => {
        this.#socket.once('close', () => resolve());
        if (this.#ended) this.#socket.destroy();
        else setTimeout(() => this.#socket.destroy(), 1000).unref();
      });
    }
  }

  /** Waits until the far side has closed its direction. */
  waitForClose(timeoutMs = this.#timeoutMs): Promise<void> {
    return this.#until('the connection stays open', () => (this.#ended ? true : undefined), timeoutMs).then(() => {});
  }

  /** Waits until these bytes have arrived among those that no answer has used, and takes everything up to their end. */
  readUntil(text: string): Promise<Buffer> {
    return this.#until(`no ${JSON.stringify(text)}`, () => {
      const at = this.#unread.indexOf(text, 0, 'latin1');
      return at < 0 ? undefined : this.#take(at + Buffer.byteLength(text, 'latin1'));
    });
  }

  /**
   * Reads the next answer. Interim answers (1xx other than 101) are skipped, but stay in `received`.
   * @param method of the request, because an answer to HEAD has no body.
   */
  async response(method = 'GET'): Promise<RawResponse> {
    for (;;) {
      const head = await this.#readHead();
      if (head.status >= 100 && head.status < 200 && head.status !== 101) continue;
      const { body, trailers } = await this.#readBody(head, method);
      return answer(head, body, trailers);
    }
  }

  /** Sends and reads the one answer. */
  async exchange(bytes: string | Buffer): Promise<RawResponse> {
    this.send(bytes);
    const method = bytes.toString('latin1').split(' ', 1)[0] ?? 'GET';
    return this.response(method);
  }

  async #readHead(): Promise<Head> {
    const bytes = await this.readUntil('\r\n\r\n');
    const [first = '', ...lines] = bytes.toString('latin1').slice(0, -4).split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(first);
    if (status === null) throw new RawHttpError(`no status line: ${first}`, this.received);
    return { status: Number(status[1]), reason: status[2] ?? '', headers: lines.map((line) => this.#split(line)) };
  }

  async #readBody(head: Head, method: string): Promise<{ body: Buffer; trailers: Header[] }> {
    const none = { body: Buffer.alloc(0), trailers: [] };
    if (method === 'HEAD' || head.status === 101 || head.status === 204 || head.status === 304) return none;
    if (/\bchunked\b/i.test(find(head.headers, 'transfer-encoding') ?? '')) return this.#readChunks();
    const length = find(head.headers, 'content-length');
    if (length !== undefined) return { body: await this.#bytes(Number(length)), trailers: [] };
    await this.waitForClose();
    return { body: this.#take(this.#unread.length), trailers: [] };
  }

  async #readChunks(): Promise<{ body: Buffer; trailers: Header[] }> {
    const parts: Buffer[] = [];
    for (;;) {
      const line = (await this.readUntil('\r\n')).toString('latin1');
      const size = /^[0-9a-f]+/i.exec(line);
      if (size === null) throw new RawHttpError(`no chunk size: ${line}`, this.received);
      const bytes = Number.parseInt(size[0], 16);
      if (bytes === 0) return { body: Buffer.concat(parts), trailers: await this.#readTrailers() };
      parts.push(await this.#bytes(bytes));
      await this.readUntil('\r\n');
    }
  }

  async #readTrailers(): Promise<Header[]> {
    const trailers: Header[] = [];
    for (;;) {
      const line = (await this.readUntil('\r\n')).toString('latin1').slice(0, -2);
      if (line === '') return trailers;
      trailers.push(this.#split(line));
    }
  }

  #split(line: string): Header {
    const cut = line.indexOf(':');
    if (cut < 1) throw new RawHttpError(`no header line: ${line}`, this.received);
    return [line.slice(0, cut), line.slice(cut + 1).trim()];
  }

  #bytes(count: number): Promise<Buffer> {
    return this.#until(`${count} bytes expected`, () => (this.#unread.length < count ? undefined : this.#take(count)));
  }

  #take(count: number): Buffer {
    const taken = this.#unread.subarray(0, count);
    this.#unread = this.#unread.subarray(count);
    return taken;
  }

  async #until<T>(complaint: string, look: () => T | undefined, timeoutMs = this.#timeoutMs): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const reason = this.#failure === undefined ? 'closed' : this.#failure.message;
      if (this.#ended) throw new RawHttpError(`${complaint} (${reason})`, this.received);
      if (Date.now() >= deadline) throw new RawHttpError(`${complaint} after ${timeoutMs} ms`, this.received);
      await this.#nextChange(deadline - Date.now());
    }
  }

  #nextChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #finish(): void {
    this.#ended = true;
    this.#changed();
  }

  #changed(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
}

/** Opens a connection, sends the bytes, reads one answer and closes. */
export async function rawRequest(
  port: number,
  bytes: string | Buffer,
  options: RawClientOptions = {},
): Promise<RawResponse & { readonly received: Buffer }> {
  const connection = await RawConnection.open(port, options);
  try {
    const response = await connection.exchange(bytes);
    return { ...response, received: connection.received };
  } finally {
    await connection.close();
  }
}

/**
 * The bytes of an ordinary request. `Host` and `Content-Length` are added unless they are given; nothing else is.
 */
export function rawBytes(
  method: string,
  target: string,
  headers: readonly Header[] = [],
  body?: string | Buffer,
): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  const all: Header[] = [...headers];
  if (find(all, 'host') === undefined) all.unshift(['Host', 'localhost']);
  const hasFraming = find(all, 'content-length') !== undefined || find(all, 'transfer-encoding') !== undefined;
  if (content !== undefined && !hasFraming) all.push(['Content-Length', String(content.length)]);
  const lines = [`${method} ${target} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`), '', ''];
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), content ?? Buffer.alloc(0)]);
}

function answer(head: Head, body: Buffer, trailers: readonly Header[]): RawResponse {
  return {
    ...head,
    body,
    trailers,
    text: body.toString('utf8'),
    setCookie: head.headers.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value),
    header: (name) => find(head.headers, name),
  };
}

function find(headers: readonly Header[], name: string): string | undefined {
  return headers.find(([found]) => found.toLowerCase() === name.toLowerCase())?.[1];
}
