/**
 * Keeps what the application was sent, so that a test can say what never arrived. It keeps the first 64 kB of each body
 * and never claims to know more than it kept.
 */
import type { IncomingMessage } from 'node:http';

/** Bytes kept of one body (or of what came over one WebSocket). */
export const KEPT_BODY_BYTES = 64 * 1024;

/** Requests kept. A demo that runs for days must not grow; no test sends as many. */
const KEPT_REQUESTS = 20_000;
const KEPT_BYTES = 256 * 1024 * 1024;

export interface RecordedRequest {
  readonly method: string;
  /** The request target as it was sent. */
  readonly url: string;
  /** Names and values as sent, in order, duplicates kept. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The raw Cookie header, several joined with `; `; `undefined` without one. */
  readonly cookie: string | undefined;
  readonly remoteAddress: string;
  /** The first 64 kB of the body. */
  body: Buffer;
  /** How long the body really was, in bytes. */
  bodyBytes: number;
}

export class Recorder {
  readonly requests: RecordedRequest[] = [];
  #dropped = 0;
  #keptBytes = 0;

  begin(request: IncomingMessage): RecordedRequest {
    const headers: [string, string][] = [];
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
      headers.push([request.rawHeaders[at] ?? '', request.rawHeaders[at + 1] ?? '']);
    }
    const record = entry(request.method ?? '', request.url ?? '', request.socket.remoteAddress ?? '', headers);
    this.#keep(record);
    return record;
  }

  /** Bytes that were no HTTP request at all. */
  unparsed(bytes: Buffer): void {
    const record = entry('UNPARSED', '', '', []);
    this.addBody(record, bytes);
    this.#keep(record);
  }

  addBody(record: RecordedRequest, chunk: Buffer): void {
    record.bodyBytes += chunk.length;
    const room = KEPT_BODY_BYTES - record.body.length;
    if (room <= 0) return;
    const kept = chunk.subarray(0, room);
    record.body = Buffer.concat([record.body, kept]);
    this.#keptBytes += kept.length;
  }

  /**
   * Whether the text stood in any request line, header or kept body.
   * @throws when older requests were dropped already: then nobody can say.
   */
  sawBytes(text: string): boolean {
    if (this.#dropped > 0) throw new Error(`${this.#dropped} requests were dropped; what they held is not known`);
    const wanted = Buffer.from(text);
    return this.requests.some((record) => headOf(record).includes(wanted) || record.body.includes(wanted));
  }

  #keep(record: RecordedRequest): void {
    this.requests.push(record);
    while (this.requests.length > KEPT_REQUESTS || this.#keptBytes > KEPT_BYTES) {
      this.#keptBytes -= this.requests.shift()?.body.length ?? 0;
      this.#dropped += 1;
    }
  }
}

function entry(method: string, url: string, remoteAddress: string, headers: [string, string][]): RecordedRequest {
  const cookies = headers.filter(([name]) => name.toLowerCase() === 'cookie').map(([, value]) => value);
  const cookie = cookies.length === 0 ? undefined : cookies.join('; ');
  return { method, url, headers, cookie, remoteAddress, body: Buffer.alloc(0), bodyBytes: 0 };
}

function headOf(record: RecordedRequest): Buffer {
  const lines = record.headers.map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`${record.method} ${record.url}`, ...lines].join('\r\n'), 'latin1');
}
