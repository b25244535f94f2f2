/** What the application and its people notice of the gateway once somebody is verified: nothing. */

import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { downloadBytes } from '../../src/demo/stand-in-lucy/transfers.ts';
import type { Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import type { FakeBrowser } from '../fakes/browser.ts';
import { RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { cookieOf, hostOf, raw, signIn, withHost } from './attack-steps.ts';
import { ALICE, Harness } from './harness.ts';
import { SMALL_PROFILE, type SmallApp, startSmallApp } from './small-app.ts';

const MEGABYTE = 1024 * 1024;
const BIG = 100 * MEGABYTE;

let h: Harness;
let app: SmallApp | undefined;
afterEach(async () => {
  await h.close();
  await app?.close();
  app = undefined;
});

function sumOf(bytes: number): string {
  const hash = createHash('sha256');
  for (const block of downloadBytes(bytes)) hash.update(block);
  return hash.digest('hex');
}

describe('large bodies', () => {
  it.each(['content-length', 'chunked'] as const)('100 MB go up with %s, and every byte arrives', async (framing) => {
    h = await Harness.start();
    const browser = await signIn(h);
    const answer = await new Promise<string>((resolve, reject) => {
      const req = httpRequest(
        {
          host: '127.0.0.1',
          port: h.port,
          method: 'POST',
          path: '/admin/upload',
          headers: {
            Cookie: cookieOf(browser),
            'Content-Type': 'application/octet-stream',
            ...(framing === 'chunked' ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': BIG }),
          },
        },
        (res) => {
          let text = '';
          res.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          res.on('end', () => resolve(text));
        },
      );
      req.on('error', reject);
      const blocks = downloadBytes(BIG);
      const next = (): void => {
        for (;;) {
          const { value, done } = blocks.next();
          if (done === true) return void req.end();
          if (!req.write(value)) return void req.once('drain', next);
        }
      };
      next();
    });
    expect(JSON.parse(answer)).toMatchObject({ size: BIG, sha256: sumOf(BIG) });
    const names = h.app.requests.filter(({ url }) => url === '/admin/upload').flatMap(({ headers }) => headers);
    const framings = names.filter(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
    expect(framings).toHaveLength(1);
    expect(framings[0]?.[0].toLowerCase()).toBe(framing === 'chunked' ? 'transfer-encoding' : 'content-length');
  });

  it('100 MB come down, and every byte arrives', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    const [sum, size] = await new Promise<[string, number]>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: h.port,
        path: '/admin/download?mb=100',
        headers: { Cookie: cookieOf(browser) },
      };
      httpRequest(options, (res) => {
        const hash = createHash('sha256');
        let bytes = 0;
        expect(res.headers['content-length']).toBe(String(BIG));
        expect(res.headers['content-disposition']).toContain('report.bin');
        res.on('data', (chunk: Buffer) => {
          hash.update(chunk);
          bytes += chunk.length;
        });
        res.on('end', () => resolve([hash.digest('hex'), bytes]));
      })
        .on('error', reject)
        .end();
    });
    expect(size).toBe(BIG);
    expect(sum).toBe(sumOf(BIG));
  });

  it('nobody without rights uploads a byte', async () => {
    h = await Harness.start();
    const connection = await RawConnection.open(h.port);
    connection.send(rawBytes('POST', '/admin/upload', withHost(h, [['Content-Length', String(BIG)]])));
    connection.send(Buffer.alloc(MEGABYTE));
    expect((await connection.response('POST')).status).toBe(401);
    connection.destroy();
    expect(h.app.requests).toEqual([]);
  });

  it('nobody without rights is asked for a body that waits for a sign', async () => {
    h = await Harness.start();
    const connection = await RawConnection.open(h.port);
    const headers = withHost(h, [
      ['Expect', '100-continue'],
      ['Content-Length', '1000'],
      ['Content-Type', 'application/octet-stream'],
    ]);
    connection.send(rawBytes('PUT', '/admin/upload', headers));
    expect((await connection.response('PUT')).status).toBe(401);
    expect(connection.received.toString('latin1')).not.toContain('100 Continue');
    connection.destroy();
  });
});

