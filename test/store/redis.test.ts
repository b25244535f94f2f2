/** The store on a real Redis server: the contract, by one gateway and by two at once, and what the server gets to see. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { type Keys, keysFrom } from '../../src/store/keys.ts';
import { HEARD_MS } from '../../src/store/redis/link.ts';
import { channelName } from '../../src/store/redis/names.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { type RedisProcess, startRedis } from '../fakes/redis-server.ts';
import { contract } from './contract.ts';
import { newKeys, newPrefix, openOn, serverAt } from './redis-samples.ts';
import { errorOf, PHONE, session, sessionOf, TOTP_SECRET, user } from './samples.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;
let redis: RedisProcess;
let keys: Keys;

beforeAll(async () => {
  redis = await startRedis();
  keys = await newKeys();
});
afterAll(() => redis.stop());

contract('redis', async () => openOn(serverAt(redis.port), { keys }));

async function two(): Promise<{ readonly a: Store; readonly b: Store; readonly prefix: string }> {
  const prefix = newPrefix();
  const a = await openOn(serverAt(redis.port), { keys, prefix });
  const b = await openOn(serverAt(redis.port), { keys, prefix });
  return { a: a.store, b: b.store, prefix };
}

/** Runs what an administrator of the server would. */
async function admin<T>(work: (send: (...args: string[]) => Promise<unknown>) => Promise<T>): Promise<T> {
  const client = await createClient({ socket: { host: '127.0.0.1', port: redis.port } }).connect();
  try {
    return await work((...args) => client.sendCommand(args));
  } finally {
    client.destroy();
  }
}

async function namesOf(prefix: string, collection: string): Promise<string[]> {
  return admin(async (send) => (await send('KEYS', `{${prefix}}:${collection}:*`)) as string[]);
}

describe('two gateways on one Redis server', () => {
  it('make 50 of 50 increments at once', async () => {
    const { a, b } = await two();
    const increment = (store: Store) =>
      store.counters.update('guess', (current) => {
        const count = Number(current?.['count'] ?? 0) + 1;
        return { write: { count, expiresAt: FOREVER }, result: count };
      });
    const seen = await Promise.all(Array.from({ length: 50 }, (_, i) => increment(i % 2 === 0 ? a : b)));
    expect(new Set(seen).size).toBe(50);
    expect((await a.counters.get('guess'))?.['count']).toBe(50);
  });

  it('consume a record once', async () => {
    const { a, b } = await two();
    await a.users.update('x', () => ({ write: user('x'), result: 0 }));
    const consume = (store: Store) =>
      store.users.update('x', (current) =>
        current === undefined ? { result: 'late' } : { write: null, result: 'first' },
      );
    expect((await Promise.all([consume(a), consume(b)])).sort()).toEqual(['first', 'late']);
  });

  it('move a session once, and list it once under the identity', async () => {
    const { a, b } = await two();
    await a.sessions.update('old', () => ({ write: sessionOf('alice'), result: 0 }));
    const move = (store: Store, to: string) =>
      store.sessions.move('old', to, (current) =>
        current === undefined ? { result: false } : { write: { ...current, version: 2 }, result: true },
      );
    const won = await Promise.all([move(a, 'a'), move(b, 'b'), move(a, 'c'), move(b, 'd')]);
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await a.sessions.of('alice' as Identity)).toHaveLength(1);
    expect(await b.sessions.get('old')).toBeUndefined();
  });

  it('do not take a record for unchanged that was removed and made again', async () => {
    const { a, b, prefix } = await two();
    await b.users.update('x', () => ({ write: user('x', 1), result: 0 }));
    const [name = ''] = await namesOf(prefix, 'users');
    const again = String(await admin((send) => send('GET', name)));
    await b.users.update('x', () => ({ write: user('x', 1), result: 0 }));
    let calls = 0;
    await a.users.update('x', (current) => {
      calls += 1;
      // Between reading and writing: the same record, but another writing of it.
      if (calls === 1) spawnSync('redis-cli', ['-p', String(redis.port), 'SET', name, again]);
      return { write: user('x', (current?.factorVersion ?? 0) + 1), result: 0 };
    });
    expect(calls).toBe(2);
    expect((await b.users.get('x'))?.factorVersion).toBe(2);
  });

  it('tell each other which session changed, and not themselves', async () => {
    const { a, b } = await two();
    const heard: string[] = [];
    a.sessions.elsewhere?.onChange((key) => heard.push(`a:${key}`));
    b.sessions.elsewhere?.onChange((key) => heard.push(`b:${key}`));
    await a.sessions.update('one', () => ({ write: session(1), result: 0 }));
    await b.sessions.move('one', 'two', () => ({ write: session(2), result: 0 }));
    await a.sessions.update('two', () => ({ write: null, result: 0 }));
    await a.users.update('x', () => ({ write: user('x'), result: 0 }));
    await vi.waitFor(() => expect([...heard].sort()).toEqual(['a:one', 'a:two', 'b:one', 'b:two']));
    expect(a.sessions.elsewhere?.isHeard()).toBe(true);
  });
});

