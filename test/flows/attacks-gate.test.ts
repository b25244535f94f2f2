/** Attacks 1, 2, 6, 7, 8 and 18 on the way from a password to the application: what a pending login reaches, over real sockets. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { rawBytes, rawRequest } from '../fakes/raw-http.ts';
import { BOBS_SECRET } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';
import { expectNothingLeaked, pathsSince } from './witness.ts';

let h: Harness;
afterEach(() => h.close());

async function start(options: HarnessOptions = {}): Promise<void> {
  h = await Harness.start(options);
  await h.enrolTotp(ALICE.email);
  await h.enrolTotp(BOB.email, BOBS_SECRET);
}

async function pending(who = ALICE): Promise<{ browser: FakeBrowser; prompt: Page }> {
  const browser = h.browser();
  const prompt = await h.logIn(browser, who);
  expect(prompt.url.pathname).toBe('/_2fa/challenge');
  return { browser, prompt };
}

describe.each(['rotate', 'keep'] as const)('while the factor is owed, with an application that does %s', (rotate) => {
  it('1: forced browsing reaches nothing of the application, by any method or spelling', async () => {
    await start({ app: { rotate, sessionInQuery: true } });
    const { browser } = await pending();
    const before = h.app.requests.length;
    for (const path of [
      '/admin',
      '/ADMIN',
      '/index.php?r=admin',
      '/admin/login',
      '/admin/recovery',
      '/simplesaml/x',
      '/user',
    ]) {
      expect((await browser.get(path)).url.pathname, path).toBe('/_2fa/challenge');
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      const answer = await browser.send(method, '/admin/account', 'text/plain', Buffer.from('x'), { as: 'fetch' });
      expect([method, answer.status]).toEqual([method, 401]);
      expect(answer.header('content-type')).toBe('application/problem+json');
    }
    expect(pathsSince(h, before)).toEqual([]);
    expectNothingLeaked(h, browser);
  });

  it('2: our id opens nothing as a Bearer, a Basic password, a header or a query', async () => {
    await start({ app: { rotate, basicLogin: true } });
    const { browser, prompt } = await pending();
    await browser.submit(prompt, { code: h.totp() });
    const id = browser.cookie('lucy2fa') ?? '';
    expect((await browser.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
    const before = h.app.requests.length;
    const basic = Buffer.from(`${ALICE.email}:${id}`).toString('base64');
    for (const header of [
      ['Authorization', `Bearer ${id}`],
      ['Authorization', `Basic ${basic}`],
      ['X-Auth-Token', id],
      ['Cookie2', `lucy2fa=${id}`],
    ] as const) {
      const answer = await h.browser().get('/admin', { headers: [header], as: 'fetch' });
      expect(answer.status).toBe(401);
    }
    expect((await h.browser().get(`/admin?lucy2fa=${id}`, { as: 'fetch' })).status).toBe(401);
    expect(pathsSince(h, before)).toEqual([]);
    expect(h.app.sawBytes(id)).toBe(false);
  });

  it('8: an id that the client chose never reaches the application, so nobody can share the login', async () => {
    await start({ app: { rotate } });
    const planted = 'attackerchosen0000000000aa';
    const victim = h.browser();
    victim.setCookie('PHPSESSID', planted);
    await victim.submit(await h.logIn(victim, ALICE), { code: h.totp() });
    expect((await victim.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
    expect(h.app.sawBytes(planted)).toBe(false);
    const attacker = h.browser();
    attacker.setCookie('PHPSESSID', planted);
    expect((await attacker.get('/admin')).url.pathname).toBe('/admin/login');
    expectNothingLeaked(h, victim, { verified: [ALICE.email] });
    expectNothingLeaked(h, attacker);
  });
});

it('8b: our own id changes with the password and with the factor, and the earlier ones are dead', async () => {
  await start();
  const browser = h.browser();
  await browser.get('/admin/login');
  const ids = [browser.cookie('lucy2fa') ?? ''];
  const prompt = await h.logIn(browser, ALICE);
  ids.push(browser.cookie('lucy2fa') ?? '');
  await browser.submit(prompt, { code: h.totp() });
  expect(new Set([...ids, browser.cookie('lucy2fa')]).size).toBe(3);
  for (const id of ids) {
    const thief = h.browser();
    thief.setCookie('lucy2fa', id);
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expect((await thief.get('/_2fa/challenge')).html).not.toContain(ALICE.email);
  }
});

describe('6: hiding the success of a login from the detector', () => {
  it.each<[string, readonly (readonly [string, string])[]]>([
    ['brotli', [['Accept-Encoding', 'br']]],
    ['zstd', [['Accept-Encoding', 'zstd, gzip']]],
    ['a range', [['Range', 'bytes=0-0']]],
    [
      'a condition',
      [
        ['If-None-Match', '*'],
        ['If-Modified-Since', 'Thu, 01 Jan 2037 00:00:00 GMT'],
      ],
    ],
    [
      'an XHR',
      [
        ['X-Requested-With', 'XMLHttpRequest'],
        ['Accept', 'application/json'],
      ],
    ],
    ['another language', [['Accept-Language', 'xx']]],
    ['another method in a header', [['X-HTTP-Method-Override', 'GET']]],
  ])('by %s', async (_, headers) => {
    await start();
    const browser = h.browser();
    const form = await browser.get('/admin/login');
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    await browser.submit(form, fields, { headers, followRedirects: false });
    expect(h.app.sessions()).toHaveLength(1);
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    expect(h.app.requests.some(({ method, url }) => method === 'GET' && url === '/admin')).toBe(false);
    expectNothingLeaked(h, browser);
  });
});

it('7: of an accepted login no header, token, body or address of the application goes out, before or after (I2)', async () => {
  await start();
  const browser = h.browser();
  const { hidden } = await browser.get('/admin/login');
  const answer = await browser.post(
    '/admin/login?leak=1',
    {
      YII_CSRF_TOKEN: hidden.YII_CSRF_TOKEN ?? '',
      'LoginForm[email]': ALICE.email,
      'LoginForm[password]': ALICE.password,
      'LoginForm[rememberMe]': '1',
    },
    { followRedirects: false },
  );
  expect(answer.header('location')).toBe('/_2fa/challenge');
  expect(answer.body).toHaveLength(0);
  const allowed = ['location', 'cache-control', 'content-length', 'set-cookie', 'date', 'connection', 'keep-alive'];
  expect(answer.headers.map(([name]) => name.toLowerCase()).filter((name) => !allowed.includes(name))).toEqual([]);
  expect(answer.setCookie).toHaveLength(1);
  expectNothingLeaked(h, browser);
  await browser.submit(await browser.get('/_2fa/challenge'), { code: h.totp() });
  await browser.get('/admin');
  await browser.get('/admin/account');
  expectNothingLeaked(h, browser, { verified: [ALICE.email] });
  expect(browser.transcript.includes('eyJ'), 'no token of any kind').toBe(false);
});

describe('18: what is open to everybody is never served from a jar that is logged in', () => {
  it.each([
    '/assets/lucy.css',
    '/public/logo.png',
    '/favicon.ico',
    '/.well-known/acme-challenge/t',
    '/login/login.html',
  ])('GET %s while pending carries no cookie', async (path) => {
    await start();
    const { browser } = await pending();
    const before = h.app.requests.length;
    expect((await browser.get(path)).url.pathname).toBe(path);
    const seen = h.app.requests.slice(before);
    expect(seen).toHaveLength(1);
    for (const { id } of h.app.sessions()) expect(seen[0]?.cookie ?? '').not.toContain(id);
    expect(seen[0]?.cookie ?? '').not.toContain('PHPSESSID');
  });

  it('and takes no action: other methods, other spellings, a session in the query', async () => {
    await start({ app: { sessionInQuery: true } });
    const { browser } = await pending();
    const before = h.app.requests.length;
    for (const target of [
      '/assets/../admin',
      '/assets/%2e%2e/admin',
      '/assets%2f..%2fadmin',
      '//admin',
      '/assets/..;/admin',
    ]) {
      const answer = await rawRequest(h.port, rawBytes('GET', target, [['Host', new URL(h.origin).host]]));
      expect([target, answer.status]).toEqual([target, 400]);
    }
    for (const path of ['/assets/lucy.css', '/public/x', '/favicon.ico']) {
      expect((await browser.send('POST', path, 'text/plain', Buffer.from('x'), { as: 'fetch' })).status).toBe(401);
    }
    const ids = h.app.sessions().map(({ id }) => id);
    expect(ids).toHaveLength(1);
    for (const id of ids) expect((await browser.get(`/public/x?PHPSESSID=${id}`)).status).toBe(400);
    expect(pathsSince(h, before)).toEqual([]);
  });
});
