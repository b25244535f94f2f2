/**
 * PHP itself behind the gateway: the application whose reading of names, cookies and bodies decides who gets logged in. What
 * the gateway lets through is asked of PHP, not of what we believe of it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { freePort } from '../fakes/free-port.ts';
import { cookieOf, FORM_TYPE, raw } from './attack-steps.ts';
import { Harness } from './harness.ts';

const hasPhp = spawnSync('php', ['-v']).status === 0;
/** In CI a missing PHP must fail. */
const skip = !hasPhp && process.env['CI'] === undefined;
const SCRIPT = fileURLToPath(new URL('../fixtures/echo.php', import.meta.url));

const PROFILE = {
  home: '/index.php',
  login: {
    page: '/login.php',
    requests: [{ method: 'POST', path: '/login.php', form: { user: 'username', password: 'password' } }],
    success: [{ status: [302], locationNot: ['/login.php'] }],
    failure: [{ status: 200, bodyHas: 'name="password"' }],
    ignore: [],
  },
  whoami: {
    path: '/account.php',
    css: null,
    attribute: null,
    json: '/user',
    anonymous: [{ status: 302, locationHas: '/login.php' }],
  },
  logout: [{ path: '/logout.php' }],
  signOut: [{ method: 'GET', path: '/logout.php' }],
  routes: [{ class: 'login', methods: ['GET', 'POST'], path: '/login.php' }],
  cookies: { readable: ['theme'], session: ['PHPSESSID'] },
};

interface Echo {
  readonly secret: string;
  readonly path: string;
  readonly get: unknown;
  readonly post: unknown;
  readonly cookie: Readonly<Record<string, unknown>>;
  readonly server: Readonly<Record<string, string>>;
}

