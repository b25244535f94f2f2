/** Attack "several instances": one folder, one process, whatever happened to the one before. */
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { thisProcess } from '../../src/store/holder.ts';
import { acquireLock, HEARTBEAT_MS, type Lock } from '../../src/store/lock.ts';
import { TestClock } from '../fakes/clock.ts';
import { allLines, firstLine, startChild, useChildren } from './processes.ts';
import { errorOf, newFolder, openIn, session } from './samples.ts';

useChildren();

function acquire(folder: string, silenceMs = 50): Promise<Lock> {
  return acquireLock({ folder, clock: new TestClock(), onLost: () => undefined, silenceMs });
}

const NONCE = 'ab'.repeat(16);

describe('the lock of a store folder', () => {
  it('refuses a second process and names the first one, until that one is killed', async () => {
    const folder = await newFolder();
    const child = startChild([folder, 'hold']);
    expect(await firstLine(child)).toBe(`ready ${child.pid}`);
    const error = await errorOf(openIn(folder));
    expect(error.code).toBe('locked');
    expect(error.message).toContain(`process id ${child.pid}`);
    child.kill();
    await child.ended;
    const { notes } = await openIn(folder);
    expect(notes).toContainEqual({ note: 'lock-taken-over', pid: child.pid });
  });

  it('refuses a second store in the same process; after close the folder is free', async () => {
    const folder = await newFolder();
    const { store } = await openIn(folder);
    expect((await errorOf(openIn(folder))).code).toBe('locked');
    await store.close();
    await openIn(folder);
  });

  it('of 6 that start at once, exactly one gets in, with and without a dead one before them', {
    timeout: 60_000,
  }, async () => {
    const folder = await newFolder();
    for (let round = 0; round < 4; round += 1) {
      const children = Array.from({ length: 6 }, () => startChild([folder, 'hold']));
      const firsts = await Promise.all(children.map(firstLine));
      expect(
        firsts.filter((line) => line.startsWith('ready')),
        firsts.join('\n'),
      ).toHaveLength(1);
      expect(
        firsts.filter((line) => line.startsWith('error locked')),
        firsts.join('\n'),
      ).toHaveLength(5);
      for (const child of children) child.kill();
      await Promise.all(children.map((child) => child.ended));
    }
  });

  it('of 20 in one process that find a dead one, exactly one takes over', async () => {
    for (let round = 0; round < 20; round += 1) {
      const folder = await newFolder();
      const dead = { ...thisProcess(NONCE), started: '1' };
      await writeFile(join(folder, 'lock'), JSON.stringify(dead));
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => acquire(folder)));
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      expect(await readdir(folder)).toEqual(['lock']);
      for (const outcome of outcomes) if (outcome.status === 'fulfilled') outcome.value.release();
    }
  });

  it('a process id that was given again to another process does not count', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'lock'), JSON.stringify({ ...thisProcess(NONCE), started: '1' }));
    expect((await acquire(folder)).tookOverFrom).toBe(process.pid);
  });

  it('finishes a take-over that was killed between its two steps, and does not break a live one', async () => {
    const folder = await newFolder();
    const second = 'cd'.repeat(16);
    await writeFile(join(folder, 'lock'), JSON.stringify({ ...thisProcess(NONCE), started: '1' }));
    await writeFile(join(folder, `lock.after-${NONCE}`), JSON.stringify(thisProcess(second)));
    expect((await errorOf(acquire(folder))).code).toBe('locked');
    await writeFile(join(folder, `lock.after-${NONCE}`), JSON.stringify({ ...thisProcess(second), started: '1' }));
    const lock = await acquire(folder);
    expect(await readdir(folder)).toEqual(['lock']);
    lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('a holder in another container lives as long as its heart beats', async () => {
    const folder = await newFolder();
    const path = join(folder, 'lock');
    await writeFile(path, JSON.stringify({ ...thisProcess(NONCE), namespace: 'pid:[1]' }));
    const beat = setInterval(() => void utimes(path, new Date(), new Date()), 5);
    try {
      const error = await errorOf(acquire(folder, 100));
      expect(error.code).toBe('locked');
      expect(error.message).toContain('another container');
    } finally {
      clearInterval(beat);
    }
    await acquire(folder, 20);
  });

  it('a holder from before the last boot is dead when it stays silent, whatever its file says about the time', async () => {
    const folder = await newFolder();
    const path = join(folder, 'lock');
    await writeFile(path, JSON.stringify({ ...thisProcess(NONCE), boot: 'another' }));
    const later = new Date(Date.now() + 3_600_000);
    await utimes(path, later, later);
    await acquire(folder, 20);
  });

  it('a lock file that says nothing is not taken over', async () => {
    const folder = await newFolder();
    for (const content of ['', '{}', '[1]', JSON.stringify({ nonce: '../../x', pid: 1 })]) {
      await writeFile(join(folder, 'lock'), content);
      const error = await errorOf(acquire(folder));
      expect(error.code).toBe('locked');
      expect(error.message).toContain('remove it if no gateway is running');
    }
  });

  it('touches its file, so that other containers see it live', async () => {
    const folder = await newFolder();
    const clock = new TestClock();
    const lock = await acquireLock({ folder, clock, onLost: () => undefined });
    const path = join(folder, 'lock');
    const long = new Date(1000);
    const { stat } = await import('node:fs/promises');
    await utimes(path, long, long);
    clock.advance(HEARTBEAT_MS);
    await expect.poll(async () => (await stat(path)).mtimeMs).toBeGreaterThan(1000);
    lock.release();
  });

  it('a store whose lock was taken refuses everything, reads too, and leaves the new lock alone', async () => {
    const folder = await newFolder();
    const { store, clock, notes } = await openIn(folder);
    await store.sessions.update('a', () => ({ write: session(1), result: undefined }));
    const path = join(folder, 'data', 'lock');
    const other = JSON.stringify(thisProcess(NONCE));
    await writeFile(`${path}.new`, other);
    await rename(`${path}.new`, path);
    clock.advance(HEARTBEAT_MS);
    expect(store.healthy()).toBe(false);
    expect(store.sessions.peek('a')).toBeUndefined();
    expect((await errorOf(store.users.get('a'))).code).toBe('locked');
    expect((await errorOf(store.users.update('a', () => ({ write: null, result: 0 })))).code).toBe('locked');
    expect(notes).toContainEqual(expect.objectContaining({ note: 'trouble', code: 'locked' }));
    await store.close();
    expect(await readFile(path, 'utf8')).toBe(other);
  });

  it('a folder that is a file or cannot be written gets one sentence', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'file'), '');
    expect((await errorOf(acquire(join(folder, 'file')))).code).toBe('unwritable');
    await mkdir(join(folder, 'gone'));
    await rm(join(folder, 'gone'), { recursive: true });
    expect((await errorOf(acquire(join(folder, 'gone')))).message).toContain('cannot be written (ENOENT)');
  });

  it('a child that finds the store locked says so on its way out', async () => {
    const folder = await newFolder();
    await openIn(folder);
    const [line] = await allLines(startChild([folder, 'hold']));
    expect(line).toContain(`error locked The store "${join(folder, 'data')}" is in use by the running gateway`);
    expect(line).toContain(String(process.pid));
  });
});
