/** Attack "store damaged": whatever happened to a file, the start stops with a sentence, or nothing confirmed is missing. */
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { errorOf, newFolder, openIn, session, user } from './samples.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;
const SESSIONS = 'sessions.00000001.log';
const COUNTERS = 'counters.00000001.log';

let folder = '';
const file = (name: string) => join(folder, 'data', name);

/** Three users, three sessions and three counters, each confirmed alone. */
beforeEach(async () => {
  folder = await newFolder();
  const { store } = await openIn(folder);
  for (const name of ['a', 'b', 'c']) {
    await store.users.update(name, () => ({ write: user(name), result: undefined }));
    await store.sessions.update(name, () => ({ write: session(1), result: undefined }));
    await store.counters.update(name, () => ({ write: { n: 1, expiresAt: FOREVER }, result: undefined }));
  }
  await store.close();
});

async function edit(name: string, change: (text: string) => string): Promise<void> {
  await writeFile(file(name), change(await readFile(file(name), 'latin1')), 'latin1');
}

async function editBytes(name: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(file(name), change(await readFile(file(name))));
}

function swapRows(text: string): string {
  const sealed = [...text.matchAll(/"(1\.k1\.[^"]+)"\]/g)].map((match) => match[1] ?? '');
  const [first = '', second = ''] = sealed;
  return text.replace(first, '#').replace(second, first).replace('#', second);
}

