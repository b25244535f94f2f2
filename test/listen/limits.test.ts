/** The limits of the listener, each on a raw socket. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { RawConnection, rawBytes, rawRequest } from '../fakes/raw-http.ts';
import { client, until } from '../upstream/wire.ts';
import { Http2Client } from './http2-client.ts';
import { closeFronts, type FrontParts, openFront, PAIR } from './parts.ts';

afterEach(closeFronts);

describe('a head', () => {
  test('that is too long is answered with 431', async () => {
    const { port } = await openFront({ limits: { headerBytes: 4_096 } });
    const fits = await rawRequest(port, rawBytes('GET', '/', [['X-A', 'a'.repeat(3_000)]]));
    expect(fits.status).toBe(200);
    const long = await rawRequest(port, rawBytes('GET', '/', [['X-A', 'a'.repeat(5_000)]]));
    expect([long.status, long.header('connection')]).toEqual([431, 'close']);
  });

  test('with too many lines is answered with 431, and none is dropped silently', async () => {
    let lines = 0;
    const { port } = await openFront({
      limits: { headers: 30 },
      onRequest: (req, res) => {
        lines = req.rawHeaders.length / 2;
        res.end();
      },
    });
    const headers = (count: number) => Array.from({ length: count }, (_, i) => [`X-${i}`, 'a'] as const);
    expect((await rawRequest(port, rawBytes('GET', '/', headers(29)))).status).toBe(200); // Host is the thirtieth
    expect(lines).toBe(30);
    expect((await rawRequest(port, rawBytes('GET', '/', headers(30)))).status).toBe(431);
    expect((await rawRequest(port, rawBytes('GET', '/', headers(300)))).status).toBe(431);
    expect(lines).toBe(30);
  });

  test('with too long a target is answered with 414', async () => {
    const { port } = await openFront({ limits: { urlBytes: 1_024 } });
    expect((await rawRequest(port, rawBytes('GET', `/${'a'.repeat(1_023)}`))).status).toBe(200);
    const long = await rawRequest(port, rawBytes('GET', `/${'a'.repeat(1_024)}`));
    expect([long.status, long.header('connection')]).toEqual([414, 'close']);
  });

  test('that trickles in is answered with 408, and the connection closed', async () => {
    const { port } = await openFront({ limits: { headersTimeoutMs: 100 } });
    const slow = await client(port);
    slow.write('GET / HTTP/1.1\r\nHost: x\r\nX-A: ');
    await slow.has('HTTP/1.1 408 Request Timeout');
    await slow.gone();
  });

  test('that never begins is closed as well', async () => {
    const { port } = await openFront({ limits: { headersTimeoutMs: 100 } });
    const silent = await client(port);
    await silent.gone();
  });

  test('that is no HTTP is answered with 400', async () => {
    const { port } = await openFront();
    expect((await rawRequest(port, 'HELLO\r\n\r\n')).status).toBe(400);
  });
});

test('a handshake that never comes is given up', async () => {
  const { port } = await openFront({ pair: PAIR, limits: { headersTimeoutMs: 100 } });
  const silent = await client(port);
  await silent.gone();
  expect(silent.text).toBe('');
});

describe('a connection without a request', () => {
  const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

  test('is closed after its time, at most a quarter late, and not before', async () => {
    const { clock, port } = await openFront({ limits: { keepAliveMs: 60_000 } });
    const browser = await client(port);
    browser.write(GET);
    await browser.has('ok');
    clock.advance(60_000); // seen at work at the first look, after a quarter
    browser.write(GET);
    await until(() => browser.text.split('ok').length === 3, 'the second answer');
    clock.advance(60_000);
    browser.write(GET);
    await until(() => browser.text.split('ok').length === 4, 'the third answer');
    clock.advance(75_000);
    await browser.gone();
  });

  test('is told of no time, since it may be any', async () => {
    const { port } = await openFront({ limits: { keepAliveMs: 60_000 } });
    const answer = await rawRequest(port, rawBytes('GET', '/'));
    expect(answer.header('keep-alive')).toBeUndefined();
  });

  test('is not meant while its answer takes its time', async () => {
    let answer = (): void => {};
    const { clock, port } = await openFront({
      limits: { keepAliveMs: 60_000 },
      onRequest: (_req, res) => {
        answer = () => void res.end('late');
      },
    });
    const browser = await client(port);
    browser.write(GET);
    const before = answer;
    await until(() => answer !== before, 'the request');
    clock.advance(600_000);
    answer();
    await browser.has('late');
    clock.advance(59_999);
    browser.write(GET); // its time began with the end of the answer
    const first = answer;
    await until(() => answer !== first, 'the next request');
  });

  test('is not meant when it became a socket', async () => {
    const { clock, port } = await openFront({
      limits: { keepAliveMs: 60_000 },
      onUpgrade: (_req, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
        socket.on('data', () => void socket.end('still here'));
      },
    });
    const browser = await client(port);
    browser.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
    await browser.has('101');
    clock.advance(600_000);
    browser.write('?');
    await browser.has('still here');
  });

  test('goes its way beside others: none ends with another', async () => {
    const { clock, port } = await openFront({ limits: { keepAliveMs: 60_000 } });
    const [idle, used] = [await client(port), await client(port)];
    for (const one of [idle, used]) {
      one.write(GET);
      await one.has('ok');
    }
    for (let i = 2; i < 7; i += 1) {
      clock.advance(15_000);
      used.write(GET);
      await until(() => used.text.split('ok').length === i + 1, 'an answer');
    }
    await idle.gone();
  });
});

describe('a body that stands still', () => {
  const HALF = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf';

  test('because the client does not send is cut', async () => {
    let began = false;
    const { clock, port } = await openFront({
      limits: { bodyIdleMs: 60_000 },
      onRequest: (req) => req.on('data', () => (began = true)),
    });
    const slow = await client(port);
    slow.write(HALF);
    await until(() => began, 'the first bytes');
    clock.advance(80_000);
    await slow.gone();
  });

  test('for less than its time, again and again, is not', async () => {
    let received = 0;
    const { clock, port } = await openFront({
      limits: { bodyIdleMs: 60_000 },
      onRequest: (req, res) => {
        req.on('data', (chunk: Buffer) => {
          received += chunk.length;
        });
        req.on('end', () => res.end('whole'));
      },
    });
    const slow = await client(port);
    slow.write(HALF);
    for (let bytes = 4; bytes < 9; bytes += 1) {
      await until(() => received === bytes, 'the next byte');
      clock.advance(45_000);
      slow.write('x');
    }
    slow.write('x');
    await slow.has('whole');
  });

  test('because nobody reads it is not the client’s fault', async () => {
    let paused = false;
    const { clock, port } = await openFront({
      limits: { bodyIdleMs: 60_000 },
      onRequest: (req, res) => {
        req.once('data', () => {
          req.pause();
          paused = true;
          clock.advance(600_000);
          res.end('patient');
        });
      },
    });
    const browser = await client(port);
    browser.write(HALF);
    await until(() => paused, 'the first bytes');
    await browser.has('patient');
  });

  test('because the client does not read is cut', async () => {
    let gone = false;
    let waiting = false;
    const chunk = Buffer.alloc(1_000_000);
    const { clock, port } = await openFront({
      limits: { bodyIdleMs: 60_000 },
      onRequest: (_req, res) => {
        res.on('close', () => (gone = true));
        const fill = (): void => {
          while (res.write(chunk)) if (res.destroyed) return;
          waiting = true;
        };
        res.on('drain', fill);
        fill();
      },
    });
    const socket = await stoppedReader(port);
    await until(() => waiting, 'the answer to wait');
    // The kernel may still take something; then it stands still.
    for (let i = 0; i < 20 && !gone; i += 1) {
      clock.advance(15_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => gone, 'the cut');
    socket.destroy();
  });

  test('because the application is silent is never cut: event streams and long polls', async () => {
    let send = (_: string): void => {};
    const { clock, port } = await openFront({
      limits: { bodyIdleMs: 60_000 },
      onRequest: (_req, res) => {
        res.writeHead(200, ['Content-Type', 'text/event-stream']);
        res.write('data: 1\n\n');
        send = (text) => void res.write(text);
      },
    });
    const browser = await client(port);
    browser.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await browser.has('data: 1');
    clock.advance(86_400_000);
    send('data: 2\n\n');
    await browser.has('data: 2');
  });

  test('on one stream of HTTP/2 is cut, and the session goes on', async () => {
    let began = false;
    const { clock, port } = await openFront({
      pair: PAIR,
      limits: { bodyIdleMs: 60_000 },
      onRequest: (req, res) => {
        if (req.method === 'GET') return void res.end('ok');
        req.on('data', () => (began = true));
      },
    });
    const http2 = await Http2Client.open(port);
    const stream = http2.stream({ ':path': '/', ':method': 'POST' });
    stream.write('half');
    const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
    await until(() => began, 'the first bytes');
    clock.advance(80_000);
    await closed;
    expect(stream.rstCode).toBe(2);
    expect((await http2.ask({ ':path': '/' })).text).toBe('ok');
    http2.close();
  });
});

describe('connections', () => {
  const alive = async (port: number): Promise<boolean> => {
    const connection = await RawConnection.open(port);
    kept.push(connection);
    connection.send(rawBytes('GET', '/'));
    return connection.response('GET').then(
      () => true,
      () => false,
    );
  };
  const kept: RawConnection[] = [];
  afterEach(async () => {
    for (const connection of kept.splice(0)) await connection.close();
  });

  test('above the limit of an address are closed before a byte is read, with one line in the log', async () => {
    const { clock, logged, port } = await openFront({ limits: { connectionsPerAddress: 2 } });
    expect([await alive(port), await alive(port), await alive(port), await alive(port)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(logged).toMatchObject([
      { event: 'excess_connections_closed', client: '127.0.0.1', limit: 'connectionsPerAddress' },
    ]);
    clock.advance(60_000);
    expect(await alive(port)).toBe(false);
    expect(logged).toHaveLength(2);
    // Another address is not concerned.
    expect(await from('127.0.0.2', port)).toBe('HTTP/1.1 200 OK');
    await kept[0]?.close();
    await eventually(async () => alive(port));
  });

  test('of a trusted proxy are not counted by address', async () => {
    const parts: FrontParts = { limits: { connectionsPerAddress: 1 }, isExempt: (address) => address === '127.0.0.1' };
    const { port } = await openFront(parts);
    expect([await alive(port), await alive(port), await alive(port)]).toEqual([true, true, true]);
  });

  test('above the limit of all are closed, wherever they come from', async () => {
    const { logged, port } = await openFront({ limits: { connections: 2 }, isExempt: () => true });
    expect([await alive(port), await alive(port), await alive(port)]).toEqual([true, true, false]);
    expect(logged).toMatchObject([{ event: 'excess_connections_closed', limit: 'connections' }]);
  });
});

/** Asks for a page, and never reads. */
async function stoppedReader(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.pause();
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return socket;
}

/** The first line of what a client with this address gets. */
function from(localAddress: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => resolve('error'));
    socket.on('close', () => resolve('closed'));
    socket.once('data', (chunk) => {
      resolve(chunk.toString().split('\r\n')[0] ?? '');
      socket.destroy();
    });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  });
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i += 1) if (await holds()) return;
  throw new Error('a place never came back');
}
