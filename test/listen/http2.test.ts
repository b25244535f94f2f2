import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { answerOf, Http2Client } from './http2-client.ts';
import { FrameClient } from './http2-frames.ts';
import { closeFronts, type FrontParts, openFront, PAIR } from './parts.ts';

const clients: Http2Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await closeFronts();
});

async function setUp(onRequest: FrontParts['onRequest'], parts: FrontParts = {}) {
  const front = await openFront({ pair: PAIR, ...parts, ...(onRequest === undefined ? {} : { onRequest }) });
  const client = await Http2Client.open(front.port);
  clients.push(client);
  return { ...front, client };
}

/** What the gateway sees of a request. */
async function seen(headers: Record<string, string | string[]>, body?: string): Promise<IncomingMessage> {
  let request: IncomingMessage | undefined;
  const { client } = await setUp((req, res) => {
    request = req;
    req.resume();
    res.end('ok');
  });
  await client.ask(headers, body);
  if (request === undefined) throw new Error('no request came');
  return request;
}

describe('a request', () => {
  test('has one Host, made of :authority, and no pseudo header', async () => {
    const req = await seen({ ':path': '/a?b', ':authority': 'Lucy.test', 'x-a': '1' });
    expect(req.method).toBe('GET');
    expect(req.url).toBe('/a?b');
    expect(req.rawHeaders).toEqual(['host', 'Lucy.test', 'x-a', '1']);
    expect({ ...req.headers }).toEqual({ host: 'Lucy.test', 'x-a': '1' });
  });

  test('with a Host of the same name has one', async () => {
    const req = await seen({ ':path': '/', ':authority': 'lucy.test', host: 'LUCY.test' });
    expect(req.rawHeaders).toEqual(['host', 'lucy.test']);
  });

  test('with a Host of another name has two, which the scope refuses', async () => {
    const req = await seen({ ':path': '/', ':authority': 'lucy.test', host: 'evil.test' });
    expect(req.rawHeaders).toEqual(['host', 'lucy.test', 'host', 'evil.test']);
  });

  test('has one Cookie line, whatever crumbs it came in', async () => {
    const req = await seen({ ':path': '/', cookie: ['a=1', 'b=2; c=3'] });
    expect(req.headers.cookie).toBe('a=1; b=2; c=3');
    expect(req.rawHeaders.filter((one) => one === 'cookie')).toHaveLength(1);
  });

  test('keeps duplicates, their order, and bytes above 0x7f', async () => {
    const req = await seen({ ':path': '/', 'x-a': ['1', '2'], 'x-b': 'caf\u00e9' });
    expect(req.rawHeaders.slice(2)).toEqual(['x-a', '1', 'x-a', '2', 'x-b', 'caf\u00e9']);
    expect(req.headersDistinct['x-a']).toEqual(['1', '2']);
  });

  test('without a length says that a body follows, and only then', async () => {
    expect((await seen({ ':path': '/', ':method': 'POST' }, 'body')).headers['transfer-encoding']).toBe('chunked');
    const withLength = await seen({ ':path': '/', ':method': 'POST', 'content-length': '4' }, 'body');
    expect(withLength.rawHeaders.slice(2)).toEqual(['content-length', '4']);
    expect((await seen({ ':path': '/', ':method': 'POST' })).rawHeaders).toHaveLength(2);
  });

  test('knows whose connection it is on, and that it is encrypted', async () => {
    const { socket } = await seen({ ':path': '/' });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect('encrypted' in socket).toBe(true);
  });

  test.each([
    ['Connection', { connection: 'close' }],
    ['Transfer-Encoding', { 'transfer-encoding': 'chunked' }],
    ['Upgrade', { upgrade: 'websocket' }],
  ])('with %s does not come', async (_, headers) => {
    let came = 0;
    const { client } = await setUp((_req, res) => {
      came += 1;
      res.end();
    });
    await expect(
      client.ask({ ':path': '/', ...headers }).then(({ rstCode }) => {
        throw new Error(`reset ${rstCode}`);
      }),
    ).rejects.toThrow();
    expect(came).toBe(0);
  });

  test('with CONNECT is refused', async () => {
    const { client } = await setUp(undefined);
    const { status } = await client.ask({ ':method': 'CONNECT', ':authority': 'other.test:443' });
    expect(status).toBe(405);
  });
});