describe('answers that take their time', () => {
  it('the head comes before the body', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    const connection = await RawConnection.open(h.port);
    connection.send(rawBytes('GET', '/admin/slow?ms=60000', withHost(h, [['Cookie', cookieOf(browser)]])));
    const head = (await connection.readUntil('\r\n\r\n')).toString('latin1');
    expect(head).toMatch(/^HTTP\/1\.1 200/);
    expect(connection.received.toString('latin1')).not.toContain('done');
    h.clock.advance(60_000);
    await connection.readUntil('done');
    await connection.close();
  });

  it('the first event of a stream is there at once, and the next when it happens', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    const connection = await RawConnection.open(h.port);
    const headers = withHost(h, [
      ['Cookie', cookieOf(browser)],
      ['Accept', 'text/event-stream'],
    ]);
    connection.send(rawBytes('GET', '/admin/events', headers));
    await connection.readUntil(`event: hello\ndata: ${ALICE.email}`);
    h.clock.advance(1000);
    await connection.readUntil('data: 1');
    await connection.close();
  });
});

describe('an answer that is under way when a fresh proof is asked for', () => {
  it('arrives: the question takes no rights away', async () => {
    const small = await startSmall();
    const browser = await signInSmall();
    const waiting = raw(h, 'GET', '/later', [
      ['Cookie', cookieOf(browser)],
      ['Connection', 'close'],
    ]);
    await expect.poll(() => small.later.length).toBe(1);
    const session = h.assembled.sessions.peek(sessionKey(browser.cookie('lucy2fa') ?? ''));
    if (session === undefined) throw new Error('nobody is signed in');
    const login = {
      id: 'step' as LoginId,
      identity: '7' as Identity,
      acceptedAt: h.clock.now(),
      returnTo: '/' as ReturnPath,
    };
    await h.assembled.sessions.transition(session, { type: 'step-up-asked', login });
    small.later.pop()?.();
    expect((await waiting).text).toBe('worth-waiting-for');
  });

  it('and never arrives when the session dropped its rights meanwhile', async () => {
    const small = await startSmall();
    const browser = await signInSmall();
    const waiting = raw(h, 'GET', '/later', [
      ['Cookie', cookieOf(browser)],
      ['Connection', 'close'],
    ]).catch((error: Error) => error);
    await expect.poll(() => small.later.length).toBe(1);
    const session = h.assembled.sessions.peek(sessionKey(browser.cookie('lucy2fa') ?? ''));
    if (session === undefined) throw new Error('nobody is signed in');
    await h.assembled.sessions.transition(session, { type: 'dropped' });
    small.later.pop()?.();
    const outcome = await waiting;
    if (!(outcome instanceof Error)) expect(outcome.text).not.toContain('worth-waiting-for');
  });
});

describe('the idle limit', () => {
  async function poll(browser: FakeBrowser, how: Parameters<FakeBrowser['get']>[1]): Promise<number> {
    let status = 200;
    for (let seconds = 0; seconds < 1800 && status === 200; seconds += 5) {
      h.clock.advance(5000);
      status = (await browser.get('/admin/poll', how)).status;
    }
    return status;
  }

  it('a page that polls every five seconds keeps no idle session alive', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    expect(await poll(browser, { as: 'fetch' })).toBe(401);
    expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
  });

  it('nor does one in a browser that says nothing but X-Requested-With', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    const cookie = cookieOf(browser);
    let status = 200;
    for (let minutes = 0; minutes < 30; minutes += 1) {
      h.clock.advance(60_000);
      const headers: [string, string][] = [
        ['Cookie', cookie],
        ['X-Requested-With', 'XMLHttpRequest'],
        ['Connection', 'close'],
      ];
      status = (await raw(h, 'GET', '/admin/poll', headers)).status;
    }
    expect(status).toBe(401);
  });

  it('is written down at most once a minute, and polling writes nothing at all', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    await browser.get('/admin');
    const update = vi.spyOn(h.store.sessions, 'update');
    for (let i = 0; i < 50; i += 1) {
      h.clock.advance(5_000);
      await browser.get('/admin/poll', { as: 'fetch' });
    }
    expect(update).not.toHaveBeenCalled();
    for (let i = 0; i < 12; i += 1) {
      h.clock.advance(10_000);
      await browser.get('/admin');
    }
    expect(update.mock.calls.length).toBeGreaterThan(0);
    expect(update.mock.calls.length).toBeLessThanOrEqual(3); // of a first after the polling, and two minutes
  });

  it('a person who reads a page every twenty minutes stays signed in', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    for (let i = 0; i < 6; i += 1) {
      h.clock.advance(1_200_000);
      expect((await browser.get('/admin')).url.pathname).toBe('/admin');
    }
  });
});

