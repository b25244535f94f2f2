import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { openUpstream, type UpstreamOptions } from '../../src/upstream/http.ts';
import type { Question } from '../../src/upstream/upstream.ts';
import { TestClock } from '../fakes/clock.ts';
import { StandIn, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function setUp(options: Partial<UpstreamOptions> = {}) {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const upstream = openUpstream({ url: app.url, ...options });
  stops.push(() => upstream.close());
  return { app, upstream };
}

const whoami: Question = {
  method: 'GET',
  target: '/me',
  headers: ['Host', 'app.test', 'Accept-Encoding', 'identity'],
  maxBytes: 1_000,
  timeoutMs: 5_000,
};

function answer(body: Buffer, headers = ''): string {
  return `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`;
}

test('an answer comes whole, its cookies apart', async () => {
  const { app, upstream } = await setUp();
  app.answer(
    'HTTP/1.1 201 Made\r\nSet-Cookie: a=1\r\nX-a: 1\r\nX-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  );
  const reply = await upstream.ask({ ...whoami, method: 'POST', body: Buffer.from('x=y') });
  expect(reply).toEqual({
    status: 201,
    message: 'Made',
    headers: ['X-a', '1', 'X-A', '2'],
    setCookies: ['a=1'],
    body: Buffer.from('ok'),
  });
  expect(app.text).toMatch(/^POST \/me HTTP\/1\.1\r\nhost: app\.test\r\n/i);
  expect(app.text).toMatch(/content-length: 3\r\n\r\nx=y$/i);
});

test('a redirect is an answer, not a way', async () => {
  const { app, upstream } = await setUp();
  app.answer(`HTTP/1.1 302 Found\r\nLocation: ${app.url}/other\r\nContent-Length: 0\r\n\r\n`);
  expect((await upstream.ask(whoami)).status).toBe(302);
  expect(app.text).not.toContain('/other');
});

test.each([
  ['announced', 'HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n'],
  ['in chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}\r\n`],
  ['until the connection closes', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1001)}`],
])('a longer answer than the limit is too large at once: %s', async (_, bytes) => {
  const { app, upstream } = await setUp();
  app.answer(bytes);
  await expect(upstream.ask(whoami)).rejects.toMatchObject({ code: 'too-large' });
  await (await app.connection()).gone();
});

test('an answer of exactly the limit passes', async () => {
  const { app, upstream } = await setUp();
  app.answer(answer(Buffer.alloc(1_000, 'x')));
  expect((await upstream.ask(whoami)).body).toHaveLength(1_000);
});

test('time counts until the end of the answer', async () => {
  const clock = new TestClock();
  const { app, upstream } = await setUp({ clock });
  app.answer('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal');
  const asked = upstream.ask(whoami);
  asked.catch(() => {});
  await (await app.connection()).request();
  clock.advance(5_001);
  await expect(asked).rejects.toMatchObject({ code: 'timeout' });
  await (await app.connection()).gone();
});

test('a signal ends the question, before and while it runs', async () => {
  const { app, upstream } = await setUp();
  await expect(upstream.ask({ ...whoami, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
  const controller = new AbortController();
  const asked = upstream.ask({ ...whoami, signal: controller.signal });
  asked.catch(() => {});
  await (await app.connection()).request();
  controller.abort();
  await expect(asked).rejects.toMatchObject({ code: 'aborted' });
  await (await app.connection()).gone();
});

test.each([
  ['gzip', gzipSync('hello')],
  ['x-gzip', gzipSync('hello')],
  ['deflate', deflateSync('hello')],
  ['deflate', deflateRawSync('hello')],
  ['br', brotliCompressSync('hello')],
  ['identity', Buffer.from('hello')],
  ['gzip, br', brotliCompressSync(gzipSync('hello'))],
])('an answer that came as %s all the same is decoded', async (coding, body) => {
  const { app, upstream } = await setUp();
  app.answer(answer(body, `Content-Encoding: ${coding}\r\n`));
  const reply = await upstream.ask(whoami);
  expect(reply.body.toString()).toBe('hello');
  expect(reply.headers).toEqual([]);
});

test.each([
  ['gzip', gzipSync(Buffer.alloc(200_000))],
  ['br', brotliCompressSync(Buffer.alloc(200_000))],
  ['deflate', deflateSync(Buffer.alloc(200_000))],
  ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(2_000_000)))],
])('a %s bomb is too large', async (coding, body) => {
  expect(body.length).toBeLessThan(whoami.maxBytes);
  const { app, upstream } = await setUp();
  app.answer(answer(body, `Content-Encoding: ${coding}\r\n`));
  await expect(upstream.ask(whoami)).rejects.toMatchObject({ code: 'too-large' });
});

test.each([
  ['zstd', Buffer.from('hello')],
  ['gzip', Buffer.from('hello')],
  ['gzip', gzipSync('hello').subarray(0, 15)],
  ['gzip, gzip, gzip', gzipSync(gzipSync(gzipSync('hello')))],
])('what cannot be decoded (%s) is malformed, never empty', async (coding, body) => {
  const { app, upstream } = await setUp();
  app.answer(answer(body, `Content-Encoding: ${coding}\r\n`));
  await expect(upstream.ask(whoami)).rejects.toMatchObject({ code: 'malformed' });
});

test('a cut answer is no answer', async () => {
  const { app, upstream } = await setUp();
  for (const bytes of [
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf',
  ]) {
    app.onConnection = (end) => end.socket.once('data', () => end.socket.end(Buffer.from(bytes)));
    await expect(upstream.ask(whoami)).rejects.toThrow(/upstream (unreachable|malformed)/);
  }
});

test('no connection is unreachable', async () => {
  const app = await StandIn.start();
  const upstream = openUpstream({ url: app.url });
  stops.push(() => upstream.close());
  await app.stop();
  await expect(upstream.ask(whoami)).rejects.toMatchObject({ code: 'unreachable' });
});

test('a GET on a dead kept-alive connection is asked again, a POST is not', async () => {
  const { app, upstream } = await setUp();
  app.onConnection = (end) => {
    let requests = 0;
    end.socket.on('data', () => {
      requests += 1;
      if (requests === 1) end.write(answer(Buffer.from('ok')));
      else end.socket.destroy();
    });
  };
  await upstream.ask(whoami);
  await until(() => app.connections.length === 1, 'the first connection');
  expect((await upstream.ask(whoami)).body.toString()).toBe('ok');
  await expect(
    upstream.ask({ ...whoami, method: 'POST', target: '/once', body: Buffer.from('x') }),
  ).rejects.toMatchObject({
    code: 'unreachable',
  });
  expect(app.text.split('/once')).toHaveLength(2);
});

test('a HEAD answer and a 304 have a length and no body', async () => {
  const { app, upstream } = await setUp();
  app.answer('HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n');
  expect((await upstream.ask(whoami)).body).toHaveLength(0);
  app.answer('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nContent-Encoding: gzip\r\n\r\n');
  expect((await upstream.ask({ ...whoami, method: 'HEAD' })).body).toHaveLength(0);
});
