/**
 * The connection of one HTTP/2 stream, as the gateway knows connections: whose it is, whether it still is, and how to break it
 * off. Breaking it off ends the stream alone; the other streams of the session go on.
 */
import { EventEmitter } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';

const sockets = new WeakMap<ServerHttp2Stream, StreamSocket>();

export class StreamSocket extends EventEmitter {
  readonly #stream: ServerHttp2Stream;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly encrypted = true;

  private constructor(stream: ServerHttp2Stream) {
    super();
    this.#stream = stream;
    this.remoteAddress = stream.session?.socket.remoteAddress;
    this.remotePort = stream.session?.socket.remotePort;
    stream.once('close', () => this.emit('close'));
  }

  /** One for each stream: request and answer share it. */
  static of(stream: ServerHttp2Stream): StreamSocket {
    const known = sockets.get(stream);
    if (known !== undefined) return known;
    const socket = new StreamSocket(stream);
    sockets.set(stream, socket);
    return socket;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get writable(): boolean {
    return !this.destroyed && this.#stream.writable;
  }

  get readable(): boolean {
    return !this.destroyed && this.#stream.readable;
  }

  /** A reset that says "failed": clients take one that says "no error" for the regular end of an answer. */
  destroy(): this {
    if (!this.destroyed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }
}
