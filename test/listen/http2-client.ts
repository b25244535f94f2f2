/** An HTTP/2 client for tests: one session, header lists as they came, and how each stream ended. It never retries. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectSecure, type TLSSocket } from 'node:tls';
import { ca } from '../upstream/certificates.ts';

export interface StreamAnswer {
  readonly status: number;
  /** As received, without pseudo headers. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly text: string;
  /** 0: a regular end. */
  readonly rstCode: number;
  /** Whether the server said that this is all. */
  readonly complete: boolean;
  header(name: string): string | undefined;
}

export class Http2Client {
  readonly session: ClientHttp2Session;
  readonly #socket: TLSSocket;

  private constructor(session: ClientHttp2Session, socket: TLSSocket) {
    this.session = session;
    this.#socket = socket;
    session.on('error', () => {});
  }

  static async open(port: number): Promise<Http2Client> {
    const socket = connectSecure({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
    const session = connect(`https://127.0.0.1:${port}`, { createConnection: () => socket });
    await new Promise((resolve, reject) => {
      session.once('connect', resolve);
      session.once('error', reject);
    });
    return new Http2Client(session, socket);
  }

  /** Opens a stream; the caller writes and ends it. */
  stream(headers: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    const stream = this.session.request(headers, { endStream });
    stream.on('error', () => {});
    return stream;
  }

  async ask(headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<StreamAnswer> {
    const stream = this.stream(headers, body === undefined);
    if (body !== undefined) stream.end(body);
    return answerOf(stream);
  }

  /** As a lost network does: no word about streams. */
  lose(): void {
    this.#socket.destroy();
  }

  close(): void {
    this.session.destroy();
  }
}

/** The whole answer, however the stream ends. */
export function answerOf(stream: ClientHttp2Stream): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    let status = 0;
    let headers: (readonly [string, string])[] = [];
    let ended = false;
    const chunks: Buffer[] = [];
    stream.on('response', (found: Record<string, unknown>, _flags: number, raw: string[]) => {
      status = Number(found[':status']);
      headers = [];
      for (let i = 0; i + 1 < raw.length; i += 2) {
        if (raw[i]?.startsWith(':') === false) headers.push([raw[i] ?? '', raw[i + 1] ?? '']);
      }
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      ended = true;
    });
    stream.on('close', () => {
      const body = Buffer.concat(chunks);
      resolve({
        status,
        headers,
        body,
        text: body.toString(),
        rstCode: stream.rstCode,
        complete: ended && stream.rstCode === 0 && !stream.aborted,
        header: (name) => headers.find(([one]) => one === name)?.[1],
      });
    });
    stream.resume();
  });
}
