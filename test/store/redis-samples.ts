/** Stores on a Redis server for tests: one server for a file of tests, a prefix of its own for each test. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Keys, openKeys } from '../../src/store/keys.ts';
import type { RedisServer } from '../../src/store/redis/dial.ts';
import { openRedisStore, type RedisNote, type RedisStoreOptions } from '../../src/store/redis/open.ts';
import type { Store } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';
import { newFolder } from './samples.ts';

const stores: Store[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

export interface OpenedOnRedis {
  readonly store: Store;
  readonly clock: TestClock;
  readonly notes: RedisNote[];
}

export function serverAt(port: number, more: Partial<RedisServer> = {}): RedisServer {
  return { kind: 'single', addresses: [{ host: '127.0.0.1', port }], database: 0, timeoutMs: 2_000, ...more };
}

export function newPrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

export async function newKeys(): Promise<Keys> {
  return openKeys(join(await newFolder(), 'keys.json'), { create: true });
}

/** Closed after the test. */
export async function openOn(
  server: RedisServer,
  options: Partial<Omit<RedisStoreOptions, 'clock'>> & { readonly keys: Keys; readonly clock?: TestClock },
): Promise<OpenedOnRedis> {
  const notes: RedisNote[] = [];
  const { keys, clock = new TestClock(), ...rest } = options;
  const store = await openRedisStore({
    server,
    prefix: newPrefix(),
    openKeys: async () => keys,
    onNote: (note) => notes.push(note),
    ...rest,
    clock,
  });
  stores.push(store);
  return { store, clock, notes };
}