describe('what the application says beside its answer', () => {
  async function ask(path: string, cookie?: string, method = 'GET'): Promise<string> {
    const connection = await RawConnection.open(h.port);
    const headers: [string, string][] = [['Connection', 'close']];
    if (cookie !== undefined) headers.push(['Cookie', cookie]);
    connection.send(rawBytes(method, path, withHost(h, headers)));
    await expect.poll(() => connection.isClosed, { timeout: 8_000 }).toBe(true);
    return connection.received.toString('latin1');
  }

  it('reaches a verified session, hints first, without its cookies', async () => {
    const small = await startSmall();
    const browser = await signInSmall();
    small.tells = true;
    const text = await ask('/page', cookieOf(browser));
    expect(text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/told\.css>[^\r\n]*\r\n\r\nHTTP\/1\.1 200 /i);
    expect(text).toMatch(/\r\n0\r\nX-Told: behind\r\n\r\n$/);
    expect(text).not.toContain('told=1');
  });

  it('reaches nobody before, not even with a page that is for all', async () => {
    const small = await startSmall();
    small.tells = true;
    const text = await ask('/login');
    expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*name="password"/);
    expect(text).not.toMatch(/told/i);
  });

  it('does not reach a session that is doubted', async () => {
    const small = await startSmall();
    const browser = await signInSmall();
    small.tells = true;
    const text = await ask('/page', cookieOf(browser), 'POST'); // may have changed whose session this is
    expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*secret-of-7-/);
    expect(text).not.toMatch(/told\.css/);
  });
});

describe('an application in trouble', () => {
  it('that is down is a 502 of ours, without a detail of it', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    await h.app.close();
    const page = await browser.get('/admin');
    expect(page.status).toBe(502);
    expect(page.header('content-type')).toContain('text/html');
    expect(page.header('cache-control')).toContain('no-store');
    for (const detail of [String(h.app.port), 'ECONN', 'undici', 'Error:', 'at ', 'upstream']) {
      expect(page.text.replace(/<[^>]*>/g, ''), detail).not.toContain(detail);
    }
    const program = await browser.get('/admin/poll', { as: 'fetch' });
    expect(program.status).toBe(502);
    expect(program.header('content-type')).toContain('application/problem+json');
    expect(program.text).not.toMatch(/ECONN|127\.0\.0\.1/);
  });

  it('that is down during a login lets nobody in and leaves nobody half logged in', async () => {
    h = await Harness.start();
    const browser = h.browser();
    const form = await browser.get('/admin/login');
    await h.app.close();
    const page = await browser.submit(form, {
      'LoginForm[email]': ALICE.email,
      'LoginForm[password]': ALICE.password,
    });
    expect(page.status).toBe(502);
    expect(await h.assembled.sessions.of(ALICE.email as never)).toEqual([]);
  });

  it('that does not answer in time is a 504 of ours', async () => {
    const small = await startSmall({ headersTimeoutMs: 300 });
    const browser = await signInSmall();
    const asked = browser.get('/silent');
    await expect.poll(() => small.requests.some((request) => request.includes('/silent'))).toBe(true);
    h.clock.advance(300);
    const page = await asked;
    expect(page.status).toBe(504);
    expect(page.header('content-type')).toContain('text/html');
  });

  it('hears that a client has gone, and stops working for it', async () => {
    const small = await startSmall();
    const cookie = cookieOf(await signInSmall());
    const connection = await RawConnection.open(h.port);
    connection.send(rawBytes('GET', '/wait', withHost(h, [['Cookie', cookie]])));
    await connection.readUntil('first');
    connection.destroy();
    await expect.poll(() => small.givenUp).toBe(1);
  });
});

