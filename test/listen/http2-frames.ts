/** HTTP/2 frames by hand, for what no client library would send: resets in the middle, and nothing else. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { ca } from '../upstream/certificates.ts';

const TYPE = { data: 0, headers: 1, reset: 3, settings: 4 } as const;

export class FrameClient {
  readonly #socket: TLSSocket;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<FrameClient> {
    const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.resume();
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const client = new FrameClient(socket);
    client.#frame(TYPE.settings, 0, 0, Buffer.alloc(0));
    return client;
  }

  /** A POST to `/` whose body does not end. */
  post(stream: number): void {
    const authority = Buffer.from('127.0.0.1');
    // HPACK: :method POST, :scheme https and :path / from the static table, :authority in the clear.
    const block = Buffer.concat([Buffer.from([0x83, 0x87, 0x84, 0x01, authority.length]), authority]);
    this.#frame(TYPE.headers, 0x4, stream, block);
  }

  data(stream: number, bytes: string, isLast = false): void {
    this.#frame(TYPE.data, isLast ? 1 : 0, stream, Buffer.from(bytes));
  }

  reset(stream: number, code: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(code);
    this.#frame(TYPE.reset, 0, stream, payload);
  }

  close(): void {
    this.#socket.destroy();
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}
