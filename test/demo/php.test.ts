/**
 * The stand-in's form and cookie parsing against PHP itself: whatever PHP reads, the stand-in must read, or tests of the
 * gateway's ambiguity rules prove nothing.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PhpValue, parseCookies, parseUrlencoded, scalar } from '../../src/demo/stand-in-lucy/php.ts';
import { rawBytes, rawRequest } from '../fakes/raw-http.ts';

const hasPhp = spawnSync('php', ['-v']).status === 0;
/** In CI a missing PHP must fail. */
const skip = !hasPhp && process.env['CI'] === undefined;

/** What PHP makes of each text; objects and lists both as sorted entries. */
function askPhp(texts: readonly string[]): unknown[] {
  const script = `
    ini_set('max_input_vars', '1000');
    $plain = function ($value) use (&$plain) {
      if (!is_array($value)) return bin2hex($value);
      $pairs = [];
      foreach ($value as $key => $inner) $pairs[] = [bin2hex((string) $key), $plain($inner)];
      return $pairs;
    };
    $answers = [];
    foreach (json_decode(stream_get_contents(STDIN)) as $text) {
      parse_str(hex2bin($text), $vars);
      $answers[] = $plain($vars);
    }
    echo json_encode($answers);`;
  const input = JSON.stringify(texts.map((text) => Buffer.from(text, 'latin1').toString('hex')));
  return JSON.parse(execFileSync('php', ['-r', script], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }));
}

function entries(value: PhpValue): unknown {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return [...value].map(([key, inner]) => [Buffer.from(key).toString('hex'), entries(inner)]);
}

function plain(value: PhpValue): unknown {
  return typeof value === 'string' ? value : [...value].map(([key, inner]) => [key, plain(inner)]);
}

describe('urlencoded forms', () => {
  test.skipIf(skip)('are read as PHP reads them', () => {
    const piece = fc.constantFrom(
      'a',
      'user',
      'LoginForm',
      '[',
      ']',
      '[]',
      '[email]',
      '[ ]',
      '.',
      ' ',
      '+',
      '%20',
      '%5B',
      '%5d',
      '%00',
      '%61',
      '%',
      '%4',
      '0',
      '7',
      '-1',
      '_',
      '=',
    );
    const pair = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(''));
    const text = fc.array(fc.tuple(pair, fc.constantFrom('=1', '=2', '=%41', '')), { maxLength: 6 });
    const samples = fc.sample(
      text
        .map((pairs) => pairs.map(([name, value]) => name + value).join('&'))
        // Bytes that are no UTF-8 have no text here; only ASCII decides whose login it is.
        .filter((sample) => !/%[89a-f][0-9a-f]/i.test(sample)),
      { numRuns: 4000, seed: 20260101 },
    );
    const expected = askPhp(samples);
    for (const [at, sample] of samples.entries()) {
      expect({ sample, read: entries(parseUrlencoded(sample)) }).toEqual({ sample, read: expected[at] });
    }
  });

  test('an array and a scalar of one name replace each other', () => {
    expect(scalar(parseUrlencoded('f[a]=1&f=2'), 'f')).toBe('2');
    expect(scalar(parseUrlencoded('f=2&f[a]=1'), 'f', 'a')).toBe('1');
  });
});

describe('cookies', () => {
  test.each([
    ['s=1; s=2', '1'],
    ['s.x=0; s=1', '1'],
    ['%73=0; s=1', '1'],
    ['s=a%20b', 'a b'],
    ['s=a+b', 'a+b'],
    ['s="q"', '"q"'],
    [' \ts=1', '1'],
    ['=0; ; s=1', '1'],
    ['S=0; s=1', '1'],
  ])('%s holds %s', (header, value) => {
    expect(scalar(parseCookies(header), 's')).toBe(value);
  });

  describe.skipIf(skip)('from PHP itself', () => {
    let folder: string;
    let port: number;
    let php: ChildProcess | undefined;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'php-cookies-'));
      const script = `<?php
        $plain = fn($value) => is_array($value)
          ? array_map(fn($key) => [(string) $key, $GLOBALS['plain']($value[$key])], array_keys($value)) : $value;
        echo json_encode($plain($_COOKIE));`;
      await writeFile(join(folder, 'cookies.php'), script);
      port = await freePort();
      php = spawn('php', ['-S', `127.0.0.1:${port}`, join(folder, 'cookies.php')], { stdio: 'ignore' });
      const deadline = Date.now() + 10_000;
      while (Date.now() < deadline && (await askCookies('a=1').catch(() => undefined)) === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    });
    afterAll(async () => {
      php?.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    });

    async function askCookies(header: string): Promise<unknown> {
      const headers = [
        ['Cookie', header],
        ['Connection', 'close'],
      ] as const;
      return JSON.parse((await rawRequest(port, rawBytes('GET', '/', headers))).text);
    }

    test('a Cookie header is read in the same way', async () => {
      const piece = fc.constantFrom(
        's',
        'S',
        'a.s',
        'a s',
        'a[s',
        'a[x]',
        '=',
        '=1',
        '=2',
        '; ',
        ';',
        '%73',
        ' ',
        '\t',
        '"',
        ',',
        '+',
        '%20',
        '[',
        ']',
        '__Host-s',
        '..Host-s',
        '=%41',
        '%',
      );
      const header = fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => pieces.join(''));
      // What surrounds a header value is no part of it (RFC 9110 section 5.5), and servers differ in what they cut off.
      const trimmed = header.map((text) => text.trim()).filter((text) => text !== '');
      const samples = fc.sample(trimmed, { numRuns: 600, seed: 20260101 });
      for (const sample of samples) {
        const read = plain(parseCookies(sample));
        expect({ sample, read }).toEqual({ sample, read: await askCookies(sample) });
      }
    });
  });

  test('a folded name does not become a prefixed one', () => {
    expect(parseCookies('..Host-s=1').size).toBe(0);
    expect(scalar(parseCookies('__Host-s=1'), '__Host-s')).toBe('1');
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
