/** One kept connection: who is told what, how long it lasts, and that nothing of one request reaches another. */
import { afterEach, describe, expect, test } from 'vitest';
import { Caller, lineTo } from './caller.ts';
import { until } from './wire.ts';

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
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

test('an answer byte by byte is told once, in order; the connection serves the next one', async () => {
  const { app, send } = await setUp();
  const first = send('/1');
  const to = await app.connection();
  await to.request();
  to.socket.setNoDelay(true);
  for (const byte of `HTTP/1.1 100 Continue\r\n\r\n${CHUNKED}2\r\nok\r\n0\r\nX-T: 1\r\n\r\n`) {
    to.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await first.end()).toBe('100,200,body,body,complete');
  expect(first.content).toBe('ok');
  expect(first.trailers).toEqual(['X-T', '1']);
  const second = send('/2');
  await to.request(2);
  to.write(OK);
  expect(await second.end()).toBe('200,last,complete');
  expect(app.connections).toHaveLength(1);
});

describe('an answer that is odd is an error, and ends the connection', () => {
  const many = 'X-A: b\r\n'.repeat(1_001);
  test.each<[what: string, bytes: string, method?: string]>([
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'],
    ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok'],
    ['two lengths of HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n', 'HEAD'],
    ['two lengths of 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n'],
    ['a length of 204 that is none', 'HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n'],
    ['a length beside chunks', `${CHUNKED.slice(0, -2)}Content-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
    ['a length before chunks', `HTTP/1.1 200 OK\r\nContent-Length: 12\r\n${CHUNKED.slice(17)}2\r\nok\r\n0\r\n\r\n`],
    ['a length beside chunks of HEAD', `${CHUNKED.slice(0, -2)}Content-Length: 2\r\n\r\n`, 'HEAD'],
    ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['another coding alone', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok'],
    ['chunks twice', `${CHUNKED.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks in HTTP/1.0', CHUNKED.replace('1.1', '1.0')],
    ['a switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['interim answers without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(501)],
    ['an interim answer with two lengths', `HTTP/1.1 102 P\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n${OK}`],
    ['a length behind chunks', `${CHUNKED}0\r\nContent-Length: 2\r\n\r\n`],
    ['a coding behind chunks', `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ['a thousand and one headers', `HTTP/1.1 200 OK\r\n${many}Content-Length: 2\r\n\r\nok`],
    ['a head over 64 KiB', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(65_536)}\r\n\r\n`],
    ['a head over 64 KiB without an end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(65_536)}`],
    ['a chunk that wraps around', `${CHUNKED}10000000000000002\r\nok\r\n0\r\n\r\n`],
    ['a chunk extension without end', `${CHUNKED}2;${'a'.repeat(4_096)}`],
    ['trailers without end', `${CHUNKED}0\r\n${`X-A: ${'b'.repeat(90)}\r\n`.repeat(200)}\r\n`],
    ['a thousand and one trailers', `${CHUNKED}0\r\n${'X: b\r\n'.repeat(1_001)}\r\n`],
  ])('%s', async (_what, bytes, method = 'GET') => {
    const { app, send } = await setUp();
    const caller = send('/it', new Caller(), { method });
    const to = await app.connection();
    await to.request();
    to.write(bytes);
    expect(await caller.end()).toMatch(/malformed$/);
    expect(caller.unheard).toBe(false);
    await to.gone();
    send('/next');
    await (await app.connection(1)).request();
    expect(to.text).not.toContain('/next');
  });

  test('but 500 interim answers are none of that', async () => {
    const { app, send } = await setUp();
    const caller = send('/it');
    const to = await app.connection();
    await to.request();
    to.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(500) + OK);
    expect(await caller.end()).toMatch(/102,200,last,complete$/);
  });
});

describe('the time of an idle connection', () => {
  const say = (lines: string, minor = 1): string => `HTTP/1.${minor} 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`;
  test.each<[what: string, answer: string, ms: number]>([
    ['is 4 s without a word', say(''), 4_000],
    ['is a second less than was said', say('Keep-Alive: timeout=30\r\n'), 29_000],
    ['is a second less, among other words', say('keep-alive: max=100, Timeout = "7"\r\n'), 6_000],
    ['is bounded', say('Keep-Alive: timeout=999999\r\n'), 600_000],
    ['is the same in HTTP/1.0', say('Connection: keep-alive\r\nKeep-Alive: timeout=3\r\n', 0), 2_000],
  ])('%s', async (_what, answer, ms) => {
    const { app, clock, send } = await setUp();
    const first = send('/1');
    const to = await app.connection();
    await to.request();
    to.write(answer);
    await first.end();
    clock.advance(ms - 1);
    const second = send('/2');
    await to.request(2); // still the same one
    to.write(answer);
    await second.end();
    clock.advance(ms);
    await to.gone();
    send('/3');
    await (await app.connection(1)).request();
    expect(to.text).not.toContain('/3');
  });

  test('a connection that is about to be closed by the application is not used again', async () => {
    const { app, clock, send } = await setUp();
    const first = send('/1');
    const to = await app.connection();
    await to.request();
    to.write(say('Keep-Alive: timeout=1\r\n'));
    await first.end();
    clock.advance(0);
    send('/2');
    await (await app.connection(1)).request();
    expect(to.text).not.toContain('/2');
  });

  test.each([
    ['a FIN', (end: import('./wire.ts').End) => void end.socket.end()],
    ['bytes that nobody asked for', (end: import('./wire.ts').End) => end.write(OK)],
  ])('%s ends it at once', async (_what, act) => {
    const { app, send } = await setUp();
    const first = send('/1');
    const to = await app.connection();
    await to.request();
    to.write(OK);
    await first.end();
    act(to);
    await to.gone();
    const second = send('/2');
    const next = await app.connection(1);
    await next.request();
    next.write(OK.replace('ok', 'no'));
    expect(await second.end()).toBe('200,last,complete');
    expect(second.content).toBe('no');
    expect(first.told).toEqual(['200', 'last', 'complete']);
  });
});

describe('a request that is over has no power over the next one of its connection', () => {
  async function second() {
    const parts = await setUp({ connections: 2 });
    const first = parts.send('/1');
    const to = await parts.app.connection();
    await to.request();
    to.write(OK);
    await first.end();
    const next = parts.send('/2', new Caller({ onBody: () => false }));
    await to.request(2);
    const { connection } = first;
    if (connection === undefined) throw new Error('no connection');
    expect(next.connection).toBe(connection);
    return { ...parts, first, next, to, connection };
  }

  test('its abort is nothing', async () => {
    const { first, next, to, connection } = await second();
    connection.abort(first);
    to.write(OK);
    expect(await next.end()).toBe('200,last,complete');
  });

  test('its resume is nothing', async () => {
    const { app, send, first, next, to, connection } = await second();
    to.socket.setNoDelay(true);
    to.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok');
    await until(() => next.content === 'ok', 'the first half');
    connection.resume(first);
    to.write('ok');
    // What was written before has arrived when a later request on another connection is answered, and then one more.
    for (const count of [1, 2]) {
      const other = send('/other');
      const elsewhere = await app.connection(1);
      await elsewhere.request(count);
      elsewhere.write(OK);
      await other.end();
    }
    expect(next.content).toBe('ok');
    connection.resume(next);
    await next.end();
    expect(next.content).toBe('okok');
  });

  test('a connection that was paused is read again for the one after it', async () => {
    const { send, next, to, connection } = await second();
    to.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok');
    await until(() => next.content === 'ok', 'the first half');
    connection.resume(next);
    to.write('ok');
    await next.end();
    const third = send('/3');
    await to.request(3);
    to.write(OK);
    expect(await third.end()).toBe('200,last,complete');
  });
});

describe('a request that is given up hears no more', () => {
  test.each<[when: string, caller: () => Caller, told: string]>([
    ['at its head', () => new Caller({ onHead: (self) => self.connection?.abort(self) }), '200'],
    [
      'in its body',
      () =>
        new Caller({
          onBody: (self) => {
            self.connection?.abort(self);
            return true;
          },
        }),
      '200,body',
    ],
    ['at an interim answer', () => new Caller({ onHead: (self) => self.connection?.abort(self) }), '102'],
  ])('%s; who waited is served over another connection', async (when, make, told) => {
    const { app, send } = await setUp();
    const caller = send('/1', make());
    const to = await app.connection();
    await to.request();
    const waits = send('/2');
    const interim = when.includes('interim') ? 'HTTP/1.1 102 P\r\n\r\n' : '';
    to.write(`${interim}${CHUNKED}1\r\na\r\n1\r\nb\r\n0\r\nX-T: 1\r\n\r\n${OK}`);
    const next = await app.connection(1);
    await next.request();
    next.write(OK);
    expect(await waits.end()).toBe('200,last,complete');
    expect(caller.told.join()).toBe(told);
    expect(to.text).not.toContain('/2');
  });
});

describe('who sends again as soon as he is told', () => {
  test('of an end gets the same connection, behind those who waited before', async () => {
    const { app, send } = await setUp();
    const again = new Caller();
    const first = new Caller();
    const complete = first.onComplete.bind(first);
    first.onComplete = (trailers) => {
      complete(trailers);
      first.connection?.abort(first); // it is over
      send('/again', again);
    };
    send('/1', first);
    const waits = send('/2');
    const to = await app.connection();
    for (let answers = 1; answers <= 3; answers += 1) {
      await to.request(answers);
      to.write(OK);
    }
    expect(await again.end()).toBe('200,last,complete');
    expect(await waits.end()).toBe('200,last,complete');
    expect(to.text.match(/GET \/\w+/g)).toEqual(['GET /1', 'GET /2', 'GET /again']);
    expect(app.connections).toHaveLength(1);
  });

  test('of a loss has a place for it, although there is but one', async () => {
    const { app, send } = await setUp();
    const again = new Caller();
    const first = new Caller();
    first.onError = () => void send('/again', again);
    send('/1', first);
    const to = await app.connection();
    await to.request();
    to.socket.destroy();
    const next = await app.connection(1);
    await next.request();
    next.write(OK);
    expect(await again.end()).toBe('200,last,complete');
  });
});

test('what a sender throws is its own error, and ends the connection', async () => {
  const { app, send } = await setUp();
  const caller = send(
    '/1',
    new Caller({
      onHead: () => {
        throw new Error('a bug');
      },
    }),
  );
  const to = await app.connection();
  await to.request();
  to.write(OK);
  expect(await caller.end()).toBe('200,malformed');
  await to.gone();
});

test('a hundred requests over one connection leave no listener and no timer behind', async () => {
  const { app, clock, send } = await setUp();
  app.answer(OK);
  const armed = new Set<() => void>();
  const after = clock.after.bind(clock);
  clock.after = (ms, callback) => {
    const cancel = after(ms, callback);
    const recorded = (): void => {
      armed.delete(recorded);
      cancel();
    };
    armed.add(recorded);
    return recorded;
  };
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  for (let i = 0; i < 100; i += 1) {
    await send(`/${i}`).end();
    expect(armed.size).toBe(1);
  }
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
  expect(app.connections).toHaveLength(1);
});
