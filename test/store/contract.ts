/** What every store must do, as one suite that each kind of store runs. */
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import type { Collection, CounterRecord, SessionRecord, Store } from '../../src/store/store.ts';
import type { TestClock } from '../fakes/clock.ts';
import { session, sessionOf, user } from './samples.ts';

export interface StoreUnderTest {
  readonly store: Store;
  readonly clock: TestClock;
}

const FOREVER = Number.MAX_SAFE_INTEGER;

function increment(counters: Collection<CounterRecord>, key: string): Promise<number> {
  return counters.update(key, (current) => {
    const count = Number(current?.['count'] ?? 0) + 1;
    return { write: { count, expiresAt: FOREVER }, result: count };
  });
}

/** What this process sees of a session: a store that several share holds nothing itself, and must be asked. */
async function seen(store: Store, key: string): Promise<SessionRecord | undefined> {
  return store.sessions.elsewhere === undefined ? store.sessions.peek(key) : store.sessions.get(key);
}

async function keysOf(collection: Collection<unknown>): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of collection.entries()) keys.push(key);
  return keys.sort();
}

export function contract(kind: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${kind} keeps the contract of a store`, () => {
    it('50 increments at once give 50, and each caller saw a number of his own', async () => {
      const { store } = await open();
      const seen = await Promise.all(Array.from({ length: 50 }, () => increment(store.counters, 'guess')));
      expect(new Set(seen).size).toBe(50);
      expect((await store.counters.get('guess'))?.['count']).toBe(50);
    });

    it('gives the same keyed hash for the same label and text, and another for any other', async () => {
      const { store } = await open();
      const hash = (label: string, text: string) => store.mac(label, text).toString('hex');
      expect(hash('a', 'b')).toMatch(/^[0-9a-f]{64}$/);
      expect(hash('a', 'b')).toBe(hash('a', 'b'));
      expect(new Set([hash('a', 'b'), hash('b', 'a'), hash('ab', ''), hash('', 'ab')]).size).toBe(4);
    });

    it('of two that consume the same record at once, one wins', async () => {
      const { store } = await open();
      await store.users.update('a', () => ({ write: user('a'), result: undefined }));
      const consume = () =>
        store.users.update('a', (current) =>
          current === undefined ? { result: 'late' } : { write: null, result: 'first' },
        );
      expect((await Promise.all([consume(), consume()])).sort()).toEqual(['first', 'late']);
      expect(await store.users.get('a')).toBeUndefined();
    });

    it('of 20 compare-and-sets on one version, one wins and the version rises by one', async () => {
      const { store } = await open();
      await store.sessions.update('s', () => ({ write: session(1), result: undefined }));
      const won = await Promise.all(
        Array.from({ length: 20 }, () =>
          store.sessions.update('s', (current) =>
            current?.version === 1 ? { write: session(2), result: true } : { result: false },
          ),
        ),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect((await store.sessions.get('s'))?.version).toBe(2);
    });

    it('a slow writer that began before a removal cannot bring the record back', async () => {
      const { store } = await open();
      await store.sessions.update('s', () => ({ write: session(1), result: undefined }));
      const touch = () =>
        store.sessions.update('s', (current) =>
          current?.version === 1 ? { write: session(2), result: 'touched' } : { result: 'gone' },
        );
      const removal = store.sessions.update('s', () => ({ write: null, result: 'removed' }));
      expect(await Promise.all([removal, touch()])).toEqual(['removed', 'gone']);
      expect(await seen(store, 's')).toBeUndefined();
    });

    it('a move leaves the record under the new key alone, and of two that race one wins', async () => {
      const { store } = await open();
      await store.sessions.update('old', () => ({ write: session(1), result: undefined }));
      const move = (to: string) =>
        store.sessions.move('old', to, (current) =>
          current?.version === 1 ? { write: session(2), result: true } : { result: false },
        );
      expect((await Promise.all([move('new'), move('other')])).sort()).toEqual([false, true]);
      expect(await keysOf(store.sessions)).toHaveLength(1);
      expect(await store.sessions.get('old')).toBeUndefined();
      expect(await move('late')).toBe(false);
    });

    it('finds the sessions of one identity, also while they change their keys', async () => {
      const { store } = await open();
      const write = (key: string, name: string) =>
        store.sessions.update(key, () => ({ write: sessionOf(name), result: undefined }));
      await Promise.all([write('a1', 'a'), write('a2', 'a'), write('b1', 'b')]);
      await store.sessions.update('nobody', () => ({ write: session(1), result: undefined }));
      const keys = async () => (await store.sessions.of('a' as Identity)).map(([key]) => key).sort();
      expect(await keys()).toEqual(['a1', 'a2']);
      const moving = store.sessions.move('a1', 'a3', () => ({ write: sessionOf('a'), result: undefined }));
      expect(await keys()).toHaveLength(2);
      await moving;
      expect(await keys()).toEqual(['a2', 'a3']);
      await store.sessions.move('a2', 'a4', () => ({ write: sessionOf('b'), result: undefined }));
      await store.sessions.update('a3', () => ({ write: null, result: undefined }));
      expect(await keys()).toEqual([]);
    });

    it('removing what is not there is no error', async () => {
      const { store } = await open();
      await store.users.update('nobody', () => ({ write: null, result: undefined }));
      expect(await keysOf(store.users)).toEqual([]);
    });

    it('a change function that throws leaves nothing written and the store working', async () => {
      const { store } = await open();
      await store.users.update('a', () => ({ write: user('a', 1), result: undefined }));
      await expect(
        store.users.update('a', () => {
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect((await store.users.get('a'))?.factorVersion).toBe(1);
      await store.users.update('a', () => ({ write: user('a', 2), result: undefined }));
      expect((await store.users.get('a'))?.factorVersion).toBe(2);
      expect(store.healthy()).toBe(true);
    });

    it('a change without a write changes nothing', async () => {
      const { store } = await open();
      await store.users.update('a', () => ({ write: user('a', 1), result: undefined }));
      const read = await store.users.update('a', (current) => ({ result: current?.factorVersion }));
      expect(read).toBe(1);
      expect((await store.users.get('a'))?.factorVersion).toBe(1);
    });

    it('entries lists every record once; get and peek agree', async () => {
      const { store } = await open();
      const names = ['a', 'b', '__proto__', 'constructor', 'é\u0000"\n', ''];
      await Promise.all(
        names.map((name) => store.users.update(name, () => ({ write: user(name), result: undefined }))),
      );
      expect(await keysOf(store.users)).toEqual([...names].sort());
      for (const name of names) {
        expect(await store.users.get(name)).toEqual(user(name));
        expect(await store.users.get(name)).toEqual(user(name));
      }
      expect(await store.users.get('toString')).toBeUndefined();
    });

    it('what a caller wrote or read is a value: changing it does not change the store', async () => {
      const { store } = await open();
      const jar = ['PHPSESSID=1'];
      await store.sessions.update('s', () => ({ write: { ...session(1), jar }, result: undefined }));
      jar[0] = 'PHPSESSID=2';
      expect((await seen(store, 's'))?.jar).toEqual(['PHPSESSID=1']);
      const read = await seen(store, 's');
      expect(() => Object.assign(read ?? {}, { version: 9 })).toThrow(TypeError);
    });

    it('a record that JSON cannot hold is refused and nothing is written', async () => {
      const { store } = await open();
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      const record = { ...session(1), jar: circular as never };
      await expect(store.sessions.update('s', () => ({ write: record, result: 0 }))).rejects.toThrow(TypeError);
      expect(await seen(store, 's')).toBeUndefined();
    });

    it('a counter that expired is forgotten by every way of reading', async () => {
      const { store, clock } = await open();
      const expiresAt = clock.now() + 1000;
      await store.counters.update('c', () => ({ write: { count: 7, expiresAt }, result: undefined }));
      clock.advance(999);
      expect((await store.counters.get('c'))?.['count']).toBe(7);
      clock.advance(1);
      expect(await store.counters.get('c')).toBeUndefined();
      expect(await store.counters.get('c')).toBeUndefined();
      expect(await keysOf(store.counters)).toEqual([]);
      expect(await increment(store.counters, 'c')).toBe(1);
    });

    it('after close nothing is readable and every update is refused', async () => {
      const { store } = await open();
      await store.sessions.update('s', () => ({ write: session(1), result: undefined }));
      await store.close();
      expect(store.sessions.peek('s')).toBeUndefined();
      await expect(store.sessions.get('s')).rejects.toMatchObject({ name: 'StoreError' });
      await expect(increment(store.counters, 'c')).rejects.toMatchObject({ name: 'StoreError', code: 'unwritable' });
      expect(store.healthy()).toBe(false);
    });

    it('close waits for updates that were accepted', async () => {
      const { store } = await open();
      const update = increment(store.counters, 'c');
      await store.close();
      expect(await update).toBe(1);
    });
  });
}
