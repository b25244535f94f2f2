/**
 * HTTP/2 in front, HTTP/1.1 behind: what an application says, how it ends and how it breaks off, as a client of HTTP/2 sees it, and
 * what the application sees of such a client.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, test } from 'vitest';
import { openUpstream } from '../../src/upstream/http.ts';
import type { Forwarding } from '../../src/upstream/upstream.ts';
import { headersOf } from '../upstream/front.ts';
import { type End, StandIn, until } from '../upstream/wire.ts';
import { answerOf, Http2Client } from './http2-client.ts';
import { FrameClient } from './http2-frames.ts';
import { closeFronts, openFront, PAIR } from './parts.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await closeFronts();
});

async function setUp(how: Pick<Forwarding, 'mayTell'> & { hold?: Promise<unknown> } = { mayTell: () => true }) {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const upstream = openUpstream({ url: app.url });
  stops.push(() => upstream.close());
  const told = { failures: [] as string[], ends: 0 };
  const { port } = await openFront({
    pair: PAIR,
    onRequest: (req, res) => {
      upstream.forward({
        req,
        res,
        target: req.url ?? '/',
        headers: headersOf(req, { framing: 'stream' }),
        ...(how.mayTell === undefined ? {} : { mayTell: how.mayTell }),
        onHead: ({ headers }) =>
          how.hold === undefined ? { send: headers } : { hold: how.hold.then(() => ({ send: headers })) },
        onFailure: ({ code }) => {
          told.failures.push(code);
          if (res.destroyed) return;
          res.writeHead(502, ['Content-Length', '0']);
          res.end();
        },
        onEnd: () => {
          told.ends += 1;
        },
      });
    },
  });
  const http2 = await Http2Client.open(port);
  stops.push(async () => http2.close());
  return { app, http2, port, told };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Interim heads and trailers of a stream, as lists of lines. */
function asidesOf(stream: ClientHttp2Stream): { hints: string[][]; trailers: string[][] } {
  const found = { hints: [] as string[][], trailers: [] as string[][] };
  const list = (into: string[][]) => (_: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    const linesOf = raw.flatMap((name, i) => (i % 2 ? [] : [`${name}: ${raw[i + 1]}`]));
    into.push(linesOf);
  };
  stream.on('headers', list(found.hints));
  stream.on('trailers', list(found.trailers));
  return found;
}

const TOLD =
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: <odd>;;=\r\nX-Hint: \xe9\r\nSet-Cookie: a=1\r\n' +
  'Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 9\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: b=2\r\nx-sum: \xe9\r\nETag: "a"\r\n' +
  'Etag: "b"\r\nContent-Type: text/html\r\n\r\n';

