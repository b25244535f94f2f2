/** Raw sockets on both sides of the code under test: a stand-in application and a client that record every byte. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Waits until `condition` holds; fails loudly with what it was waiting for. */
export async function until(condition: () => boolean, what: string | (() => string), withinMs = 8_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** One end of a connection. */
export class End {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  ended = false;
  closed = false;
  failed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => {
      this.failed = true;
    });
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Until `part` has been received. */
  async has(part: string): Promise<void> {
    await until(
      () => this.text.includes(part),
      () => `${JSON.stringify(part)} in ${JSON.stringify(this.text.slice(0, 600))}`,
    );
  }

  async gone(): Promise<void> {
    await until(
      () => this.closed || this.ended,
      () => `the end of ${JSON.stringify(this.text.slice(0, 600))}`,
    );
  }

  /** Until a whole request head is here; the connection may have brought others before. */
  async request(count = 1): Promise<string> {
    await until(
      () => this.text.split('\r\n\r\n').length > count,
      () => `request ${count} in ${JSON.stringify(this.text)}`,
    );
    return this.text;
  }
}

/** The application: every connection is kept, in order of arrival. */
export class StandIn {
  readonly connections: End[] = [];
  readonly server: Server;
  /** Called with each connection; a test that scripts its connections leaves it out. */
  onConnection: (end: End, index: number) => void = () => {};

  private constructor(server: Server) {
    this.server = server;
    server.on('connection', (socket) => {
      const end = new End(socket);
      this.connections.push(end);
      this.onConnection(end, this.connections.length - 1);
    });
  }

  static async start(): Promise<StandIn> {
    const server = createServer({ allowHalfOpen: true });
    const standIn = new StandIn(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return standIn;
  }

  get port(): number {
    return portOf(this.server);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async connection(index = 0): Promise<End> {
    await until(
      () => this.connections.length > index,
      () => `connection ${index} to the application`,
    );
    const end = this.connections[index];
    if (end === undefined) throw new Error('no such connection');
    return end;
  }

  /** Answers each request without a body with the same bytes. */
  answer(bytes: string): void {
    this.onConnection = (end) => {
      let seen = 0;
      end.socket.on('data', () => {
        const heads = end.text.split('\r\n\r\n').length - 1;
        for (; seen < heads; seen += 1) end.write(bytes);
      });
    };
  }

  /** All that was ever received, over all connections. */
  get text(): string {
    return this.connections.map((end) => end.text).join('');
  }

  async stop(): Promise<void> {
    for (const end of this.connections) end.socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

export async function client(port: number): Promise<End> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const end = new End(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return end;
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

/** The header lines of the first head in `text`, status or request line left out. */
export function lines(text: string): string[] {
  return (text.split('\r\n\r\n')[0] ?? '').split('\r\n').slice(1);
}
