/**
 * The stand-in's form and cookie parsing against PHP itself: whatever PHP reads, the stand-in must read, or tests of the
 * gateway's ambiguity rules prove nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PhpValue, parseCookies, parseUrlencoded, scalar } from '../../src/demo/stand-in-lucy/php.ts';

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

  test('a folded name does not become a prefixed one', () => {
    expect(parseCookies('..Host-s=1').size).toBe(0);
    expect(scalar(parseCookies('__Host-s=1'), '__Host-s')).toBe('1');
  });
});
