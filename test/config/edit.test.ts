import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { setAuthyKey } from '../../src/config/edit.ts';
import { loadConfig } from '../../src/config/load.ts';
import { setScalar } from '../../src/config/splice.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edit-'));
  file = join(folder, 'gateway.yaml');
});
afterAll(() => rm(folder, { recursive: true }));

const HEAD = `# our gateway   (do not touch on Fridays)
publicUrl:   "https://lucy.example.com"    # the only one

upstream: {url: 'https://10.0.0.7',   connections: 10}
`;
const TAIL = `
policy:
    default:   required   # as agreed

    users: { admin@example.com: required,   "*@example.com": 'optional' }
# the end`;

async function edited(text: string, key: string | null): Promise<string> {
  await writeFile(file, text);
  await chmod(file, 0o600);
  const result = await setAuthyKey(file, key, { env: {} });
  expect(result).toMatchObject({ ok: true });
  return readFile(file, 'utf8');
}

describe('only the key changes; every other byte stays', () => {
  test.each([
    [
      'a key that is there',
      'factors:\n  authy:\n    apiKey: "old-key-1"   # of May\n    locale: de\n',
      'factors:\n  authy:\n    apiKey: "new-key-1"   # of May\n    locale: de\n',
    ],
    [
      'a bare key',
      'factors: {authy: { locale: de,  apiKey: old-key-1 } }\n',
      'factors: {authy: { locale: de,  apiKey: "new-key-1" } }\n',
    ],
    [
      'an empty key',
      'factors:\n  authy:\n    apiKey:   # here\n    locale: de\n',
      'factors:\n  authy:\n    apiKey: "new-key-1"   # here\n    locale: de\n',
    ],
    ['null', 'factors:\n  authy:\n    apiKey: ~\n', 'factors:\n  authy:\n    apiKey: "new-key-1"\n'],
    [
      'a block without it',
      'factors:\n  authy:\n    # language\n    locale: de   # German\n',
      'factors:\n  authy:\n    # language\n    locale: de   # German\n    apiKey: "new-key-1"\n',
    ],
    [
      'a flow block without it',
      'factors: { authy: { locale: de } }\n',
      'factors: { authy: { apiKey: "new-key-1", locale: de } }\n',
    ],
    ['an empty flow block', 'factors:\n  authy: {}\n', 'factors:\n  authy: { apiKey: "new-key-1" }\n'],
    ['an empty authy', 'factors:\n  authy:   # soon\n', 'factors:\n  authy: { apiKey: "new-key-1" }   # soon\n'],
    [
      'no authy',
      'factors:\n   totp: { digits: 6 }\n',
      'factors:\n   totp: { digits: 6 }\n   authy:\n     apiKey: "new-key-1"\n',
    ],
    ['an empty factors', 'factors:\n', 'factors: { authy: { apiKey: "new-key-1" } }\n'],
    [
      'a list as the last value',
      'factors:\n  authy:\n    channels:\n      - sms\n      - call # both\n',
      'factors:\n  authy:\n    channels:\n      - sms\n      - call # both\n    apiKey: "new-key-1"\n',
    ],
  ])('%s', async (_name, before, after) => {
    expect(await edited(HEAD + before + TAIL, 'new-key-1')).toBe(HEAD + after + TAIL);
  });

  test('no factors at all', async () => {
    const text = HEAD + TAIL;
    const after = await edited(text, 'new-key-1');
    expect(after.startsWith(text.slice(0, text.indexOf('# the end')))).toBe(true);
    expect(parse(after)).toEqual({ ...parse(text), factors: { authy: { apiKey: 'new-key-1' } } });
    expect(after).toContain('# the end');
  });

  test('Windows line ends stay Windows line ends', async () => {
    const text = `${HEAD}factors:\n  totp: { digits: 6 }\n${TAIL}`.replaceAll('\n', '\r\n');
    const after = await edited(text, 'new-key-1');
    expect(after.replace('  authy:\r\n    apiKey: "new-key-1"\r\n', '')).toBe(text);
  });

  test('the shipped example takes a key and gives it back', async () => {
    const example = await readFile(new URL('../../config/gateway.yaml', import.meta.url), 'utf8');
    const withKey = await edited(example, 'new-key-1');
    expect(withKey.replace('    apiKey: "new-key-1"\n', '')).toBe(example);
    const without = await edited(withKey, null);
    expect(without).toBe(withKey.replace('"new-key-1"', 'null'));
    const loaded = await loadConfig(file, {});
    expect(loaded.ok && loaded.config.factors.authy).toBeUndefined();
  });

  test('a key of digits stays a text', async () => {
    expect(await edited(`${HEAD}factors: { authy: { apiKey: x2345678 } }\n`, '12345678')).toContain(
      'apiKey: "12345678"',
    );
  });

  test('removing a key that is not there changes nothing', async () => {
    expect(await edited(HEAD, null)).toBe(HEAD);
  });
});

