/** A form that is sent again: the head of the request that asks for it, over HTTP/1.1 and HTTP/2, with nothing of its own body. */
import type { IncomingMessage } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { requestAgain } from '../../src/request/again.ts';
import { rawBytes, rawRequest } from '../fakes/raw-http.ts';
import { Http2Client } from '../listen/http2-client.ts';
import { closeFronts, openFront, PAIR } from '../listen/parts.ts';

afterEach(closeFronts);

const FORM = {
  target: '/users?id=17',
  type: 'text/x; a="b"',
  referer: 'https://own/page',
  body: Buffer.from([97, 0, 255]),
};

interface Seen {
  readonly again: IncomingMessage;
  readonly body: Buffer;
}

/** @returns what becomes of each request, in order */
async function front(
  form: Parameters<typeof requestAgain>[1],
  over2: boolean,
): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const { port } = await openFront({
    ...(over2 ? { pair: PAIR } : {}),
    onRequest: (req, res) => {
      req.resume();
      req.on('end', async () => {
        const again = requestAgain(req, form);
        const chunks: Buffer[] = [];
        for await (const chunk of again) chunks.push(chunk);
        seen.push({ again, body: Buffer.concat(chunks) });
        res.end('sent');
      });
    },
  });
  return { port, seen };
}

function expectForm(one: Seen | undefined): void {
  if (one === undefined) throw new Error('nothing came');
  const { again, body } = one;
  expect([again.method, again.url, body.equals(FORM.body)]).toEqual(['POST', FORM.target, true]);
  expect(again.headers).toMatchObject({
    host: 'own',
    cookie: 'a=1; b=2',
    origin: 'https://own',
    referer: FORM.referer,
    'content-type': FORM.type,
    'content-length': '3',
  });
  for (const name of ['transfer-encoding', 'content-language', 'expect']) expect(again.headers[name]).toBeUndefined();
  const raw = again.rawHeaders.map((text) => text.toLowerCase());
  const names = raw.filter((_text, i) => i % 2 === 0);
  expect(names.filter((name) => name.startsWith('content-'))).toEqual(['content-type', 'content-length']);
  expect(raw[raw.indexOf('referer') + 1]).toBe(FORM.referer);
  expect(again.headersDistinct['content-type']).toEqual([FORM.type]);
  expect(again.complete).toBe(true);
  expect(again.socket.remoteAddress).toBe('127.0.0.1');
}

it('over HTTP/1.1, on a connection that goes on', async () => {
  const { port, seen } = await front(FORM, false);
  const head: [string, string][] = [
    ['Host', 'own'],
    ['Cookie', 'a=1; b=2'],
    ['Origin', 'https://own'],
    ['Referer', 'https://own/_2fa/resume'],
    ['Content-Type', 'application/x-www-form-urlencoded'],
    ['Content-Language', 'en'],
  ];
  expect((await rawRequest(port, rawBytes('POST', '/users?id=17', head, 'token=1'))).text).toBe('sent');
  expectForm(seen[0]);
});

it('over HTTP/2', async () => {
  const { port, seen } = await front(FORM, true);
  const client = await Http2Client.open(port);
  const answer = await client.ask(
    {
      ':method': 'POST',
      ':path': '/users?id=17',
      ':authority': 'own',
      cookie: ['a=1', 'b=2'],
      origin: 'https://own',
      referer: 'https://own/_2fa/resume',
      'content-type': 'application/x-www-form-urlencoded',
      'content-language': 'en',
    },
    'token=1',
  );
  expect(answer.text).toBe('sent');
  expectForm(seen[0]);
  client.close();
});

it('without a type, a page and a body has none of them', async () => {
  const { port, seen } = await front({ target: '/x', body: Buffer.alloc(0) }, false);
  await rawRequest(port, rawBytes('POST', '/x', [['Host', 'own']], 'token=1'));
  expect(seen[0]?.again.headers).toEqual({ host: 'own', 'content-length': '0' });
  expect(seen[0]?.body.length).toBe(0);
});
