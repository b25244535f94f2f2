/** Attacks 74 to 76: an upgrade leaves the HTTP machinery, so whatever guards requests must guard it by itself. */
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { askForSocket, cookieOf, expectNoAppSession, hostOf, signIn, upToThePrompt, withHost } from './attack-steps.ts';
import { ALICE, Harness } from './harness.ts';

/** What the requirement allows between the end of the rights and the end of the socket, in ms. */
const AT_MOST_MS = 1000;

let h: Harness;
afterEach(() => h.close());

const cookie = (value: string): [string, string] => ['Cookie', value];

/** A masked text frame (RFC 6455 section 5.2). */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked]);
}

describe('the upgrade of somebody without rights', () => {
  beforeEach(async () => {
    h = await Harness.start();
  });

  it('74: nobody, and nobody but a verified session, gets a socket; the application is not even asked', async () => {
    const pending = cookieOf(await upToThePrompt(h));
    const anonymous = h.browser();
    await anonymous.get('/admin/login');
    const before = h.app.requests.length;
    for (const [who, headers] of [
      ['no cookie', []],
      ['an anonymous session', [cookie(cookieOf(anonymous))]],
      ['a pending session', [cookie(pending)]],
      ['a session id that is none', [cookie(`lucy2fa=${'A'.repeat(43)}`)]],
      ['the id twice', [cookie(`${pending}; ${pending}`)]],
    ] as const) {
      for (const target of [
        '/admin/live',
        '/admin/login',
        '/assets/x',
        '/.well-known/acme-challenge/x',
        '/_2fa/challenge',
      ]) {
        const { connection, answer } = await askForSocket(h, headers, target);
        expect(answer.status, `${who} ${target}`).toBe(401);
        await connection.waitForClose();
        await connection.close();
      }
    }
    expect(h.app.requests.length).toBe(before);
  });

  it('74: odd spellings of an upgrade are no way round the gate', async () => {
    const pending = cookieOf(await upToThePrompt(h));
    const before = h.app.requests.length;
    for (const [name, value] of [
      ['Upgrade', 'WebSocket'],
      ['Upgrade', 'websocket, h2c'],
      ['Upgrade', 'foo, websocket'],
      ['Connection', 'upgrade'],
      ['Connection', 'keep-alive, Upgrade'],
    ] as const) {
      const { connection, answer } = await askForSocket(h, [[name, value], cookie(pending)]);
      expect([400, 401], `${name}: ${value}`).toContain(answer.status);
      await connection.close();
    }
    expect(h.app.requests.length).toBe(before);
  });

  it('75: what follows a refused upgrade on the same socket is never read as a request', async () => {
    const browser = await signIn(h);
    const before = h.app.requests.length;
    const { connection, answer } = await askForSocket(h);
    expect(answer.status).toBe(401);
    connection.send(rawBytes('GET', '/admin', withHost(h, [cookie(cookieOf(browser))])));
    await connection.waitForClose();
    expect(connection.received.toString('latin1').match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(h.app.requests.length).toBe(before);
    await connection.close();
  });

  it('75: a second request in the same packet as the refused upgrade is not read either', async () => {
    const browser = await signIn(h);
    const before = h.app.requests.length;
    const mine = rawBytes('GET', '/admin', withHost(h, [cookie(cookieOf(browser))]));
    const asked = rawBytes(
      'GET',
      '/admin/live',
      withHost(h, [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
      ]),
    );
    const connection = await RawConnection.open(h.port);
    connection.send(Buffer.concat([asked, mine]));
    await connection.waitForClose();
    expect(connection.received.toString('latin1').match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(h.app.requests.length).toBe(before);
    await connection.close();
  });
});

describe('the upgrade of a verified session', () => {
  it('74: it gets its socket, with the jar’s cookie, and bytes go both ways', async () => {
    h = await Harness.start();
    const { connection, answer } = await socketOf(cookieOf(await signIn(h)));
    expect(answer.status).toBe(101);
    connection.send(frame('ping'));
    await connection.readUntil('ping');
    expectNoAppSession(h, connection.received);
    await connection.close();
  });

  it('75: only WebSocket: h2c and others are refused, and their settings never arrive', async () => {
    h = await Harness.start();
    const mine = cookie(cookieOf(await signIn(h)));
    const before = h.app.requests.length;
    for (const upgrade of ['h2c', 'TLS/1.0', 'foo', 'h2c, websocket']) {
      const { connection, answer } = await askForSocket(h, [
        ['Upgrade', upgrade],
        ['Connection', 'Upgrade, HTTP2-Settings'],
        ['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
        mine,
      ]);
      expect(answer.status, upgrade).toBe(400);
      await connection.waitForClose();
      await connection.close();
    }
    expect(h.app.requests.length).toBe(before);
  });

  it('75: when the application refuses, the socket is closed and a smuggled request goes nowhere', async () => {
    h = await Harness.start();
    const mine = cookieOf(await signIn(h));
    const { connection, answer } = await askForSocket(h, [cookie(mine)], '/admin/nowhere');
    expect(answer.status).toBe(404);
    const before = h.app.requests.length;
    connection.send(rawBytes('GET', '/admin/smuggled', withHost(h, [cookie(mine)])));
    await connection.waitForClose();
    await connection.close();
    expect(h.app.requests.length).toBe(before);
    expect(h.app.sawBytes('smuggled')).toBe(false);
  });

  it('75: what a client sends before the 101 waits for it, and is thrown away when there is none', async () => {
    const sockets: Socket[] = [];
    let seen = '';
    const silent = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1');
        if (seen.includes('\r\n\r\n') && seen.includes('/live')) {
          socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
        }
      });
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    h = await Harness.start({
      upstreamUrl: `http://127.0.0.1:${address.port}`,
      profile: { whoami: null, login: { success: [{ status: 200 }], failure: null } },
    });
    const { session, id } = h.assembled.sessions.create();
    const { acceptPassword } = verifier(h);
    const verifiedId = await acceptPassword(session);
    expect(id).toBeDefined();

    const connection = await RawConnection.open(h.port);
    const upgrade = rawBytes(
      'GET',
      '/admin/live',
      withHost(h, [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
        cookie(`lucy2fa=${verifiedId}`),
      ]),
    );
    connection.send(Buffer.concat([upgrade, rawBytes('GET', '/admin/smuggled', withHost(h, []))]));
    expect((await connection.response()).status).toBe(403);
    await connection.waitForClose();
    await connection.close();
    expect(seen).toContain('/admin/live');
    expect(seen).not.toContain('smuggled');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('76: a page of another origin gets no socket, though the browser sends our cookie', async () => {
    h = await Harness.start();
    const mine = cookie(cookieOf(await signIn(h)));
    const before = h.app.requests.length;
    for (const origin of [
      'https://evil.test',
      'null',
      '',
      `http://${hostOf(h)}.evil.test`,
      `https://${hostOf(h)}`,
      'http://127.0.0.1',
    ]) {
      const { connection, answer } = await askForSocket(h, [['Origin', origin], mine]);
      expect(answer.status, origin).toBe(403);
      await connection.close();
    }
    expect(h.app.requests.length).toBe(before);
    const { connection, answer } = await askForSocket(h, [['Origin', h.origin], mine]);
    expect(answer.status).toBe(101);
    await connection.close();
  });
});

describe('a socket outlives no right', () => {
  beforeEach(async () => {
    h = await Harness.start();
  });

  async function open(): Promise<{ connection: RawConnection; browser: Awaited<ReturnType<typeof signIn>> }> {
    const browser = await signIn(h);
    const { connection, answer } = await socketOf(cookieOf(browser));
    expect(answer.status).toBe(101);
    await connection.readUntil(`hello ${ALICE.email}`);
    return { connection, browser };
  }

  /** Ends within the second, and what is sent afterwards never arrives. */
  async function expectCut(connection: RawConnection): Promise<void> {
    await connection.waitForClose(AT_MOST_MS);
    connection.send(frame('after the end'));
    await connection.close();
    expect(h.app.sawBytes('after the end')).toBe(false);
  }

  it('76: the application’s logout cuts it', async () => {
    const { connection, browser } = await open();
    await browser.get('/admin/logout');
    await expectCut(connection);
  });

  it('76: our logout cuts it', async () => {
    const { connection, browser } = await open();
    const page = await browser.get('/_2fa/logout');
    await browser.post('/_2fa/logout', { csrf: page.hidden['csrf'] ?? '' });
    await expectCut(connection);
  });

  it('76: an administrator who ends the sessions cuts it', async () => {
    const { connection } = await open();
    await h.assembled.sessions.endAll(ALICE.email as never, 'revoked');
    await expectCut(connection);
  });

  it('76: a second login in the same session cuts it before the application sees the password', async () => {
    const { connection, browser } = await open();
    const { hidden } = await browser.get('/admin/account');
    await browser.post('/admin/login', {
      YII_CSRF_TOKEN: hidden['YII_CSRF_TOKEN'] ?? '',
      'LoginForm[email]': ALICE.email,
      'LoginForm[password]': ALICE.password,
    });
    await expectCut(connection);
  });

  it('76: the idle limit cuts it within the second, although bytes still flow', async () => {
    const { connection } = await open();
    h.clock.advance(1_799_000);
    connection.send(frame('still here'));
    await connection.readUntil('still here');
    h.clock.advance(1_000 + AT_MOST_MS);
    await expectCut(connection);
  });

  it('76: the absolute limit cuts it within the second, although the person is busy', async () => {
    const { connection, browser } = await open();
    for (let hours = 0; hours < 12; hours += 0.25) {
      h.clock.advance(900_000);
      if (hours < 11.5) expect((await browser.get('/admin')).url.pathname).toBe('/admin');
    }
    h.clock.advance(AT_MOST_MS);
    await expectCut(connection);
  });

  it('76: a removed factor cuts the sockets of the other sessions', async () => {
    const { connection } = await open();
    await h.assembled.sessions.endAll(ALICE.email as never, 'replaced');
    await expectCut(connection);
  });
});

function socketOf(cookies: string): ReturnType<typeof askForSocket> {
  return askForSocket(h, [cookie(cookies)]);
}

/** A session that the password alone made verified, for an application that cannot be asked. */
function verifier(harness: Harness) {
  return {
    async acceptPassword(session: Parameters<typeof harness.assembled.sessions.transition>[0]): Promise<string> {
      const login = {
        id: 'l' as never,
        identity: 'x' as never,
        acceptedAt: harness.clock.now(),
        returnTo: '/' as never,
      };
      const issued = await harness.assembled.sessions.transition(session, {
        type: 'login-accepted',
        login,
        standing: 'pass',
      });
      return issued.id ?? '';
    },
  };
}
