/**
 * Where the one server is that takes our writes. Sentinels and cluster nodes are only asked for its address: commands and
 * messages must come from the same server, or a message could be late without anybody noticing (see link.ts).
 */
import type { Clock } from '../../clock.ts';
import { StoreError } from '../store.ts';
import { type Address, type Connection, dial, type RedisServer } from './dial.ts';

/** @param key any key of ours: all are in one slot. @throws what the last one asked said */
export async function locate(server: RedisServer, key: string, timers: Clock): Promise<Address> {
  if (server.kind === 'single') return first(server);
  let last: unknown;
  for (const address of server.addresses) {
    try {
      return await askAt(address, server, key, timers);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function askAt(address: Address, server: RedisServer, key: string, timers: Clock): Promise<Address> {
  const isSentinel = server.kind === 'sentinel';
  const { username: _username, password: _password, ...anonymous } = server;
  const asked = { ...(isSentinel ? anonymous : server), database: 0 };
  const connection = await dial(address, asked, timers, () => undefined);
  const cancel = timers.after(server.timeoutMs, () => connection.destroy());
  try {
    return isSentinel ? await primaryOf(connection, server) : await ownerOf(connection, key, address);
  } finally {
    cancel();
    connection.destroy();
  }
}

async function primaryOf(connection: Connection, server: RedisServer): Promise<Address> {
  const name = server.sentinelName ?? '';
  const answer = await connection.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name]);
  const found = Array.isArray(answer) ? addressFrom(answer[0], answer[1]) : undefined;
  if (found === undefined) throw new StoreError('unreadable', `the sentinel knows no server "${name}"`);
  return found;
}

/** A node that does not know its own name leaves it out: then it is reached as it was just now. */
async function ownerOf(connection: Connection, key: string, asked: Address): Promise<Address> {
  const slot = Number(await connection.send(['CLUSTER', 'KEYSLOT', key]));
  const ranges = await connection.send(['CLUSTER', 'SLOTS']);
  for (const range of Array.isArray(ranges) ? ranges : []) {
    if (!Array.isArray(range) || !(Number(range[0]) <= slot && slot <= Number(range[1]))) continue;
    const owner: unknown = range[2];
    const found = Array.isArray(owner) ? addressFrom(owner[0] || asked.host, owner[1]) : undefined;
    if (found !== undefined) return found;
  }
  throw new StoreError('unreadable', `no node of the cluster holds slot ${slot}`);
}

function addressFrom(host: unknown, port: unknown): Address | undefined {
  return typeof host === 'string' && host !== '' && Number(port) > 0 ? { host, port: Number(port) } : undefined;
}

function first({ addresses }: RedisServer): Address {
  const [address] = addresses;
  if (address === undefined) throw new StoreError('unreadable', 'no address is configured');
  return address;
}
