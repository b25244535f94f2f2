import { expect, test } from 'vitest';
import { type RequestHeaderOptions, requestHeaders } from '../../src/upstream/request-headers.ts';

const ours: RequestHeaderOptions = {
  host: 'app.test',
  forwardedFor: '192.0.2.7',
  forwardedProto: 'https',
  forwardedHost: 'public.test',
  forwardedPort: '443',
  cookie: 'sid=vault',
  credentials: false,
  identityEncoding: false,
  framing: 'none',
};

const ADDED = [
  'Cookie: sid=vault',
  'X-Forwarded-For: 192.0.2.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: public.test',
  'X-Forwarded-Port: 443',
];

function build(raw: string[], options: Partial<RequestHeaderOptions> = {}): string[] {
  const flat = requestHeaders(raw, { ...ours, ...options });
  const out: string[] = [];
  for (let i = 0; i < flat.length; i += 2) out.push(`${flat[i]}: ${flat[i + 1]}`);
  return out;
}

const SPOOFED = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Uri',
  'X-Forwarded-Server',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Preferred-Username',
  'X-Forwarded-Access-Token',
  'X-Forwarded',
  'Forwarded',
  'X-Real-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'CF-IPCountry',
  'X-Client-IP',
  'Client-IP',
  'X-Cluster-Client-IP',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Original-Host',
  'X-Original-Forwarded-For',
  'X-Host',
  'X-HTTP-Method',
  'X-HTTP-Method-Override',
  'X-Method-Override',
  'Proxy',
  'Remote-User',
  'Remote-Groups',
  'X-Remote-User',
  'X-2FA-Verified',
  'X-2FA-User',
  'X-WebAuth-User',
  'X-Auth-Request-User',
  'X-Auth-Request-Email',
  'SSL-Client-Cert',
  'SSL-Client-S-DN',
  'X-SSL-Client-Verify',
  'Client-Cert',
  'Host',
  'Cookie',
  'Expect',
  'HTTP2-Settings',
  'Proxy-Authorization',
  'Proxy-Connection',
  'Authorization',
  'Connection',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
];

test.each(SPOOFED)('what a client says in %s never arrives, in any case', (name) => {
  for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
    expect(build(['Accept', 'a', spelling, 'evil', 'Accept', 'b'])).toEqual([
      'Host: app.test',
      'Accept: a',
      'Accept: b',
      ...ADDED,
    ]);
  }
});

test.each(['X_Forwarded_User', 'x.forwarded.user', 'X-Forwarded_For', 'Remote_User', 'X_2FA.Verified', 'Any_Thing'])(
  'a name that CGI would fold into another (%s) never arrives',
  (name) => {
    expect(build([name, 'evil'])).toEqual(['Host: app.test', ...ADDED]);
  },
);

test.each(['X-Forwarded-For', 'Host', 'Cookie', 'close, X-Forwarded-Host ,cookie,HOST', 'Content-Length'])(
  'naming our headers in Connection (%s) takes nothing away',
  (named) => {
    expect(build(['connection', named, 'Content-Length', '3'], { framing: 'stream' })).toEqual([
      'Host: app.test',
      ...ADDED,
      'Content-Length: 3',
    ]);
  },
);

test('names in Connection are dropped, before or behind it and in any number of lines', () => {
  expect(build(['X-A', '1', 'Connection', 'keep-alive, X-A', 'x-b', '2', 'X-C', '3', 'CONNECTION', 'x-B'])).toEqual([
    'Host: app.test',
    'X-C: 3',
    ...ADDED,
  ]);
});

test('everything else keeps order, case, bytes and duplicates', () => {
  expect(build(['aCCept', 'a', 'X-Ä'.slice(0, 2), '\xe9', 'ACCEPT', '', 'X-Auth-Token', 't'])).toEqual([
    'Host: app.test',
    'aCCept: a',
    'X-: \xe9',
    'ACCEPT: ',
    'X-Auth-Token: t',
    ...ADDED,
  ]);
});

test('without a cookie of ours no Cookie goes out at all', () => {
  expect(build(['Cookie', 'sid=stolen'], { cookie: undefined })).toEqual(['Host: app.test', ...ADDED.slice(1)]);
});

test('credentials let Authorization pass and nothing besides', () => {
  expect(
    build(['Authorization', 'Basic a', 'Proxy-Authorization', 'Basic b', 'HTTP2-Settings', 'c'], { credentials: true }),
  ).toEqual(['Host: app.test', 'Authorization: Basic a', ...ADDED]);
});

test('a login exchange asks for a whole answer in the clear', () => {
  const raw = ['Accept-Encoding', 'gzip', 'Range', 'bytes=0-1', 'If-None-Match', '"a"', 'If-Modified-Since', 'x'];
  raw.push('If-Range', 'x', 'If-Match', 'x', 'If-Unmodified-Since', 'x', 'Accept', 'a');
  expect(build(raw, { identityEncoding: true })).toEqual([
    'Host: app.test',
    'Accept: a',
    'Accept-Encoding: identity',
    ...ADDED,
  ]);
  expect(build(raw)).toContain('Range: bytes=0-1');
  expect(build(['Connection', 'Accept-Encoding'], { identityEncoding: true })).toContain('Accept-Encoding: identity');
});

test.each<[string, string[], Partial<RequestHeaderOptions>, string[]]>([
  ['one length is kept', ['Content-Length', '3'], { framing: 'stream' }, ['Content-Length: 3']],
  ['two lengths are none', ['Content-Length', '3', 'content-length', '3'], { framing: 'stream' }, []],
  [
    'a length beside chunks is none',
    ['Content-Length', '3', 'Transfer-Encoding', 'chunked'],
    { framing: 'stream' },
    [],
  ],
  ['a length that is no number is none', ['Content-Length', '+3'], { framing: 'stream' }, []],
  ['ours replaces the client’s', ['Content-Length', '3'], { framing: { length: 9 } }, ['Content-Length: 9']],
  ['no body, no length', ['Content-Length', '3'], { framing: 'none' }, []],
])('framing: %s', (_, raw, options, added) => {
  expect(build(raw, options)).toEqual(['Host: app.test', ...ADDED, ...added]);
});
