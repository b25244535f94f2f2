/**
 * What clients do on the wire, old ones and such that leave in the middle, and what the application and they see of it. Raw
 * sockets on both sides; nothing here waits for a time to pass.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { closeBoth, openBoth } from './front.ts';
import { client, type End, lines, type StandIn, until } from './wire.ts';

afterEach(closeBoth);

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';

/** One request on a connection of its own; the application answers with these bytes, and closes if it must. */
async function exchange(request: string, answer: string, fin = false): Promise<{ browser: End; app: StandIn }> {
  const { app, front } = await openBoth();
  app.onConnection = (end) => {
    end.socket.once('data', () => {
      end.write(answer);
      if (fin) end.socket.end();
    });
  };
  const browser = await client(front.port);
  browser.write(request);
  return { app, browser };
}

describe('a client of HTTP/1.0', () => {
  test.each<[string, string, boolean]>([
    ['chunks', CHUNKS, false],
    ['a length', OK, false],
    ['the connection', 'HTTP/1.1 200 OK\r\n\r\nok', true],
    ['the connection, of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok', true],
  ])('gets a body that was framed by %s without chunks, and its end by a regular close', async (_, answer, fin) => {
    for (const wish of ['', 'Connection: close\r\n']) {
      const { app, browser } = await exchange(`GET /a HTTP/1.0\r\n${wish}\r\n`, answer, fin);
      await browser.gone();
      expect(browser.text).toMatch(/^HTTP\/1\.[01] 200 OK\r\n[\s\S]*\r\n\r\nok$/);
      expect(browser.text).not.toMatch(/transfer-encoding|keep-alive/i);
      expect([browser.ended, browser.failed]).toEqual([true, false]);
      expect(app.text).toMatch(/^GET \/a HTTP\/1\.1\r\n/);
    }
  });

  test('that asks for keep-alive keeps its connection after a length', async () => {
    const { app, front } = await openBoth();
    app.answer(OK);
    const browser = await client(front.port);
    for (let round = 1; round <= 3; round += 1) {
      browser.write('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      await until(() => browser.text.split('\r\n\r\nok').length === round + 1, `answer ${round}`);
    }
    expect(browser.text.match(/^connection: keep-alive\r$/gim)).toHaveLength(3);
    expect(browser.ended).toBe(false);
    browser.write('GET /a HTTP/1.0\r\n\r\n');
    await browser.gone();
  });

  test.each([
    ['chunks', CHUNKS, false],
    ['the connection', 'HTTP/1.1 200 OK\r\n\r\nok', true],
  ] as const)(
    'that asks for keep-alive is closed after a body whose length nobody knew: %s',
    async (_, answer, fin) => {
      const { browser } = await exchange('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', answer, fin);
      await browser.gone();
      expect(lines(browser.text).join('\n')).toMatch(/^connection: close$/im);
      expect(browser.text).toMatch(/\r\n\r\nok$/);
      expect(browser.text).not.toMatch(/transfer-encoding/i);
    },
  );

  test('gets the head alone of HEAD, 204 and 304', async () => {
    for (const [method, answer] of [
      ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'],
      ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
      ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
      ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'],
    ] as const) {
      const { browser } = await exchange(`${method} /a HTTP/1.0\r\n\r\n`, answer);
      await browser.gone();
      expect(browser.text, answer).toMatch(/^HTTP\/1\.1 \d+ [^\r]*\r\n[\s\S]*\r\n\r\n$/);
      expect(browser.text, answer).not.toMatch(/transfer-encoding/i);
    }
  });

  test('gets each event of a stream when it happens', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write('GET /a HTTP/1.0\r\n\r\n');
    const upstream = await app.connection();
    await upstream.request();
    upstream.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
    await browser.has('text/event-stream\r\n');
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      upstream.write(`${event.length.toString(16)}\r\n${event}\r\n`);
      await browser.has(event);
    }
    upstream.write('0\r\n\r\n');
    await browser.gone();
    expect(browser.text).toMatch(/\r\n\r\ndata: 1\n\ndata: 2\n\n$/);
  });

  test('is never told to continue: it would take that for the answer', async () => {
    const { app, front } = await openBoth();
    app.onConnection = (end) => {
      end.socket.on('data', () => {
        if (end.text.endsWith('abc')) end.write(OK);
      });
    };
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
    await app.connection();
    browser.write('abc');
    await browser.gone();
    expect(browser.text).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('the connection of a client', () => {
  test('is closed after the answer when it asked for that', async () => {
    const { browser } = await exchange('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', OK);
    await browser.gone();
    expect(lines(browser.text).join('\n')).toMatch(/^connection: close$/im);
    expect(browser.text).toMatch(/\r\n\r\nok$/);
  });

  test('goes on whatever the application does with its own', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    let round = 0;
    app.onConnection = (end) => {
      end.socket.once('data', () => {
        round += 1;
        end.write(round % 2 ? OK.replace('\r\n', '\r\nConnection: close\r\n') : 'HTTP/1.0 200 OK\r\n\r\nok');
        end.socket.end();
      });
    };
    for (let answers = 1; answers <= 4; answers += 1) {
      browser.write(GET);
      await until(() => browser.text.split(/ok(?:\r\n0\r\n\r\n)?/).length === answers + 1, `answer ${answers}`);
    }
    expect(app.connections).toHaveLength(4);
    expect(browser.text).not.toMatch(/connection: close/i);
    expect([browser.ended, browser.closed]).toEqual([false, false]);
  });
});

describe('an upload', () => {
  test('is announced before its body comes, and goes on piece by piece', async () => {
    for (const framing of ['Content-Length: 6', 'Transfer-Encoding: chunked']) {
      const { app, front } = await openBoth();
      const browser = await client(front.port);
      const piece = (text: string): string => (framing.startsWith('C') ? text : `3\r\n${text}\r\n`);
      browser.write(`POST / HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
      const upstream = await app.connection();
      await upstream.has(`${framing}\r\n`);
      await upstream.request();
      browser.write(piece('abc'));
      await upstream.has('abc');
      browser.write(piece('def'));
      await upstream.has('def');
      expect(upstream.text).not.toMatch(/0\r\n\r\n$/);
      if (!framing.startsWith('C')) browser.write('0\r\n\r\n');
      upstream.write(OK);
      await browser.has('\r\n\r\nok');
    }
  });
});

describe('what a client says about the connection', () => {
  test('stays on it, with everything that it names; the rest arrives in order, case and number', async () => {
    const { app, front } = await openBoth();
    app.answer(OK);
    const browser = await client(front.port);
    browser.write(
      'GET / HTTP/1.1\r\nhOST: x\r\nX-One: 1\r\nConnection: keep-alive, X-Private\r\nx-private: secret\r\nKeep-Alive: 300\r\n' +
        'x-one: 2\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\n' +
        'Trailer: X-T\r\nX-ONE: \r\nX-Last: \xe9  \xfc\r\nconnection: X-Other\r\nX-Other: secret\r\n\r\n',
    );
    await browser.has('ok');
    const sent = lines(app.text);
    const kept = sent.filter((line) => /^x-(?!forwarded)/i.test(line)).map((line) => line.trimEnd());
    expect(kept).toEqual(['X-One: 1', 'x-one: 2', 'X-ONE:', 'X-Last: \xe9  \xfc']);
    expect(app.text).not.toMatch(/secret|^(?:keep-alive|te|proxy-[a-z]+|upgrade|trailer):/im);
    expect(sent.filter((line) => /^host:/i.test(line))).toHaveLength(1);
    expect(sent.filter((line) => /^connection:/i.test(line)).join()).not.toMatch(/x-/i);
  });
});

describe.each([
  ['closes its connection', (browser: End) => void browser.socket.destroy()],
  ['resets its connection', (browser: End) => void browser.socket.resetAndDestroy()],
])('a client that %s', (_, leave) => {
  test('in a chunked upload: the application never sees a last chunk', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    const upstream = await app.connection();
    await upstream.has('half');
    leave(browser);
    await upstream.gone();
    await until(() => front.ends === 1, 'the end of the exchange');
    expect(upstream.text).not.toContain('0\r\n\r\n');
    expect(front.failures).toEqual(['aborted']);
  });

  test('in a measured upload: nothing is sent in place of what is missing', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf');
    const upstream = await app.connection();
    await upstream.has('half');
    leave(browser);
    await upstream.gone();
    expect(upstream.text).toMatch(/\r\n\r\nhalf$/);
    await until(() => front.ends === 1, 'the end of the exchange');
  });

  test('in an upload that the application does not read: it hears of it all the same', async () => {
    const { app, front } = await openBoth();
    app.onConnection = (end) => end.socket.once('data', () => end.socket.pause());
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 64000000\r\n\r\nfirst');
    const upstream = await app.connection();
    await upstream.request();
    for (let i = 0; i < 500 && browser.socket.writableLength === 0; i += 1) browser.write(Buffer.alloc(65_536, 'x'));
    leave(browser);
    await until(() => front.ends === 1, 'the end of the exchange');
    upstream.socket.resume();
    await upstream.gone();
    expect(front.failures).toEqual(['aborted']);
  });

  test('without having read what waits for it: the application is stopped', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.socket.pause();
    browser.write(GET);
    const upstream = await app.connection();
    await upstream.request();
    upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n');
    let isFull = false;
    for (let i = 0; i < 500 && !isFull; i += 1) isFull = !upstream.socket.write(Buffer.alloc(65_536, 'x'));
    await until(() => front.heads.length === 1, 'the head');
    leave(browser);
    await until(() => upstream.closed || upstream.failed || upstream.ended, 'the end upstream');
    await until(() => front.ends === 1, 'the end of the exchange');
    expect(front.failures).toEqual([]);
  });

  test('while it waits behind its own earlier request: neither goes on', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write(`${GET}${GET}`);
    await app.connection(1);
    await until(() => app.connections.every((end) => end.text !== ''), 'both requests');
    leave(browser);
    await until(() => app.connections.every((end) => end.ended || end.closed), 'the end of both upstream');
    await until(() => front.ends === 2, 'the end of both exchanges');
  });
});

describe('an application that breaks off', () => {
  const RESET = (end: End): void => void end.socket.resetAndDestroy();
  const CLOSE = (end: End): void => void end.socket.destroy();

  test.each([
    ['before its answer', CLOSE],
    ['before its answer, by a reset', RESET],
  ])('%s is a 502 at once, and the client’s connection goes on', async (_, leave) => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
    const upstream = await app.connection();
    await upstream.has('abc');
    leave(upstream);
    await browser.has('502');
    app.answer(OK);
    browser.write(GET);
    await browser.has('\r\n\r\nok');
    expect(front.failures).toEqual(['unreachable']);
  });

  test('in an upload ends it: the client gets a 502 although it still has to send', async () => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\nhalf');
    const upstream = await app.connection();
    await upstream.has('half');
    RESET(upstream);
    await browser.has('502');
    expect(front.ends).toBe(1);
    expect(app.text.split('POST /')).toHaveLength(2);
    // What it still sends is read and thrown away, and never taken for a request.
    browser.write(Buffer.alloc(3_000_000 - 4, 'x'));
    app.answer(OK);
    browser.write(GET);
    await browser.has('\r\n\r\nok');
  });

  test.each([
    ['that reads', false],
    ['that does not read', true],
  ])('in an answer cuts a client %s', async (_, stops) => {
    const { app, front } = await openBoth();
    const browser = await client(front.port);
    browser.write(GET);
    const upstream = await app.connection();
    await upstream.request();
    upstream.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    await browser.has('half');
    if (stops) {
      browser.socket.pause();
      const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
      for (let i = 0; i < 500 && upstream.socket.writableLength < 1_000_000; i += 1) upstream.write(piece);
    }
    RESET(upstream);
    await until(() => front.ends === 1, 'the end of the exchange');
    browser.socket.resume();
    await browser.gone();
    expect(browser.text).not.toContain('\r\n0\r\n');
    expect(front.failures).toEqual([]);
  });
});

describe('a kept-alive connection that the application closes', () => {
  /** Answers the first request of each connection, and breaks it off when another comes. */
  async function setUpRace(leave: (end: End) => void) {
    const parts = await openBoth();
    parts.app.onConnection = (end) => {
      let requests = 0;
      end.socket.on('data', () => {
        requests += 1;
        if (requests === 1) end.write(OK);
        else leave(end);
      });
    };
    const browser = await client(parts.front.port);
    browser.write(GET);
    await browser.has('ok');
    return { ...parts, browser };
  }
  const ends: [string, (end: End) => void][] = [
    ['by a reset', (end) => void end.socket.resetAndDestroy()],
    ['regularly', (end) => void end.socket.end()],
  ];

  describe.each(ends)('%s, as the next request comes', (_, leave) => {
    test.each(['GET', 'OPTIONS', 'HEAD'])(
      'sends a %s without a body again, and the client sees nothing',
      async (method) => {
        const { app, browser, front } = await setUpRace(leave);
        browser.write(`${method} /again HTTP/1.1\r\nHost: x\r\n\r\n`);
        await until(() => browser.text.split('HTTP/1.1 200 OK').length === 3, 'the second answer');
        expect(app.text.split(`${method} /again `)).toHaveLength(3);
        expect(front.failures).toEqual([]);
      },
    );

    test.each([
      ['POST', 'Content-Length: 3\r\n\r\nabc'],
      ['POST', 'Content-Length: 0\r\n\r\n'],
      ['POST', '\r\n'],
      ['PUT', 'Content-Length: 3\r\n\r\nabc'],
      ['PATCH', '\r\n'],
      ['DELETE', '\r\n'],
      ['GET', 'Content-Length: 3\r\n\r\nabc'],
      ['GET', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
    ])('sends no %s twice (%j)', async (method, rest) => {
      const { app, browser, front } = await setUpRace(leave);
      browser.write(`${method} /once HTTP/1.1\r\nHost: x\r\n${rest}`);
      await browser.has('502');
      expect(app.text.split(`${method} /once `)).toHaveLength(2);
      expect(front.failures).toEqual(['unreachable']);
    });
  });

  test('before the next request is not used for it, so that even a POST arrives', async () => {
    const { app, front } = await openBoth();
    app.answer(OK);
    const browser = await client(front.port);
    browser.write(GET);
    await browser.has('ok');
    const idle = await app.connection();
    idle.socket.end();
    await until(() => idle.ended || idle.closed, 'the gateway to notice');
    browser.write('POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
    await until(() => browser.text.split('ok').length === 3, 'the second answer');
    expect(app.connections[1]?.text).toMatch(/^POST \/once /);
    expect(front.failures).toEqual([]);
  });
});
