/**
 * Opens the store on a server of Redis or Valkey, which several gateways share: connection, key file, manifest, in this
 * order. Either everything is as it must be, or the start stops with one sentence (I9).
 */
import { type Clock, steadyClock } from '../../clock.ts';
import type { Keys } from '../keys.ts';
import { isCounterRecord, isSessionRecord, isUserRecord } from '../records.ts';
import type { CounterRecord, SessionRecord, Store, StoreError, UserRecord } from '../store.ts';
import { RedisCollection } from './collection.ts';
import type { RedisServer } from './dial.ts';
import { examine, type Weakness } from './examine.ts';
import { Link, type Send } from './link.ts';
import { claim, readManifest, recognise } from './manifest.ts';
import { channelName, manifestName, Names } from './names.ts';
import { RedisSessions } from './sessions.ts';

export interface RedisStoreOptions {
  readonly server: RedisServer;
  /** Stands before every key; gateways with another one share the server, but nothing else. */
  readonly prefix: string;
  /** Opens the key file; a missing one may be made only when there is no data yet (`create`). */
  readonly openKeys: (options: { readonly create: boolean }) => Promise<Keys>;
  /** What records expire by. */
  readonly clock: Clock;
  /** What the connection is watched by; it must never go back. */
  readonly timers?: Clock;
  /** What an operator may want to read in the log; never a secret. */
  readonly onNote?: (note: RedisNote) => void;
}

export type RedisNote =
  | Weakness
  | { readonly note: 'connected' }
  /** Nothing can be read or written until `recovered`. */
  | { readonly note: 'trouble'; readonly code: StoreError['code']; readonly message: string }
  | { readonly note: 'recovered' };

/** @throws StoreError with one sentence for the operator */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { prefix, clock, onNote } = options;
  const manifest = manifestName(prefix);
  const life: { keys?: Keys; known?: string; sessions?: RedisSessions } = {};
  const check = async (send: Send): Promise<void> => {
    if (life.known !== undefined) return await recognise(send, manifest, life.known);
    for (const weakness of await examine(send)) onNote?.(weakness);
    life.keys = await options.openKeys({ create: (await readManifest(send, manifest)) === undefined });
    life.known = await claim(send, manifest, life.keys);
  };
  const link = await Link.open({
    server: options.server,
    timers: options.timers ?? steadyClock,
    channel: channelName(prefix),
    landmark: manifest,
    check,
    onMessage: (message) => life.sessions?.hear(message),
    onRestored: () => life.sessions?.tell(undefined),
    onTrouble: (trouble) =>
      onNote?.(
        trouble === undefined
          ? { note: 'recovered' }
          : { note: 'trouble', code: trouble.code, message: trouble.message },
      ),
  });
  const keys = life.keys as Keys;
  onNote?.({ note: 'connected' });

  const common = { link, names: new Names(prefix, keys), keys, clock };
  const users = new RedisCollection<UserRecord>({
    ...common,
    name: 'users',
    isRecord: isUserRecord,
    expiresAt: () => undefined,
  });
  const sessions = new RedisSessions({
    ...common,
    name: 'sessions',
    isRecord: isSessionRecord,
    expiresAt: (record: SessionRecord) => record.expiresAt,
  });
  const counters = new RedisCollection<CounterRecord>({
    ...common,
    name: 'counters',
    isRecord: isCounterRecord,
    expiresAt: (record) => record.expiresAt,
  });
  life.sessions = sessions;
  return {
    users,
    sessions,
    counters,
    mac: (label, text) => keys.hmac(label, text),
    healthy: () => link.isHeard(),
    async close() {
      await Promise.all([users, sessions, counters].map((collection) => collection.close()));
      link.close();
    },
  };
}
