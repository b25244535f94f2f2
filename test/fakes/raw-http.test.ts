/**
 * The client that other tests trust to say "this never appeared" must itself drop nothing and tidy nothing.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { RawConnection, RawHttpError, rawBytes, rawRequest } from './raw-http.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A server that answers each connection with a script of its own. */
function serve(script: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      script(socket);
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server?.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

const reply = (text: string) => serve((socket) => socket.once('data', () => socket.write(text)));

describe('reading answers', () => {
  test('headers keep order, case and duplicates, and every Set-Cookie line is there', async () => {
    const port = await reply(
      'HTTP/1.1 200 Fine\r\nX-a: 1\r\nSet-Cookie: s=1; Path=/\r\nx-A: 2\r\nset-cookie: s=2\r\nContent-Length: 2\r\n\r\nok',
    );
    const response = await rawRequest(port, rawBytes('GET', '/'));
    expect(response.reason).toBe('Fine');
    expect(response.headers.map(([name]) => name)).toEqual([
      'X-a',
      'Set-Cookie',
      'x-A',
      'set-cookie',
      'Content-Length',
    ]);
    expect(response.setCookie).toEqual(['s=1; Path=/', 's=2']);
    expect(response.text).toBe('ok');
  });

  test('chunked bodies are put together, and trailers are kept', async () => {
    const port = await reply(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 9\r\n\r\n',
    );
    const response = await rawRequest(port, rawBytes('GET', '/'));
    expect(response.text).toBe('abc0123456789');
    expect(response.trailers).toEqual([['X-Sum', '9']]);
  });

  test('without framing the body ends with the connection', async () => {
    const port = await serve((socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end')));
    expect((await rawRequest(port, rawBytes('GET', '/'))).text).toBe('until the end');
  });

  test('an answer to HEAD has no body whatever it announces', async () => {
    const port = await reply('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
    expect((await rawRequest(port, rawBytes('HEAD', '/'))).body).toHaveLength(0);
  });

  test('interim answers are skipped but stay on record', async () => {
    const port = await reply('HTTP/1.1 103 Early Hints\r\nX-Leak: secret\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
    const response = await rawRequest(port, rawBytes('GET', '/'));
    expect(response.status).toBe(204);
    expect(response.received.includes('X-Leak: secret')).toBe(true);
  });

  test('answers that arrive byte by byte and pipelined are told apart', async () => {
    const answers = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n2';
    const port = await serve((socket) => {
      socket.once('data', () => {
        for (const byte of answers) socket.write(byte);
      });
    });
    const connection = await RawConnection.open(port);
    connection.send(Buffer.concat([rawBytes('GET', '/1'), rawBytes('GET', '/2')]));
    const first = await connection.response();
    const second = await connection.response();
    expect([first.status, first.text, second.status, second.text]).toEqual([200, '1', 404, '2']);
    expect(connection.received.toString()).toBe(answers);
    await connection.close();
  });
});

describe('sending', () => {
  test('exactly the given bytes go out', async () => {
    let seen = Buffer.alloc(0);
    const port = await serve((socket) => {
      socket.on('data', (chunk) => {
        seen = Buffer.concat([seen, Buffer.from(chunk)]);
        if (seen.includes('END')) socket.end('HTTP/1.1 200 OK\r\n\r\n');
      });
    });
    const bytes = Buffer.concat([Buffer.from('GET\t/ \xff\n\0', 'latin1'), Buffer.from('END')]);
    await rawRequest(port, bytes);
    expect(seen.equals(bytes)).toBe(true);
  });

  test('after a half close the answer still comes', async () => {
    const port = await serve((socket) => {
      socket.resume();
      socket.on('end', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'));
    });
    const connection = await RawConnection.open(port);
    connection.send(rawBytes('GET', '/'));
    connection.halfClose();
    expect((await connection.response()).text).toBe('late');
    await connection.waitForClose();
    expect(connection.isClosed).toBe(true);
  });
});

describe('complaints', () => {
  test('a cut answer is an error that carries what arrived', async () => {
    const port = await serve((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')),
    );
    const failure = await rawRequest(port, rawBytes('GET', '/')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RawHttpError);
    expect(String(failure)).toContain('half');
  });

  test('a silent server and an open connection end the wait in time', async () => {
    const port = await serve((socket) => socket.resume());
    const connection = await RawConnection.open(port, { timeoutMs: 30 });
    await expect(connection.response()).rejects.toThrow(/after 30 ms/);
    await expect(connection.waitForClose(30)).rejects.toThrow(/stays open/);
    await connection.close();
  });

  test('no status line is an error', async () => {
    const port = await reply('garbage\r\n\r\n');
    await expect(rawRequest(port, rawBytes('GET', '/'))).rejects.toThrow(/no status line/);
  });
});
