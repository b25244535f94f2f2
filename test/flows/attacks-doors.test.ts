/** Attacks 3, 4, 5, 9, 12, 94: other ways to be logged in than the login form, with ids that change and ids that stay. */
import { afterEach, describe, expect, it } from 'vitest';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { BOBS_SECRET, signIn } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';
import { expectNothingLeaked, pathsSince } from './witness.ts';

const ADMIN = { email: 'admin@example.com', password: 'correct battery admin' };
const ACS = '/simplesaml/module.php/saml/sp/saml2-acs.php/lucy-sp';
let h: Harness;
afterEach(() => h.close());

async function start(app: HarnessOptions['app'], profile: Record<string, unknown> = {}): Promise<void> {
  h = await Harness.start({ app: { unlistedLogins: true, ...app }, profile });
  await h.enrolTotp(BOB.email, BOBS_SECRET);
}

async function tokenFor(browser: FakeBrowser, email: string): Promise<string> {
  await browser.submit(await browser.get('/admin/recovery'), { 'RecoveryForm[email]': email });
  return h.app.mails.findLast((mail) => mail.to === email)?.secret ?? '';
}

/** From here on the newcomer is at the prompt and nobody is inside, whoever was before. */
async function expectPendingBob(browser: FakeBrowser, verified: readonly string[] = []): Promise<void> {
  const before = h.app.requests.length;
  for (const path of ['/admin', '/admin/account', '/admin/files']) {
    const page = await browser.get(path);
    expect(page.url.pathname, path).toBe('/_2fa/challenge');
    expect(page.html).toContain(BOB.email);
  }
  expect(pathsSince(h, before)).toEqual([]);
  expectNothingLeaked(h, browser, { verified });
  const inside = await browser.submit(await browser.get('/_2fa/challenge'), { code: h.totp(BOBS_SECRET) });
  expect(inside.html).not.toContain(h.app.secretOf(ALICE.email));
  expect((await browser.get('/admin')).html).toContain(h.app.secretOf(BOB.email));
}