describe('a body', () => {
  test.each([8, 0])('of an upload that was reset with code %i never looks complete', async (code) => {
    const events: string[] = [];
    let began = (): void => {};
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    let over = (): void => {};
    const closed = new Promise<void>((resolve) => {
      over = resolve;
    });
    const { port } = await setUp((req, res) => {
      req.on('data', () => began());
      req.on('end', () => events.push('end'));
      req.on('close', () => events.push('close'));
      res.on('close', () => setImmediate(over));
    });
    const frames = await FrameClient.open(port);
    frames.post(1);
    frames.data(1, 'first');
    await begun;
    frames.reset(1, code);
    await closed;
    frames.close();
    expect(events).toContain('close');
    expect(events).not.toContain('end');
  });

  test('that ends as it should is whole', async () => {
    let text = '';
    let over = (): void => {};
    const ended = new Promise<void>((resolve) => {
      over = resolve;
    });
    const { port } = await setUp((req) => {
      req.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      req.on('end', () => over());
    });
    const frames = await FrameClient.open(port);
    frames.post(1);
    frames.data(1, 'first ');
    frames.data(1, 'last', true);
    await ended;
    frames.close();
    expect(text).toBe('first last');
  });

  test('of an upload whose connection was lost never looks complete', async () => {
    const events: string[] = [];
    let began = (): void => {};
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    let over = (): void => {};
    const closed = new Promise<void>((resolve) => {
      over = resolve;
    });
    const { client } = await setUp((req, res) => {
      req.on('data', () => began());
      req.on('end', () => events.push('end'));
      res.on('close', () => over());
    });
    client.stream({ ':path': '/', ':method': 'POST' }).write('first');
    await begun;
    client.lose();
    await closed;
    expect(events).toEqual([]);
  });

  test('shorter than its length is reset', async () => {
    const { client } = await setUp((req, res) => {
      req.resume();
      req.on('end', () => res.end('ok'));
    });
    const { rstCode } = await client.ask({ ':path': '/', ':method': 'POST', 'content-length': '10' }, 'four');
    expect(rstCode).not.toBe(0);
  });

  test('waits for a 100 when it asks for one', async () => {
    const { client } = await setUp((req, res) => {
      res.writeContinue();
      req.pipe(res);
    });
    const stream = client.stream({ ':path': '/', ':method': 'POST', expect: '100-continue' });
    stream.once('continue', () => stream.end('body'));
    expect((await answerOf(stream)).text).toBe('body');
  });

  test('that nobody wants is stopped after the answer', async () => {
    let over = (): void => {};
    const closed = new Promise<void>((resolve) => {
      over = resolve;
    });
    const { client } = await setUp((_req, res) => {
      res.on('close', () => over());
      res.writeHead(413, ['Content-Length', '3', 'Connection', 'close']);
      res.end('big');
    });
    const stream = client.stream({ ':path': '/', ':method': 'POST' });
    stream.write(Buffer.alloc(1_000_000));
    const answered = new Promise((resolve) => stream.once('response', resolve));
    let text = '';
    const ended = new Promise<void>((resolve) => stream.once('end', resolve));
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    expect(await answered).toMatchObject({ ':status': 413 });
    await Promise.all([ended, closed]);
    expect(text).toBe('big');
  });
});