describe('what is said beside an answer', () => {
  test('arrives before and behind it, less cookies, framing and what is hop by hop', async () => {
    const { app, http2 } = await setUp();
    app.answer(TOLD);
    const stream = http2.stream({ ':path': '/' }, true);
    const asides = asidesOf(stream);
    const answer = await answerOf(stream);
    expect(asides.hints).toEqual([[':status: 103', 'link: </a.css>; rel=preload', 'link: <odd>;;=', 'x-hint: \xe9']]);
    expect(answer).toMatchObject({ status: 200, text: 'ok', complete: true });
    expect(asides.trailers).toEqual([['x-sum: 1', 'x-sum: \xe9', 'etag: "a"']]);
  });

  test('comes before an answer that takes its time', async () => {
    const { app, http2 } = await setUp();
    const stream = http2.stream({ ':path': '/' }, true);
    const { hints } = asidesOf(stream);
    const upstream = await app.connection();
    await upstream.request();
    upstream.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
    await until(() => hints.length === 1, 'the hint');
    upstream.write(OK);
    expect(await answerOf(stream)).toMatchObject({ text: 'ok', complete: true });
  });

  test.each([undefined, () => false])('is dropped unless it may be told', async (mayTell) => {
    const { app, http2 } = await setUp(mayTell === undefined ? {} : { mayTell });
    app.answer(TOLD);
    const stream = http2.stream({ ':path': '/' }, true);
    const asides = asidesOf(stream);
    expect(await answerOf(stream)).toMatchObject({ status: 200, text: 'ok', complete: true });
    expect(asides).toEqual({ hints: [], trailers: [] });
  });

  test('is dropped while and after an answer is held', async () => {
    let settle = (_?: unknown): void => {};
    const hold = new Promise((resolve) => {
      settle = resolve;
    });
    const { app, http2, told } = await setUp({ mayTell: () => true, hold });
    app.answer(TOLD.slice(TOLD.indexOf('HTTP/1.1 200')));
    const stream = http2.stream({ ':path': '/' }, true);
    const asides = asidesOf(stream);
    await (await app.connection()).request();
    settle();
    expect(await answerOf(stream)).toMatchObject({ text: 'ok', complete: true });
    expect(asides.trailers).toEqual([]);
    expect(told.failures).toEqual([]);
  });

  test('is heard five times, from an application that gives hints without end', async () => {
    const { app, http2 } = await setUp();
    app.answer(`${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(20)}${OK}`);
    const stream = http2.stream({ ':path': '/' }, true);
    const { hints } = asidesOf(stream);
    expect((await answerOf(stream)).text).toBe('ok');
    expect(hints).toHaveLength(5);
  });

  test('does not bring an answer down that has no body', async () => {
    const { app, http2 } = await setUp();
    for (const [method, answer, status] of [
      ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 200],
      ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
      ['GET', 'HTTP/1.1 304 Not Modified\r\n\r\n', 304],
    ] as const) {
      app.answer(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer}`);
      for (const open of app.connections) open.socket.destroy();
      const stream = http2.stream({ ':path': '/', ':method': method }, true);
      const { hints } = asidesOf(stream);
      expect(await answerOf(stream)).toMatchObject({ status, text: '', complete: true });
      expect(hints).toHaveLength(1);
    }
  });
});

describe('a stream', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\n';

  test.each([
    ['a short length', `${HEAD}Content-Length: 9\r\n\r\nhalf`],
    ['chunks without an end', `${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`],
    ['a broken chunk', `${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nhalfhalf\r\n0\r\n\r\n`],
  ])('whose answer was cut (%s) is reset, and the others of its session go on', async (_, bytes) => {
    const { app, http2 } = await setUp();
    app.onConnection = (end) => {
      end.socket.on('data', () => {
        if (!end.text.includes(' /it ')) return void end.write(OK);
        end.write(bytes);
        end.socket.end();
      });
    };
    const answer = await http2.ask({ ':path': '/it' });
    expect(answer.complete).toBe(false);
    expect(answer.rstCode).toBe(2);
    expect((await http2.ask({ ':path': '/other' })).text).toBe('ok');
  });

  test('gets the head, and each event, when they come; the end of the connection is its end', async () => {
    const { app, http2 } = await setUp();
    const stream = http2.stream({ ':path': '/' }, true);
    let text = '';
    let status = 0;
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const answer = answerOf(stream);
    const upstream = await app.connection();
    await upstream.request();
    upstream.write(`${HEAD}Content-Type: text/event-stream\r\n\r\n`);
    await until(() => status === 200, 'the head');
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      upstream.write(event);
      await until(() => text.endsWith(event), event);
    }
    upstream.socket.end();
    expect(await answer).toMatchObject({ text: 'data: 1\n\ndata: 2\n\n', complete: true });
  });

  test.each<[string, (stream: ClientHttp2Stream, http2: Http2Client) => void]>([
    ['resets it', (stream) => stream.close(8)],
    ['loses its connection', (_, http2) => http2.lose()],
  ])('whose client %s takes its request to the application with it', async (_, leave) => {
    for (const when of ['before the head', 'in the answer'] as const) {
      const { app, http2, told } = await setUp();
      const stream = http2.stream({ ':path': '/' }, true);
      const upstream = await app.connection();
      await upstream.request();
      if (when === 'in the answer') {
        upstream.write(`${HEAD}Content-Length: 9\r\n\r\nhalf`);
        await new Promise((resolve) => stream.once('data', resolve));
      }
      leave(stream, http2);
      await upstream.gone();
      await until(() => told.ends === 1, 'the end of the exchange');
      expect(told.failures).toEqual(when === 'in the answer' ? [] : ['aborted']);
    }
  });

  // Node's own client would end the body before it resets the stream.
  test.each<[string, (frames: FrameClient) => void]>([
    ['resets it', (frames) => frames.reset(1, 8)],
    ['resets it without an error', (frames) => frames.reset(1, 0)],
    ['loses its connection', (frames) => frames.close()],
  ])('whose client %s in an upload never looks complete to the application', async (_, leave) => {
    const { app, port, told } = await setUp();
    const frames = await FrameClient.open(port);
    stops.push(async () => frames.close());
    frames.post(1);
    frames.data(1, 'half');
    const upstream = await app.connection();
    await upstream.has('half');
    leave(frames);
    await upstream.gone();
    await until(() => told.ends === 1, 'the end of the exchange');
    expect(told.failures).toEqual(['aborted']);
    expect(upstream.text).not.toContain('0\r\n\r\n');
  });

  test('whose application breaks off before its answer is a 502', async () => {
    const { app, http2, told } = await setUp();
    app.onConnection = (end: End) => end.socket.once('data', () => end.socket.resetAndDestroy());
    const stream = http2.stream({ ':path': '/', ':method': 'POST' });
    stream.write('half');
    const answer = await answerOf(stream);
    expect([answer.status, told.failures]).toEqual([502, ['unreachable']]);
  });

  test('whose answer is early gets it, and is told to send no more', async () => {
    const { app, http2, told } = await setUp();
    const stream = http2.stream({ ':path': '/', ':method': 'POST' });
    stream.write(Buffer.alloc(200_000));
    const upstream = await app.connection();
    await upstream.request();
    upstream.write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig');
    const answer = await answerOf(stream);
    expect(answer).toMatchObject({ status: 413, text: 'big' });
    await until(() => told.ends === 1, 'the end of the exchange');
    await upstream.gone();
    expect(upstream.text).not.toMatch(/0\r\n\r\n$/);
  });

  test('whose client does not read makes the application wait, and gets everything once it reads', async () => {
    const { app, http2 } = await setUp();
    const size = 64 * 1_048_576;
    const stream = http2.stream({ ':path': '/' }, true);
    const upstream = await app.connection();
    await upstream.request();
    upstream.write(`${HEAD}Content-Length: ${size}\r\n\r\n`);
    await new Promise((resolve) => stream.once('response', resolve));
    let sent = 0;
    const piece = Buffer.alloc(65_536);
    const fill = (): void => {
      while (sent < size && upstream.socket.writableLength === 0) {
        sent += piece.length;
        upstream.socket.write(piece);
      }
    };
    upstream.socket.on('drain', fill);
    fill();
    // The buffers of two connections and of the stream are full when nothing has moved for a while.
    for (let last = -1, still = 0; still < 30; last = sent) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      still = sent === last ? still + 1 : 0;
    }
    expect(sent).toBeLessThan(size / 2);
    let got = 0;
    stream.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    await until(
      () => got === size,
      () => `the rest, ${got} bytes so far`,
      15_000,
    );
  });
});
