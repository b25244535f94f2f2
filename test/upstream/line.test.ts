/** How many connections there are, who gets the next one, and what becomes of everybody at the end. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { destination } from '../../src/upstream/destination.ts';
import { Line } from '../../src/upstream/line.ts';
import { TestClock } from '../fakes/clock.ts';
import { Caller, lineTo } from './caller.ts';
import { portOf, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function setUp(options: Parameters<typeof lineTo>[0] = {}) {
  const parts = await lineTo(options);
  stops.push(parts.stop);
  return parts;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('a caller who withdraws gives his place up at once', async () => {
  const { app, line, send } = await setUp({ queue: 1 });
  send('/1');
  await (await app.connection()).request();
  const second = send('/2');
  expect(send('/3').told).toEqual(['busy']);
  line.withdraw(second);
  const fourth = send('/4');
  expect(fourth.told).toEqual([]);
  (await app.connection()).write(OK);
  await (await app.connection()).request(2);
  (await app.connection()).write(OK);
  await fourth.end();
  expect(second.told).toEqual([]);
  expect(app.text).not.toMatch(/\/[23] /);
});

test('the time to wait ends with the waiting', async () => {
  const { app, clock, line, send } = await setUp();
  const first = send('/1');
  const to = await app.connection();
  await to.request();
  const second = send('/2');
  const third = send('/3');
  line.withdraw(third);
  to.write(OK);
  await first.end();
  await to.request(2);
  clock.advance(5_000);
  expect(third.told).toEqual([]);
  expect(second.told).toEqual([]);
  to.write(OK);
  expect(await second.end()).toBe('200,last,complete');
});

test('a connection whose caller went away while it was made serves the next one', async () => {
  const { app, send } = await setUp();
  const first = send('/1', new Caller({ wanted: () => false }));
  const second = send('/2');
  const to = await app.connection();
  await to.request();
  to.write(OK);
  expect(await second.end()).toBe('200,last,complete');
  expect(first.told).toEqual([]);
  expect(app.text).not.toContain('/1 ');
  expect(app.connections).toHaveLength(1);
});

test('one that died before it was ever used is an old one all the same: its request may go out again', async () => {
  const { app, clock, send } = await setUp();
  let connected = false;
  send(
    '/1',
    new Caller({
      wanted: () => {
        connected = true;
        return false;
      },
    }),
  );
  const to = await app.connection();
  await until(() => connected, 'the connection');
  clock.advance(3_000);
  const second = send('/2');
  await to.request();
  to.socket.destroy();
  expect(await second.end()).toBe('unreachable');
  expect(second.unheard).toBe(true);
});

test('a request that cannot be said costs neither a connection nor the turn of another', async () => {
  const { app, send } = await setUp();
  const bad = send('/1', new Caller(), { path: '/a b' });
  const waits = send('/2');
  const worse = send('/3', new Caller(), { headers: ['Host', 'x\r\ny'] });
  const last = send('/4');
  const to = await app.connection();
  await to.request();
  expect(bad.told).toEqual(['malformed']);
  to.write(OK);
  await waits.end();
  await to.request(2);
  to.write(OK);
  await last.end();
  expect(worse.told).toEqual(['malformed']);
  expect(app.connections).toHaveLength(1);
  expect(app.text.match(/GET \/\d/g)).toEqual(['GET /2', 'GET /4']);
});

describe('there are never more connections than may be', () => {
  /** Counts our sockets themselves: an application may hear of a new one before it hears of the end of another. */
  function counting() {
    const sockets = new Set<Socket>();
    const counted = { most: 0 };
    const onSocket = (message: unknown): void => {
      const { socket } = message as { socket: Socket };
      for (const other of sockets) if (other.destroyed) sockets.delete(other);
      sockets.add(socket);
      counted.most = Math.max(counted.most, sockets.size);
    };
    subscribe('net.client.socket', onSocket);
    stops.push(async () => void unsubscribe('net.client.socket', onSocket));
    return counted;
  }

  test('idle ones included, whatever ends them', async () => {
    const counted = counting();
    const { app, clock, send } = await setUp({ connections: 3, queue: 100 });
    const close = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';
    const answers = [OK, close, `${OK}surplus`, 'nonsense\r\n\r\n', ''];
    let turn = 0;
    app.onConnection = (end) => {
      end.socket.on('data', () => {
        const bytes = answers[turn % answers.length] ?? '';
        turn += 1;
        if (bytes === '') end.socket.end();
        else end.write(bytes);
      });
    };
    for (let round = 0; round < 5; round += 1) {
      const callers = Array.from({ length: 12 }, (_, i) => send(`/${round}/${i}`));
      for (const caller of callers) await caller.end();
      clock.advance(round * 2_000);
    }
    expect(counted.most).toBe(3);
  });

  test('nor when a request needs one of its own: an old one ends before it is made', async () => {
    const counted = counting();
    const { app, line } = await setUp({ connections: 1 });
    const request = (path: string) => ({ method: 'GET', path, headers: ['Host', 'x'], body: null });
    const first = new Caller();
    line.send(request('/1'), 0, first);
    const to = await app.connection();
    await to.request();
    const fresh = new Caller();
    line.send(request('/2'), 2, fresh);
    const after = new Caller();
    line.send(request('/3'), 0, after);
    to.write(OK);
    await first.end();
    const next = await app.connection(1);
    await next.request();
    expect(next.text).toMatch(/^GET \/2 HTTP\/1\.1\r\nHost: x\r\nConnection: close\r\n/);
    await to.gone();
    next.write(OK);
    await fresh.end();
    const last = await app.connection(2);
    await last.request();
    last.write(OK);
    expect(await after.end()).toBe('200,last,complete');
    expect(to.text).not.toMatch(/\/[23] /);
    expect(next.text).not.toContain('/3');
    expect(counted.most).toBe(1);
  });
});

