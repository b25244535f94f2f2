import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { TestClock } from '../fakes/clock.ts';
import { closeBoth, Front, type FrontOptions, openBoth } from './front.ts';
import { client, lines, StandIn, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterEach(closeBoth);

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const ASK =
  'GET /ws?a=b HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n' +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n` +
  'X-Forwarded-User: admin\r\nCookie: sid=stolen\r\nOrigin: https://public.test\r\n\r\n';
const YES =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  `Sec-WebSocket-Accept: ${ACCEPT}\r\nX-App: 1\r\nSet-Cookie: sid=secret\r\n\r\n`;

async function open(options: Partial<FrontOptions> = {}) {
  const { app, front } = await openBoth({ tunnelHead: (head) => head.headers, ...options });
  const browser = await client(front.port);
  browser.write(ASK);
  const upstream = await app.connection();
  await upstream.request();
  return { app, front, browser, upstream };
}

test('after a valid 101 bytes pass both ways; the handshake is rebuilt', async () => {
  const { browser, upstream } = await open();
  expect(upstream.text).toMatch(/^GET \/ws\?a=b HTTP\/1\.1\r\nHost: app\.test\r\n/);
  const sent = lines(upstream.text);
  expect(sent).toContain(`Sec-WebSocket-Key: ${KEY}`);
  expect(sent).toContain('Sec-WebSocket-Extensions: permessage-deflate');
  expect(sent.filter((line) => /^(connection|upgrade):/i.test(line))).toEqual([
    'Connection: Upgrade',
    'Upgrade: websocket',
  ]);
  expect(upstream.text).not.toMatch(/stolen|admin/);
  upstream.write(YES);
  await browser.has('\r\n\r\n');
  expect(browser.text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(lines(browser.text)).toEqual([
    `Sec-WebSocket-Accept: ${ACCEPT}`,
    'X-App: 1',
    'Connection: Upgrade',
    'Upgrade: websocket',
  ]);
  browser.write('\x81\x05hello\xff\0');
  await upstream.has('\x81\x05hello\xff\0');
  upstream.write('\x82\xfe\0world');
  await browser.has('\x82\xfe\0world');
});

test('bytes that came with a head are kept both ways, and wait for the 101', async () => {
  const { app, front } = await openBoth();
  const browser = await client(front.port);
  browser.write(`${ASK}early-client`);
  const upstream = await app.connection();
  await upstream.request();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(upstream.text).not.toContain('early-client');
  browser.write('-more');
  for (const byte of `${YES}early-app`) upstream.write(byte);
  await browser.has('early-app');
  await upstream.has('early-client-more');
});

test('a side that does not read stops the other', async () => {
  const { browser, upstream } = await open();
  upstream.write(YES);
  await browser.has('101');
  browser.socket.pause();
  const piece = Buffer.alloc(65_536, 'x');
  let taken = 0;
  for (let stalled = false; !stalled && taken < 96 * 1_048_576; ) {
    taken += piece.length;
    if (upstream.socket.write(piece)) continue;
    stalled = await Promise.race([
      new Promise<boolean>((resolve) => upstream.socket.once('drain', () => resolve(false))),
      new Promise<boolean>((resolve) => setTimeout(resolve, 700, true)),
    ]);
  }
  expect(taken).toBeLessThan(24 * 1_048_576);
  let got = 0;
  browser.socket.removeAllListeners('data');
  browser.socket.on('data', (chunk) => {
    got += chunk.length;
  });
  browser.socket.resume();
  await until(
    () => got >= taken,
    () => `all ${taken} bytes, ${got} so far`,
  );
});

test.each(['client ends', 'client is lost', 'application ends', 'application is lost', 'abort'])(
  'what ends one side ends the other, after what was on its way: %s',
  async (how) => {
    const { front, browser, upstream } = await open();
    upstream.write(YES);
    await browser.has('101');
    const [side, other] = how.startsWith('client') ? [browser, upstream] : [upstream, browser];
    if (how === 'abort') front.running[0]?.abort();
    else if (how.endsWith('ends')) side.socket.end('last words');
    else side.socket.resetAndDestroy();
    await until(() => other.closed || other.ended, 'the end of the other side');
    if (how.endsWith('ends')) expect(other.text).toContain('last words');
    other.socket.end();
    await until(() => front.ends === 1, 'the end of the tunnel');
    front.running[0]?.abort();
    expect(front.ends).toBe(1);
  },
);

test('a side that stays half open after the other ended is closed in the end', async () => {
  const clock = new TestClock();
  const { front, browser, upstream } = await open({ clock });
  upstream.write(YES);
  await browser.has('101');
  browser.socket.end();
  await until(() => upstream.ended, 'the end upstream');
  clock.advance(5_001);
  await until(() => browser.closed && front.ends === 1, 'the end of the client');
});

const SMUGGLED = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n';

test.each([
  ['a length', 'HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 5\r\n\r\n', 'nope!', 'GARBAGE'],
  [
    'chunks',
    'HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nTransfer-Encoding: chunked\r\n\r\n',
    '2\r\nno\r\n3;a=b\r\npe!\r\n0\r\nSet-Cookie: t=1\r\n\r\n',
    'GARBAGE',
  ],
  ['a body until the close', 'HTTP/1.0 403 Forbidden\r\nX-Why: no\r\n\r\n', 'nope!', undefined],
])(
  'a refusal is passed on with its body (%s), then all is closed; what follows is not passed',
  async (_, head, body, behind) => {
    const { app, front, browser, upstream } = await open();
    browser.write(SMUGGLED);
    for (const byte of head + body) upstream.write(byte);
    if (behind === undefined) upstream.socket.end();
    else upstream.write(behind);
    browser.write(SMUGGLED);
    await browser.gone();
    expect(browser.text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\nX-Why: no\r\n/);
    expect(browser.text).toContain('Connection: close\r\n');
    const got = browser.text.slice(browser.text.indexOf('\r\n\r\n') + 4);
    if (/chunked/.test(browser.text)) {
      expect(got).toMatch(/\r\n0\r\n\r\n$/);
      expect(got.replace(/(^|\r\n)[0-9a-f]+\r\n/g, '').replace(/\r\n$/, '')).toBe('nope!');
    } else {
      expect(got).toBe('nope!');
    }
    expect(browser.text).not.toMatch(/GARBAGE|t=1/);
    await upstream.gone();
    browser.socket.end();
    await until(() => front.ends === 1, 'the end');
    expect(app.text).not.toContain('/admin');
  },
);

test('a large refusal arrives whole', async () => {
  const { browser, upstream } = await open();
  const size = 4 * 1_048_576;
  upstream.write(`HTTP/1.1 503 Busy\r\nContent-Length: ${size}\r\n\r\n`);
  upstream.write(Buffer.alloc(size, 'y'));
  await browser.gone();
  expect(browser.received.length - browser.text.indexOf('\r\n\r\n') - 4).toBe(size);
});

test.each([
  ['a cut length', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 50\r\n\r\nhalf', 'fin'],
  ['cut chunks', 'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'fin'],
  ['odd chunks', 'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'zz'],
  ['a reset', 'HTTP/1.1 403 Forbidden\r\n\r\nhalf', 'rst'],
])('a refusal that breaks off does not look complete: %s', async (_, bytes, how) => {
  const { browser, upstream } = await open();
  upstream.write(bytes);
  await browser.has('half');
  if (how === 'zz') upstream.write('zz\r\n');
  if (how === 'fin') upstream.socket.end();
  if (how === 'rst') upstream.socket.resetAndDestroy();
  await until(() => browser.closed, 'the end');
  expect(browser.text).not.toContain('\r\n0\r\n');
  expect(browser.failed).toBe(true);
});

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ['bare LF', YES.replaceAll('\r\n', '\n')],
  ['a folded line', YES.replace('X-App: 1', 'X-App: 1\r\n folded')],
  ['a space before the colon', YES.replace('X-App:', 'X-App :')],
  ['a NUL', YES.replace('X-App: 1', 'X-App: \0')],
  ['another protocol', YES.replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['no protocol', YES.replace('Upgrade: websocket\r\n', '')],
  ['two protocols', YES.replace('X-App: 1', 'Upgrade: websocket')],
  ['no Connection', YES.replace('Connection: Upgrade\r\n', '')],
  ['a wrong accept', YES.replace(ACCEPT, 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
  ['no accept', YES.replace(/Sec-WebSocket-Accept.*?\r\n/, '')],
  ['two accepts', YES.replace('X-App: 1', `Sec-WebSocket-Accept: ${ACCEPT}`)],
  ['HTTP/1.0', YES.replace('HTTP/1.1', 'HTTP/1.0')],
  ['a length in a 101', YES.replace('X-App: 1', 'Content-Length: 0')],
  ['two lengths', 'HTTP/1.1 403 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['a length beside chunks', 'HTTP/1.1 403 No\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an unknown coding', 'HTTP/1.1 403 No\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['a head that is too long', `HTTP/1.1 101 Y\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`],
  ['interim answers without end', 'HTTP/1.1 103 Hints\r\n\r\n'.repeat(9) + YES],
])('an odd answer is a 502 and the end: %s', async (_, bytes) => {
  const { app, front, browser, upstream } = await open();
  browser.write('frames');
  upstream.write(bytes);
  await browser.gone();
  expect(browser.text).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\nConnection: close\r\n/);
  expect(browser.text.split('HTTP/1.1')).toHaveLength(2);
  await upstream.gone();
  browser.socket.end();
  await until(() => front.ends === 1, 'the end');
  expect(app.text).not.toContain('frames');
});

test('interim answers before the 101 are dropped', async () => {
  const { browser, upstream } = await open();
  upstream.write(`HTTP/1.1 103 Early Hints\r\nSet-Cookie: h=1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${YES}hi`);
  await browser.has('hi');
  expect(browser.text).toMatch(/^HTTP\/1\.1 101 /);
  expect(browser.text).not.toContain('h=1');
});

const edit = (from: string | RegExp, to: string): string => ASK.replace(from, to);
test.each([
  ['h2c', edit('Upgrade: websocket', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__')],
  ['two protocols in one line', edit('Upgrade: websocket', 'Upgrade: websocket, h2c')],
  ['two Upgrade lines', edit('Upgrade: websocket', 'Upgrade: websocket\r\nUpgrade: h2c')],
  ['no key', edit(/Sec-WebSocket-Key.*?\r\n/, '')],
  ['two keys', edit('Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${KEY}`)],
  ['a key that is none', edit(KEY, 'short')],
  ['a key that Connection names', edit('keep-alive, Upgrade', 'Upgrade, Sec-WebSocket-Key')],
  ['a POST', edit('GET', 'POST')],
  ['a body', edit('Sec-WebSocket-Version: 13', 'Content-Length: 5')],
  ['chunks', edit('Sec-WebSocket-Version: 13', 'Transfer-Encoding: chunked')],
])('an upgrade with %s is refused with 400 and never reaches the application', async (_, ask) => {
  const { app, front } = await openBoth();
  const browser = await client(front.port);
  browser.write(ask + SMUGGLED);
  await browser.gone();
  expect(browser.text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/);
  browser.socket.end();
  await until(() => front.ends === 1, 'the end');
  expect(app.connections).toHaveLength(0);
});

