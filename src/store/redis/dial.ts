/**
 * One connection to one server of Redis or Valkey: how it is reached, and as whom. It speaks RESP3, tries once, and is gone
 * for good after its first error; who connects again, and to which server, is decided in link.ts.
 */
import { createClient } from '@redis/client';
import type { Clock } from '../../clock.ts';
import { StoreError } from '../store.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface RedisServer {
  /** `single`: the server itself. `sentinel`: its sentinels. `cluster`: any nodes of the cluster. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly addresses: readonly Address[];
  /** Name under which the sentinels watch the server. */
  readonly sentinelName?: string;
  /** User and password of an ACL; never given to sentinels. */
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  /** PEM texts. Present: TLS, also to sentinels. The certificate is always checked. */
  readonly tls?: {
    readonly ca?: string;
    readonly servername?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  /** For one answer, in ms. */
  readonly timeoutMs: number;
}

export interface Connection {
  /** The answer to one command. @throws what the server or the socket said */
  send(args: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** Ends it at once; what waits for an answer is rejected. */
  destroy(): void;
}

/**
 * @param onLost called when the connection breaks after it was made
 * @throws what the server or the socket said, or StoreError `unreadable` when it does not answer in time
 */
export async function dial(
  { host, port }: Address,
  server: RedisServer,
  timers: Clock,
  onLost: (error: Error) => void,
): Promise<Connection> {
  const { tls, timeoutMs, username, password } = server;
  const common = { host, port, connectTimeout: timeoutMs, reconnectStrategy: false } as const;
  const client = createClient({
    RESP: 3,
    socket: tls === undefined ? common : { ...common, ...tls, tls: true, rejectUnauthorized: true },
    database: server.database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  });
  const life = { isUp: false };
  client.on('error', (error: Error) => {
    if (life.isUp) onLost(error);
  });
  const destroy = (): void => {
    life.isUp = false;
    if (client.isOpen) client.destroy();
  };
  // The client's own limit ends with the handshake of TCP or TLS: a server that hangs would never be given up.
  await new Promise<void>((resolve, reject) => {
    const cancel = timers.after(timeoutMs, () => {
      destroy();
      reject(new StoreError('unreadable', `${host} port ${port} does not answer within ${timeoutMs} ms`));
    });
    client.connect().then(
      () => {
        cancel();
        resolve();
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
  life.isUp = true;
  return {
    send: (args) => client.sendCommand([...args]),
    subscribe: (channel, listener) => client.subscribe(channel, listener),
    destroy,
  };
}
