/** A copy takes everything over, goes on where it stopped, and says what it could not do; it never replaces unasked. */
import { describe, expect, it } from 'vitest';
import { BATCH, copyStore, isComplete, type Progress } from '../../src/store/copy.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';
import { newFolder, openIn, session, sessionOf, user } from './samples.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;

async function fill(store: Store, users: number): Promise<void> {
  for (let n = 0; n < users; n += 1) {
    const name = `user${n}`;
    await store.users.update(name, () => ({ write: user(name, n), result: 0 }));
  }
  await store.sessions.update('s1', () => ({ write: session(1), result: 0 }));
  await store.sessions.update('s2', () => ({ write: sessionOf('user1'), result: 0 }));
  await store.counters.update('guess:user1', () => ({ write: { count: 3, expiresAt: FOREVER }, result: 0 }));
}

/** What is there, in an order of its own. */
async function contentOf(store: Store): Promise<unknown> {
  const all: [string, unknown][] = [];
  for (const collection of [store.users, store.sessions, store.counters]) {
    for await (const [key, record] of collection.entries()) all.push([key, record]);
  }
  return all.sort(([a], [b]) => a.localeCompare(b));
}

describe('a copy', () => {
  it('has everything that the other store has, through files too', async () => {
    const { store: from, clock } = await openIn(await newFolder());
    await fill(from, 5);
    const { store: to } = await openIn(await newFolder());
    const copied = await copyStore({ from, to, clock, overwrite: false });
    expect(copied.map(({ collection, found, written, others }) => [collection, found, written, others])).toEqual([
      ['users', 5, 5, 0],
      ['sessions', 2, 2, 0],
      ['counters', 1, 1, 0],
    ]);
    expect(copied.every(isComplete)).toBe(true);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('that broke off goes on with what is missing', async () => {
    const clock = new TestClock();
    const [from, to] = [memoryStore(clock), memoryStore(clock)];
    await fill(from, 2 * BATCH + 50);
    const { update } = to.users;
    let left = BATCH + 10;
    Object.assign(to.users, {
      update: (...args: Parameters<typeof update>) => {
        left -= 1;
        if (left < 0) throw new StoreError('unwritable', 'The disk is full.');
        return update.apply(to.users, args);
      },
    });
    await expect(copyStore({ from, to, clock, overwrite: false })).rejects.toBeInstanceOf(StoreError);
    Object.assign(to.users, { update });
    const [users, ...others] = await copyStore({ from, to, clock, overwrite: false });
    expect(users).toMatchObject({ found: 2 * BATCH + 50, written: BATCH + 40 });
    expect([users, ...others].every((one) => one !== undefined && isComplete(one))).toBe(true);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('leaves what differs alone and names it; replaces it when asked', async () => {
    const clock = new TestClock();
    const [from, to] = [memoryStore(clock), memoryStore(clock)];
    await fill(from, 3);
    await to.users.update('user1', () => ({ write: user('user1', 99), result: 0 }));
    await to.users.update('somebody', () => ({ write: user('somebody'), result: 0 }));
    const [users] = await copyStore({ from, to, clock, overwrite: false });
    expect(users).toMatchObject({ found: 3, written: 2, differing: ['user1'], missing: [], others: 1 });
    expect(users !== undefined && isComplete(users)).toBe(false);
    expect((await to.users.get('user1'))?.factorVersion).toBe(99);
    const [again] = await copyStore({ from, to, clock, overwrite: true });
    expect(again).toMatchObject({ written: 1, differing: [], others: 1 });
    expect((await to.users.get('user1'))?.factorVersion).toBe(1);
  });

  it('reads everything again: a record that did not arrive is named', async () => {
    const clock = new TestClock();
    const [from, to] = [memoryStore(clock), memoryStore(clock)];
    await fill(from, 3);
    const { get } = to.users;
    Object.assign(to.users, {
      get: async (key: string) => (key === 'user2' ? user('user2', 7) : get.call(to.users, key)),
    });
    const [users] = await copyStore({ from, to, clock, overwrite: false });
    expect(users).toMatchObject({ written: 3, missing: ['user2'] });
    expect(users !== undefined && isComplete(users)).toBe(false);
  });

  it('leaves out what is over', async () => {
    const clock = new TestClock();
    const [from, to] = [memoryStore(clock), memoryStore(clock)];
    await from.sessions.update('old', () => ({ write: { ...session(1), expiresAt: clock.now() }, result: 0 }));
    const copied = await copyStore({ from, to, clock, overwrite: false });
    expect(copied.every(isComplete)).toBe(true);
    expect(await contentOf(to)).toEqual([]);
  });

  it('tells how far it is', async () => {
    const clock = new TestClock();
    const [from, to] = [memoryStore(clock), memoryStore(clock)];
    await fill(from, BATCH + 1);
    const told: Progress[] = [];
    await copyStore({ from, to, clock, overwrite: false, onProgress: (progress) => told.push(progress) });
    expect(told.filter(({ collection }) => collection === 'users')).toEqual([
      { collection: 'users', step: 'copying', done: BATCH },
      { collection: 'users', step: 'copying', done: BATCH + 1 },
      { collection: 'users', step: 'checking', done: BATCH },
      { collection: 'users', step: 'checking', done: BATCH + 1 },
    ]);
  });
});