describe('everybody has heard', () => {
  it('when each of the others has called its listener, and at once when there is none', async () => {
    const { a, b, prefix } = await two();
    const c = (await openOn(serverAt(redis.port), { keys, prefix })).store;
    const heard: string[] = [];
    b.sessions.elsewhere?.onChange((key) => void heard.push(`b ${key}`));
    c.sessions.elsewhere?.onChange((key) => void heard.push(`c ${key}`));
    for (let round = 0; round < 20; round += 1) {
      const key = `session-${round}`;
      await a.sessions.update(key, () => ({ write: session(1), result: 0 }));
      await a.sessions.elsewhere?.everybodyHeard();
      expect(heard.splice(0).sort()).toEqual([`b ${key}`, `c ${key}`]);
    }
    const alone = (await openOn(serverAt(redis.port), { keys, prefix: newPrefix() })).store;
    const before = performance.now();
    await alone.sessions.elsewhere?.everybodyHeard();
    expect(performance.now() - before).toBeLessThan(HEARD_MS);
  });

  it('when one that does not answer cannot count as hearing any more', async () => {
    const { a, prefix } = await two();
    const client = await createClient({ socket: { host: '127.0.0.1', port: redis.port } }).connect();
    await client.subscribe(channelName(prefix), () => {});
    const before = performance.now();
    await a.sessions.elsewhere?.everybodyHeard();
    expect(performance.now() - before).toBeGreaterThanOrEqual(HEARD_MS - 5);
    client.destroy();
  });

  it('is an error when the server is out of reach', async () => {
    const { a } = await two();
    await a.close();
    await expect(a.sessions.elsewhere?.everybodyHeard()).rejects.toBeInstanceOf(StoreError);
  });
});