test('the head that the caller rules is the head that goes out; one that could split it does not', async () => {
  const { browser, upstream } = await open({ tunnelHead: () => ['X-Ruled', '1', 'Content-Length', '7'] });
  upstream.write(YES);
  await browser.has('\r\n\r\n');
  expect(lines(browser.text)).toEqual(['X-Ruled: 1', 'Connection: Upgrade', 'Upgrade: websocket']);
  const bad = await open({ tunnelHead: () => ['X-A', 'a\r\nSet-Cookie: b=1'] });
  bad.upstream.write(YES);
  await bad.browser.has('502');
  expect(bad.browser.text).not.toContain('b=1');
});

test('an application that does not answer the upgrade in time is a 504', async () => {
  const clock = new TestClock();
  const { browser, upstream } = await open({ clock });
  clock.advance(10_001);
  await browser.has('504');
  await upstream.gone();
});

test('an application that is not there, or closes without an answer, is a 502', async () => {
  const { browser, upstream } = await open();
  upstream.socket.end();
  await browser.has('502');
  const app = await StandIn.start();
  const front = await Front.start({ url: app.url });
  stops.push(() => front.stop());
  await app.stop();
  const second = await client(front.port);
  second.write(ASK);
  await second.has('502');
});

test('a client that goes away during the handshake takes it with it', async () => {
  const { front, browser, upstream } = await open();
  browser.socket.resetAndDestroy();
  await upstream.gone();
  await until(() => front.ends === 1, 'the end');
  const second = await open();
  second.front.running[0]?.abort();
  await second.upstream.gone();
  await second.browser.gone();
  expect(second.browser.text).toBe('');
});

