/**
 * Attacks 28 to 35: the form says one person and the application logs another one in. Bob attacks, knows Alice's password and
 * has a factor of his own; what he must never get is anything of Alice without her factor.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { BOBS_SECRET, expectNothingOf, loginPosts, postLogin, raw, signIn } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';
import { SMALL_PROFILE, type SmallApp, type SmallUser, startSmallApp } from './small-app.ts';

const USER = 'LoginForm%5Bemail%5D';
const ALICES_PASSWORD = `LoginForm%5Bpassword%5D=${encodeURIComponent(ALICE.password)}`;

describe('two people in one login', () => {
  let h: Harness;
  beforeEach(async () => {
    h = await Harness.start();
    await h.enrolTotp(ALICE.email);
    await h.enrolTotp(BOB.email, BOBS_SECRET);
  });
  afterEach(() => h.close());

  /** Refused before the application saw a byte of it, and nobody is half logged in afterwards. */
  async function expectRefused(
    browser: FakeBrowser,
    page: Page,
    what: string,
    statuses = [400],
    posted = 0,
  ): Promise<void> {
    expect(statuses, what).toContain(page.status);
    expect(loginPosts(h), what).toBe(posted);
    expect(h.app.sessions(), what).toEqual([]);
    expect((await browser.get('/admin')).url.pathname, what).toBe('/admin/login');
    expectNothingOf(h, browser, ALICE.email);
  }

  it('28: a user field that comes twice is refused, and the application never sees it', async () => {
    for (const fields of [
      `${USER}=${BOB.email}&${USER}=${ALICE.email}&${ALICES_PASSWORD}`,
      `${USER}=${ALICE.email}&${ALICES_PASSWORD}&${USER}=${BOB.email}`,
      `${USER}=${BOB.email}&LoginForm[email]=${ALICE.email}&${ALICES_PASSWORD}`,
      `${USER}=${BOB.email}&${ALICES_PASSWORD}&${USER}=`,
      `${USER}=${ALICE.email}&LoginForm%5Bpassword%5D=x&${ALICES_PASSWORD}`,
    ]) {
      const browser = h.browser();
      await expectRefused(browser, await postLogin(browser, fields), fields);
    }
  });

  it('29: a second user field in a spelling that PHP folds into the first is refused', async () => {
    for (const twin of [
      '+LoginForm%5Bemail%5D',
      '%20LoginForm[email]',
      'LoginForm[emai%6c]',
      'L%6fginForm[email]',
      'LoginForm%5bemail%5d',
      'LoginForm[email%00x]',
      'LoginForm[email]x',
      'LoginForm[email][]',
      'LoginForm[email][0]',
      'LoginForm',
      'LoginForm%00[email]',
    ]) {
      for (const fields of [
        `${USER}=${BOB.email}&${twin}=${ALICE.email}&${ALICES_PASSWORD}`,
        `${twin}=${ALICE.email}&${USER}=${BOB.email}&${ALICES_PASSWORD}`,
      ]) {
        const browser = h.browser();
        const before = loginPosts(h);
        const page = await postLogin(browser, fields);
        if (page.status === 400) await expectRefused(browser, page, fields, [400], before);
        else await expectAppNames(browser, page, fields);
      }
    }
  });

  /** It went through, so the prompt must be for the person whom the application logged in, and Bob's token is worth nothing. */
  async function expectAppNames(browser: FakeBrowser, page: Page, what: string): Promise<void> {
    const inApp = h.app.sessions().map(({ email }) => email);
    if (inApp.length === 0) {
      expect(page.html, what).toContain('LoginForm[password]');
    } else {
      expect(page.url.pathname, what).toBe('/_2fa/challenge');
      for (const email of inApp) expect(page.html, what).toContain(email);
      const proved = await browser.submit(page, { code: h.totp(BOBS_SECRET) });
      expect(proved.url.pathname, what).toBe('/_2fa/challenge');
    }
    expectNothingOf(h, browser, ALICE.email);
    expect((await browser.get('/admin')).url.pathname, what).not.toBe('/admin');
  }

  it('30: a login in a body type that is not rebuilt here is refused, never passed on unread', async () => {
    const fields = `${USER}=${ALICE.email}&${ALICES_PASSWORD}`;
    for (const type of [
      'application/x-www-form-urlencoded,foo',
      'application/x-www-form-urlencoded foo',
      'application/x-www-form-urlencoded; charset=utf-16',
      'APPLICATION/X-WWW-FORM-URLENCODED;foo',
      'text/plain',
      'application/octet-stream',
    ]) {
      const browser = h.browser();
      await expectRefused(browser, await postLogin(browser, fields, { type }), type, [415]);
    }
  });

  it('30: a multipart login is refused, whatever names its parts have', async () => {
    const part = (disposition: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
    for (const user of [
      part('name="LoginForm[email]"', BOB.email) + part('name="LoginForm[email]"', ALICE.email),
      part('name="foo"; name="LoginForm[email]"', ALICE.email),
      part('name=LoginForm[email]', ALICE.email),
    ]) {
      const browser = h.browser();
      await browser.get('/admin/login');
      const body = `${user}${part('name="LoginForm[password]"', ALICE.password)}--b--\r\n`;
      for (const type of ['multipart/form-data; boundary=b', 'Multipart/Form-Data; boundary="b"']) {
        const page = await browser.send('POST', '/admin/login', type, Buffer.from(body));
        await expectRefused(browser, page, user, [415]);
      }
    }
  });

  it('30: the exact type in capitals is a login like any other, and Alice is asked', async () => {
    const browser = h.browser();
    const fields = `${USER}=${ALICE.email}&${ALICES_PASSWORD}`;
    const prompt = await postLogin(browser, fields, { type: 'Application/X-WWW-Form-Urlencoded; Charset=UTF-8' });
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    await expectAppNames(browser, prompt, 'capitals');
  });

  it('31: names of the login form in the query are refused, in every spelling and with every method', async () => {
    const body = `${USER}=${BOB.email}&${ALICES_PASSWORD}`;
    for (const query of [
      `${USER}=${ALICE.email}`,
      `LoginForm[email]=${ALICE.email}`,
      `Login%46orm[email]=${ALICE.email}`,
      `+LoginForm[email]=${ALICE.email}`,
      ALICES_PASSWORD,
    ]) {
      const browser = h.browser();
      await expectRefused(browser, await postLogin(browser, body, { target: `/admin/login?${query}` }), query);
      const got = await browser.get(`/admin/login?${USER}=${ALICE.email}&${ALICES_PASSWORD}`);
      await expectRefused(browser, got, `GET ${query}`);
    }
  });

  it('31: a cookie with the name of a login field never reaches the application', async () => {
    const browser = h.browser();
    browser.setCookie('LoginForm[email]', ALICE.email);
    const prompt = await h.logIn(browser, BOB);
    expect(prompt.html).toContain(BOB.email);
    expect(h.app.sawBytes(ALICE.email)).toBe(false);
  });

  it('32: every spelling that the application takes for Alice is Alice, with her factor', async () => {
    const spellings = ['ALICE@EXAMPLE.COM', ' alice@example.com ', 'Alice@Example.com\t', '\u00a0alice@example.com'];
    for (const email of spellings) {
      const browser = h.browser();
      const prompt = await h.logIn(browser, { email, password: ALICE.password });
      expect(prompt.url.pathname, email).toBe('/_2fa/challenge');
      expect(prompt.html, email).toContain(ALICE.email);
      await expectAppNames(browser, prompt, email);
    }
  });

  it('32: a spelling that only we would take for Alice opens nothing either', async () => {
    for (const email of ['ａlice@example.com', 'alice@example.com\0', 'álice@example.com', `${'a'.repeat(300)}@x.y`]) {
      const browser = h.browser();
      const page = await h.logIn(browser, { email, password: ALICE.password });
      expect(page.url.pathname, email).toBe('/admin/login');
      expect(h.app.sessions(), email).toEqual([]);
      expectNothingOf(h, browser, ALICE.email);
    }
  });

  it('34: headers that name a person, an address or a proof never reach the application, in any spelling', async () => {
    const browser = await signIn(h);
    const names = [
      'X-Forwarded-User',
      'X_Forwarded_User',
      'X.Forwarded.User',
      'x-forwarded-email',
      'Remote-User',
      'REMOTE_USER',
      'X-Remote-User',
      'X-2FA-Verified',
      'X_2FA_Verified',
      'X-Auth-Request-User',
      'X-WEBAUTH-USER',
      'X-Authentik-Username',
      'X-Authenticated-User',
      'SSL-Client-S-DN',
      'Proxy-Authorization',
      'Authorization',
    ];
    const before = h.app.requests.length;
    const headers = names.map((name): [string, string] => [name, `forged-by-${name}`]);
    const page = await browser.get('/admin', { headers: [...headers, ['Connection', 'close, X-Forwarded-For']] });
    expect(page.html).toContain(h.app.secretOf(ALICE.email));
    expect(h.app.requests.length).toBe(before + 1);
    expect(h.app.sawBytes('forged-by-')).toBe(false);
    const sent = h.app.requests.at(-1)?.headers.map(([name]) => name.toLowerCase()) ?? [];
    expect(sent.filter((name) => name === 'x-forwarded-for')).toHaveLength(1);
    expect(sent.some((name) => /[_.]/.test(name))).toBe(false);
  });

  it('34: such headers prove nothing to us', async () => {
    for (const name of ['X-2FA-Verified', 'X-Forwarded-User', 'Remote-User', 'X-Health', 'X-Internal']) {
      const answer = await raw(h, 'GET', '/admin', [
        [name, ALICE.email],
        ['Connection', 'close'],
      ]);
      expect(answer.status, name).toBe(401);
    }
    expect(h.app.requests).toEqual([]);
  });
});

