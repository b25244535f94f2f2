import { expect, test } from 'vitest';
import { rewriteLocation } from '../../src/upstream/location.ts';
import { answerHead } from '../../src/upstream/response-headers.ts';

function read(flat: string[]) {
  return answerHead(200, 'OK', flat);
}

test('Set-Cookie lines are taken out in order, also when Connection names them', () => {
  const head = read([
    'Connection',
    'Set-Cookie',
    'Set-Cookie',
    'a=1',
    'X-A',
    '1',
    'SET-COOKIE',
    'a=; Max-Age=0',
    'set-cookie',
    'b=2',
  ]);
  expect(head.setCookies).toEqual(['a=1', 'a=; Max-Age=0', 'b=2']);
  expect(head.headers).toEqual(['X-A', '1']);
});

test('what is about the connection, the server in front or another way in is dropped', () => {
  const names = [
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authenticate',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
  ];
  names.push('X-Accel-Redirect', 'X-Accel-Expires', 'X-Sendfile', 'X-Lighttpd-Send-File', 'Alt-Svc', 'Set-Cookie2');
  for (const name of names) {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(read(['ETag', 'a', spelling, 'x', 'etag', 'b']).headers, spelling).toEqual(['ETag', 'a', 'etag', 'b']);
    }
  }
});

test('Connection takes away what it names, but neither framing nor caching', () => {
  const head = read([
    'X-A',
    '1',
    'Connection',
    'close, x-a, Content-Length, Cache-Control',
    'Content-Length',
    '3',
    'Cache-Control',
    'no-store',
  ]);
  expect(head.headers).toEqual(['Content-Length', '3', 'Cache-Control', 'no-store']);
});

test('a length beside chunks is dropped', () => {
  expect(read(['Content-Length', '3', 'X-A', '1', 'Transfer-Encoding', 'chunked']).headers).toEqual(['X-A', '1']);
});

const OWN = ['http://127.0.0.1:8081', 'http://app.internal', 'https://app.internal:8443'];
const PUBLIC = 'https://public.test';

test.each([
  ['http://127.0.0.1:8081/a?b#c', 'https://public.test/a?b#c'],
  ['HTTP://127.0.0.1:8081', 'https://public.test'],
  ['//127.0.0.1:8081/a', 'https://public.test/a'],
  ['http://APP.internal/a', 'https://public.test/a'],
  ['http://app.internal:80/a', 'https://public.test/a'],
  ['https://app.internal:8443?x', 'https://public.test?x'],
])('a redirect to the application’s own address is rewritten: %s', (from, to) => {
  expect(rewriteLocation(from, OWN, PUBLIC)).toBe(to);
});

test.each([
  '/a',
  'a',
  '',
  '?x=http://127.0.0.1:8081/',
  '/\\127.0.0.1:8081/',
  'http://127.0.0.1:80811/a',
  'http://127.0.0.1:8081.evil.test/',
  'http://127.0.0.1:8081@evil.test/',
  'http://evil.test/http://127.0.0.1:8081/',
  'https://127.0.0.1:8081/a',
  'https://app.internal/a',
  'http://127.0.0.1/a',
  'javascript://127.0.0.1:8081/%0aalert(1)',
  ' http://127.0.0.1:8081/',
])('any other target stays as it is: %s', (value) => {
  expect(rewriteLocation(value, OWN, PUBLIC)).toBe(value);
});