test('closing the upstream ends its tunnels', async () => {
  const { front, browser, upstream } = await open();
  upstream.write(YES);
  await browser.has('101');
  await front.upstream.close();
  await browser.gone();
  await upstream.gone();
});

const NO = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\na secret it';

/** A ruling that the test makes when it likes, and a promise that says when it was asked for. */
function ruling() {
  let allow: () => void = () => expect.unreachable('nobody asked');
  let refuse = allow;
  let head: () => Promise<string[]> = () => expect.unreachable('asked too early');
  const asked = new Promise<void>((tell) => {
    head = () => {
      tell();
      return new Promise((resolve, reject) => {
        allow = () => resolve(['X-App', '1']);
        refuse = () => reject(new Error('somebody else'));
      });
    };
  });
  return { asked, head: () => head(), allow: () => allow(), refuse: () => refuse() };
}

test.each([
  ['a 101', `${YES}greeting`, 'greeting'],
  ['a page', NO, 'a secret it'],
])('%s waits for the ruling, then goes out whole', async (_, answer, last) => {
  const { asked, allow, head } = ruling();
  const { browser, upstream } = await open({ tunnelHead: head });
  upstream.write(answer);
  await asked;
  await new Promise((resolve) => setImmediate(resolve));
  expect(browser.text).toBe('');
  allow();
  await browser.has(last);
});

test.each([
  ['a 101', `${YES}greeting`],
  ['a page', NO],
])('of %s that was ruled out not a byte goes out', async (_, answer) => {
  const { asked, refuse, head } = ruling();
  const { browser, upstream } = await open({ tunnelHead: head });
  upstream.write(answer);
  await asked;
  refuse();
  await browser.has('\r\n\r\n');
  expect(browser.text).toMatch(/^HTTP\/1\.1 502 /);
  expect(browser.text).not.toMatch(/greeting|secret|X-App/);
});

test('a ruling that does not come within the time of a handshake is a refusal, and a late one changes nothing', async () => {
  const clock = new TestClock();
  const { asked, allow, head } = ruling();
  const { browser, upstream } = await open({ tunnelHead: head, clock });
  upstream.write(`${YES}greeting`);
  await asked;
  clock.advance(10_000);
  await browser.has('\r\n\r\n');
  await upstream.gone();
  allow();
  await new Promise((resolve) => setImmediate(resolve));
  expect(browser.text).toMatch(/^HTTP\/1\.1 504 /);
  expect(browser.text).not.toMatch(/greeting|X-App/);
});
