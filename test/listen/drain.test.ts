/** The end of a listener: what may finish does, what never would is broken off, and nothing new begins. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { client, type End, until } from '../upstream/wire.ts';
import { answerOf, Http2Client } from './http2-client.ts';
import { closeFronts, openFront, PAIR } from './parts.ts';

const clients: Http2Client[] = [];
afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  await closeFronts();
});

const DRAIN_MS = 25_000;
const STREAM = ['Content-Type', 'Text/Event-Stream; charset=utf-8'];
const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** `/events` never ends, `/file` and `/later` end when the test says so, anything else at once; every upgrade becomes a socket. */
async function setUp(tls = false) {
  const running: ServerResponse[] = [];
  const served: string[] = [];
  const front = await openFront({
    ...(tls ? { pair: PAIR } : {}),
    onRequest: (req: IncomingMessage, res: ServerResponse) => {
      const path = req.url ?? '';
      served.push(path);
      if (path === '/events') res.writeHead(200, STREAM).write('data: 1\n\n');
      else if (path === '/file') res.writeHead(200, ['Content-Length', '8']).write('half');
      else if (path !== '/later') return void res.end('ok');
      running.push(res);
    },
    onUpgrade: (_req, socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nopen'),
  });
  let isOver = false;
  const drain = (): void => {
    void front.listener.drain(DRAIN_MS).then(() => {
      isOver = true;
    });
  };
  const open = async (path: string, has: string): Promise<End> => {
    const browser = await client(front.port);
    browser.write(path === '' ? '' : GET(path));
    await browser.has(has);
    return browser;
  };
  return { ...front, drain, open, running, served, isOver: () => isOver };
}

/** Moves the clock on, look by look; between two of them sockets say what happened to them. */
async function pass(clock: { advance(ms: number): void }, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 200) {
    clock.advance(200);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function isGone(end: End): boolean {
  return end.closed || end.ended;
}

describe('at the end of a listener', () => {
  test('idle connections end at once, and new ones are refused', async () => {
    const { clock, drain, isOver, open, port } = await setUp();
    const [kept, file] = [await open('/', 'ok'), await open('/file', 'half')];
    drain();
    await until(() => isGone(kept), 'the idle connection to end');
    const refused = await new Promise<string | undefined>((resolve) => {
      connect(port, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    expect(refused).toBe('ECONNREFUSED');
    expect([isGone(file), isOver()]).toEqual([false, false]);
    await pass(clock, DRAIN_MS);
    await until(isOver, 'the end');
  });

  test('a download and an answer that is still to come finish, and then their connections end', async () => {
    const { clock, drain, isOver, open, running } = await setUp();
    const file = await open('/file', 'half');
    const later = await open('', '');
    later.write(GET('/later'));
    await until(() => running.length === 2, 'the second request');
    drain();
    await pass(clock, 20_000);
    expect([isGone(file), isGone(later), isOver()]).toEqual([false, false, false]);
    running[1]?.end('late');
    await later.has('\r\n\r\nlate');
    expect(later.text).toMatch(/^connection: close\r$/im);
    await until(() => isGone(later), 'the end of the one');
    running[0]?.end('half');
    await file.has('halfhalf');
    clock.advance(200);
    await until(() => isGone(file), 'the end of the other');
    await until(isOver, 'the end');
  });

  test('event streams and WebSockets go on for two seconds, and are broken off then', async () => {
    const { clock, drain, isOver, open, running } = await setUp();
    const events = await open('/events', 'data: 1');
    const socket = await open('', '');
    socket.write(`${GET('/').slice(0, -2)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await socket.has('open');
    const file = await open('/file', 'half');
    drain();
    await pass(clock, 1_800);
    running[0]?.write('data: 2\n\n');
    await events.has('data: 2');
    expect([isGone(events), isGone(socket)]).toEqual([false, false]);
    await pass(clock, 400);
    await until(() => isGone(events) && isGone(socket), 'both to end');
    expect(events.text).not.toMatch(/\r\n0\r\n/);
    expect([isGone(file), isOver()]).toEqual([false, false]);
    running[1]?.end('half');
    await file.has('halfhalf');
    await pass(clock, 200);
    await until(isOver, 'the end');
  });

  test('a connection that never asked, or not to the end, is waited for two seconds as well', async () => {
    const { clock, drain, isOver, open, served } = await setUp();
    const silent = await open('', '');
    const slow = await open('', '');
    slow.write('GET /slow HTTP/1.1\r\nHost: x\r\nX-A: ');
    await open('/', 'ok'); // those before it have been accepted as well
    drain();
    await pass(clock, 1_800);
    slow.write('b\r\n\r\n');
    await slow.has('\r\n\r\nok');
    expect(slow.text).toMatch(/^connection: close\r$/im);
    await pass(clock, 400);
    await until(() => isGone(silent) && isOver(), 'the end');
    expect(served).toEqual(['/', '/slow']);
  });

  test('no WebSocket begins any more', async () => {
    const { clock, drain, isOver, open } = await setUp();
    const late = await open('', '');
    late.write('GET / HTTP/1.1\r\nHost: x\r\n');
    await open('/', 'ok'); // those before it have been accepted as well
    drain();
    late.write('Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await late.has('HTTP/1.1 503 ');
    await late.gone();
    await pass(clock, 2_200);
    await until(isOver, 'the end');
  });

  test('what is still left after the whole time is cut', async () => {
    const { clock, drain, isOver, open } = await setUp();
    const file = await open('/file', 'half');
    drain();
    await pass(clock, DRAIN_MS - 400);
    expect([isGone(file), isOver()]).toEqual([false, false]);
    await pass(clock, 400);
    await until(() => isGone(file) && isOver(), 'the end');
    expect(file.text).toMatch(/half$/);
  });

  test('over HTTP/2 a stream finishes, an event stream is reset, and the session ends with its last stream', async () => {
    const { clock, drain, isOver, port, running } = await setUp(true);
    const [busy, idle] = [await Http2Client.open(port), await Http2Client.open(port)];
    clients.push(busy, idle);
    const closed = new Promise<void>((resolve) => idle.session.once('close', () => resolve()));
    const file = answerOf(busy.stream({ ':path': '/file' }, true));
    const events = answerOf(busy.stream({ ':path': '/events' }, true));
    await until(() => running.length === 2, 'both streams');
    drain();
    await closed;
    await pass(clock, 2_200);
    expect(await events).toMatchObject({ text: 'data: 1\n\n', complete: false });
    expect(isOver()).toBe(false);
    running.find((res) => res.getHeader('content-length') !== undefined)?.end('half');
    expect(await file).toMatchObject({ text: 'halfhalf', complete: true });
    await pass(clock, 200);
    await until(isOver, 'the end');
  });

  test('a handshake that never ends holds nothing up', async () => {
    const { clock, drain, isOver, port } = await setUp(true);
    const half = await client(port);
    const silent = connectSecure({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
    await new Promise((resolve) => silent.once('secureConnect', resolve));
    silent.resume();
    const closed = new Promise((resolve) => silent.once('close', resolve));
    drain();
    await pass(clock, 2_200);
    await until(() => isOver() && isGone(half), 'the end');
    await closed;
  });
});
