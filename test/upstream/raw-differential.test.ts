/**
 * Two readers of the same bytes: ours may refuse what node:http takes, but what it takes must be what node:http takes. An answer
 * that two servers read in two ways is how one user gets another's (attack 73).
 */
import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawConnection } from '../fakes/raw-http.ts';
import { Front } from './front.ts';
import { StandIn } from './wire.ts';

let app: StandIn;
let front: Front;
beforeAll(async () => {
  app = await StandIn.start();
  front = await Front.start({ url: app.url });
});
afterAll(async () => {
  await front.stop();
  await app.stop();
});

const line = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.constantFrom('Date: x', 'X-A:b', 'x-a: \t c \t', 'X-Empty:', 'Connection: close', 'X-B: \xe9'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'Connection: keep-alive',
      'Connection: Upgrade',
      'Transfer-Encoding: gzip',
      'Content-Length: 1',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'X-A : b',
      ' X: folded',
      'X-A',
      ': b',
      'X-A: b\rc',
      'X-A: b\nc',
      'X\0: b',
      'Content-Length: +1',
    ),
  },
);
const body = fc.stringMatching(/^[a-z0-9\r\n]{0,60}$/);
const framing = fc.constantFrom(
  'length',
  'length',
  'chunks',
  'chunks',
  'chunks and trailers',
  'connection',
  'short',
  'long',
);

/** One answer, mostly in order. */
const answer = fc
  .record({
    version: fc.constantFrom(...Array<string>(12).fill('HTTP/1.1'), 'HTTP/1.0', 'HTTP/1.0', 'HTTP/1.2'),
    status: fc.constantFrom(200, 200, 200, 200, 302, 404, 500, 204, 304, 103),
    before: fc.array(line, { maxLength: 3 }),
    after: fc.array(line, { maxLength: 2 }),
    framing,
    body,
    pieces: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
  })
  .map((one) => {
    const { framing: how } = one;
    const length = one.body.length + (how === 'short' ? 2 : how === 'long' ? -2 : 0);
    const isChunked = how.startsWith('chunks');
    const frame = how === 'connection' ? [] : [isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`];
    const head = [`${one.version} ${one.status} OK`, ...one.before, ...frame, ...one.after, '', ''].join('\r\n');
    if (!isChunked) return head + one.body;
    let chunks = '';
    for (let at = 0, i = 0; at < one.body.length; i += 1) {
      const piece = one.body.slice(at, at + (one.pieces[i % one.pieces.length] ?? 1));
      chunks += `${piece.length.toString(16)}\r\n${piece}\r\n`;
      at += piece.length;
    }
    return `${head}${chunks}0\r\n${how === 'chunks' ? '' : 'X-T: 1\r\n'}\r\n`;
  });

/** A byte or two that went wrong on the way. */
const damage = fc.oneof(
  fc.constant([]),
  fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      how: fc.constantFrom('cut', 'drop', 'put'),
      byte: fc.constantFrom('\r', '\n', ' ', '0', ';', ':', '\0', 'f', '-'),
    }),
    { maxLength: 2 },
  ),
);

function damaged(bytes: string, changes: readonly { at: number; how: string; byte: string }[]): string {
  let text = bytes;
  for (const { at, how, byte } of changes) {
    const where = Math.floor(at * text.length);
    if (how === 'cut') text = text.slice(0, where);
    else text = `${text.slice(0, where)}${how === 'put' ? byte : ''}${text.slice(where + (how === 'drop' ? 1 : 0))}`;
  }
  return text;
}

/** Serves these bytes to the next request of each connection, in pieces, and closes. */
function serve(bytes: string, sizes: readonly number[]): void {
  app.onConnection = (end) => {
    end.socket.setNoDelay(true);
    end.socket.once('data', async () => {
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = sizes[i % sizes.length] ?? 1;
        end.write(bytes.slice(at, at + size));
        at += size;
        if (i < 20) await new Promise((resolve) => setImmediate(resolve));
      }
      end.socket.end();
    });
  };
}

interface Reading {
  readonly status: number;
  readonly body: string;
  readonly told: string;
}

/** The headers of a test that have nothing to do with framing. */
function told(raw: readonly string[]): string {
  const pairs: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (/^x-/i.test(raw[i] ?? '')) pairs.push(`${raw[i]}: ${raw[i + 1]?.trim()}`);
  return pairs.join('\n');
}

/** What node:http makes of it; `undefined` when it is none, or not whole. */
function byNode(method: string): Promise<Reading | undefined> {
  return new Promise((resolve) => {
    const req = request({ port: app.port, host: '127.0.0.1', method, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', () => {});
      res.on('close', () => {
        const text = Buffer.concat(chunks).toString('latin1');
        resolve(res.complete ? { status: res.statusCode ?? 0, body: text, told: told(res.rawHeaders) } : undefined);
      });
    });
    req.on('error', () => resolve(undefined));
    req.on('upgrade', (_res, socket) => {
      socket.destroy();
      resolve(undefined);
    });
    req.end();
  });
}

/** What a client of the gateway gets of it. */
async function byUs(method: string): Promise<Reading | undefined> {
  const failures = front.failures.length;
  const connection = await RawConnection.open(front.port);
  try {
    const found = await connection.exchange(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`);
    if (front.failures.length > failures) return undefined;
    return { status: found.status, body: found.body.toString('latin1'), told: told(found.headers.flat()) };
  } catch {
    return undefined;
  } finally {
    connection.destroy();
  }
}

/** What comes behind an answer may be an error to node:http, and is never read by us: then an earlier end must give the same. */
async function shownToNode(text: string, sizes: readonly number[], method: string, ours: Reading): Promise<unknown> {
  serve(text, sizes);
  const all = await byNode(method);
  if (all !== undefined) return all;
  for (let end = text.length - 1; end > 0; end -= 1) {
    serve(text.slice(0, end), [end]);
    const some = await byNode(method);
    if (some !== undefined && JSON.stringify(some) === JSON.stringify(ours)) return some;
  }
  return undefined;
}

test('what is taken as a whole answer, node:http takes as the same one', async () => {
  let whole = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      answer,
      damage,
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom('GET', 'GET', 'HEAD'),
      async (bytes, changes, sizes, method) => {
        const text = damaged(bytes, changes);
        serve(text, sizes);
        const ours = await byUs(method);
        if (ours === undefined) {
          refused += 1;
          return;
        }
        whole += 1;
        expect(await shownToNode(text, sizes, method, ours), JSON.stringify(text)).toEqual(ours);
      },
    ),
    { numRuns: 300 },
  );
  expect([whole > 30, refused > 30]).toEqual([true, true]); // it was about both
}, 60_000);
