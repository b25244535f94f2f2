/** The embedded store as a whole: what survives, what is on the disk, and with which modes. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKeys } from '../../src/store/keys.ts';
import { MANY_USERS } from '../../src/store/lowdb-users.ts';
import { hasStore, openStore } from '../../src/store/open.ts';
import { TestClock } from '../fakes/clock.ts';
import { contract } from './contract.ts';
import { errorOf, newFolder, openIn, PHONE, session, TOTP_SECRET, user } from './samples.ts';

contract('lowdb', async () => openIn(await newFolder()));

const FOREVER = Number.MAX_SAFE_INTEGER;

describe('the embedded store', () => {
  it('says once that there are too many users for it, when they come and at each start', async () => {
    const folder = await newFolder();
    const { store, notes } = await openIn(folder);
    const add = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, n) => `user${from + n}`).map((name) =>
          store.users.update(name, () => ({ write: user(name), result: undefined })),
        ),
      );
    const said = (all: readonly { note: string }[]) => all.filter(({ note }) => note === 'many-users');
    await add(0, MANY_USERS - 1);
    expect(said(notes)).toEqual([]);
    await add(MANY_USERS - 1, MANY_USERS);
    await add(MANY_USERS, MANY_USERS + 1);
    expect(said(notes)).toEqual([expect.objectContaining({ users: MANY_USERS })]);
    await store.close();
    const again = await openIn(folder);
    expect(said(again.notes)).toEqual([expect.objectContaining({ users: MANY_USERS + 1 })]);
  });

  it('keeps users, sessions and counters over close and reopen, and forgets what was removed', async () => {
    const folder = await newFolder();
    const first = await openIn(folder);
    for (const name of ['a', 'b', '__proto__']) {
      await first.store.users.update(name, () => ({ write: user(name, 3), result: undefined }));
      await first.store.sessions.update(name, () => ({ write: session(4), result: undefined }));
      await first.store.counters.update(name, () => ({ write: { n: 5, expiresAt: FOREVER }, result: undefined }));
    }
    await first.store.users.update('b', () => ({ write: null, result: undefined }));
    await first.store.sessions.update('b', () => ({ write: null, result: undefined }));
    await first.store.counters.update('b', () => ({ write: null, result: undefined }));
    await first.store.close();

    const { store, notes } = await openIn(folder);
    expect(notes).toEqual([{ note: 'opened', users: 2, sessions: 2, counters: 2 }]);
    for (const name of ['a', '__proto__']) {
      expect(await store.users.get(name)).toEqual(user(name, 3));
      expect(store.sessions.peek(name)).toEqual(session(4));
      expect(await store.counters.get(name)).toEqual({ n: 5, expiresAt: FOREVER });
    }
    for (const collection of [store.users, store.sessions, store.counters])
      expect(await collection.get('b')).toBeUndefined();
  });

  it('forgets counters that expired while it was closed', async () => {
    const folder = await newFolder();
    const clock = new TestClock();
    const first = await openIn(folder, clock);
    const expiresAt = clock.now() + 1000;
    await first.store.counters.update('c', () => ({ write: { n: 1, expiresAt }, result: undefined }));
    await first.store.close();
    clock.advance(1000);
    const { notes } = await openIn(folder, clock);
    expect(notes).toContainEqual({ note: 'opened', users: 0, sessions: 0, counters: 0 });
  });

  it('leaves folders with mode 0700, files with mode 0600, and nothing of a lock after close', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    await store.users.update('a', () => ({ write: user('a'), result: undefined }));
    await store.users.update('a', () => ({ write: user('a', 2), result: undefined }));
    expect((await stat(join(folder, 'data'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'data', 'lock'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys.json'))).mode & 0o777).toBe(0o600);
    await store.close();
    const names = (await readdir(join(folder, 'data'))).sort();
    for (const name of names) expect((await stat(join(folder, 'data', name))).mode & 0o777, name).toBe(0o600);
    expect(names).toEqual([
      'counters.00000001.log',
      'sessions.00000001.log',
      'store.json',
      'users.json',
      'users.json.last-good',
    ]);
  });

  it('has no secret, phone number, cookie or counter key in the bytes of any file', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    await store.users.update('anna', () => ({ write: user('anna'), result: undefined }));
    await store.sessions.update('key', () => ({ write: session(1, 'PHPSESSID=held'), result: undefined }));
    await store.counters.update('guess:berta', () => ({ write: { n: 1, expiresAt: FOREVER }, result: undefined }));
    const names = await readdir(join(folder, 'data'));
    const bytes = Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, 'data', name)))));
    for (const secret of [TOTP_SECRET, PHONE, '791234567', 'PHPSESSID', 'berta']) {
      expect(bytes.includes(secret), secret).toBe(false);
      expect(bytes.includes(Buffer.from(secret).toString('base64url').slice(0, -2)), secret).toBe(false);
    }
    expect(bytes.includes('anna')).toBe(true); // the search finds what is there: identities of users are plain
  });

  it('sweeps temporary files that a killed gateway left behind', async () => {
    const folder = await newFolder();
    await (await openIn(folder)).store.close();
    const left = ['users.json.tmp-1-x-1', 'sessions.00000002.log.tmp-1-x-2', 'store.json.tmp-9-x-3', 'lock.tmp-1-x-4'];
    for (const name of left) await writeFile(join(folder, 'data', name), '{"format":1,"us');
    await openIn(folder);
    const names = await readdir(join(folder, 'data'));
    for (const name of left) expect(names).not.toContain(name);
  });

  it('seals everything anew when the current key has changed; then an old key that is not the first is not needed any more', async () => {
    const folder = await newFolder();
    const path = join(folder, 'keys.json');
    const first = await openIn(folder);
    await first.store.users.update('a', () => ({ write: user('a'), result: undefined }));
    await first.store.sessions.update('s', () => ({ write: session(1), result: undefined }));
    await first.store.close();

    const { keys } = JSON.parse(await readFile(path, 'utf8'));
    const k2 = 'q7rAFCV6xJ3fG0n8uYvZkWm1bTeXhLs5dPoRiQ2cNwE=';
    await writeFile(path, JSON.stringify({ format: 1, current: 'k2', keys: { ...keys, k2 } }));
    const second = await openIn(folder);
    expect(second.notes).toContainEqual({ note: 'sealed-with-new-key' });
    await second.store.close();
    const k3 = 'Yd0mS4bqv8nJx2WfHkTzL6pRcEuGiA1oQ9sNtVwXj3U=';
    await writeFile(path, JSON.stringify({ format: 1, current: 'k3', keys: { ...keys, k2, k3 } }));
    await (await openIn(folder)).store.close();

    await writeFile(path, JSON.stringify({ format: 1, current: 'k3', keys: { ...keys, k3 } }));
    const third = await openIn(folder);
    expect(await third.store.users.get('a')).toEqual(user('a'));
    expect(third.store.sessions.peek('s')).toEqual(session(1));
    expect(third.notes).not.toContainEqual({ note: 'sealed-with-new-key' });
  });

  it('says in one sentence when the folder cannot be made', async () => {
    const folder = await newFolder();
    const keys = await openKeys(join(folder, 'keys.json'), { create: true });
    await writeFile(join(folder, 'file'), '');
    const path = join(folder, 'file', 'data');
    const error = await errorOf(openStore({ kind: 'lowdb', path, keys, clock: new TestClock() }));
    expect(error.code).toBe('unwritable');
    expect(error.message).toContain(path);
    expect(error.message).toContain('create it and give it to the account');
  });

  it('hasStore tells a folder with data from one that is missing, empty or foreign', async () => {
    const folder = await newFolder();
    expect(await hasStore(join(folder, 'data'))).toBe(false);
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'keys.json'), '{}');
    expect(await hasStore(join(folder, 'data'))).toBe(false);
    await (await openIn(folder)).store.close();
    expect(await hasStore(join(folder, 'data'))).toBe(true);
  });
});
