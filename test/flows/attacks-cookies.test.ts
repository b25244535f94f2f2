/** Attacks 19 to 27: what a Cookie header can say, what reaches the application of it, and what comes back. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBrowser } from '../fakes/browser.ts';
import { type Header, RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { cookieOf, raw, signIn, withHost } from './attack-steps.ts';
import { ALICE, Harness } from './harness.ts';
import { expectNothingLeaked, pathsSince } from './witness.ts';

/** Somebody's live session at the application, as a thief would bring it. */
const STOLEN = 'stolenstolenstolenstolen00';
/** A name that PHP knows in many spellings: blank, dot and bracket become the underscore. */
const NAMED = {
  app: { sessionCookie: 'app_session', sessionInQuery: true },
  profile: { cookies: { readable: ['YII_CSRF_TOKEN', 'language'], session: ['app_session'] } },
};
const PAGES = ['/admin', '/admin/login', '/assets/lucy.css', '/admin/recovery', '/simplesaml/x'];

let h: Harness;
afterEach(() => h.close());

const html: Header = ['Accept', 'text/html'];

/** What the application was sent as cookies since the first `count` requests. */
function cookiesSince(count: number): readonly string[] {
  return h.app.requests.slice(count).map(({ cookie }) => cookie ?? '');
}

describe('cookies of the application, brought by a browser', () => {
  let verified: FakeBrowser;
  beforeEach(async () => {
    h = await Harness.start(NAMED);
    verified = await signIn(h, ALICE);
  });

  it.each<[string, string]>([
    ['as it is', `app_session=${STOLEN}`],
    ['19: with dots for underscores', `app.session=${STOLEN}`],
    ['19: with a blank in front', `  app_session=${STOLEN}`],
    ['19: with a tab in front', `\tapp_session=${STOLEN}`],
    ['19: with a bracket that never closes', `app[session=${STOLEN}`],
    ['20: with a percent in the name', `app%5fsession=${STOLEN}`],
    ['21: twice', `app_session=${STOLEN}; app_session=${STOLEN}`],
    ['21: behind a mangled twin', `app session=x; app_session=${STOLEN}`],
    ['22: in quotes', `app_session="${STOLEN}"`],
    ['22: with a percent in the value', `app_session=%73${STOLEN.slice(1)}`],
    ['22: as an array', `app_session[]=${STOLEN}`],
    ['22: with a comma', `x=1, app_session=${STOLEN}`],
    ['22: in the value of a readable cookie', `language=en,app_session=${STOLEN}`],
    ['22: in another case', `APP_session=${STOLEN}`],
    ['22: empty', 'app_session='],
  ])('%s: the application sees its own one only', async (_, planted) => {
    const before = h.app.requests.length;
    const alice = cookieOf(verified);
    for (const path of PAGES) {
      await raw(h, 'GET', path, [['Cookie', planted], html]);
      await raw(h, 'GET', path, [['Cookie', `${planted}; ${alice}`], html]);
      await raw(h, 'GET', path, [['Cookie', alice], ['Cookie', planted], html]);
    }
    const sent = cookiesSince(before);
    expect(sent.length).toBeGreaterThan(PAGES.length);
    for (const line of sent) {
      const names = line.split(/[;,]\s*/).map((pair) => pair.split('=')[0] ?? '');
      // In the value of a readable cookie the name is only text: PHP ends a value at `;` alone.
      if (planted.startsWith('language')) expect(line).not.toMatch(/; *app_session=stolen/);
      else expect(line).not.toMatch(/stolen|%73tolen|%5f/);
      expect(
        names.filter((name) => /^app.?session/i.test(name) && !planted.startsWith('language')).length,
      ).toBeLessThan(2);
    }
    expect((await raw(h, 'GET', '/admin', [['Cookie', `${planted}; ${alice}`], html])).text).toContain(
      h.app.secretOf(ALICE.email),
    );
  });

  it('27: ours never reaches the application, from no state, on no page, in no header', async () => {
    const id = verified.cookie('lucy2fa') ?? '';
    for (const path of PAGES) await verified.get(path);
    await verified.post('/admin/account', { 'AccountForm[phone]': '1' });
    await verified.get('/admin/logout');
    expect(id).toHaveLength(43);
    expect(h.app.sawBytes(id)).toBe(false);
    expect(h.app.sawBytes('lucy2fa')).toBe(false);
  });

  it('21: ours twice is none, in one line or two, the right one first or last, and it is logged', async () => {
    const id = verified.cookie('lucy2fa') ?? '';
    const before = h.app.requests.length;
    for (const lines of [
      [`lucy2fa=bad; lucy2fa=${id}`],
      [`lucy2fa=${id}; lucy2fa=bad`],
      [`lucy2fa=${id}; lucy2fa=${id}`],
      [`lucy2fa=${id}`, 'lucy2fa=bad'],
      ['lucy2fa=', `lucy2fa=${id}`],
    ]) {
      const headers = lines.map((line): Header => ['Cookie', line]);
      const answer = await raw(h, 'GET', '/admin', [...headers, html]);
      expect([answer.status, answer.header('location')]).toEqual([303, '/admin/login']);
    }
    expect(pathsSince(h, before)).toEqual([]);
    expect(h.logged.join('')).toContain('session_cookie_duplicated');
    expect((await verified.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
  });

  it('is asked for with every request of a connection: whoever shares one shares no session', async () => {
    const connection = await RawConnection.open(h.port);
    const ask = async (cookie: string) => {
      connection.send(rawBytes('GET', '/admin', withHost(h, [['Cookie', cookie], html])));
      return connection.response('GET');
    };
    const secret = h.app.secretOf(ALICE.email);
    const alice = cookieOf(verified);
    for (const [cookie, isAlice] of [
      [alice, true],
      [alice, true],
      ['language=en', false],
      [`${alice}x`, false],
      [alice, true],
    ] as const) {
      expect((await ask(cookie)).text.includes(secret), cookie).toBe(isAlice);
    }
    await h.assembled.sessions.endAll(ALICE.email as never, 'revoked');
    expect((await ask(alice)).text).not.toContain(secret);
    connection.destroy();
  });

  it.each<[string, (id: string) => string]>([
    ['%', () => '%'],
    ['junk of 8 kB', () => 'x'.repeat(8000)],
    ['an id that was never given', () => 'A'.repeat(43)],
    ['an id with a changed letter', (id) => `${id.startsWith('A') ? 'B' : 'A'}${id.slice(1)}`],
    ['an id that is too long', (id) => `${id}A`],
    ['an id that is cut short', (id) => id.slice(0, 42)],
    ['an id in quotes', (id) => `"${id}"`],
    ['an id in percents', (id) => `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`],
    ['padded base64', (id) => `${id}=`],
    ['a prototype', () => '__proto__'],
    ['nothing', () => ''],
  ])('25: a broken cookie is none: %s', async (_, broken) => {
    const value = broken(verified.cookie('lucy2fa') ?? '');
    const before = h.app.requests.length;
    const none = await raw(h, 'GET', '/admin', [html]);
    const answer = await raw(h, 'GET', '/admin', [['Cookie', `lucy2fa=${value}`], html]);
    expect([answer.status, answer.header('location')]).toEqual([none.status, none.header('location')]);
    expect((await raw(h, 'GET', '/admin/poll', [['Cookie', `lucy2fa=${value}`]])).status).toBe(401);
    expect((await raw(h, 'GET', '/_2fa/account', [['Cookie', `lucy2fa=${value}`], html])).text).not.toContain(
      ALICE.email,
    );
    expect(pathsSince(h, before)).toEqual([]);
  });

  it('25: a NUL in a cookie is no request at all', async () => {
    const before = h.app.requests.length;
    expect((await raw(h, 'GET', '/admin', [['Cookie', `lucy2fa=a\0b`]])).status).toBe(400);
    expect(pathsSince(h, before)).toEqual([]);
  });

  it('26: many cookies and large heads cost nothing and pass nothing', async () => {
    const before = h.app.requests.length;
    const many = Array.from({ length: 400 }, (_, i) => `c${i}=1; chunks=99999999`).join('; ');
    expect((await raw(h, 'GET', '/admin', [['Cookie', many], html])).status).toBe(303);
    expect((await raw(h, 'GET', '/admin', [['Cookie', 'x'.repeat(65_536)]])).status).toBe(431);
    expect(pathsSince(h, before)).toEqual([]);
    const alice = cookieOf(verified);
    expect((await raw(h, 'GET', '/admin', [['Cookie', `${many}; ${alice}`], html])).status).toBe(200);
    for (const line of cookiesSince(before)) expect(line).not.toMatch(/chunks|c399/);
    expectNothingLeaked(h, verified, { verified: [ALICE.email] });
  });
});

describe('23: a session id outside of cookies', () => {
  beforeEach(async () => {
    h = await Harness.start(NAMED);
  });

  it.each([
    'app_session',
    'app.session',
    'app%20session',
    '%61pp_session',
    'app[session',
    '+app_session',
    'app+session',
    'app_session%00x',
  ])('as %s in the query is refused in every state and for every class of page', async (name) => {
    const verified = await signIn(h, ALICE);
    const live = h.app.sessions()[0]?.id ?? '';
    const before = h.app.requests.length;
    for (const path of [...PAGES, '/public/x', '/.well-known/acme-challenge/x']) {
      for (const query of [`${name}=${live}`, `a=1&${name}=${live}`, `a=1&${name}=${live}&b=2`]) {
        const headers: Header[] = [html];
        expect((await raw(h, 'GET', `${path}?${query}`, headers)).status, `${path}?${query}`).toBe(400);
        const mine: Header[] = [html, ['Cookie', cookieOf(verified)]];
        expect((await raw(h, 'GET', `${path}?${query}`, mine)).status).toBe(400);
      }
    }
    expect(pathsSince(h, before)).toEqual([]);
  });
});

describe('24, 27: our name on a host with TLS', () => {
  const NAME = '__Host-lucy2fa';
  beforeEach(async () => {
    h = await Harness.start({ publicUrl: 'https://lucy.test' });
  });

  it('is bound to this host, this path and TLS, and the unbound name is nothing', async () => {
    const browser = await signIn(h, ALICE);
    const own = browser.cookies.find(({ name }) => name === NAME);
    expect(own).toMatchObject({ secure: true, httpOnly: true, hostOnly: true, path: '/', sameSite: 'Lax' });
    expect(browser.cookies.map(({ name }) => name).sort()).toEqual(['YII_CSRF_TOKEN', NAME, 'language']);
    const id = own?.value ?? '';
    const before = h.app.requests.length;
    for (const name of ['lucy2fa', '__host-lucy2fa', '__Secure-lucy2fa', '\u00a0__Host-lucy2fa', '__Host-lucy2fa ']) {
      const answer = await raw(h, 'GET', '/admin', [['Cookie', `${name}=${id}`], html]);
      expect(answer.header('location'), name).toBe('/admin/login');
    }
    expect(pathsSince(h, before)).toEqual([]);
  });

  it('tossed from a sibling host beside the right one it makes none of both', async () => {
    const browser = await signIn(h, ALICE);
    const attacker = h.browser();
    await attacker.get('/admin/login');
    const both = `${NAME}=${attacker.cookie(NAME)}; ${NAME}=${browser.cookie(NAME)}`;
    const answer = await raw(h, 'GET', '/_2fa/account', [['Cookie', both], html]);
    expect(answer.text).not.toContain(ALICE.email);
    expect(answer.text).not.toContain('csrf');
  });
});

describe('27: an application that sets our cookie', () => {
  it.each(['lucy2fa', '__Host-lucy2fa', 'lucy2fa.sig', 'LUCY2FA'])(
    'as %s plants nothing, and is never believed',
    async (name) => {
      h = await Harness.start({
        app: { sessionCookie: name },
        profile: { cookies: { readable: ['YII_CSRF_TOKEN', 'l*', 'L*', '__H*'], session: ['PHPSESSID'] } },
      });
      const browser = h.browser();
      const page = await browser.get('/admin/login');
      const planted = [...page.history.flatMap(({ setCookie }) => setCookie), ...page.setCookie].filter((line) =>
        line.toLowerCase().startsWith(name.toLowerCase()),
      );
      // Ours has 43 characters and HttpOnly; the application's has 26.
      for (const line of planted) expect(line).toMatch(/^lucy2fa=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
      await h.logIn(browser, ALICE);
      expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
      expect(h.app.requests.every(({ cookie = '' }) => !cookie.toLowerCase().includes('lucy2fa'))).toBe(true);
    },
  );
});