describe('the Redis server', () => {
  it('sees no identity, secret, phone number, cookie or counter name', async () => {
    const prefix = newPrefix();
    const { store } = await openOn(serverAt(redis.port), { keys, prefix });
    await store.users.update('alice@example.com', () => ({ write: user('alice@example.com'), result: 0 }));
    await store.sessions.update('s1', () => ({
      write: { ...sessionOf('alice@example.com'), jar: ['SID=abc'] },
      result: 0,
    }));
    await store.counters.update('guess:alice@example.com', () => ({ write: { expiresAt: FOREVER }, result: 0 }));
    const all = await admin(async (send) => {
      const texts: string[] = [];
      for (const name of (await send('KEYS', `*${prefix}*`)) as string[]) {
        const isSet = (await send('TYPE', name)) === 'set';
        texts.push(name, String(isSet ? [...((await send('SMEMBERS', name)) as string[])] : await send('GET', name)));
      }
      return texts.join('\n');
    });
    expect(all.split('\n')).toHaveLength(10);
    for (const secret of ['alice', 'guess', TOTP_SECRET, PHONE, 'SID=', 'verified']) expect(all).not.toContain(secret);
  });

  it('forgets what has expired by itself, a minute later than the gateways do', async () => {
    const prefix = newPrefix();
    const { store, clock } = await openOn(serverAt(redis.port), { keys, prefix });
    const expiresAt = clock.now() + 600_000;
    await store.counters.update('c', () => ({ write: { expiresAt }, result: 0 }));
    await store.sessions.update('s', () => ({ write: { ...sessionOf('alice'), expiresAt }, result: 0 }));
    await store.sessions.update('t', () => ({ write: sessionOf('bob'), result: 0 }));
    const lives = async (collection: string) =>
      admin(async (send) => {
        const names = (await send('KEYS', `{${prefix}}:${collection}:*`)) as string[];
        return (await Promise.all(names.map((name) => send('PTTL', name)))).map(Number).sort((a, b) => a - b);
      });
    for (const collection of ['counters', 'sessions', 'of']) {
      const life = (await lives(collection)).at(-1) ?? 0;
      expect(life).toBeGreaterThan(600_000);
      expect(life).toBeLessThanOrEqual(660_000);
    }
    expect((await lives('sessions'))[0]).toBe(-1);
    clock.advance(600_000);
    expect(await store.sessions.get('s')).toBeUndefined();
    expect(await store.sessions.of('alice' as Identity)).toEqual([]);
  });

  it('drops from an index what it has forgotten', async () => {
    const prefix = newPrefix();
    const { store } = await openOn(serverAt(redis.port), { keys, prefix });
    await store.sessions.update('s', () => ({ write: sessionOf('alice'), result: 0 }));
    await admin((send) => send('DEL', `{${prefix}}:sessions:s`));
    expect(await store.sessions.of('alice' as Identity)).toEqual([]);
    expect(await namesOf(prefix, 'of')).toEqual([]);
  });

  it('that holds a changed, moved or foreign text is an error and never an absence', async () => {
    const prefix = newPrefix();
    const { store } = await openOn(serverAt(redis.port), { keys, prefix });
    await store.users.update('alice', () => ({ write: user('alice'), result: 0 }));
    const [name = ''] = await namesOf(prefix, 'users');
    const sealed = String(await admin((send) => send('GET', name)));
    await store.users.update('bob', () => ({ write: user('bob'), result: 0 }));
    const bob = (await namesOf(prefix, 'users')).find((other) => other !== name) ?? '';
    const middle = sealed.length >> 1;
    const flipped = sealed.slice(0, middle) + (sealed[middle] === 'A' ? 'B' : 'A') + sealed.slice(middle + 1);
    const moved = String(await admin((send) => send('GET', bob)));
    for (const text of [flipped, '', moved, (await newKeys()).seal('users', '{}')]) {
      await admin((send) => send('SET', name, text));
      expect((await errorOf(store.users.get('alice'))).code).toBe('damaged');
      expect((await errorOf(store.users.update('alice', () => ({ write: null, result: 0 })))).code).toBe('damaged');
    }
    await expect(
      (async () => {
        for await (const _ of store.users.entries());
      })(),
    ).rejects.toMatchObject({ name: 'StoreError' });
  });

  it('turns away a gateway with another key file, also when both start at once', async () => {
    const prefix = newPrefix();
    const both = [await newKeys(), await newKeys()];
    const asked: boolean[] = [];
    const opened = await Promise.allSettled(
      both.map((own) =>
        openOn(serverAt(redis.port), {
          keys: own,
          prefix,
          openKeys: async ({ create }) => {
            asked.push(create);
            return own;
          },
        }),
      ),
    );
    const failed = opened.filter((one) => one.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ name: 'StoreError', code: 'wrong-key' });
    expect(asked[0]).toBe(true);
    const late = await newKeys();
    const error = await errorOf(openOn(serverAt(redis.port), { keys: late, prefix }));
    expect(error.code).toBe('wrong-key');
    expect(error.message).toMatch(/all gateways need the same key file/);
  });

  it('turns away a gateway whose first key is another: it would find nobody, and nobody would have a factor', async () => {
    const prefix = newPrefix();
    const [k1, k2] = [randomBytes(32), randomBytes(32)];
    const begun = keysFrom({ current: 'k1', keys: new Map([['k1', k1]]) });
    await (await openOn(serverAt(redis.port), { keys: begun, prefix })).store.close();
    const swapped = keysFrom({
      current: 'k2',
      keys: new Map([
        ['k2', k2],
        ['k1', k1],
      ]),
    });
    const error = await errorOf(openOn(serverAt(redis.port), { keys: swapped, prefix }));
    expect(error.code).toBe('wrong-key');
    expect(error.message).toContain('put that key back in the first place');
    const behind = keysFrom({
      current: 'k2',
      keys: new Map([
        ['k1', k1],
        ['k2', k2],
      ]),
    });
    await (await openOn(serverAt(redis.port), { keys: behind, prefix })).store.close();
  });
});
