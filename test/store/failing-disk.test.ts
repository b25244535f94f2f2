/** A disk that refuses: nothing that was refused may be seen, nothing that was confirmed may be lost, and it fails closed. */
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RETRY_MS } from '../../src/store/table.ts';
import { allLines, startChild, useChildren } from './processes.ts';
import { errorOf, newFolder, openIn, session, user } from './samples.ts';

useChildren();
afterEach(() => {
  vi.restoreAllMocks();
});

const EIO = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });

/** The class behind every open file, whose methods the store calls. */
async function fileHandles(folder: string): Promise<FileHandle> {
  const handle = await open(folder);
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe('a disk without room', () => {
  for (const kind of ['users', 'sessions'] as const) {
    it(`${kind}: the write that no longer fits is refused, the ones before it are there after a restart`, async () => {
      const folder = await newFolder();
      const lines = await allLines(startChild([folder, 'fill', kind], 'ulimit -f 40')); // a real limit, of 20 or 40 kB a file
      const confirmed = lines.filter((line) => line.startsWith('confirmed ')).map((line) => line.slice(10));
      expect(confirmed.length).toBeGreaterThan(2);
      // refused, not visible, not healthy, and the next update is refused without a try
      expect(lines.at(-1)).toBe(`refused k${confirmed.length + 1} unwritable true false refused`);

      const { store } = await openIn(folder);
      for (const key of confirmed) expect(await store[kind].get(key), key).toBeDefined();
      expect(await store[kind].get(`k${confirmed.length + 1}`)).toBeUndefined();
    });
  }
});

describe('users on a disk that comes back', () => {
  it('refuses while it is gone, then writes everything and works again', async () => {
    const folder = await newFolder();
    const { store, clock, notes } = await openIn(folder);
    await store.users.update('a', () => ({ write: user('a', 1), result: undefined }));
    const path = join(folder, 'data', 'users.json');
    await rm(path);
    await mkdir(path); // nothing can be renamed to this

    const error = await errorOf(store.users.update('a', () => ({ write: user('a', 2), result: undefined })));
    expect(error.code).toBe('unwritable');
    expect(error.message).toContain(path);
    expect((await store.users.get('a'))?.factorVersion).toBe(1);
    expect(store.healthy()).toBe(false);
    clock.advance(RETRY_MS); // still gone
    await errorOf(store.users.update('b', () => ({ write: user('b'), result: undefined })));

    await rmdir(path);
    await expect
      .poll(() => {
        clock.advance(RETRY_MS);
        return store.healthy();
      })
      .toBe(true);
    expect(notes.map((note) => note.note)).toEqual(['opened', 'trouble', 'recovered']);
    await store.users.update('c', () => ({ write: user('c'), result: undefined }));
    await store.close();
    const again = await openIn(folder);
    expect((await again.store.users.get('a'))?.factorVersion).toBe(1);
    expect(await again.store.users.get('b')).toBeUndefined();
    expect(await again.store.users.get('c')).toBeDefined();
  });

  it('refuses every update that was built on the one that failed', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    await store.users.update('a', () => ({ write: user('a', 1), result: undefined }));
    await rename(join(folder, 'data'), join(folder, 'gone'));
    const raise = () =>
      store.users.update('a', (current) => ({
        write: user('a', (current?.factorVersion ?? 0) + 1),
        result: current?.factorVersion,
      }));
    const first = raise();
    const readOnly = store.users.update('a', (current) => ({ result: current?.factorVersion }));
    await new Promise(setImmediate); // the first one is being written now
    const outcomes = await Promise.allSettled([first, readOnly, raise(), raise()]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
    expect((await store.users.get('a'))?.factorVersion).toBe(1);
    await rename(join(folder, 'gone'), join(folder, 'data'));
  });
});

describe('a journal whose fsync fails', () => {
  it('refuses the batch, also after a restart, and goes on in a new file', async () => {
    const folder = await newFolder();
    const { store, clock } = await openIn(folder);
    await store.sessions.update('a', () => ({ write: session(1), result: undefined }));
    const handles = await fileHandles(folder);
    vi.spyOn(handles, 'datasync').mockRejectedValueOnce(EIO);
    const error = await errorOf(store.sessions.update('a', () => ({ write: session(2), result: undefined })));
    expect(error.code).toBe('unwritable');
    expect(error.message).toContain('EIO');
    expect(store.sessions.peek('a')?.version).toBe(1);
    expect(store.healthy()).toBe(false);
    // A gateway that dies now has the refused batch nowhere.
    await store.close();
    const second = await openIn(folder, clock);
    expect(second.store.sessions.peek('a')?.version).toBe(1);

    vi.spyOn(handles, 'datasync').mockRejectedValueOnce(EIO);
    await errorOf(second.store.sessions.update('a', () => ({ write: session(3), result: undefined })));
    clock.advance(RETRY_MS);
    await expect.poll(() => second.store.healthy()).toBe(true);
    expect(await readdir(join(folder, 'data'))).toContain('sessions.00000002.log');
    expect(await readdir(join(folder, 'data'))).not.toContain('sessions.00000001.log');
    await second.store.sessions.update('a', () => ({ write: session(4), result: undefined }));
    await second.store.close();
    expect((await openIn(folder)).store.sessions.peek('a')?.version).toBe(4);
  });

  it('the other collections go on', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    const handles = await fileHandles(folder);
    vi.spyOn(handles, 'datasync').mockRejectedValueOnce(EIO);
    await errorOf(store.sessions.update('a', () => ({ write: session(2), result: undefined })));
    await store.users.update('a', () => ({ write: user('a'), result: undefined }));
    expect(await store.users.get('a')).toBeDefined();
    expect(store.healthy()).toBe(false);
  });
});

describe('an update resolves only after fsync', () => {
  it('of the journal', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    const handles = await fileHandles(folder);
    let release = (): void => undefined;
    const synced = new Promise<void>((resolve) => {
      release = resolve;
    });
    const datasync = vi.spyOn(handles, 'datasync').mockImplementation(() => synced);
    let resolved = false;
    const update = store.sessions
      .update('a', () => ({ write: session(1), result: undefined }))
      .then(() => {
        resolved = true;
      });
    await expect.poll(() => datasync.mock.calls.length).toBe(1);
    await new Promise(setImmediate);
    expect(resolved).toBe(false);
    expect(store.sessions.peek('a')).toBeUndefined(); // and nobody sees it before
    release();
    await update;
    expect(store.sessions.peek('a')).toEqual(session(1));
  });

  it('of the users file and of its folder', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    const handles = await fileHandles(folder);
    const sync = vi.spyOn(handles, 'sync');
    await store.users.update('a', () => ({ write: user('a'), result: undefined }));
    expect(sync.mock.calls.length).toBeGreaterThanOrEqual(2);
  });

  it('50 that arrive together share few of them', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    const handles = await fileHandles(folder);
    const datasync = vi.spyOn(handles, 'datasync');
    const sync = vi.spyOn(handles, 'sync');
    const names = Array.from({ length: 50 }, (_, n) => `k${n}`);
    await Promise.all(names.map((name) => store.sessions.update(name, () => ({ write: session(1), result: 0 }))));
    expect(datasync.mock.calls.length).toBe(1);
    await Promise.all(names.map((name) => store.users.update(name, () => ({ write: user(name), result: 0 }))));
    expect(sync.mock.calls.length).toBeLessThanOrEqual(4); // the file, its second copy, and the folder after each
  });
});
