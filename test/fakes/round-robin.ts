/** A load balancer that knows nothing: each new connection goes to the next gateway, or to the one after it when that is down. */
import { connect, createServer, type Socket } from 'node:net';

export class RoundRobin {
  readonly port: number;
  /** Ports of the gateways. */
  targets: number[] = [];
  /** The next connection goes to this one; counts up. */
  turn = 0;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(): Promise<RoundRobin> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      sockets.add(client);
      client.on('close', () => sockets.delete(client));
      client.on('error', () => client.destroy());
      front.#join(client, front.targets.length);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const front: RoundRobin = new RoundRobin(address.port, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return front;
  }

  close(): Promise<void> {
    return this.#close();
  }

  #join(client: Socket, tries: number): void {
    const port = this.targets[this.turn % this.targets.length];
    this.turn += 1;
    if (port === undefined || tries === 0) {
      client.destroy();
      return;
    }
    const gateway = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    gateway.once('error', () => this.#join(client, tries - 1));
    gateway.once('connect', () => {
      gateway.removeAllListeners('error');
      gateway.on('error', () => client.destroy());
      client.on('close', () => gateway.destroy());
      gateway.on('close', () => client.destroy());
      client.pipe(gateway).pipe(client);
    });
  }
}