describe('at the end nobody is left without a word, and nothing is sent any more', () => {
  test('who waits, who sends and who dials', async () => {
    const { app, line, send } = await setUp({ connections: 2 });
    const sends = send('/1');
    await (await app.connection()).request();
    const dials = send('/2');
    const waits = send('/3');
    line.close();
    expect(sends.told).toEqual(['unreachable']);
    expect(waits.told).toEqual(['unreachable']);
    expect(await dials.end()).toBe('unreachable');
    expect(send('/4').told).toEqual(['unreachable']);
    await (await app.connection()).gone();
    expect(app.text).not.toMatch(/\/[234] /);
    line.close(); // once more is nothing
  });

  test('not even a request that may be repeated, over a connection that was still idle', async () => {
    const { app, line, send } = await setUp({ connections: 2 });
    const callers = [send('/1'), send('/2')];
    await (await app.connection(1)).request();
    for (const index of [1, 0]) {
      await (await app.connection(index)).request();
      app.connections[index]?.write(OK);
      await until(() => callers.filter((caller) => caller.over).length === 2 - index, 'an answer');
    }
    const again = new Caller();
    let repeats = 0;
    again.onError = (error, unheard) => {
      again.error = error;
      repeats += 1;
      if (unheard) send('/again', again);
    };
    send('/3', again);
    await until(() => app.text.includes('/3'), 'the request');
    line.close();
    expect(again.error?.code).toBe('unreachable');
    expect(repeats).toBe(2);
    for (const end of app.connections) await end.gone();
    expect(app.text).not.toContain('/again');
  });
});

test('an application that is not there refuses each one that waits, and keeps no place', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const clock = new TestClock();
  const line = new Line(
    { to: destination(`http://127.0.0.1:${port}`), trust: undefined, timeoutMs: 1_000, clock },
    { connections: 1, queue: 10, queueTimeoutMs: 1_000, headersTimeoutMs: 1_000 },
  );
  const callers = Array.from({ length: 6 }, () => new Caller());
  for (const caller of callers) {
    line.send({ method: 'GET', path: '/', headers: ['Host', 'x'], body: null }, 0, caller);
  }
  for (const caller of callers) expect(await caller.end()).toBe('unreachable');
  expect(callers.some((caller) => caller.unheard)).toBe(false);
});