describe.each(['rotate', 'keep'] as const)('an application that does %s', (rotate) => {
  describe('3: without a session', () => {
    it.each<[string, (browser: FakeBrowser) => Promise<Page>]>([
      ['a forgotten script', (b) => b.post('/old/login.php', { user: BOB.email, pass: BOB.password })],
      ['a JSON interface', (b) => b.postJson('/admin/api/login', BOB)],
      ['a token interface', (b) => b.postJson('/api/auth', BOB)],
      [
        'another spelling of the form',
        (b) =>
          b.post('/index.php?r=admin/login', { 'LoginForm[email]': BOB.email, 'LoginForm[password]': BOB.password }),
      ],
      ['a query', (b) => b.get(`/admin?u=${BOB.email}&p=${encodeURIComponent(BOB.password)}`)],
    ])('%s never hears the password', async (_, knock) => {
      await start({ rotate, queryLogin: true });
      const browser = h.browser();
      await browser.get('/admin/login');
      await knock(browser);
      expect(h.app.sawBytes(BOB.password) || h.app.sawBytes(encodeURIComponent(BOB.password))).toBe(false);
      expect(h.app.sessions()).toEqual([]);
      expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
    });

    it('a door that the profile leaves open, but does not list as a login, still owes the factor', async () => {
      const routes = ['/old/', '/admin/login'].map((prefix) => ({ class: 'login', methods: ['GET', 'POST'], prefix }));
      await start({ rotate }, { routes });
      const browser = h.browser();
      await browser.get('/admin/login');
      const answer = await browser.post('/old/login.php', { user: BOB.email, pass: BOB.password });
      expect(answer.url.pathname).toBe('/_2fa/challenge');
      expect(h.logged.join('')).toContain('authn_unlisted_login');
      await expectPendingBob(browser);
    });

    it('single sign-on still owes the factor', async () => {
      await start({ rotate });
      const browser = h.browser();
      await browser.get('/admin/sso', { followRedirects: false });
      expect((await browser.post(ACS, { email: BOB.email })).url.pathname).toBe('/_2fa/challenge');
      expect(browser.transcript.includes('SimpleSAML')).toBe(false);
      await expectPendingBob(browser);
    });

    it('a query on a page of the login still owes the factor', async () => {
      await start({ rotate, queryLogin: true });
      const browser = h.browser();
      await browser.get('/admin/login');
      const answer = await browser.get(`/admin/recovery?u=${BOB.email}&p=${encodeURIComponent(BOB.password)}`);
      expect(answer.url.pathname).toBe('/_2fa/challenge');
      await expectPendingBob(browser);
    });

    it('4: a new password, set by a link from a mail, still owes the factor', async () => {
      await start({ rotate, passwordResetLogsIn: true });
      const browser = h.browser();
      const reset = await browser.get(`/admin/recovery/reset?token=${await tokenFor(browser, BOB.email)}`);
      const answer = await browser.submit(reset, { 'PasswordForm[password]': 'a new one' });
      expect(h.app.sessions()).toMatchObject([{ email: BOB.email }]);
      expect(answer.url.pathname).toBe('/_2fa/challenge');
      await expectPendingBob(browser);
    });
  });

  describe('12, 94: in the verified session of somebody else', () => {
    it.each<[string, (browser: FakeBrowser) => Promise<Page>]>([
      ['a forgotten script', (b) => b.post('/old/login.php', { user: BOB.email, pass: BOB.password })],
      ['a JSON interface', (b) => b.postJson('/admin/api/login', BOB)],
      ['single sign-on', (b) => b.post(ACS, { email: BOB.email })],
      [
        'a password reset',
        async (b) => {
          const other = h.browser();
          const page = await b.get(`/admin/recovery/reset?token=${await tokenFor(other, BOB.email)}`);
          return b.submit(page, { 'PasswordForm[password]': 'a new one' });
        },
      ],
      [
        'an HTML form in multipart',
        async (b) => {
          const { hidden } = await b.get('/admin/account');
          const part = (name: string, value: string) =>
            `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
          const fields = part('YII_CSRF_TOKEN', hidden['YII_CSRF_TOKEN'] ?? '') + part('LoginForm[email]', BOB.email);
          const body = `${fields}${part('LoginForm[password]', BOB.password)}--x--\r\n`;
          return b.send('POST', '/admin/login', 'multipart/form-data; boundary=x', Buffer.from(body));
        },
      ],
    ])('%s makes the newcomer owe a factor, and not a byte of their pages comes before it', async (_, knock) => {
      await start({ rotate, passwordResetLogsIn: true });
      const browser = await signIn(h, ALICE);
      const answer = await knock(browser);
      expect(h.app.sessions().some(({ email }) => email === BOB.email)).toBe(true);
      expect(answer.status === 401 || answer.url.pathname === '/_2fa/challenge', `${answer.status}`).toBe(true);
      await expectPendingBob(browser, [ALICE.email]);
    });

    it('a wrong password in the login form costs the session, and what was answered stays inside', async () => {
      await start({ rotate });
      const browser = await signIn(h, ALICE);
      const { hidden } = await browser.get('/admin/account');
      const answer = await browser.post('/admin/login', {
        YII_CSRF_TOKEN: hidden['YII_CSRF_TOKEN'] ?? '',
        'LoginForm[email]': BOB.email,
        'LoginForm[password]': 'wrong',
      });
      expect(answer.html).not.toContain(ALICE.email);
      expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
    });

    it('an administrator who becomes somebody else owes their factor', async () => {
      await start({ rotate, impersonation: true });
      const browser = await signIn(h, ADMIN, 'MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK');
      const answer = await browser.submit(await browser.get('/admin'), { email: BOB.email });
      expect(answer.url.pathname).toBe('/_2fa/challenge');
      await expectPendingBob(browser, [ADMIN.email]);
    });

    it('the application that forgets the person ends the verified session with the next change', async () => {
      await start({ rotate });
      const browser = await signIn(h, ALICE);
      // Behind the gateway's back, as an expiry would: the same session is logged out at the application itself.
      const sid = h.app.sessions().find(({ email }) => email === ALICE.email)?.id ?? '';
      const direct = new FakeBrowser({ origin: h.app.url, port: h.app.port });
      direct.setCookie('PHPSESSID', sid);
      await direct.get('/admin/logout');
      const answer = await browser.post('/admin/account', { 'AccountForm[phone]': '1' });
      expect(answer.url.pathname).toBe('/admin/login');
      expect((await browser.get('/_2fa/account')).html).not.toContain(ALICE.email);
    });
  });

  it('9: a remember-me cookie never reaches the browser, and opens nothing when it is brought', async () => {
    await start({ rotate, rememberMe: true });
    await h.enrolTotp(ALICE.email);
    const browser = h.browser();
    await h.logIn(browser, ALICE, { 'LoginForm[rememberMe]': '1' });
    expect(browser.cookies.map(({ name }) => name).sort()).toEqual(['YII_CSRF_TOKEN', 'language', 'lucy2fa']);
    expectNothingLeaked(h, browser);

    const direct = new FakeBrowser({ origin: h.app.url, port: h.app.port });
    await h.logIn(direct, ALICE, { 'LoginForm[rememberMe]': '1' });
    const stolen = direct.cookies.find(({ name }) => /^[0-9a-f]{32}$/.test(name));
    expect(stolen).toBeDefined();
    const thief = h.browser();
    thief.setCookie(stolen?.name ?? '', stolen?.value ?? '');
    const before = h.app.requests.length;
    for (const path of ['/admin', '/admin/login', '/assets/lucy.css', '/admin/recovery', '/simplesaml/x'])
      await thief.get(path);
    const seen = h.app.requests.slice(before);
    expect(seen.length).toBeGreaterThan(0);
    for (const { cookie = '' } of seen) expect(cookie).not.toContain(stolen?.name);
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expect(thief.transcript.includes(h.app.secretOf(ALICE.email))).toBe(false);
  });
});

describe('5: credentials that are no session', () => {
  const basic = `Basic ${Buffer.from(`${BOB.email}:${BOB.password}`).toString('base64')}`;

  it('Authorization reaches the application from no state and on no page', async () => {
    await start({ basicLogin: true });
    const anonymous = h.browser();
    const verified = await signIn(h, ALICE);
    const paths = [
      '/admin',
      '/admin/login',
      '/admin/recovery',
      '/assets/lucy.css',
      '/public/x',
      '/simplesaml/x',
      '/api/users',
    ];
    for (const browser of [anonymous, verified]) {
      for (const path of paths) {
        for (const value of [basic, 'Bearer abc.def.ghi', 'Negotiate YII=']) {
          await browser.get(path, {
            headers: [
              ['Authorization', value],
              ['Proxy-Authorization', value],
            ],
          });
        }
      }
    }
    const names = new Set(h.app.requests.flatMap(({ headers }) => headers.map(([name]) => name.toLowerCase())));
    expect(names).toContain('cookie');
    for (const name of names) expect(name).not.toMatch(/authorization/);
    expect(h.app.sessions().some(({ email }) => email === BOB.email)).toBe(false);
    expect((await verified.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
  });

  it.each(['/admin?api_key=k', '/admin?auth=k', '/api/users?token=k'])(
    'a key in the query of %s opens nothing',
    async (path) => {
      await start({});
      const before = h.app.requests.length;
      expect((await h.browser().get(path, { as: 'fetch', headers: [['X-Api-Key', 'k']] })).status).toBe(401);
      expect(pathsSince(h, before)).toEqual([]);
    },
  );

  it.each([
    ['127.0.0.0/8', 200],
    ['10.0.0.0/8', 401],
  ])('a service rule for %s: %i, and never with the jar of a person', async (network, status) => {
    const login = { class: 'login', methods: ['GET', 'POST'], path: '/admin/login' };
    await start({}, { routes: [{ class: 'service', prefix: '/api', from: [network] }, login] });
    const browser = await signIn(h, ALICE);
    const before = h.app.requests.length;
    // No cookie of ours: a program. With it: a person, whose jar must stay where it is all the same.
    const answer = await h.browser().postJson('/api/auth', BOB);
    expect(answer.status).toBe(status);
    if (status !== 200) return expect(pathsSince(h, before)).toEqual([]);
    const { token } = JSON.parse(answer.text) as { token: string };
    const listed = await browser.get('/api/users', { as: 'fetch', headers: [['Authorization', `Bearer ${token}`]] });
    expect(listed.status).toBe(200);
    for (const { cookie = '' } of h.app.requests.slice(before)) expect(cookie).not.toContain('PHPSESSID');
  });
});
