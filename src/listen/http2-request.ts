/**
 * A request of an HTTP/2 stream in the shape that the rest of the gateway knows: `Host` in place of pseudo headers, one Cookie
 * line, and a body that never looks complete when it is not. It judges nothing: what is ambiguous is left in for the scope.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { constants, Http2ServerRequest, type ServerHttp2Stream } from 'node:http2';
import type { ReadableOptions } from 'node:stream';
import { StreamSocket } from './http2-socket.ts';

export class StreamRequest extends Http2ServerRequest {
  readonly #stream: ServerHttp2Stream;
  #received = 0;
  override readonly rawHeaders: string[];
  override readonly headers: IncomingHttpHeaders;
  // Declared as sockets of node:net; the gateway uses of them what StreamSocket has.
  override readonly socket: Http2ServerRequest['socket'];
  override readonly connection: Http2ServerRequest['socket'];

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options, rawHeaders);
    this.#stream = stream;
    this.rawHeaders = plainHeaders(rawHeaders, stream.endAfterHeaders);
    this.headers = headersOf(headers, this.rawHeaders);
    this.socket = StreamSocket.of(stream) as unknown as Http2ServerRequest['socket'];
    this.connection = this.socket;
  }

  /** Bytes of the body so far. */
  get received(): number {
    return this.#received;
  }

  get headersDistinct(): Record<string, string[]> {
    const distinct: Record<string, string[]> = Object.create(null);
    for (let i = 0; i + 1 < this.rawHeaders.length; i += 2) {
      const name = this.rawHeaders[i] ?? '';
      distinct[name] ??= [];
      distinct[name].push(this.rawHeaders[i + 1] ?? '');
    }
    return distinct;
  }

  /** Node ends the body also when the stream was reset in the middle: a cut upload must not look like a whole one. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (chunk !== null) {
      this.#received += chunk.length;
      return super.push(chunk, encoding);
    }
    if (this.#stream.aborted || this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR) {
      this.destroy();
      return false;
    }
    return super.push(null);
  }

  /** Sends the client away, as destroying a request does over HTTP/1.1. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
    callback(error);
  }
}

/** The rest of the gateway is written for the requests of node:http, and uses of them what `StreamRequest` has. */
export function asIncomingMessage(req: StreamRequest): IncomingMessage {
  return req as unknown as IncomingMessage;
}

/**
 * The header lines as HTTP/1.1 would have them. A `Host` that is not the `:authority` stays beside it: two of them are
 * refused (RFC 9113 8.3.1, I7).
 */
export function plainHeaders(raw: readonly string[], isWithoutBody: boolean): string[] {
  const authority = lineOf(raw, ':authority');
  const out: string[] = authority === undefined ? [] : ['host', authority];
  const cookies: string[] = [];
  let hasLength = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name.startsWith(':')) continue;
    if (name === 'cookie') {
      cookies.push(value);
    } else if (name !== 'host' || authority === undefined || value.toLowerCase() !== authority.toLowerCase()) {
      if (name === 'content-length') hasLength = true;
      out.push(name, value);
    }
  }
  if (cookies.length > 0) out.push('cookie', cookies.join('; ')); // RFC 9113 8.2.3
  // Without a length the end of the stream is the end of the body, as the last chunk is elsewhere.
  if (!isWithoutBody && !hasLength) out.push('transfer-encoding', 'chunked');
  return out;
}

/** Joined by Node, less the pseudo headers; what `plainHeaders` made is taken from there. */
function headersOf(headers: IncomingHttpHeaders, raw: readonly string[]): IncomingHttpHeaders {
  const out: IncomingHttpHeaders = Object.create(null);
  for (const [name, value] of Object.entries(headers)) if (!name.startsWith(':')) out[name] = value;
  for (const name of ['host', 'cookie', 'transfer-encoding']) {
    const value = lineOf(raw, name);
    if (value !== undefined) out[name] = value;
  }
  return out;
}

function lineOf(raw: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) if (raw[i] === name) return raw[i + 1];
  return undefined;
}
