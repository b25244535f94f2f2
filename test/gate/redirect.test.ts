/** Where a browser may be sent: hostile targets (attack 78), and that whatever passes stays on our origin in every reading. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { returnPath } from '../../src/gate/redirect.ts';

const ORIGIN = 'https://lucy.example.com';

describe('targets that are sent nowhere (attack 78)', () => {
  it.each([
    '',
    '//evil.example',
    '///evil.example',
    '////evil.example/x',
    '/\\evil.example',
    '\\\\evil.example',
    '\\/evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '/a b',
    'https://evil.example',
    'https://evil.example/https://lucy.example.com/',
    'https://lucy.example.com.evil.example/',
    'https://lucy.example.com@evil.example/',
    'https://lucy.example.com:443@evil.example/',
    'https://user@lucy.example.com/admin',
    'https://user:pass@lucy.example.com/admin',
    'https://lucy.example.com:8443/admin',
    'http://lucy.example.com/admin',
    'HTTPS://EVIL.EXAMPLE/',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,hi',
    'vbscript:x',
    'blob:https://lucy.example.com/x',
    'mailto:a@example.com',
    'https://lucy.example.com//evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '/x\r\nSet-Cookie: a=b',
    '/x\u0000',
    '/\u00e4dmin',
    '/\u2028',
    `/${'x'.repeat(2048)}`,
    'https://',
    'https://[',
  ])('%j', (target) => expect(returnPath(target, ORIGIN)).toBeUndefined());
});

describe('targets that are kept', () => {
  it.each([
    ['/', '/'],
    ['/admin', '/admin'],
    ['/admin?next=//evil.example', '/admin?next=//evil.example'],
    ['/admin/account#top', '/admin/account'],
    ['https://lucy.example.com/admin?a=1', '/admin?a=1'],
    ['https://lucy.example.com', '/'],
    ['HTTPS://LUCY.example.com/admin', '/admin'],
    ['https://lucy.example.com:443/admin', '/admin'],
    ['/a/../b', '/b'],
    ['/%2f/evil.example', '/%2f/evil.example'],
    ['/%09/evil.example', '/%09/evil.example'],
    ['admin', '/admin'],
    // A scheme without slashes is relative to a base of the same scheme: it names a path of ours, and only that goes out.
    ['https:evil.example', '/evil.example'],
    ['https:/evil.example', '/evil.example'],
    ['?do=login', '/?do=login'],
  ])('%s', (target, path) => expect(returnPath(target, ORIGIN)).toBe(path));
});

it.each(['https:evil.example', 'https:/evil.example', 'https:///evil.example'])(
  'on a plain http origin, %s',
  (target) => {
    expect(returnPath(target, 'http://lucy.example.com')).toBeUndefined();
  },
);

describe('whatever is kept', () => {
  const pieces = fc.constantFrom(
    '/',
    '//',
    '\\',
    '.',
    '..',
    '@',
    ':',
    '?',
    '#',
    '%2f',
    '%5c',
    '%09',
    '\t',
    '\n',
    ' ',
    'https:',
    'javascript:',
    'evil.example',
    'lucy.example.com',
    'a',
    '\u00e4',
  );
  const hostile = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 10 }).map((all) => all.join('')),
  );

  it('leads to our origin from every page of ours, and is its own canonical form', () => {
    fc.assert(
      fc.property(hostile, (target) => {
        const path = returnPath(target, ORIGIN);
        if (path === undefined) return;
        expect(path).toMatch(/^\/(?!\/)[\x21-\x7e]*$/);
        expect(path).not.toContain('\\');
        for (const base of [ORIGIN, `${ORIGIN}/_2fa/challenge`, `${ORIGIN}/a/b/c?d`]) {
          expect(new URL(path, base).origin).toBe(ORIGIN);
        }
        expect(returnPath(path, ORIGIN)).toBe(path);
      }),
      { numRuns: 2000 },
    );
  });
});