describe('an application whose names change hands', () => {
  let h: Harness;
  let app: SmallApp;
  const victim: SmallUser = { id: 7, name: 'victim', password: 'pw-of-7' };
  const attacker: SmallUser = { id: 8, name: 'mallory', password: 'pw-of-8' };

  async function start(whoami: Record<string, unknown>): Promise<void> {
    app = await startSmallApp([{ ...victim }, { ...attacker }]);
    const profile = { ...SMALL_PROFILE, whoami: { ...SMALL_PROFILE.whoami, ...whoami } };
    h = await Harness.start({ upstreamUrl: app.url, profile });
  }

  afterEach(async () => {
    await h.close();
    await app.close();
  });

  async function logIn(browser: FakeBrowser, user: string, password: string): Promise<Page> {
    return browser.submit(await browser.get('/login'), { user, password });
  }

  it('33: a factor stays with the number of its account when the names are swapped', async () => {
    await start({ json: '/id' });
    await h.enrolTotp('7');
    for (const user of app.users) user.name = user.id === 7 ? 'renamed' : 'victim';

    const old = h.browser();
    const prompt = await logIn(old, 'renamed', victim.password);
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    expect(old.transcript.includes('secret-of-7-')).toBe(false);

    // The newcomer has the name, not the factor: he is let in as himself and sees nothing of the other.
    const heir = h.browser();
    expect((await logIn(heir, 'victim', attacker.password)).html).toContain('secret-of-8-');
    expect(heir.transcript.includes('secret-of-7-')).toBe(false);
  });

  it('33: when a session changes its person behind our back, the newcomer is asked before anything goes out', async () => {
    await start({ json: '/name' });
    await h.enrolTotp('renamed');
    const browser = h.browser();
    expect((await logIn(browser, 'victim', victim.password)).html).toContain('secret-of-7-');
    for (const user of app.users) if (user.id === 7) user.name = 'renamed';
    const page = await browser.post('/home', { a: 'b' });
    expect(page.url.pathname).toBe('/_2fa/challenge');
  });

  it('35: a page in which two names stand names nobody, and the login is withheld', async () => {
    await start({ json: null, css: 'b.user' });
    const own = (name: string) => `<p>Hello <b class=user>${name}</b></p>`;
    await h.enrolTotp('victim');
    // The second account has a display name that is markup, which stands before the true one.
    app.me = ({ name }) => ({ type: 'text/html', body: `<b class="user">victim</b>${own(name)}` });
    const browser = h.browser();
    const page = await logIn(browser, 'mallory', attacker.password);
    expect(page.status).toBe(502);
    expect(h.logged.join('')).toContain('"whoami":"more than one name in the answer"');
    expect(browser.transcript.includes('secret-of-')).toBe(false);
    expect((await browser.get('/home')).url.pathname).toBe('/login');
  });

  it('35: a name that is hidden from people names nobody: comments, scripts, templates', async () => {
    await start({ json: null, css: 'b.user' });
    for (const hidden of [
      '<!-- <b class="user">victim</b> -->',
      '<script>"<b class=user>victim</b>"</script>',
      '<textarea><b class="user">victim</b></textarea>',
    ]) {
      app.me = ({ name }) => ({ type: 'text/html', body: `${hidden}<b class="user">${name}</b>` });
      const browser = h.browser();
      expect((await logIn(browser, 'mallory', attacker.password)).html, hidden).toContain('secret-of-8-');
      const { sessions } = h.assembled;
      expect((await sessions.of('victim' as never)).length, hidden).toBe(0);
      expect((await sessions.of('mallory' as never)).length, hidden).toBeGreaterThan(0);
    }
  });

  it('35: a form and an application that name two people are a refusal, and both sessions are over', async () => {
    app = await startSmallApp([{ ...victim }, { ...attacker }]);
    const profile = {
      ...SMALL_PROFILE,
      whoami: { ...SMALL_PROFILE.whoami, json: '/name' },
      identity: { hint: 'match' },
    };
    h = await Harness.start({ upstreamUrl: app.url, profile });
    await h.enrolTotp('victim');
    app.me = () => ({ type: 'application/json', body: '{"name":"victim"}' });
    const browser = h.browser();
    const page = await logIn(browser, 'mallory', attacker.password);
    expect(page.status).toBe(403);
    expect(browser.cookie('lucy2fa')).toBeUndefined();
    expect(app.requests.some((request) => request.startsWith('GET /logout'))).toBe(true);
    expect(browser.transcript.includes('secret-of-')).toBe(false);
  });
});
