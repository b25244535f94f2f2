/** What happens to an exchange that is slow, given up, repeated, or kept back. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { FlatHeaders, HeadRuling } from '../../src/upstream/upstream.ts';
import { closeBoth, Front, openBoth, withCookies } from './front.ts';
import { client, StandIn, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterEach(closeBoth);

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Kernel buffers on two connections, with room to spare; far below what is offered. */
const MOST_IN_FLIGHT = 24 * 1_048_576;
const OFFERED = 96 * 1_048_576;

/** Writes until the other side no longer takes anything. @returns bytes that were taken. */
async function push(socket: import('node:net').Socket, bytes: number): Promise<number> {
  const piece = Buffer.alloc(65_536, 'x');
  let taken = 0;
  let stalled = false;
  while (taken < bytes && !stalled) {
    taken += piece.length;
    if (!socket.write(piece)) {
      stalled = await Promise.race([
        new Promise<boolean>((resolve) => socket.once('drain', () => resolve(false))),
        new Promise<boolean>((resolve) => setTimeout(resolve, 700, true)),
      ]);
    }
  }
  return taken;
}

test('a client that does not read stops the application, and gets everything once it reads', async () => {
  const { app, front } = await openBoth();
  const browser = await client(front.port);
  browser.socket.pause();
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${OFFERED}\r\n\r\n`);
  const taken = await push(upstream.socket, OFFERED);
  expect(taken).toBeLessThan(MOST_IN_FLIGHT);
  let got = 0;
  browser.socket.removeAllListeners('data');
  browser.socket.on('data', (chunk) => {
    got += chunk.length;
  });
  browser.socket.resume();
  upstream.socket.write(Buffer.alloc(OFFERED - taken, 'x')); // not `push`: a slow machine is no stalled one
  await until(
    () => got > OFFERED,
    () => `the whole answer, ${got} bytes so far`,
    15_000,
  );
});

test('an application that does not read stops the client', async () => {
  const { app, front } = await openBoth();
  app.onConnection = (end) => {
    end.socket.removeAllListeners('data');
    end.socket.pause();
  };
  const browser = await client(front.port);
  browser.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${OFFERED}\r\n\r\n`);
  expect(await push(browser.socket, OFFERED)).toBeLessThan(MOST_IN_FLIGHT);
});

test.each(['before the head', 'in the answer', 'in the upload'])(
  'a client that goes away %s takes the upstream request with it',
  async (when) => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write(when === 'in the upload' ? 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nabc' : GET);
    const upstream = await app.connection();
    await upstream.request();
    if (when === 'in the answer') {
      upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf');
      await browser.has('half');
    }
    browser.socket.destroy();
    await until(() => upstream.closed || upstream.ended, 'the end upstream, at once', 2_000);
    await until(() => front.ends === 1, 'the end of the exchange');
    expect(front.failures).toEqual(when === 'in the answer' ? [] : ['aborted']);
    expect(app.text.split(' HTTP/1.1\r\n')).toHaveLength(2);
  },
);

test('an aborted exchange ends on both sides, at any time and only once', async () => {
  const { app, front } = await openBoth();
  const browser = await client(front.port);
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf');
  await browser.has('half');
  front.running[0]?.abort();
  front.running[0]?.abort();
  await browser.gone();
  await upstream.gone();
  await until(() => front.ends === 1, 'the end of the exchange');
  front.running[0]?.abort();
  expect(front.failures).toEqual([]);
  const second = await client(front.port);
  second.write(GET);
  await (await app.connection(1)).request();
  front.running[1]?.abort();
  await second.has('502');
  expect(front.failures).toEqual(['aborted']);
  expect(front.ends).toBe(2);
});

