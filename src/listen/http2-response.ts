/**
 * The answer on an HTTP/2 stream, written to as to one over HTTP/1.1: flat header lists, what belongs to an HTTP/1.1
 * connection left out, and a broken answer reset instead of ended. It changes no other header.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { constants, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import type { StreamRequest } from './http2-request.ts';
import { StreamSocket } from './http2-socket.ts';

/** RFC 9113 8.2.2. Node throws for some of them and warns of others. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Node refuses a second one of these; over HTTP/1.1 clients take the first. */
const SINGLE: ReadonlySet<string> = new Set([
  'age',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'max-forwards',
  'retry-after',
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'dnt',
  'referer',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

type HeadArguments = [status: number, ...rest: (string | OutgoingHttpHeaders | string[] | undefined)[]];

export class StreamResponse extends Http2ServerResponse<StreamRequest> {
  readonly #stream: ServerHttp2Stream;
  #closed = false;
  #sent = 0;
  // Declared as sockets of node:net; the gateway uses of them what StreamSocket has.
  override readonly socket: Http2ServerResponse['socket'];
  override readonly connection: Http2ServerResponse['socket'];

  constructor(stream: ServerHttp2Stream) {
    super(stream);
    this.#stream = stream;
    this.socket = StreamSocket.of(stream) as unknown as Http2ServerResponse['socket'];
    this.connection = this.socket;
    // Node's own class has none, whatever its types say.
    Object.defineProperty(this, 'destroyed', { get: () => stream.destroyed || stream.closed });
    this.once('close', () => {
      this.#closed = true;
    });
    // Node says nothing when the stream of a HEAD request ends before its answer.
    stream.once('close', () => {
      if (!this.#closed) this.emit('close');
    });
  }

  /** Bytes of the body so far, on their way or sent. */
  get sent(): number {
    return this.#sent;
  }

  override setHeader(name: string, value: number | string | readonly string[]): this {
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) super.setHeader(name, value);
    return this;
  }

  override writeHead(...[status, ...rest]: HeadArguments): this {
    const headers = rest.find((one) => typeof one === 'object');
    // There is no reason phrase in HTTP/2, and Node warns of one.
    return super.writeHead(status, headersOut(headers ?? {}));
  }

  /** Unlike Node's own it takes links as they are, and hints without one. */
  override writeEarlyHints(hints: Record<string, string | string[]>): void {
    if (this.headersSent || this.destroyed) return;
    this.#stream.additionalHeaders({ ...headersOut(hints), [constants.HTTP2_HEADER_STATUS]: 103 });
  }

  override addTrailers(trailers: OutgoingHttpHeaders): void {
    super.addTrailers(headersOut(trailers));
  }

  /** An empty chunk only says "the head, now" over HTTP/1.1; here the head has left already. */
  override write(chunk: string | Uint8Array, ...rest: unknown[]): boolean {
    if (this.#stream.writableEnded || this.destroyed) return true;
    if (chunk.length === 0) {
      if (!this.headersSent) this.writeHead(this.statusCode);
      return true;
    }
    this.#sent += chunk.length;
    return Reflect.apply(super.write, this, [chunk, ...rest]);
  }

  /** Nobody reads the rest of a request that is answered: the client is told to stop (RFC 9113 8.1). */
  override end(...data: unknown[]): this {
    const ended: this = Reflect.apply(super.end, this, data);
    if (!this.#stream.endAfterHeaders && !this.req.readableEnded && !this.destroyed) {
      this.#stream.close(constants.NGHTTP2_NO_ERROR);
    }
    return ended;
  }

  override destroy(): this {
    StreamSocket.of(this.#stream).destroy();
    return this;
  }
}

/** The rest of the gateway is written for the answers of node:http, and uses of them what `StreamResponse` has. */
export function asServerResponse(res: StreamResponse): ServerResponse {
  return res as unknown as ServerResponse;
}

/** Lines of one name become a list: Node sends them one by one, in order. */
export function headersOut(headers: OutgoingHttpHeaders | readonly string[]): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = Object.create(null);
  const add = (name: string, value: OutgoingHttpHeaders[string]): void => {
    const lower = name.toLowerCase();
    if (value === undefined || OF_THE_CONNECTION.has(lower)) return;
    const before = out[lower];
    if (before === undefined) out[lower] = SINGLE.has(lower) && Array.isArray(value) ? value[0] : value;
    else if (!SINGLE.has(lower)) out[lower] = [before, value].flat().map(String);
  };
  if (Array.isArray(headers)) {
    for (let i = 0; i + 1 < headers.length; i += 2) add(headers[i] ?? '', headers[i + 1] ?? '');
  } else {
    for (const [name, value] of Object.entries(headers)) add(name, value);
  }
  return out;
}
