/** Key file and sealing: attack "secrets at rest". */
import { chmod, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWeak } from '../../src/store/key-file.ts';
import { openKeys } from '../../src/store/keys.ts';
import { errorOf, newFolder } from './samples.ts';

const GOOD = 'q7rAFCV6xJ3fG0n8uYvZkWm1bTeXhLs5dPoRiQ2cNwE=';
const base64 = (bytes: Buffer | number[]) => Buffer.from(bytes).toString('base64');

async function keyFile(content: unknown, mode = 0o600): Promise<string> {
  const path = join(await newFolder(), 'keys.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  await chmod(path, mode);
  return path;
}

describe('the key file', () => {
  it('is made once, with mode 0600 and 256 random bits, in a folder of mode 0700', async () => {
    const folder = join(await newFolder(), 'made');
    const path = join(folder, 'keys.json');
    const first = await openKeys(path, { create: true });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const content = JSON.parse(await readFile(path, 'utf8'));
    expect(content).toMatchObject({ format: 1, current: 'k1' });
    expect(Buffer.from(content.keys.k1, 'base64')).toHaveLength(32);
    const again = await openKeys(path, { create: true });
    expect(again.open('x', first.seal('x', 'text')).toString()).toBe('text');
  });

  it('of starters at once, all get the same key', async () => {
    const path = join(await newFolder(), 'keys.json');
    const all = await Promise.all(Array.from({ length: 10 }, () => openKeys(path, { create: true })));
    const sealed = all.map((keys) => keys.seal('x', 'text'));
    for (const text of sealed) for (const keys of all) expect(keys.open('x', text).toString()).toBe('text');
  });

  it('missing is an error when data exists', async () => {
    const path = join(await newFolder(), 'keys.json');
    const error = await errorOf(openKeys(path, { create: false }));
    expect(error.code).toBe('wrong-key');
    expect(error.message).toContain('put it back from your backup');
  });

  it('that others can read or write is refused', async () => {
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o666]) {
      const path = await keyFile({ format: 1, current: 'k1', keys: { k1: GOOD } }, mode);
      const error = await errorOf(openKeys(path, { create: true }));
      expect(error.code).toBe('unreadable');
      expect(error.message).toContain('chmod 600');
    }
  });

  it('that is not readable at all is refused, not made anew', async () => {
    const folder = await newFolder();
    expect((await errorOf(openKeys(folder, { create: true }))).code).toBe('unreadable');
    const loop = join(folder, 'loop');
    await symlink(loop, loop);
    expect((await errorOf(openKeys(loop, { create: true }))).code).toBe('unreadable');
  });

  const bad: Record<string, unknown> = {
    'an empty file': '',
    'no JSON': '{"format":1',
    'a list': [],
    'no format': { current: 'k1', keys: { k1: GOOD } },
    'no keys': { format: 1, current: 'k1', keys: {} },
    'a current key that does not exist': { format: 1, current: 'k2', keys: { k1: GOOD } },
    'a current key named as a property of every object': { format: 1, current: 'constructor', keys: { k1: GOOD } },
    'a key id with a dot': { format: 1, current: 'k.1', keys: { 'k.1': GOOD } },
    'a key that is no text': { format: 1, current: 'k1', keys: { k1: 7 } },
    'a key that is no base64': { format: 1, current: 'k1', keys: { k1: `${GOOD.slice(0, -2)}!!` } },
    'a short key': { format: 1, current: 'k1', keys: { k1: base64(Buffer.from(GOOD, 'base64').subarray(0, 31)) } },
    'a long key': {
      format: 1,
      current: 'k1',
      keys: { k1: base64(Buffer.concat([Buffer.from(GOOD, 'base64'), Buffer.alloc(1)])) },
    },
    'a key of zeros': { format: 1, current: 'k1', keys: { k1: base64(Buffer.alloc(32)) } },
    'a key of one byte': { format: 1, current: 'k1', keys: { k1: base64(Buffer.alloc(32, 0xa5)) } },
    'a key that counts': { format: 1, current: 'k1', keys: { k1: base64(Array.from({ length: 32 }, (_, n) => n)) } },
    'a key that counts in sevens': {
      format: 1,
      current: 'k1',
      keys: { k1: base64(Array.from({ length: 32 }, (_, n) => (n * 7 + 3) % 256)) },
    },
    'a key of two halves': {
      format: 1,
      current: 'k1',
      keys: { k1: base64(Buffer.concat(Array(2).fill(Buffer.from(GOOD, 'base64').subarray(0, 16)))) },
    },
    'a sentence as key': {
      format: 1,
      current: 'k1',
      keys: { k1: base64(Buffer.from('correct horse battery staple now')) },
    },
    'a weak key that is not even current': {
      format: 1,
      current: 'k1',
      keys: { k1: GOOD, k2: base64(Buffer.alloc(32)) },
    },
  };
  for (const [what, content] of Object.entries(bad)) {
    it(`with ${what} is refused, and the message quotes nothing of it`, async () => {
      const path = await keyFile(content);
      const error = await errorOf(openKeys(path, { create: true }));
      expect(error.code).toBe('wrong-key');
      expect(error.message).toContain(path);
      expect(`${error.message}${String(error.cause)}`).not.toContain(GOOD.slice(0, 8));
    });
  }

  it('random keys are not weak', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => new Set(bytes).size > 24),
        (bytes) => {
          const printable = bytes.every((byte) => byte >= 0x20 && byte <= 0x7e);
          const stepped = new Set(bytes.subarray(1).map((byte, n) => byte - (bytes[n] ?? 0))).size === 1;
          return isWeak(Buffer.from(bytes)) === (printable || stepped);
        },
      ),
    );
  });
});

