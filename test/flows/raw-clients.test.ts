/** Requests as old or odd clients write them, through the whole gateway: what reaches the application, and what never does. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { client, type End, lines, StandIn, until } from '../upstream/wire.ts';
import { Harness } from './harness.ts';

const OK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';

let app: StandIn;
let h: Harness;
beforeEach(async () => {
  app = await StandIn.start();
  h = await Harness.start({ upstreamUrl: app.url, profile: { hosts: { public: ['files.test'] } } });
});
afterEach(async () => {
  await h.close();
  await app.stop();
});

async function send(bytes: string): Promise<End> {
  const browser = await client(h.port);
  browser.write(bytes);
  return browser;
}

test.each(['1.0', '1.1'])('an absolute target arrives as path and query, with one Host (HTTP/%s)', async (version) => {
  app.answer(OK);
  const browser = await send(
    `GET http://FILES.test/a/b%20c?x=http://evil.test/&y=%2F HTTP/${version}\r\nHost: files.TEST\r\nConnection: close\r\n\r\n`,
  );
  await browser.gone();
  expect(app.text).toMatch(/^GET \/a\/b%20c\?x=http:\/\/evil\.test\/&y=%2F HTTP\/1\.1\r\n/);
  expect(lines(app.text).filter((line) => /^host:/i.test(line))).toEqual(['Host: files.test']);
});

test('a client of HTTP/1.0 gets its body without chunks, and its connection is closed', async () => {
  app.answer(OK);
  const browser = await send('GET /a HTTP/1.0\r\nHost: files.test\r\n\r\n');
  await browser.gone();
  expect(browser.text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  expect(browser.text).not.toMatch(/transfer-encoding/i);
});

test.each([
  ['without a Host, of HTTP/1.0', 'GET /a HTTP/1.0\r\n\r\n'],
  ['without a Host, of HTTP/1.1', 'GET /a HTTP/1.1\r\n\r\n'],
  [
    'of HTTP/1.0 with chunks',
    'POST /a HTTP/1.0\r\nHost: files.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'with a length beside chunks',
    'POST /a HTTP/1.1\r\nHost: files.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['with two lengths', 'POST /a HTTP/1.1\r\nHost: files.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['with an absolute target elsewhere', 'GET http://evil.test/a HTTP/1.1\r\nHost: files.test\r\n\r\n'],
  ['with an absolute target of another scheme', 'GET ftp://files.test/a HTTP/1.1\r\nHost: files.test\r\n\r\n'],
])('a request %s is a 400, and nothing is sent', async (_, bytes) => {
  const browser = await send(bytes);
  await browser.has('HTTP/1.1 400 ');
  expect(app.connections).toHaveLength(0);
});

test('an expectation that is none of ours is a 417, and nothing is sent', async () => {
  const browser = await send('PUT /a HTTP/1.1\r\nHost: files.test\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\n');
  await browser.has('HTTP/1.1 417 ');
  expect(app.connections).toHaveLength(0);
});

test('a client that waits for a sign gets it from us, once, and its body goes on whole', async () => {
  const browser = await send(
    'PUT /a HTTP/1.1\r\nHost: files.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
  );
  await browser.has('HTTP/1.1 100 Continue\r\n\r\n');
  const upstream = await app.connection();
  await upstream.request();
  upstream.write('HTTP/1.1 100 Continue\r\n\r\n'); // some say it to everybody
  browser.write('abc');
  await upstream.has('\r\n\r\nabc');
  upstream.write(OK);
  await browser.has('\r\n0\r\n\r\n');
  expect(browser.text.split('100 Continue')).toHaveLength(2);
  expect(app.text).not.toMatch(/^expect:/im);
});

test('a client that leaves takes its request to the application with it, before and in the answer', async () => {
  for (const [at, answer] of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'].entries()) {
    const browser = await send('GET /a HTTP/1.1\r\nHost: files.test\r\n\r\n');
    const upstream = await app.connection(at);
    await upstream.request();
    upstream.write(answer);
    if (answer !== '') await browser.has('half');
    browser.socket.destroy();
    await upstream.gone();
  }
});

test('an answer that breaks off breaks the connection to the client off', async () => {
  const browser = await send('GET /a HTTP/1.1\r\nHost: files.test\r\n\r\n');
  const upstream = await app.connection();
  await upstream.request();
  upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
  await browser.has('half');
  upstream.socket.end();
  await browser.gone();
  await until(() => browser.text.endsWith('half'), 'nothing more');
});
