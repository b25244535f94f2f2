/** A journal that grows is written anew, and no crash on the way loses a record. */
import { copyFile, type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import { type Keys, openKeys } from '../../src/store/keys.ts';
import { isCounterRecord } from '../../src/store/records.ts';
import type { CounterRecord } from '../../src/store/store.ts';
import { Table } from '../../src/store/table.ts';
import { TestClock } from '../fakes/clock.ts';
import { newFolder } from './samples.ts';

let folder = '';
let keys: Keys;
let clock: TestClock;
const open_: Table<CounterRecord>[] = [];

beforeEach(async () => {
  const top = await newFolder();
  keys = await openKeys(join(top, 'keys.json'), { create: true });
  folder = await newFolder();
  clock = new TestClock();
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const table of open_.splice(0)) await table.close();
});

async function openTable(): Promise<Table<CounterRecord>> {
  const records = new Map<string, CounterRecord>();
  const options = { folder, name: 'counters', keys, isRecord: isCounterRecord, shelf: records, smallGrowth: 2000 };
  const { journal } = await Journal.open<CounterRecord>(options, true);
  const table = new Table({ clock, medium: journal, records, isExpired: (record) => record.expiresAt <= clock.now() });
  open_.push(table);
  return table;
}

const put = (table: Table<CounterRecord>, key: string, n: number, expiresAt = Number.MAX_SAFE_INTEGER) =>
  table.update(key, () => ({ write: { n, expiresAt }, result: undefined }));

async function generations(): Promise<string[]> {
  return (await readdir(folder)).sort();
}

describe('a journal', () => {
  it('is written anew when it has grown: small again, one file, every record there', async () => {
    const table = await openTable();
    for (let n = 1; n <= 200; n += 1) await put(table, `k${n % 3}`, n);
    await put(table, 'gone', 1);
    await table.update('gone', () => ({ write: null, result: undefined }));
    await table.close();
    const [name = '', ...others] = await generations();
    expect(others).toEqual([]);
    expect(Number(name.split('.')[1])).toBeGreaterThan(2);
    expect((await stat(join(folder, name))).size).toBeLessThan(6000);
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    const again = await openTable();
    expect([0, 1, 2].map((key) => again.peek(`k${key}`)?.['n'])).toEqual([198, 199, 200]);
    expect(again.peek('gone')).toBeUndefined();
  });

  it('holds more records than one slice', async () => {
    const table = await openTable();
    const names = Array.from({ length: 1000 }, (_, n) => `k${n}`);
    await Promise.all(names.map((name, n) => put(table, name, n)));
    for (let n = 0; n < 3; n += 1) await Promise.all(names.map((name) => put(table, name, n)));
    await table.close();
    const again = await openTable();
    for (const name of names) expect(again.peek(name)?.['n']).toBe(2);
  });

  it('forgets what expired when it is written anew', async () => {
    const table = await openTable();
    for (let n = 0; n < 20; n += 1) await put(table, `short${n}`, 1, clock.now() + 10);
    clock.advance(10);
    for (let n = 1; n <= 200; n += 1) await put(table, 'long', n);
    await table.close();
    clock.advance(-20); // a clock that is set back cannot bring back what is not there
    const again = await openTable();
    const found: string[] = [];
    for await (const [key] of again.entries()) found.push(key);
    expect(found).toEqual(['long']);
  });

  it('a crash between the new generation and the removal of the old one: the new one counts', async () => {
    const table = await openTable();
    await put(table, 'a', 1);
    const [old = ''] = await generations();
    await copyFile(join(folder, old), join(folder, 'kept'));
    for (let n = 2; n <= 60; n += 1) await put(table, 'a', n);
    await table.close();
    await copyFile(join(folder, 'kept'), join(folder, old));
    expect((await generations()).filter((name) => name.endsWith('.log'))).toHaveLength(2);
    const again = await openTable();
    expect(again.peek('a')?.['n']).toBe(60);
    expect((await generations()).filter((name) => name.endsWith('.log'))).toHaveLength(1);
  });

  it('goes on in the old file when there is no room to write it anew', async () => {
    const table = await openTable();
    await put(table, 'a', 0);
    const probe = await open(folder);
    const handles: FileHandle = Object.getPrototypeOf(probe);
    await probe.close();
    const enospc = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    const sync = vi.spyOn(handles, 'sync').mockRejectedValue(enospc); // appends use datasync
    for (let n = 1; n <= 60; n += 1) await put(table, 'a', n);
    expect(sync).toHaveBeenCalled();
    expect(table.isHealthy()).toBe(true);
    expect(await generations()).toEqual(['counters.00000001.log']);
    sync.mockRestore();
    for (let n = 61; n <= 120; n += 1) await put(table, 'a', n);
    await table.close();
    expect(await generations()).not.toEqual(['counters.00000001.log']);
    expect((await openTable()).peek('a')?.['n']).toBe(120);
  });
});
