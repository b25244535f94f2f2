import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalTarget, isRefused, type TargetRefusal, widest } from '../../src/profiles/path.ts';

describe('targets that two servers could resolve differently are refused (attacks 64 to 68)', () => {
  const refused: [target: string, why: TargetRefusal][] = [
    ['/static/../admin', 'dot-segment'],
    ['/static/%2e%2e/admin', 'dot-segment'],
    ['/static/.%2E/admin', 'dot-segment'],
    ['/static%2f..%2fadmin', 'separator'],
    ['/static%5c..%5cadmin', 'separator'],
    ['/static\\..\\admin', 'separator'],
    ['//admin', 'separator'],
    ['/a//b', 'separator'],
    ['//evil/x', 'separator'],
    ['/admin/.', 'dot-segment'],
    ['/admin/..', 'dot-segment'],
    ['/admin;x', 'parameter'],
    ['/admin%3bx', 'parameter'],
    ['/a/..;/b', 'parameter'],
    ['/%252e%252e/admin', 'dot-segment'],
    ['/%25252e%25252e/admin', 'dot-segment'],
    ['/a%252fb', 'separator'],
    ['/a%255cb', 'separator'],
    ['/a%2500b', 'control'],
    ['/. ./b'.replace(' ', '%20'), 'dot-segment'],
    ['/%c0%af', 'encoding'],
    ['/%c0%ae%c0%ae/admin', 'encoding'],
    ['/%e0%80%af', 'encoding'],
    ['/%ff', 'encoding'],
    ['/\xff', 'encoding'],
    ['/%', 'encoding'],
    ['/%4', 'encoding'],
    ['/%u0061', 'encoding'],
    ['/a%00b', 'control'],
    ['/a%0d%0ab', 'control'],
    ['/a\tb', 'control'],
    ['/a b', 'control'],
    ['/a?b=\u2028', 'control'],
    ['/admin#/login', 'fragment'],
    ['/a?b#c', 'fragment'],
    ['http://169.254.169.254/', 'not-origin-form'],
    ['@evil/', 'not-origin-form'],
    ['*', 'not-origin-form'],
    ['', 'not-origin-form'],
    [`/${'a'.repeat(9000)}`, 'too-long'],
  ];
  test.each(refused)('%s', (target, why) => {
    expect(canonicalTarget(target)).toEqual({ refused: why });
  });
});

describe('what is matched and what is forwarded are one path', () => {
  const accepted: [target: string, path: string, query: string, forwarded: string][] = [
    ['/', '/', '', '/'],
    ['/%61dmin', '/admin', '', '/admin'],
    ['/ADMIN', '/ADMIN', '', '/ADMIN'],
    ['/admin/', '/admin/', '', '/admin/'],
    ['/a?', '/a', '', '/a'],
    ['/a?x=/../y&z=%2e', '/a', 'x=/../y&z=%2e', '/a?x=/../y&z=%2e'],
    ['/a?x=\xe9', '/a', 'x=%E9', '/a?x=%E9'],
    ['/caf%c3%a9', '/café', '', '/caf%C3%A9'],
    ['/caf\xc3\xa9', '/café', '', '/caf%C3%A9'],
    ['/100%25', '/100%', '', '/100%25'],
    ['/a%3Fb', '/a?b', '', '/a%3Fb'],
    ['/admin%23/login', '/admin#/login', '', '/admin%23/login'],
    ['/.well-known/acme-challenge/x', '/.well-known/acme-challenge/x', '', '/.well-known/acme-challenge/x'],
    ['/a/..b/c..', '/a/..b/c..', '', '/a/..b/c..'],
    ["/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b", '', "/a!$&'()*+,=:@b"],
    ['/a%20b', '/a b', '', '/a%20b'],
  ];
  test.each(accepted)('%s', (target, path, query, forwarded) => {
    expect(canonicalTarget(target)).toEqual({ path, query, target: forwarded });
  });

  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '%25',
      '%00',
      ';',
      '\\',
      '//',
      '%c0%af',
      'admin',
      '?',
      '#',
      '%3f',
    ),
    fc.string({ maxLength: 4 }),
    fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
  );
  const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

  test('a target that passes resolves to itself, and passing again changes nothing', () => {
    fc.assert(
      fc.property(target, (raw) => {
        const read = canonicalTarget(raw);
        if (isRefused(read)) return;
        expect(canonicalTarget(read.target)).toEqual(read);
        const url = new URL(`http://app.invalid${read.target}`);
        expect(decodeURIComponent(url.pathname)).toBe(read.path);
        expect(url.host).toBe('app.invalid');
        expect(read.path).not.toMatch(/\/\/|\\|\0|(^|\/)\.\.?(\/|$)/);
      }),
      { numRuns: 3000 },
    );
  });

  test('decoding a passed path again never yields a separator or a dot segment', () => {
    fc.assert(
      fc.property(target, (raw) => {
        const read = canonicalTarget(raw);
        if (isRefused(read)) return;
        const twice = read.path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
        expect(twice).not.toMatch(/\/\/|\\|\0|;|(^|\/)\.\.?(\/|$)/);
        expect(twice.split('/').length).toBe(read.path.split('/').length);
      }),
      { numRuns: 3000 },
    );
  });
});

test('the widest reading joins what obliging servers take for one name', () => {
  for (const path of ['/ADMIN', '/%61dmin', '/%2561dmin', '/admin.', '/admin ', '/Admin. .'])
    expect(widest(path)).toBe('/admin');
});