describe('an answer', () => {
  const answer = async (write: (res: ServerResponse, req: IncomingMessage) => void, method = 'GET') => {
    const { client } = await setUp((req, res) => write(res, req));
    return client.ask({ ':path': '/', ':method': method });
  };

  test('keeps duplicates, order and bytes above 0x7f; what is of an HTTP/1.1 connection is left out', async () => {
    const { headers, status, text } = await answer((res) => {
      const flat = ['Set-Cookie', 'a=1', 'X-A', 'caf\u00e9', 'Connection', 'keep-alive', 'Keep-Alive', 'timeout=5'];
      res.writeHead(404, 'Nichts da', [...flat, 'Transfer-Encoding', 'chunked', 'Set-Cookie', 'b=2', 'Upgrade', 'h2c']);
      res.write('', 'latin1');
      res.end('body');
    });
    expect({ status, text }).toEqual({ status: 404, text: 'body' });
    expect(headers.filter(([name]) => name !== 'date')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-a', 'caf\u00e9'],
    ]);
  });

  test('that has a header twice which may be there once has the first', async () => {
    const { headers } = await answer((res) => {
      res.writeHead(200, ['Content-Type', 'text/a', 'Content-Type', 'text/b']);
      res.end();
    });
    expect(headers.filter(([name]) => name === 'content-type')).toEqual([['content-type', 'text/a']]);
  });

  test('leaves before its body when the body is late', async () => {
    let finish = (): void => {};
    const { client } = await setUp((_req, res) => {
      res.writeHead(200, ['Content-Type', 'text/event-stream']);
      finish = () => void res.end('late');
    });
    const stream = client.stream({ ':path': '/' }, true);
    await new Promise((resolve) => stream.once('response', resolve));
    finish();
    expect((await answerOf(stream)).text).toBe('late');
  });

  test.each([
    ['HEAD', 200, 'HEAD'],
    ['204', 204, 'GET'],
    ['304', 304, 'GET'],
  ])('to %s has no body, and ends', async (_, status, method) => {
    const found = await answer((res) => {
      res.writeHead(status, status === 200 ? ['Content-Length', '5'] : []);
      res.end(status === 200 ? undefined : 'extra');
    }, method);
    expect(found).toMatchObject({ status, text: '', complete: true });
  });

  test.each([
    ['its connection', (res: ServerResponse) => void res.socket?.destroy()],
    ['itself', (res: ServerResponse) => void res.destroy()],
  ])('that is broken off by %s does not look complete, and the session goes on', async (_, breakOff) => {
    const { client } = await setUp((req, res) => {
      if (req.url === '/whole') return void res.end('ok');
      res.writeHead(200, ['Content-Type', 'text/plain']);
      res.write('half', () => breakOff(res));
    });
    const cut = await client.ask({ ':path': '/cut' });
    expect(cut.complete).toBe(false);
    expect(cut.rstCode).toBe(2);
    expect((await client.ask({ ':path': '/whole' })).text).toBe('ok');
  });

  test('is told that its client went away, also that of a HEAD', async () => {
    for (const method of ['GET', 'HEAD']) {
      let came = (): void => {};
      const arrived = new Promise<void>((resolve) => {
        came = resolve;
      });
      let told = (): void => {};
      const closed = new Promise<void>((resolve) => {
        told = resolve;
      });
      const { client } = await setUp((_req, res) => {
        res.on('close', () => told());
        came();
      });
      const stream = client.stream({ ':path': '/', ':method': method }, true);
      await arrived;
      stream.close(8);
      await closed;
    }
  });

  test('waits for its reader', async () => {
    let written = 0;
    const chunk = Buffer.alloc(65_536);
    const { client } = await setUp((_req, res) => {
      const fill = (): void => {
        do written += chunk.length;
        while (res.write(chunk) && written < 64_000_000);
      };
      res.on('drain', fill);
      fill();
    });
    const stream = client.stream({ ':path': '/' }, true);
    await new Promise((resolve) => stream.once('response', resolve));
    stream.pause();
    // Another stream of the same session has been answered meanwhile: whatever fits has been written.
    await new Promise((resolve) => client.session.ping(resolve));
    await new Promise((resolve) => client.session.ping(resolve));
    expect(written).toBeLessThan(4_000_000);
  });
});

describe('a session', () => {
  test('gets a hundred streams at a time', async () => {
    const { client } = await setUp(undefined);
    await new Promise((resolve) => client.session.ping(resolve));
    expect(client.session.remoteSettings.maxConcurrentStreams).toBe(100);
    expect(client.session.remoteSettings.enableConnectProtocol).not.toBe(true);
  });

  test('that opens and resets streams without end is closed (CVE-2023-44487)', async () => {
    let came = 0;
    const { client } = await setUp(() => {
      came += 1;
    });
    const closed = new Promise<void>((resolve) => client.session.once('close', () => resolve()));
    let left = 20_000;
    const flood = (): void => {
      for (let i = 0; i < 50 && !client.session.closed && !client.session.destroyed; i++) {
        left -= 1;
        client.stream({ ':path': '/' }, true).close(8);
      }
      if (!client.session.destroyed && left > 0) setImmediate(flood);
    };
    flood();
    await closed; // by the gateway: this client never closes
    expect(came).toBeLessThan(5_000);
  });

  test('that brings too many or too long header lines gets a reset, not an answer', async () => {
    let came = 0;
    const { client } = await setUp(
      (_req, res) => {
        came += 1;
        res.end();
      },
      { limits: { headers: 20, headerBytes: 4096 } },
    );
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x-${i}`, '1']));
    expect((await client.ask({ ':path': '/', ...many })).status).not.toBe(200);
    expect((await client.ask({ ':path': '/', 'x-long': 'x'.repeat(8_000) })).status).not.toBe(200);
    expect(came).toBe(0);
  });

  test('without streams ends after the time of an idle connection, one with a silent stream does not', async () => {
    const { client } = await setUp(
      (req, res) => {
        if (req.url === '/silent') res.writeHead(200, []);
        else res.end();
      },
      { limits: { keepAliveMs: 50 } },
    );
    const silent = client.stream({ ':path': '/silent' }, true);
    await new Promise((resolve) => silent.once('response', resolve));
    const idle = await Http2Client.open(client.session.socket.remotePort ?? 0);
    clients.push(idle);
    await new Promise<void>((resolve) => idle.session.once('close', () => resolve()));
    expect(client.session.closed).toBe(false);
    expect(silent.closed).toBe(false);
  });
});
