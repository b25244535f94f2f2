/**
 * The bytes of an answer, as an application may really send them: where each ends, what is broken, and what of it can never
 * become part of another. Raw sockets on both sides; whole in one packet and byte by byte must come to the same.
 */
import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { cut } from '../../src/upstream/cut.ts';
import { RawConnection, RawHttpError } from '../fakes/raw-http.ts';
import { ca, cert, key } from './certificates.ts';
import { Front, type FrontOptions } from './front.ts';
import { client, type End, lines, portOf, StandIn, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Writes in one packet, or each byte on its own. */
type Pace = (end: End, bytes: string) => Promise<void>;

const atOnce: Pace = async (end, bytes) => end.write(bytes);
const byteByByte: Pace = async (end, bytes) => {
  for (const byte of bytes) {
    end.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const OTHER = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother';

interface Script {
  readonly bytes: string;
  /** What the application does behind them. */
  readonly then?: 'stay' | 'fin' | 'rst' | undefined;
  readonly pace?: Pace;
}

/** An application that answers `/it` as scripted, and any other request with `other`. */
async function setUp({ bytes, then = 'stay', pace = atOnce }: Script, options: Partial<FrontOptions> = {}) {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const front = await Front.start({ url: app.url, ...options });
  stops.push(() => front.stop());
  app.onConnection = (end) => {
    end.socket.setNoDelay(true);
    let seen = 0;
    end.socket.on('data', () => {
      const heads = end.text.split('\r\n\r\n');
      for (; seen < heads.length - 1; seen += 1) {
        if (!heads[seen]?.includes(' /it ')) end.write(OTHER);
        else {
          void pace(end, bytes).then(() => {
            if (then === 'fin') end.socket.end();
            else if (then === 'rst') cut(end.socket); // `resetAndDestroy` would send a FIN before it
          });
        }
      }
    });
  };
  return { app, front };
}

/** Status and body, or `cut` when the connection ended before the answer did. */
async function ask(port: number, path: string, method = 'GET'): Promise<string> {
  const connection = await RawConnection.open(port);
  try {
    const answer = await connection.exchange(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return `${answer.status} ${answer.body.toString('latin1')}`;
  } catch (error) {
    if (error instanceof RawHttpError && connection.isClosed) return 'cut';
    throw error;
  } finally {
    connection.destroy();
  }
}
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const paces: [name: string, pace: Pace][] = [
  ['in one packet', atOnce],
  ['byte by byte', byteByByte],
];

describe.each(paces)('the end of an answer is found, %s', (_, pace) => {
  test.each<[how: string, bytes: string, then: Script['then'], outcome: string]>([
    ['by its length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'stay', '200 ok'],
    ['by a length of nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'stay', '200 '],
    ['without a reason', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', 'stay', '200 ok'],
    ['with an empty reason', 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', 'stay', '200 ok'],
    ['by its last chunk', `${CHUNKED}2\r\no\n\r\n1\r\nk\r\n0\r\n\r\n`, 'stay', '200 o\nk'],
    ['behind chunk extensions', `${CHUNKED}2;a="b"\r\nok\r\n0;c\r\n\r\n`, 'stay', '200 ok'],
    ['behind sizes with zeros and capitals', `${CHUNKED}00A\r\n0123456789\r\n000\r\n\r\n`, 'stay', '200 0123456789'],
    ['behind trailers', `${CHUNKED}2\r\nok\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n`, 'stay', '200 ok'],
    ['with the connection', 'HTTP/1.1 200 OK\r\n\r\nok', 'fin', '200 ok'],
    ['with the connection, empty', 'HTTP/1.1 200 OK\r\n\r\n', 'fin', '200 '],
    ['with the connection of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok', 'fin', '200 ok'],
    ['by a length, with the connection', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'fin', '200 ok'],
    ['by a last chunk, with the connection', `${CHUNKED}2\r\nok\r\n0\r\n\r\n`, 'fin', '200 ok'],
    ['by a length in HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'stay', '200 ok'],
    [
      'behind interim answers, asked for or not',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\nContent-Length: 9\r\n\r\nHTTP/1.1 199 X\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      'stay',
      '200 ok',
    ],
    ['with a head alone: 204', 'HTTP/1.1 204 No Content\r\n\r\n', 'stay', '204 '],
    ['with a head alone: 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', 'stay', '304 '],
  ])('%s', async (_how, bytes, then, outcome) => {
    const { front } = await setUp({ bytes, then, pace });
    expect(await ask(front.port, '/it')).toBe(outcome);
    expect(await ask(front.port, '/other')).toBe('200 other');
    expect(front.failures).toEqual([]);
  });
});

describe.each(paces)('what is no answer is never given as one, %s', (_, pace) => {
  const CUT = ['502 ', 'cut'];
  const ok = (lines: string): string => `HTTP/1.1 200 OK\r\n${lines}\r\nok`;
  test.each<[what: string, bytes: string, then?: Script['then'], others?: readonly string[]]>([
    ['nothing', '', 'fin'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le', 'fin'],
    ['half a head, reset', 'HTTP/1.1 200 OK\r\nContent-Le', 'rst'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
    ['an interim answer alone', 'HTTP/1.1 102 Processing\r\n\r\n', 'fin'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['another version', 'HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a version that is none', 'HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a blank before it', ' HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a blank before the colon', ok('Content-Length : 2\r\n')],
    ['a line without a colon', ok('X-A\r\nContent-Length: 2\r\n')],
    ['a line without a name', ok(': a\r\nContent-Length: 2\r\n')],
    ['a name with a bracket', ok('X(A): a\r\nContent-Length: 2\r\n')],
    ['a name beyond ASCII', ok('X\xe9: a\r\nContent-Length: 2\r\n')],
    ['a folded line', ok('X-A: a\r\n b\r\nContent-Length: 2\r\n')],
    ['lines that end in LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
    ['a length with a sign', ok('Content-Length: +2\r\n')],
    ['a length in pieces', ok('Content-Length: 2 2\r\n')],
    ['a length in hex', ok('Content-Length: 0x2\r\n')],
    ['an empty length', ok('Content-Length: \r\n'), 'fin'],
    ['a length beyond all numbers', ok('Content-Length: 99999999999999999999999\r\n'), 'fin'],
    ['a length that doubles cannot hold', ok('Content-Length: 9007199254740993\r\n'), 'fin'],
    ['two lengths', ok('Content-Length: 2\r\nContent-Length: 1\r\n')],
    ['a negative chunk', `${CHUNKED}-2\r\nok\r\n0\r\n\r\n`],
    ['a chunk beyond all numbers', `${CHUNKED}ffffffffffffffffff2\r\nok\r\n0\r\n\r\n`],
    ['a chunk without a size', `${CHUNKED}\r\nok\r\n0\r\n\r\n`],
    ['a chunk in other digits', `${CHUNKED}0x2\r\nok\r\n0\r\n\r\n`],
    ['a chunk longer than it says', `${CHUNKED}2\r\nokay\r\n0\r\n\r\n`],
    ['a blank before a chunk', `${CHUNKED} 2\r\nok\r\n0\r\n\r\n`],
    ['chunks that end in LF', `${CHUNKED}2\nok\n0\n\n`],
    ['a trailer that is none', `${CHUNKED}2\r\nok\r\n0\r\nnonsense\r\n\r\n`],
    ['chunks without the last line', `${CHUNKED}2\r\nok\r\n0\r\n`, 'fin'],
    ['chunks without the last chunk', `${CHUNKED}2\r\nok\r\n`, 'fin'],
    ['chunks that stop in a size', `${CHUNKED}2\r\nok\r\n1`, 'fin'],
    ['less than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok', 'fin'],
    // Chunks win over a length or the answer is refused; the length never wins (RFC 9112 6.3).
    [
      'a length beside chunks',
      ok('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n').replace(/ok$/, '3\r\nyes\r\n0\r\n\r\n'),
      'stay',
      ['200 yes'],
    ],
  ])('%s', async (_what, bytes, then = 'stay', others = []) => {
    const { app, front } = await setUp({ bytes, then, pace });
    expect([...CUT, ...others]).toContain(await ask(front.port, '/it'));
    expect(await ask(front.port, '/other')).toBe('200 other');
    // Nothing more is ever said on a connection that was not understood, and nothing is asked again.
    expect(app.text.split('GET /it ')).toHaveLength(2);
    expect(app.connections[0]?.text).not.toContain('/other');
  });
});

describe('bytes behind an answer never become the answer to the next request', () => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';

  test.each(paces)('when they come with it, %s', async (_, pace) => {
    for (const [method, bytes] of [
      ['GET', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${poison}`],
      ['GET', `${CHUNKED}2\r\nok\r\n0\r\n\r\n${poison}`],
      ['HEAD', `HTTP/1.1 200 OK\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`],
      ['HEAD', `${CHUNKED}${poison}`],
      ['GET', `HTTP/1.1 204 No Content\r\n\r\n${poison}`],
      ['GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`],
      ['GET', `HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n${poison}`],
    ] as const) {
      const { app, front } = await setUp({ bytes, pace });
      expect(await ask(front.port, '/it', method), bytes).toMatch(/^(?:200 (?:ok)?|204 |304 )$/);
      expect(await ask(front.port, '/other'), bytes).toBe('200 other');
      expect(app.connections[0]?.text, bytes).not.toContain('/other');
    }
  });

  test('when they come later, on a connection that nobody uses', async () => {
    for (const [bytes, then] of [
      [poison, 'stay'],
      ['HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 'fin'],
      ['HTTP/1.1 200 OK\r\nContent-Le', 'stay'],
    ] as const) {
      const { app, front } = await setUp({ bytes: '' });
      expect(await ask(front.port, '/other')).toBe('200 other');
      const idle = await app.connection();
      idle.write(bytes);
      if (then === 'fin') idle.socket.end();
      await until(() => idle.ended || idle.closed, 'the gateway to give the connection up');
      expect(await ask(front.port, '/other'), bytes).toBe('200 other');
      expect(front.failures, bytes).toEqual([]);
    }
  });

  test('nor does what an application answers to a request that was given up', async () => {
    const { app, front } = await setUp({ bytes: '' });
    const browser = await client(front.port);
    browser.write('GET /it HTTP/1.1\r\nHost: x\r\n\r\n');
    const upstream = await app.connection();
    await upstream.request();
    browser.socket.destroy();
    await until(() => front.ends === 1, 'the end of the exchange');
    upstream.write(poison);
    expect(await ask(front.port, '/other')).toBe('200 other');
    expect(upstream.text).not.toContain('/other');
  });
});

describe('a connection to the application', () => {
  test.each<[string, string, 'kept' | 'left']>([
    ['after a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'kept'],
    ['after a last chunk', `${CHUNKED}2\r\nok\r\n0\r\n\r\n`, 'kept'],
    ['after a 204', 'HTTP/1.1 204 No Content\r\n\r\n', 'kept'],
    [
      'after keep-alive in HTTP/1.0',
      'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok',
      'kept',
    ],
    ['after close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 'left'],
    ['after Close among others', 'HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok', 'left'],
    [
      'after close in a second line',
      'HTTP/1.1 200 OK\r\nConnection: x\r\nconnection: close\r\nContent-Length: 2\r\n\r\nok',
      'left',
    ],
    ['after close in a 204', 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n', 'left'],
    ['after HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'left'],
  ])('%s is used again or not', async (_, bytes, fate) => {
    const { app, front } = await setUp({ bytes });
    await ask(front.port, '/it');
    expect(await ask(front.port, '/other')).toBe('200 other');
    expect(app.connections).toHaveLength(fate === 'kept' ? 1 : 2);
    if (fate === 'left') await until(() => app.connections[0]?.ended === true, 'the gateway to close its side');
  });

  test('after an answer that is early is not used again: the application still waits for the body', async () => {
    const { app, front } = await setUp({ bytes: 'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno' });
    const browser = await client(front.port);
    browser.write('POST /it HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nhalf');
    await browser.has('\r\n\r\nno');
    expect(await ask(front.port, '/other')).toBe('200 other');
    expect(app.connections[0]?.text).not.toContain('/other');
    expect(app.text.split('POST /it')).toHaveLength(2);
  });
});

test.each(paces)('the head of an answer keeps every line, and value by value, %s', async (_, pace) => {
  const { front } = await setUp({
    bytes:
      'HTTP/1.1 299 Not  Quite \xe9\r\nX-A:a\r\nx-a:\t b\tc \t\r\nX-Empty:\r\nX-a: \xff\xe9, "d: e"\r\nContent-Length: 2\r\n\r\nok',
    pace,
  });
  const browser = await client(front.port);
  browser.write('GET /it HTTP/1.1\r\nHost: x\r\n\r\n');
  await browser.has('\r\n\r\nok');
  expect(browser.text).toMatch(/^HTTP\/1\.1 299 Not {2}Quite \xe9\r\n/);
  const got = lines(browser.text).map((line) => line.trimEnd());
  expect(got.slice(0, 5)).toEqual(['X-A: a', 'x-a: b\tc', 'X-Empty:', 'X-a: \xff\xe9, "d: e"', 'Content-Length: 2']);
});

test('the head of an answer is bounded: 32 kB pass, more than 64 kB are a 502', async () => {
  const long = (bytes: number): string =>
    `HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(994)}\r\n`.repeat(bytes / 1_000)}Content-Length: 2\r\n\r\nok`;
  const small = await setUp({ bytes: long(32_000) });
  const browser = await client(small.front.port);
  browser.write('GET /it HTTP/1.1\r\nHost: x\r\n\r\n');
  await browser.has('\r\n\r\nok');
  expect(browser.text.split('X-A: ')).toHaveLength(33);
  const large = await setUp({ bytes: long(80_000) });
  expect(await ask(large.front.port, '/it')).toBe('502 ');
  expect(await ask(large.front.port, '/other')).toBe('200 other');
});

test.each(['chunks', 'a length', 'the connection'])(
  '3 MB arrive as they are, in pieces of any size, framed by %s',
  async (framing) => {
    const { app, front } = await setUp({ bytes: '' });
    const body = randomBytes(3_000_000);
    const browser = await client(front.port);
    browser.write('GET /it HTTP/1.0\r\n\r\n'); // no chunks to this client: what it gets is the body
    const upstream = await app.connection();
    await upstream.request();
    const head = { chunks: CHUNKED, 'a length': `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n` };
    const pieces: Buffer[] = [Buffer.from(framing in head ? Reflect.get(head, framing) : 'HTTP/1.1 200 OK\r\n\r\n')];
    for (let at = 0, size = 1; at < body.length; at += size, size = (size * 7 + 3) % 40_009 || 1) {
      const piece = body.subarray(at, at + size);
      if (framing === 'chunks')
        pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
      else pieces.push(piece);
    }
    if (framing === 'chunks') pieces.push(Buffer.from('0\r\n\r\n'));
    const bytes = Buffer.concat(pieces);
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 5 + 1) % 70_001 || 1) {
      if (!upstream.socket.write(bytes.subarray(at, at + size))) {
        await new Promise<void>((resolve) => upstream.socket.once('drain', () => resolve()));
      }
    }
    if (framing === 'the connection') upstream.socket.end();
    await browser.gone();
    expect(browser.received.subarray(browser.received.indexOf('\r\n\r\n') + 4).equals(body)).toBe(true);
  },
);

describe('over TLS', () => {
  /** An application with TLS, and in front of it whoever may end the connection without a word about it. */
  async function setUpTls(answer: string) {
    const inside = new Set<Socket>();
    const secure = createTlsServer({ cert, key }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.write(answer));
      inside.add(socket);
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const outside: Socket[] = [];
    const between = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect(portOf(secure), '127.0.0.1');
      near.on('data', (chunk) => far.write(chunk));
      far.on('data', (chunk) => near.write(chunk));
      far.on('end', () => near.end());
      for (const socket of [near, far]) socket.on('error', () => socket.destroy());
      outside.push(near);
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    const front = await Front.start({ url: `https://127.0.0.1:${portOf(between)}`, ca });
    stops.push(async () => {
      await front.stop();
      for (const socket of [...inside, ...outside]) socket.destroy();
      await Promise.all([secure, between].map((server) => new Promise((resolve) => server.close(resolve))));
    });
    const browser = await client(front.port);
    browser.write('GET /it HTTP/1.1\r\nHost: x\r\n\r\n');
    await browser.has('half');
    return { browser, front, inside, outside };
  }

  test.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'],
    ['chunks', `${CHUNKED}4\r\nhalf\r\n`],
  ])('an answer with %s that ends without a word (close_notify) is cut', async (_, answer) => {
    const { browser, front, outside } = await setUpTls(answer);
    for (const socket of outside) socket.end();
    await browser.gone();
    expect(browser.text).not.toContain('\r\n0\r\n');
    await until(() => front.ends === 1, 'the end of the exchange');
    expect(front.failures).toEqual([]);
  });

  test('an answer that lasts until the connection ends is whole after a regular end, and cut by a reset', async () => {
    const whole = await setUpTls('HTTP/1.1 200 OK\r\n\r\nhalf');
    for (const socket of whole.inside) socket.end();
    await whole.browser.has('\r\n0\r\n\r\n');
    const broken = await setUpTls('HTTP/1.1 200 OK\r\n\r\nhalf');
    for (const socket of broken.outside) cut(socket);
    await broken.browser.gone();
    expect(broken.browser.text).not.toContain('\r\n0\r\n');
  });
});