describe('refusals leave the file as it is', () => {
  const cases: [string, string, string | null, string][] = [
    ['empty', HEAD, ' ', 'empty'],
    ['blanks inside', HEAD, 'a key with blanks', 'malformed'],
    ['too short', HEAD, 'short', 'malformed'],
    ['from the environment', `${HEAD}factors: { authy: { apiKey: { env: KEY } } }\n`, 'new-key-1', 'set-elsewhere'],
    ['from a file', `${HEAD}factors: { authy: { apiKey: { file: a.key } } }\n`, null, 'set-elsewhere'],
    ['an alias', `${HEAD}admins: [&k some-key-1]\nfactors: { authy: { apiKey: *k } }\n`, 'new-key-1', 'set-elsewhere'],
    ['an anchor', `${HEAD}factors: { authy: { apiKey: &k some-key-1 } }\nadmins: [*k]\n`, 'new-key-1', 'set-elsewhere'],
    ['not YAML', `${HEAD}factors: {\n`, 'new-key-1', 'file-invalid'],
    ['would not start', `${HEAD}factors: { totp: { digits: 7 } }\n`, 'new-key-1', 'file-invalid'],
  ];
  test.each(cases)('%s', async (_name, text, key, reason) => {
    await writeFile(file, text);
    const result = await setAuthyKey(file, key, { env: { KEY: 'some-key-1' } });
    expect(result).toMatchObject({ ok: false, reason });
    expect(await readFile(file, 'utf8')).toBe(text);
    if (reason === 'file-invalid') expect(result).toMatchObject({ problems: [{ severity: 'error' }] });
  });

  test('a file that is not the one that runs', async () => {
    await writeFile(file, HEAD);
    const loaded = await loadConfig(file, {});
    if (!loaded.ok) throw new Error('not loaded');
    await writeFile(file, `${HEAD}# edited\n`);
    expect(await setAuthyKey(file, 'new-key-1', { env: {}, version: loaded.version })).toMatchObject({
      reason: 'file-changed',
    });
    expect(await readFile(file, 'utf8')).toBe(`${HEAD}# edited\n`);
    await writeFile(file, HEAD);
    expect(await setAuthyKey(file, 'new-key-1', { env: {}, version: loaded.version })).toMatchObject({ ok: true });
  });

  test('two at once: one wins, the other is told', async () => {
    await writeFile(file, HEAD);
    const results = await Promise.all(
      ['first-key-1', 'second-key-1'].map((key) => setAuthyKey(file, key, { env: {} })),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(results.filter((result) => !result.ok && result.reason === 'file-changed')).toHaveLength(1);
  });

  test('a file that is not there', async () => {
    expect(await setAuthyKey(join(folder, 'none.yaml'), 'new-key-1', { env: {} })).toMatchObject({
      reason: 'file-unwritable',
    });
  });
});

test('the mode of the file stays, a link stays a link, and nothing is left lying about', async () => {
  await writeFile(file, HEAD);
  await chmod(file, 0o640);
  const link = join(folder, 'link.yaml');
  await symlink('gateway.yaml', link);
  expect(await setAuthyKey(link, 'new-key-1', { env: {} })).toEqual({ ok: true, changed: true });
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  expect(await readFile(file, 'utf8')).toContain('new-key-1');
  expect((await readdir(folder)).sort()).toEqual(['gateway.yaml', 'link.yaml']);
  await rm(link);
});

test('whatever the file looks like, an edit says the same as before plus the value, or is refused', () => {
  const line = fc.constantFrom(
    'a: 1',
    'b: {c: 2}',
    '# note',
    '',
    'f:',
    '  authy:',
    '  authy: {}',
    '    apiKey: x',
    '    apiKey: |\n      y',
    '  totp: false',
    'f: {}',
    'f: { authy: { z: 1 } }',
    '- q',
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), (lines, newline) => {
      const text = lines.join(newline) + newline;
      const result = setScalar(text, ['f', 'authy', 'apiKey'], 'new');
      if ('refused' in result) return;
      const [before, after] = [parse(text) ?? {}, parse(result.text)];
      expect(after).toEqual({ ...before, f: { ...before.f, authy: { ...before.f?.authy, apiKey: 'new' } } });
      for (const kept of lines.filter((one) => one.includes('#') || one.startsWith('a') || one.startsWith('b'))) {
        expect(result.text).toContain(kept);
      }
    }),
    { numRuns: 2000 },
  );
});