describe.skipIf(skip)('PHP behind the gateway', () => {
  let php: ChildProcess;
  let url: string;
  let folder: string;
  let h: Harness;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'php-behind-'));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const settings = ['-d', `session.save_path=${folder}`, '-d', 'session.use_strict_mode=0'];
    php = spawn('php', [...settings, '-S', `127.0.0.1:${port}`, SCRIPT], { stdio: 'ignore' });
    await vi.waitFor(async () => expect((await fetch(`${url}/login.php`)).status).toBe(200), { timeout: 10_000 });
  });
  afterAll(async () => {
    php.kill();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    h = await Harness.start({ upstreamUrl: url, profile: PROFILE });
    await h.enrolTotp('alice');
  });
  afterEach(() => h.close());

  async function logIn(browser: FakeBrowser, username: string, password: string): Promise<Page> {
    return browser.submit(await browser.get('/login.php'), { username, password });
  }

  async function verified(): Promise<FakeBrowser> {
    const browser = h.browser();
    const inside = await browser.submit(await logIn(browser, 'alice', 'pw-alice'), { code: h.totp() });
    expect(inside.html).toContain('secret-of-alice-');
    return browser;
  }

  async function echo(
    browser: FakeBrowser,
    headers: readonly [string, string][],
    target = '/index.php',
  ): Promise<Echo> {
    const answer = await raw(h, 'GET', target, [...headers, ['Connection', 'close']]);
    expect(answer.status).toBe(200);
    expect(cookieOf(browser)).not.toContain('PHPSESSID');
    return JSON.parse(answer.text);
  }

  it('the login, the prompt and the page behind it work, and no id of PHP comes to the browser', async () => {
    const browser = await verified();
    expect(browser.cookies.map(({ name }) => name)).toEqual(['lucy2fa']);
    expect(browser.transcript.toString('latin1')).not.toMatch(/^set-cookie: *PHPSESSID/im);
  });

  it('19 to 22: whatever a browser calls its cookies, PHP sees its own session and the readable ones', async () => {
    const browser = await verified();
    const own = cookieOf(browser);
    const before = (await echo(browser, [['Cookie', own]])).cookie;
    expect(Object.keys(before)).toEqual(['PHPSESSID']);
    for (const forged of [
      'PHPSESSID=aaaaaaaaaaaaaaaaaaaaaaaaaa',
      'PHP.SESSID=x',
      'PHP SESSID=x',
      'PHP[SESSID=x',
      'PHPSESSID[]=x',
      '\tPHPSESSID=x',
      'PHPSESSI%44=x',
      'lucy2fa.x=y',
      'x=y',
    ]) {
      for (const line of [`${forged}; ${own}`, `${own}; ${forged}`]) {
        const seen = await echo(browser, [['Cookie', line]]);
        expect(seen.cookie, line).toEqual(before);
        expect(seen.server['HTTP_COOKIE'], line).not.toContain('lucy2fa');
      }
    }
    const readable = await echo(browser, [['Cookie', `theme=dark; ${own}; theme=light`]]);
    expect(readable.cookie).toEqual({ ...before, theme: 'dark' });
  });

  it('23: a session id in the query is refused', async () => {
    const browser = await verified();
    for (const name of ['PHPSESSID', 'PHP.SESSID', 'PHP%5BSESSID', '+PHPSESSID']) {
      const headers: [string, string][] = [
        ['Cookie', cookieOf(browser)],
        ['Connection', 'close'],
      ];
      // `PHP.SESSID` is PHP_SESSID to PHP, which is another name and nobody's session.
      const answer = await raw(h, 'GET', `/index.php?${name}=aaaaaaaaaaaaaaaaaaaaaaaaaa`, headers);
      if (answer.status === 400) continue;
      expect(answer.status, name).toBe(200);
      expect(Object.keys(JSON.parse(answer.text).get as object), name).not.toContain('PHPSESSID');
    }
    const plain = await raw(h, 'GET', '/index.php?PHPSESSID=a', [['Connection', 'close']]);
    expect(plain.status).toBe(400);
  });

  it('28, 29 and 31: no second user name logs Alice in without her token', async () => {
    const alice = 'username=alice&password=pw-alice';
    for (const [target, body] of [
      ['/login.php', `username=bob&${alice}`],
      ['/login.php', `${alice}&username=bob`],
      ['/login.php', `username=bob&+${alice}`],
      ['/login.php', `username=bob&user%6eame=alice&password=pw-alice`],
      ['/login.php', `username=bob&username%00x=alice&password=pw-alice`],
      ['/login.php', `username=bob&username[]=alice&password=pw-alice`],
      ['/login.php?username=alice', 'username=bob&password=pw-alice'],
      ['/login.php?username=alice&password=pw-alice', ''],
      ['/login.php?user%6eame=alice&password=pw-alice', 'x=y'],
      ['/login.php', alice],
    ] as const) {
      const browser = h.browser();
      await browser.get('/login.php');
      const page = await browser.send('POST', target, FORM_TYPE, Buffer.from(body));
      expect(browser.transcript.includes('secret-of-'), body).toBe(false);
      if (page.status !== 400) {
        const isAlice = page.url.pathname === '/_2fa/challenge' && page.html.includes('alice');
        const isForm = page.url.pathname === '/login.php';
        expect(isAlice || isForm, `${target} ${body}`).toBe(true);
      }
      expect((await browser.get('/index.php')).html, body).not.toContain('secret-of-');
      const got = await browser.get(`/login.php?${alice}`);
      expect(got.status, body).not.toBe(200);
    }
  });

  it('30: no content type that PHP parses and we do not carries a login', async () => {
    for (const type of [
      'application/x-www-form-urlencoded,foo',
      'application/x-www-form-urlencoded; charset=utf-16',
      'APPLICATION/X-WWW-FORM-URLENCODED;x',
      'application/x-www-form-urlencoded foo',
    ]) {
      const browser = h.browser();
      await browser.get('/login.php');
      const page = await browser.send('POST', '/login.php', type, Buffer.from('username=alice&password=pw-alice'));
      expect(page.status, type).toBe(415);
      expect((await browser.get('/index.php')).url.pathname, type).toBe('/login.php');
    }
  });

  it('34: PHP finds no header of a client under a name that a proxy would use', async () => {
    const browser = await verified();
    const seen = await echo(browser, [
      ['Cookie', cookieOf(browser)],
      ['X_Forwarded_User', 'forged'],
      ['X.Forwarded.User', 'forged'],
      ['X-Forwarded-User', 'forged'],
      ['Remote_User', 'forged'],
      ['X-Forwarded_For', 'forged'],
      ['Authorization', `Basic ${Buffer.from('bob:pw-bob').toString('base64')}`],
      ['Proxy', 'http://forged/'],
    ]);
    expect(JSON.stringify(seen.server)).not.toContain('forged');
    expect(Object.keys(seen.server)).not.toContain('PHP_AUTH_USER');
    expect(seen.server['HTTP_X_FORWARDED_FOR']).toBe('127.0.0.1');
  });

  it('64 and 65: what PHP runs is what was asked of the gate', async () => {
    const browser = await verified();
    const seen = await echo(browser, [['Cookie', cookieOf(browser)]], '/index.php/x.css');
    expect(seen.path).toBe('/index.php/x.css');
    for (const target of [
      '/index.php/x.css',
      '/login.php/../index.php',
      '/login.php%2f..%2findex.php',
      '//index.php',
    ]) {
      const answer = await raw(h, 'GET', target, [['Connection', 'close']]);
      expect([400, 401], target).toContain(answer.status);
      expect(answer.text, target).not.toContain('secret-of-');
    }
  });
});