test('requests that wait for a connection can be aborted and leave the others alone', async () => {
  const { app, front } = await openBoth({ connections: 1 });
  const first = await client(front.port);
  first.write('GET /first HTTP/1.1\r\nHost: x\r\n\r\n');
  const upstream = await app.connection();
  await upstream.request();
  const second = await client(front.port);
  second.write('GET /second HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => front.running.length === 2, 'the second exchange');
  second.socket.destroy();
  await until(() => front.ends === 1, 'its end');
  upstream.write(OK);
  await first.has('ok');
  app.answer(OK);
  first.write('GET /third HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => app.text.includes('/third'), 'the third request');
  upstream.write(OK);
  await until(() => first.text.split('ok').length === 3, 'the third answer');
  expect(app.text).not.toContain('/second');
  expect(app.connections).toHaveLength(1);
});

/** Serves one request on each connection and drops the connection when a second one comes. */
function dropSecond(app: StandIn): void {
  app.onConnection = (end) => {
    let requests = 0;
    end.socket.on('data', () => {
      requests += 1;
      if (requests === 1) end.write(OK);
      else end.socket.destroy();
    });
  };
}

test('a GET on a kept-alive connection that died is sent again; the client sees nothing of it', async () => {
  const { app, front } = await openBoth();
  dropSecond(app);
  const browser = await client(front.port);
  for (let i = 1; i <= 6; i += 1) {
    browser.write(`GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => browser.text.split('ok').length === i + 1, `answer ${i}`);
  }
  expect(front.failures).toEqual([]);
});

test('after two dead connections the third is a fresh one', async () => {
  const { app, front } = await openBoth();
  const browsers = await Promise.all([1, 2, 3, 4].map(() => client(front.port)));
  for (const browser of browsers) browser.write(GET);
  // None is answered before all have come: each has a connection of its own.
  await app.connection(3);
  for (const end of app.connections) {
    await end.request();
    end.socket.on('data', () => end.socket.destroy());
    end.write(OK);
  }
  dropSecond(app);
  for (const browser of browsers) await browser.has('ok');
  const open = app.connections.length;
  expect(open).toBe(4);
  browsers[0]?.write('GET /again HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => browsers[0]?.text.split('ok').length === 3, 'the answer');
  const tries = app.text.split('/again').slice(1);
  expect(tries.map((text) => /^connection: (.*)\r$/im.exec(text)?.[1])).toEqual(['keep-alive', 'keep-alive', 'close']);
  expect(app.connections).toHaveLength(5);
  expect(front.failures).toEqual([]);
});

test('a POST on a kept-alive connection that died is sent once and fails', async () => {
  const { app, front } = await openBoth();
  dropSecond(app);
  const browser = await client(front.port);
  browser.write(GET);
  await browser.has('ok');
  browser.write('POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
  await browser.has('502');
  expect(app.text.split('/once')).toHaveLength(2);
  expect(front.failures).toEqual(['unreachable']);
});

test('a GET with a body, and a GET that kills a fresh connection, are sent once', async () => {
  const { app, front } = await openBoth();
  dropSecond(app);
  const browser = await client(front.port);
  browser.write(GET);
  await browser.has('ok');
  browser.write('GET /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
  await browser.has('502');
  expect(app.text.split('/once')).toHaveLength(2);
  app.onConnection = (end) => end.socket.on('data', () => end.socket.destroy());
  browser.write('GET /deadly HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => front.failures.length === 2, 'the second failure');
  expect(app.text.split('/deadly')).toHaveLength(2);
});

test('a GET whose answer had begun is not sent again', async () => {
  const { app, front } = await openBoth();
  app.onConnection = (end) => {
    let requests = 0;
    end.socket.on('data', () => {
      requests += 1;
      if (requests === 1) end.write(OK);
      else end.socket.end('HTTP/1.1 20');
    });
  };
  const browser = await client(front.port);
  browser.write(GET);
  await browser.has('ok');
  browser.write('GET /once HTTP/1.1\r\nHost: x\r\n\r\n');
  await browser.has('502');
  expect(app.text.split('/once')).toHaveLength(2);
});

test.each([true, false])(
  'a client that waits for 100 gets it once the application takes the body (%s)',
  async (check) => {
    const { app, front } = await openBoth({ checkContinue: check });
    app.onConnection = (end) => {
      end.socket.on('data', () => {
        if (end.text.endsWith('abc')) end.write(OK);
      });
    };
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
    await browser.has('HTTP/1.1 100 Continue\r\n\r\n');
    browser.write('abc');
    await browser.has('ok');
    expect(browser.text.split('100 Continue')).toHaveLength(2);
    expect(app.text.toLowerCase()).not.toContain('expect');
  },
);

test('a client that waits for 100 is not asked for its body when the application is not there', async () => {
  const app = await StandIn.start();
  const front = await Front.start({ url: app.url });
  stops.push(() => front.stop());
  await app.stop();
  const browser = await client(front.port);
  browser.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
  await browser.has('502');
  expect(browser.text).not.toContain('100 Continue');
});

test('an early answer to a running upload arrives, and the connection goes on', async () => {
  const { app, front } = await openBoth();
  const browser = await client(front.port);
  browser.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n');
  browser.write(Buffer.alloc(1_000_000, 'x'));
  const upstream = await app.connection();
  await upstream.request();
  upstream.socket.end('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  await browser.has('413');
  await browser.has('big');
  browser.write(Buffer.alloc(2_000_000, 'x'));
  app.answer(OK);
  browser.write(GET);
  await browser.has('ok');
  expect(app.connections[1]?.text).toMatch(/^GET \/a /);
});

test('an early answer of an application that does not read reaches the client, whose upload runs into the void', async () => {
  const { app, front } = await openBoth();
  app.onConnection = (end) => end.socket.once('data', () => end.socket.pause());
  const browser = await client(front.port);
  const size = 64 * 1_048_576;
  browser.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
  const taken = await push(browser.socket, size);
  expect(taken).toBeLessThan(MOST_IN_FLIGHT);
  (await app.connection()).write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig');
  await browser.has('big');
  expect(await push(browser.socket, size - taken)).toBe(size - taken);
  app.answer(OK);
  browser.write(GET);
  await browser.has('ok');
});

function gate() {
  let settle: (value: { readonly send: FlatHeaders } | 'taken') => void = () => {};
  let fail: (error: Error) => void = () => {};
  const hold = new Promise<{ readonly send: FlatHeaders } | 'taken'>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  return { ruling: { hold } satisfies HeadRuling, settle, fail };
}

test('nothing of a held answer leaves before the ruling, then all of it', async () => {
  const { ruling, settle } = gate();
  const { app, front } = await openBoth({ rule: () => ruling });
  const browser = await client(front.port);
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsec');
  await until(() => front.heads.length === 1, 'the head');
  upstream.write('ret');
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(browser.text).toBe('');
  settle({ send: ['Content-Length', '6', 'X-Ruled', '1'] });
  await browser.has('secret');
  expect(browser.text).toContain('X-Ruled: 1');
  app.answer(OK);
  expect(front.failures).toEqual([]);
});

test('a held answer beyond the bound makes the application wait, and arrives whole after the ruling', async () => {
  const { ruling, settle } = gate();
  const { app, front } = await openBoth({ rule: () => ruling, holdBytes: 1_048_576 });
  const body = randomBytes(32 * 1_048_576);
  const browser = await client(front.port);
  const pieces: Buffer[] = [];
  browser.socket.removeAllListeners('data');
  browser.socket.on('data', (chunk) => pieces.push(chunk));
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
  let sent = false;
  upstream.socket.write(body, () => {
    sent = true;
  });
  await until(() => front.heads.length === 1, 'the head');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sent).toBe(false);
  expect(pieces).toHaveLength(0);
  settle({ send: ['Content-Length', String(body.length)] });
  await until(() => pieces.reduce((sum, piece) => sum + piece.length, 0) > body.length, 'the whole body');
  const whole = Buffer.concat(pieces);
  expect(whole.subarray(whole.indexOf('\r\n\r\n') + 4).equals(body)).toBe(true);
});

test.each(['complete', 'running'])('of an answer that was taken (%s) not a byte leaks', async (how) => {
  const { ruling, settle } = gate();
  let respond: () => void = () => {};
  const { app, front } = await openBoth({
    rule: (_, res) => {
      respond = () => res.writeHead(200, { 'content-length': 4 }).end('mine');
      return ruling;
    },
  });
  const browser = await client(front.port);
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.write('HTTP/1.1 200 OK\r\nSet-Cookie: sid=secret\r\nContent-Length: 6\r\n\r\nsec');
  if (how === 'complete') upstream.write('ret');
  await until(() => front.heads.length === 1, 'the head');
  settle('taken');
  await until(() => front.ends === 1, 'the end of the exchange');
  respond();
  await browser.has('mine');
  if (how === 'running') await upstream.gone();
  expect(browser.text).not.toContain('sec');
  expect(front.failures).toEqual([]);
  app.answer(OK);
});

test('a ruling that fails, or that throws, lets nothing through', async () => {
  const { ruling, fail } = gate();
  const { app, front } = await openBoth({ rule: () => ruling });
  app.answer('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret');
  const browser = await client(front.port);
  browser.write(GET);
  await until(() => front.heads.length === 1, 'the head');
  fail(new Error('whoami is down'));
  await browser.has('502');
  expect(front.failures).toEqual(['malformed']);
  expect(front.ends).toBe(1);
  const throwing = await openBoth({
    rule: () => {
      throw new Error('a bug');
    },
  });
  throwing.app.answer('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret');
  const second = await client(throwing.front.port);
  second.write(GET);
  await second.has('502');
  expect(second.text + browser.text).not.toContain('secret');
});

test('a ruling that could split the head lets nothing through', async () => {
  const { app, front } = await openBoth({
    rule: (head) => ({ send: [...withCookies(head), 'X-A', 'a\r\nSet-Cookie: b=1'] }),
  });
  app.answer('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret');
  const browser = await client(front.port);
  browser.write(GET);
  await browser.has('502');
  expect(browser.text).not.toContain('b=1');
  expect(browser.text).not.toContain('secret');
});

test('an answer that breaks while it is held is an error, never half an answer', async () => {
  const { ruling, settle } = gate();
  const { app, front } = await openBoth({ rule: () => ruling });
  const browser = await client(front.port);
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsec');
  await until(() => front.heads.length === 1 && upstream.closed, 'the cut');
  expect(front.failures).toEqual([]);
  settle({ send: ['Content-Length', '6'] });
  await browser.has('502');
  expect(browser.text).not.toContain('sec');
});

test('a 304 that names the length of its page is passed on', async () => {
  const { app, front } = await openBoth();
  app.answer('HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\nETag: "a"\r\n\r\n');
  const browser = await client(front.port);
  browser.write(GET);
  await browser.has('ETag: "a"');
  browser.write(GET);
  await until(() => browser.text.split('304').length === 3, 'the second answer');
  expect(front.failures).toEqual([]);
});

test('closing ends what still runs', async () => {
  const { app, front } = await openBoth();
  const browser = await client(front.port);
  browser.write(GET);
  const upstream = await app.connection();
  await upstream.request();
  upstream.write('HTTP/1.1 200 OK\r\n\r\nhalf');
  await browser.has('half');
  await expect(front.upstream.reachable(1_000)).resolves.toBe(true);
  await front.upstream.close();
  await browser.gone();
  await upstream.gone();
  await until(() => front.ends === 1, 'the end of the exchange');
});
