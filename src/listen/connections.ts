/**
 * Who holds how many connections. What is too much is closed before a byte of it is read, so that one client cannot take all
 * of them; it never looks at requests.
 */
import type { Server, Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { clientBucket, plainAddress } from '../request/client.ts';
import type { ListenerLimits } from './limits.ts';

/** How often one address may be named in the log, in ms, and how many of them are remembered for it. */
const QUIET_MS = 60_000;
const MOST_QUIET = 1_000;

export interface ConnectionRules {
  readonly limits: Pick<ListenerLimits, 'connections' | 'connectionsPerAddress'>;
  /** A proxy in front brings everybody's connections. */
  readonly isExempt: (address: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Counts the connections of a server, and closes those that are too many. Goes before the server's own listeners. */
export function limitConnections(server: Server, rules: ConnectionRules): void {
  const { clock, limits, log } = rules;
  const perAddress = new Map<string, number>();
  const quiet = new Map<string, number>();
  let total = 0;

  const refuse = (socket: Socket, address: string, limit: string): void => {
    socket.destroy();
    const key = `${limit} ${address}`;
    if ((quiet.get(key) ?? 0) > clock.now()) return;
    if (quiet.size >= MOST_QUIET) quiet.clear();
    quiet.set(key, clock.now() + QUIET_MS);
    log.warn('excess_connections_closed', { client: address, limit });
  };

  server.prependListener('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress);
    if (total >= limits.connections) return refuse(socket, address, 'connections');
    const bucket = clientBucket(address);
    const held = perAddress.get(bucket) ?? 0;
    if (held >= limits.connectionsPerAddress && !rules.isExempt(address)) {
      return refuse(socket, address, 'connectionsPerAddress');
    }
    total += 1;
    perAddress.set(bucket, held + 1);
    socket.once('close', () => {
      total -= 1;
      const left = (perAddress.get(bucket) ?? 1) - 1;
      if (left === 0) perAddress.delete(bucket);
      else perAddress.set(bucket, left);
    });
  });
}
