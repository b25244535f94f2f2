/** Lists of people: all of it or nothing, by the rules of the profile and of numbers, and the sealed file that keeps it. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { masked } from '../../src/people/email.ts';
import { readKnown, writeKnown } from '../../src/people/file.ts';
import { type KnownPeople, merge, readPeople } from '../../src/people/people.ts';
import { importPeople } from '../../src/people-import.ts';
import { createKeyFile } from '../../src/store/key-file.ts';
import { type Keys, openKeys } from '../../src/store/keys.ts';

const RULES = {
  identify: (name: string) => (name === '' ? undefined : (name.toLowerCase() as Identity)),
  country: 'CH',
  mayReach: (country: string) => country !== 'US',
};
const list = (...lines: string[]) => readPeople(`identity,email,phone\n${lines.join('\n')}`, RULES);
const known = (...lines: string[]): KnownPeople => {
  const read = list(...lines);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.people;
};

describe('a list', () => {
  it('is read by the rules of account names and numbers, in any order of columns', () => {
    expect([...known('Alice,a@x.example,079 123 45 67', ' bob ,,+49 151 23456789')]).toEqual([
      ['alice', { email: 'a@x.example', phone: expect.objectContaining({ e164: '+41791234567' }) }],
      ['bob', { phone: expect.objectContaining({ e164: '+4915123456789', country: 'DE' }) }],
    ]);
    const other = readPeople('\ufeffEmail;Identity\r\na@x.example;Alice\r\n', RULES);
    expect(other.ok && [...other.people]).toEqual([['alice', { email: 'a@x.example' }]]);
  });

  it('with one bad line is no list: every bad line is said, with its number', () => {
    const read = list(
      'alice,a@x.example,',
      'bob,not an address,',
      'carol,,',
      ',c@x.example,',
      'ALICE,b@x.example,',
      'dora,d@x.example',
      'emil,,12',
      'finn,,044 668 18 00',
      'gus,,+1 201 555 0123',
      'hans,"h@x.example\nBcc: z@x.example",',
    );
    expect(read).toEqual({
      ok: false,
      problems: [
        { line: 3, problem: expect.stringContaining('no e-mail address') },
        { line: 4, problem: expect.stringContaining('neither') },
        { line: 5, problem: expect.stringContaining('name of an account') },
        { line: 6, problem: expect.stringContaining('in line 2') },
        { line: 7, problem: expect.stringContaining('2 fields') },
        { line: 8, problem: expect.stringContaining('does not exist') },
        { line: 9, problem: expect.stringContaining('no texts') },
        { line: 10, problem: expect.stringContaining('countries') },
        { line: 11, problem: expect.stringContaining('no e-mail address') },
      ],
    });
  });

  it.each([
    ['', 'empty'],
    ['identity\nalice\n', 'names identity, and'],
    ['email,phone\na@x.example,\n', 'names identity, and'],
    ['identity,mail\n', 'not "mail"'],
    ['identity,email,email\n', 'twice'],
    ['identity,email\n"alice\n', 'never closed'],
  ])('that begins with %j is refused', (text, problem) => {
    const read = readPeople(text, RULES);
    expect(read.ok ? [] : read.problems).toEqual([
      { line: expect.any(Number), problem: expect.stringContaining(problem) },
    ]);
  });

  it('read twice changes nothing the second time, and forgets nobody unless it is asked to', () => {
    const first = merge(new Map(), known('alice,a@x.example,', 'bob,b@x.example,'), false);
    expect(first).toMatchObject({ added: 2, changed: 0, same: 0, others: 0 });
    const again = merge(first.people, known('alice,a@x.example,', 'bob,b@x.example,'), false);
    expect(again).toMatchObject({ added: 0, changed: 0, same: 2, others: 0 });
    const next = merge(first.people, known('alice,new@x.example,'), false);
    expect(next).toMatchObject({ changed: 1, others: 1 });
    expect([...next.people.keys()].toSorted()).toEqual(['alice', 'bob']);
    expect([...merge(first.people, known('alice,a@x.example,'), true).people.keys()]).toEqual(['alice']);
  });
});

it('an address is shown so that only its owner knows it again', () => {
  expect(masked('alice@example.com')).toBe('a•••@example.com');
});

describe('in a folder', () => {
  let folder: string;
  let keys: Keys;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'people-'));
    await createKeyFile(join(folder, 'keys.json'));
    keys = await openKeys(join(folder, 'keys.json'), { create: false });
    path = join(folder, 'people.sealed');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('the file keeps it sealed, for its owner alone, and says nothing of whom it is about', async () => {
    expect([...(await readKnown(path, keys))]).toEqual([]);
    const people = known('alice,a@x.example,+41791234567');
    await writeKnown(path, keys, people);
    expect(await readKnown(path, keys)).toEqual(people);
    expect(await readFile(path, 'utf8')).not.toMatch(/alice|example|7912/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('a file that was changed, or belongs to other keys, is never an empty one (I6)', async () => {
    await writeKnown(path, keys, known('alice,a@x.example,'));
    const sealed = await readFile(path, 'utf8');
    for (const text of ['', '[]', `${sealed.slice(0, -6)}AAAA\n`, keys.seal('users\0alice', '[]')]) {
      await writeFile(path, text);
      await expect(readKnown(path, keys)).rejects.toMatchObject({ name: 'StoreError' });
    }
    await createKeyFile(join(folder, 'other.json'));
    await writeFile(path, sealed);
    const other = await openKeys(join(folder, 'other.json'), { create: false });
    await expect(readKnown(path, other)).rejects.toMatchObject({ name: 'StoreError' });
  });

  it('the command writes nothing without --apply, nothing of a list with a mistake, and what it is told with it', async () => {
    const [configPath, file] = [join(folder, 'gateway.yaml'), join(folder, 'people.csv')];
    const config = `publicUrl: http://127.0.0.1:8080\nupstream: { url: 'http://127.0.0.1:9' }\n`;
    const places = 'secrets: { keyFile: ./keys.json }\npeople: { file: ./people.sealed }\n';
    await writeFile(configPath, config + places);
    const run = (apply: boolean) => importPeople({ file, configPath, env: {}, apply, replace: false });
    await writeFile(file, 'identity,email\nAlice@Example.com,a@x.example\n');
    expect(await run(false)).toEqual({ added: 1, changed: 0, same: 0, others: 0 });
    await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(await run(true)).toMatchObject({ added: 1 });
    expect(await run(true)).toMatchObject({ added: 0, same: 1 });
    expect([...(await readKnown(path, keys)).keys()]).toEqual(['alice@example.com']);
    await writeFile(file, 'identity,email\nbob,b@x.example\ncarol,no\n');
    await expect(run(true)).rejects.toThrow(/nothing was imported\.\n.*people\.csv:3: has no e-mail address/);
    await writeFile(file, Buffer.from([0x69, 0x64, 0xff]));
    await expect(run(true)).rejects.toThrow('not UTF-8');
    expect([...(await readKnown(path, keys)).keys()]).toEqual(['alice@example.com']);
  });
});
