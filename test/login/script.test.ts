import { describe, expect, test } from 'vitest';
import { withLoginScript } from '../../src/login/script.ts';
import { allowsOwnScript } from '../../src/login/script-policy.ts';
import type { FlatHeaders, Reply } from '../../src/upstream/upstream.ts';

const ORIGIN = 'https://app.example.com';
const SRC = '/_2fa/assets/login.0123456789abcdef.js';
const ELEMENT = `<script src="${SRC}"></script>`;

function page(body: string | Buffer, headers: FlatHeaders = [], status = 200): Reply {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const type = headers.some((text) => text === 'Content-Type') ? [] : ['Content-Type', 'text/html; charset=utf-8'];
  return { status, message: 'OK', headers: [...type, ...headers], setCookies: [], body: bytes };
}

function scripted(reply: Reply): Reply {
  const found = withLoginScript(reply, SRC, ORIGIN);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('the page', () => {
  test.each([
    [
      'a script in the head',
      '<!DOCTYPE html>\r\n<head><title>Zürich\r\n</title>\r\n|<script src=a.js></script></head>',
    ],
    ['a script in the body', '<html><head></head><body>\u{1f512}<p>x|<script>if (1 < 2) go()</script></body>'],
    ['no script', '<html><head><title>a</title>|</head><body></body></html>'],
    ['a head without an end', '<html><head>|<title>a</title><body></body></html>'],
    ['scripts that are none', '<head><!-- <script></script> --><title><script></title>|<script></script></head>'],
  ])('keeps every other byte: %s', (_, marked) => {
    const before = marked.replace('|', '');
    expect(scripted(page(before)).body.toString()).toBe(marked.replace('|', ELEMENT));
  });

  test('bytes that are no UTF-8 stay what they are', () => {
    const before = Buffer.concat([
      Buffer.from('<head><title>'),
      Buffer.from([0xe9, 0xff, 0x80]),
      Buffer.from('</title></head>'),
    ]);
    const { body } = scripted(page(before));
    const at = body.indexOf(ELEMENT);
    expect(Buffer.concat([body.subarray(0, at), body.subarray(at + ELEMENT.length)])).toEqual(before);
  });

  test('nobody compares with it, and nobody keeps it', () => {
    const headers = [
      'ETag',
      '"1"',
      'Last-Modified',
      'x',
      'Cache-Control',
      'max-age=9',
      'X-Own',
      '1',
      'Content-Length',
      '13',
    ];
    const out = scripted(page('<head></head>', headers)).headers;
    expect(out).toEqual(['Content-Type', 'text/html; charset=utf-8', 'X-Own', '1', 'Cache-Control', 'no-store']);
  });

  test.each<[string, Reply, string]>([
    ['an error page', page('<head></head>', [], 404), 'no-page'],
    ['a redirect', page('<head></head>', [], 302), 'no-page'],
    ['JSON', page('{}', ['Content-Type', 'application/json']), 'no-page'],
    ['a page without a head', page('Ok.'), 'no-page'],
    ['a body that is compressed still', page('<head></head>', ['Content-Encoding', 'zstd']), 'encoding'],
    ['UTF-16 by its type', page('<head></head>', ['Content-Type', 'text/html; charset=utf-16']), 'encoding'],
    ['UTF-16 by its first bytes', page(Buffer.from('\ufeff<head></head>', 'utf16le')), 'encoding'],
    ['a policy in the header', page('<head></head>', ['Content-Security-Policy', "script-src 'none'"]), 'policy'],
    [
      'a policy in the page',
      page(`<head><meta http-equiv="Content-Security-Policy" content="script-src 'nonce-a'"></head>`),
      'policy',
    ],
  ])('is left alone: %s', (_, reply, why) => {
    expect(withLoginScript(reply, SRC, ORIGIN)).toBe(why);
  });
});

test.each<[string, boolean]>([
  ["default-src 'self'; script-src 'self' 'unsafe-inline'", true],
  ["default-src 'self'", true],
  ["img-src 'none'", true],
  [`SCRIPT-SRC ${ORIGIN}`, true],
  ['script-src *', true],
  ["default-src 'self'; script-src 'none'", false],
  ["script-src 'self'; script-src-elem 'nonce-a'", false],
  ["script-src 'self' 'nonce-a' 'strict-dynamic'", false],
  ["script-src 'none'; script-src 'self'", false],
  ["script-src 'self', script-src 'nonce-a'", false],
  ['script-src https://cdn.example.com', false],
  ['script-src', false],
  ["sandbox allow-forms; script-src 'self'", false],
  ['sandbox allow-scripts allow-forms', true],
])('%s allows our script: %s', (policy, allowed) => {
  expect(allowsOwnScript([policy], ORIGIN)).toBe(allowed);
});