describe('sealed text', () => {
  const opened = async () =>
    openKeys(await keyFile({ format: 1, current: 'k1', keys: { k1: GOOD } }), { create: false });

  it('opens to what was sealed, for any content and any place', async () => {
    const keys = await opened();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array(), (aad, bytes) => {
        const sealed = keys.seal(aad, Buffer.from(bytes));
        expect(sealed).toMatch(/^1\.k1\.[A-Za-z0-9_-]+$/);
        expect([...keys.open(aad, sealed)]).toEqual([...bytes]);
      }),
    );
    expect(keys.open('x', keys.seal('x', 'é ☃')).toString()).toBe('é ☃');
  });

  it('opens nowhere else', async () => {
    const keys = await opened();
    const sealed = keys.seal('users\0a', 'x');
    for (const place of ['users\0b', 'sessions\0a', 'users', 'users\0a\0', '']) {
      expect(() => keys.open(place, sealed)).toThrow(expect.objectContaining({ code: 'damaged' }));
    }
  });

  it('does not open when a single character is changed, added or missing', async () => {
    const keys = await opened();
    const sealed = keys.seal('x', 'some text');
    for (let at = 0; at < sealed.length; at += 1) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      for (const changed of [
        sealed.slice(0, at) + other + sealed.slice(at + 1),
        sealed.slice(0, at) + sealed.slice(at + 1),
        `${sealed.slice(0, at)}=${sealed.slice(at)}`,
      ]) {
        expect(() => keys.open('x', changed), changed).toThrow(expect.objectContaining({ name: 'StoreError' }));
      }
    }
    expect(() => keys.open('x', '')).toThrow(expect.objectContaining({ code: 'damaged' }));
  });

  it('is never twice the same', async () => {
    const keys = await opened();
    expect(new Set(Array.from({ length: 100 }, () => keys.seal('x', 'x'))).size).toBe(100);
  });

  it('of an old key opens as long as the key is in the file, and says so when it is not', async () => {
    const k2 = base64(Buffer.from(GOOD, 'base64').reverse());
    const old = await opened();
    const both = await openKeys(await keyFile({ format: 1, current: 'k2', keys: { k1: GOOD, k2 } }), { create: false });
    const only = await openKeys(await keyFile({ format: 1, current: 'k2', keys: { k2 } }), { create: false });
    const sealed = old.seal('x', 'text');
    expect(both.open('x', sealed).toString()).toBe('text');
    expect([both.isCurrent(sealed), old.isCurrent(sealed)]).toEqual([false, true]);
    expect(both.isCurrent(both.seal('x', ''))).toBe(true);
    expect(() => only.open('x', sealed)).toThrow(expect.objectContaining({ code: 'wrong-key' }));
    expect(() => both.open('x', sealed.replace('.k1.', '.k2.'))).toThrow(expect.objectContaining({ code: 'damaged' }));
    // Hashes that were stored stay comparable over a change of keys.
    expect(both.hmac('log', 'a')).toEqual(old.hmac('log', 'a'));
  });
});

describe('hmac', () => {
  it('has 32 bytes, the same for the same label and data, another for any other', async () => {
    const keys = await openKeys(join(await newFolder(), 'keys.json'), { create: true });
    const all = [
      ['a', 'b'],
      ['b', 'a'],
      ['ab', ''],
      ['', 'ab'],
      ['a', 'b\0'],
      ['seal', 'b'],
    ] as const;
    const seen = new Set(all.map(([label, data]) => keys.hmac(label, data).toString('hex')));
    expect(seen.size).toBe(all.length);
    expect(keys.hmac('a', 'b')).toEqual(keys.hmac('a', 'b'));
    expect(keys.hmac('a', 'b')).toHaveLength(32);
  });
});

it('leaves no temporary file behind when the key file is made', async () => {
  const folder = await newFolder();
  await openKeys(join(folder, 'keys.json'), { create: true });
  const { readdir } = await import('node:fs/promises');
  expect(await readdir(folder)).toEqual(['keys.json']);
  await rm(join(folder, 'keys.json'));
});