describe('what the application is told', () => {
  function sent(name: string): string[] {
    const headers = h.app.requests.at(-1)?.headers ?? [];
    return headers.filter(([found]) => found.toLowerCase() === name).map(([, value]) => value);
  }

  it('the Host that the browser used, and who asks, once each; what a client claims is dropped', async () => {
    h = await Harness.start();
    const browser = await signIn(h);
    await browser.get('/admin/account', {
      headers: [
        ['X-Forwarded-For', '198.51.100.1'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'evil.test'],
        ['X-Forwarded-Port', '1'],
        ['X-Forwarded-Prefix', '/x'],
        ['X-Forwarded-Server', 'evil.test'],
        ['Forwarded', 'for=198.51.100.1;host=evil.test'],
        ['X-Real-IP', '198.51.100.1'],
      ],
    });
    expect(sent('host')).toEqual([hostOf(h)]);
    expect(sent('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(sent('x-forwarded-proto')).toEqual(['http']);
    expect(sent('x-forwarded-host')).toEqual([hostOf(h)]);
    expect(sent('x-forwarded-port')).toEqual([String(h.port)]);
    for (const name of ['x-forwarded-prefix', 'x-forwarded-server', 'forwarded', 'x-real-ip']) {
      expect(sent(name), name).toEqual([]);
    }
  });

  it('behind a TLS proxy: https, the public name, and the client that the proxy names, from the right', async () => {
    h = await Harness.start({ publicUrl: 'https://lucy.example.com', trustedProxies: ['127.0.0.1/32'] });
    const browser = h.browser({ 'X-Forwarded-For': '203.0.113.9, 198.51.100.7', 'X-Forwarded-Proto': 'http' });
    const inside = await h.logIn(browser, ALICE);
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
    expect(inside.url.href).toBe('https://lucy.example.com/admin');
    expect(sent('host')).toEqual(['lucy.example.com']);
    expect(sent('x-forwarded-for')).toEqual(['198.51.100.7']);
    expect(sent('x-forwarded-proto')).toEqual(['https']);
    expect(sent('x-forwarded-port')).toEqual(['443']);
    const own = browser.cookies.filter(({ name }) => name.startsWith('__Host-'));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatchObject({ secure: true, httpOnly: true, path: '/' });
  });
});

describe('redirects of the application', () => {
  it.each(['keep', 'rewrite'])('stay on our origin with the Host %s', async (upstreamHost) => {
    h = await Harness.start({ profile: { upstreamHost } });
    const browser = await signIn(h);
    const page = await browser.get('/', { followRedirects: false });
    expect(page.status).toBe(302);
    expect(new URL(page.header('location') ?? '', h.origin).href).toBe(`${h.origin}/admin`);
  });

  it('do not fall from https to http because the application does not know of TLS', async () => {
    const small = await startSmall({}, { publicUrl: 'https://lucy.example.com' });
    const browser = await signInSmall();
    for (const [location, expected] of [
      ['http://lucy.example.com/home?a=b', 'https://lucy.example.com/home?a=b'],
      [`${small.url}/home`, 'https://lucy.example.com/home'],
      ['https://elsewhere.example/x', 'https://elsewhere.example/x'],
      ['http://lucy.example.com.evil.test/', 'http://lucy.example.com.evil.test/'],
      ['/home', 'https://lucy.example.com/home'],
    ] as const) {
      small.location = location;
      const page = await browser.get('/go', { followRedirects: false });
      expect(new URL(page.header('location') ?? '', 'https://lucy.example.com').href, location).toBe(expected);
    }
  });

  it.each(['http://lucy.example.com', 'itself'])('after a login count too when they name %s', async (origin) => {
    const small = await startSmall({}, { publicUrl: 'https://lucy.example.com' });
    small.afterLogin = `${origin === 'itself' ? small.url : origin}/deep/page`;
    const browser = h.browser();
    const inside = await browser.submit(await browser.get('/login'), { user: 'alice', password: 'pw' });
    expect(inside.url.href).toBe('https://lucy.example.com/deep/page');
    await h.enrolTotp('7');
    h.clock.advance(30_000);
    const again = h.browser();
    const prompt = await again.submit(await again.get('/login'), { user: 'alice', password: 'pw' });
    expect((await again.submit(prompt, { code: h.totp() })).url.href).toBe('https://lucy.example.com/deep/page');
  });
});

describe('cookies of the application', () => {
  it.each([
    ['UTF-8 as it came', Buffer.from('town=Zürich').toString('latin1')],
    ['a quoted value with a comma', 'town="a, b"'],
    ['percent and signs', 'town=%7Ba%3A1%7D|!#$&*'],
    ['an equals sign', 'town=YWJj=='],
    ['an empty value', 'town='],
  ])('come back to it byte for byte: %s', async (_name, pair) => {
    const small = await startSmall();
    const browser = await signInSmall();
    small.cookie = `${pair}; Path=/; HttpOnly`;
    expect((await browser.get('/cookie')).text).toBe('set');
    expect(browser.cookies.map(({ name }) => name)).toEqual(['lucy2fa']);
    expect((await browser.get('/home')).html).toContain('secret-of-7-');
    const [, headers = '[]'] = (small.requests.at(-1) ?? '').split('\n');
    const sent: string[] = JSON.parse(headers);
    const line = sent[sent.findIndex((name) => name.toLowerCase() === 'cookie') + 1];
    expect(line?.split('; ').sort()).toEqual([pair, expect.stringMatching(/^SID=/)].sort());
  });

  it('that no request could carry does not lock the person out', async () => {
    const small = await startSmall();
    const browser = await signInSmall();
    small.cookie = `odd=${'x'.repeat(10_000)}; Path=/`;
    await browser.get('/cookie');
    expect((await browser.get('/home')).html).toContain('secret-of-7-');
    small.cookie = 'town=a\tb; Path=/';
    await browser.get('/cookie');
    expect((await browser.get('/home')).html).toContain('secret-of-7-');
  });
});

describe('forms on an address where bodies are read', () => {
  const cases: readonly (readonly [string, string, Buffer])[] = [
    ['an urlencoded form', 'application/x-www-form-urlencoded', Buffer.from('text=%7e%C3%a4+x&&b=&a[]=1&a[]=2&c;d=1')],
    ['an empty body', 'application/x-www-form-urlencoded', Buffer.alloc(0)],
    ['a form of exactly the limit', 'application/x-www-form-urlencoded', Buffer.from(`a=${'x'.repeat(65_534)}`)],
    ['a form just above it', 'application/x-www-form-urlencoded', Buffer.from(`a=${'x'.repeat(65_535)}`)],
    ['a multipart form of 3 MB', 'multipart/form-data; boundary=b', multipart(3 * MEGABYTE)],
    ['JSON', 'application/json', Buffer.from('{ "a" : 1e2, "b":"\\u00e4" }')],
    ['bytes of no known type', 'application/x-whatever', Buffer.from([0, 255, 13, 10, 128])],
  ];

  it.each(cases)('%s arrives byte for byte', async (_name, type, body) => {
    const small = await startSmall();
    const browser = await signInSmall();
    const before = small.bodies.length;
    const page = await browser.send('POST', '/login', type, body, { followRedirects: false });
    expect(page.status).toBe(200);
    expect(small.bodies[before]?.equals(body)).toBe(true);
  });
});

function multipart(bytes: number): Buffer {
  const head = Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\n\r\n');
  return Buffer.concat([head, ...downloadBytes(bytes), Buffer.from('\r\n--b--\r\n')]);
}

async function startSmall(
  upstream: { headersTimeoutMs?: number } = {},
  more: { publicUrl?: string } = {},
): Promise<SmallApp> {
  app = await startSmallApp([{ id: 7, name: 'alice', password: 'pw' }]);
  h = await Harness.start({ upstreamUrl: app.url, profile: SMALL_PROFILE, upstream, ...more });
  return app;
}

async function signInSmall(): Promise<FakeBrowser> {
  const browser = h.browser();
  const inside = await browser.submit(await browser.get('/login'), { user: 'alice', password: 'pw' });
  expect(inside.html).toContain('secret-of-7-');
  return browser;
}