describe('a damaged users.json stops the start', () => {
  const cases: Record<string, (text: string) => string> = {
    empty: () => '',
    'zeros only': (text) => '\0'.repeat(text.length),
    'an empty object': () => '{}',
    null: () => 'null',
    'an empty list of users': () => '{"format":1,"users":[]}',
    'cut in the middle': (text) => text.slice(0, text.length / 2),
    'without its last byte but one': (text) => text.slice(0, -2),
    'a later format': (text) => text.replace('"format":1', '"format":2'),
    'one letter of one record changed': (text) =>
      text.replace(/\["b","1\.k1\.(.)/, (all, letter: string) => all.slice(0, -1) + (letter === 'A' ? 'B' : 'A')),
    'two records swapped': swapRows,
    'one record taken out': (text) => text.replace(/\["b",.*\n/, ''),
    'one record given twice': (text) => text.replace(/(\["b",.*\n)/, '$1$1'),
    'one record under another name': (text) => text.replace('["b"', '["d"'),
    'all records taken out, seal kept': (text) => text.replace(/\[\n[^\]]*[\s\S]*\n\],"seal"/, '[],"seal"'),
    'no seal': (text) => text.replace(/,"seal":"[^"]*"/, ''),
  };
  for (const [what, change] of Object.entries(cases)) {
    it(what, async () => {
      const before = await readFile(file('users.json'), 'latin1');
      await edit('users.json', change);
      expect(await readFile(file('users.json'), 'latin1')).not.toBe(before);
      const error = await errorOf(openIn(folder));
      expect(error.code).toBe('damaged');
      expect(error.message).toContain(file('users.json'));
      expect(error.message).toContain(file('users.json.last-good'));
      // Nothing was repaired behind the operator's back, and the advice given works.
      await copyFile(file('users.json.last-good'), file('users.json'));
      const { store } = await openIn(folder);
      for (const name of ['a', 'b', 'c']) expect(await store.users.get(name)).toEqual(user(name));
    });
  }

  it('missing', async () => {
    await rm(file('users.json'));
    const error = await errorOf(openIn(folder));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('is missing although the store was in use');
  });

  it('missing with its copy: the sentence does not promise a copy that is not there', async () => {
    await rm(file('users.json'));
    await rm(file('users.json.last-good'));
    const error = await errorOf(openIn(folder));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('restore the store folder from a backup');
    expect(error.message).not.toContain('last-good');
  });

  it.each(['', '{}', '\0\0\0'])(
    'with a copy that holds %j: the sentence does not send anybody there',
    async (content) => {
      await edit('users.json', (text) => text.slice(0, -2));
      await writeFile(file('users.json.last-good'), content);
      const error = await errorOf(openIn(folder));
      expect(error.code).toBe('damaged');
      expect(error.message).toContain('restore the store folder from a backup');
      expect(error.message).not.toContain('last-good');
    },
  );

  it('every truncation, byte by byte', async () => {
    const { size } = await import('node:fs').then((fs) => fs.statSync(file('users.json')));
    const whole = await readFile(file('users.json'));
    for (let length = size - 2; length >= 0; length -= 37) {
      await truncate(file('users.json'), length);
      expect((await errorOf(openIn(folder))).code, `${length} bytes`).toBe('damaged');
      await writeFile(file('users.json'), whole);
    }
  });
});

describe('a damaged journal stops the start', () => {
  const cases: Record<string, (bytes: Buffer) => Buffer> = {
    empty: () => Buffer.alloc(0),
    'its first frame cut': (bytes) => bytes.subarray(0, 20),
    'zeros in the middle': (bytes) => Buffer.from(bytes).fill(0, bytes.indexOf('\n') + 5, bytes.indexOf('\n') + 60),
    'one bit of a frame in the middle': (bytes) => flip(bytes, bytes.indexOf('\n') + 80),
    'one bit of the last, confirmed frame': (bytes) => flip(bytes, bytes.length - 20),
    'one bit of a length': (bytes) => flip(bytes, bytes.indexOf('\n') + 8),
    'one bit of the last length': (bytes) => flip(bytes, bytes.lastIndexOf('\n', bytes.length - 2) + 8),
    'a frame taken out of the middle': (bytes) => lines(bytes, ([head, , ...rest]) => [head, ...rest]),
    'two frames swapped': (bytes) => lines(bytes, ([head, a, b, ...rest]) => [head, b, a, ...rest]),
    'a frame repeated': (bytes) => lines(bytes, (all) => [...all, all.at(-1)]),
    'text behind the last frame': (bytes) => Buffer.concat([bytes, Buffer.from('hello, is this a journal?\n')]),
  };
  for (const name of [SESSIONS, COUNTERS]) {
    for (const [what, change] of Object.entries(cases)) {
      it(`${name}: ${what}`, async () => {
        await editBytes(name, change);
        const error = await errorOf(openIn(folder));
        expect(error.code).toBe('damaged');
        expect(error.message).toContain(file(name));
      });
    }
  }

  it('the frames of one journal do not pass for those of another', async () => {
    await copyFile(file(SESSIONS), file(COUNTERS));
    expect((await errorOf(openIn(folder))).code).toBe('damaged');
  });

  it('missing, and the advice of the sentence works', async () => {
    await rm(file(SESSIONS));
    const error = await errorOf(openIn(folder));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('remove this file and the word "sessions" from "collections" in store.json');
    const manifest = JSON.parse(await readFile(file('store.json'), 'utf8'));
    await writeFile(file('store.json'), JSON.stringify({ ...manifest, collections: ['users', 'counters'] }));
    const { store } = await openIn(folder);
    expect(store.sessions.peek('a')).toBeUndefined();
    expect(await store.counters.get('a')).toEqual({ n: 1, expiresAt: FOREVER });
    expect(await store.users.get('a')).toEqual(user('a'));
  });
});

describe('an unfinished last write is cut off', () => {
  it('at every length: what was confirmed before it is there, and the journal takes new records', async () => {
    const whole = await readFile(file(SESSIONS));
    const lastFrame = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let length = lastFrame + 1; length < whole.length; length += 13) {
      await writeFile(file(SESSIONS), whole.subarray(0, length));
      const { store, notes } = await openIn(folder);
      expect(notes).toContainEqual({
        note: 'torn-write-removed',
        collection: 'sessions',
        bytes: length - lastFrame,
      });
      expect(store.sessions.peek('b')).toEqual(session(1));
      expect(store.sessions.peek('c')).toBeUndefined();
      await store.sessions.update('d', () => ({ write: session(9), result: undefined }));
      await store.close();
      const again = await openIn(folder);
      expect(again.store.sessions.peek('b')).toEqual(session(1));
      expect(again.store.sessions.peek('d')).toEqual(session(9));
      await again.store.close();
    }
  });

  it('as a power cut leaves it: the length is there, parts are zeros', async () => {
    const whole = await readFile(file(SESSIONS));
    const lastFrame = whole.lastIndexOf('\n', whole.length - 2) + 1;
    await writeFile(file(SESSIONS), Buffer.from(whole).fill(0, lastFrame + 40));
    const { store } = await openIn(folder);
    expect(store.sessions.peek('b')).toEqual(session(1));
    expect(store.sessions.peek('c')).toBeUndefined();
  });
});

describe('the manifest and the keys', () => {
  it('store.json missing beside data is damage, not a new store', async () => {
    await rm(file('store.json'));
    const error = await errorOf(openIn(folder));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain(file('store.json'));
  });

  it('store.json that is empty or no JSON is damage', async () => {
    for (const content of ['', '{', '[]', '{"format":1,"collections":["all"],"keyCheck":""}']) {
      await writeFile(file('store.json'), content);
      expect((await errorOf(openIn(folder))).code, content).toBe('damaged');
    }
  });

  it('a first start that was killed after any step is begun again', async () => {
    const { collections: _, ...manifest } = JSON.parse(await readFile(file('store.json'), 'utf8'));
    const empty = await newFolder();
    await copyFile(join(folder, 'keys.json'), join(empty, 'keys.json'));
    await (await openIn(empty)).store.close();
    for (const left of [[], ['users.json'], ['users.json', SESSIONS], ['users.json', SESSIONS, COUNTERS]]) {
      for (const name of await readdir(join(empty, 'data'))) {
        if (!left.includes(name)) await rm(join(empty, 'data', name));
      }
      await writeFile(join(empty, 'data', 'store.json'), JSON.stringify({ ...manifest, collections: [] }));
      const { store } = await openIn(empty);
      await store.users.update('x', () => ({ write: user('x'), result: undefined }));
      await store.users.update('x', () => ({ write: null, result: undefined }));
      await store.close();
    }
  });

  it('another key is told as such, and nothing is changed', async () => {
    const before = await readFile(file('users.json'));
    await rm(join(folder, 'keys.json'));
    const error = await errorOf(openIn(folder)); // makes a fresh key file, as a careless start would
    expect(error.code).toBe('wrong-key');
    expect(error.message).toContain('put the key file back that belongs to it');
    expect(await readFile(file('users.json'))).toEqual(before);
  });

  it('another key in the first place is told as such: recovery codes and tickets hang on it', async () => {
    const path = join(folder, 'keys.json');
    const { keys } = JSON.parse(await readFile(path, 'utf8'));
    const k2 = randomBytes(32).toString('base64');
    const use = (current: string, of: object): Promise<void> =>
      writeFile(path, JSON.stringify({ format: 1, current, keys: of }));
    for (const of of [{ k2, ...keys }, { k2 }]) {
      await use('k2', of);
      const error = await errorOf(openIn(folder));
      expect(error.code).toBe('wrong-key');
    }
    await use('k2', { k2, ...keys });
    expect((await errorOf(openIn(folder))).message).toContain('put that key back in the first place');
    await use('k2', { ...keys, k2 });
    await (await openIn(folder)).store.close(); // behind it, and everything is sealed anew
    await use('k2', { k2 });
    expect((await errorOf(openIn(folder))).message).toContain('put that key back in the first place');
  });

  it('another key is told as such by users.json too', async () => {
    const other = await newFolder();
    await (await openIn(other)).store.close();
    await copyFile(file('users.json'), join(other, 'data', 'users.json'));
    expect((await errorOf(openIn(other))).code).toBe('wrong-key');
  });

  it('a store that stopped the start holds no lock', async () => {
    const whole = await readFile(file('users.json'));
    await writeFile(file('users.json'), '');
    await errorOf(openIn(folder));
    await writeFile(file('users.json'), whole);
    await chmod(file('users.json'), 0o600);
    await openIn(folder);
  });
});

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at - 1] = (copy[at - 1] ?? 0) ^ 1;
  return copy;
}

function lines(bytes: Buffer, change: (lines: (string | undefined)[]) => (string | undefined)[]): Buffer {
  const all = bytes.toString('latin1').split('\n').slice(0, -1);
  return Buffer.from(`${change(all).join('\n')}\n`, 'latin1');
}
