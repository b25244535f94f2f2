/**
 * The stand-in is only worth something when it is as careless as the applications it stands for, so each carelessness is
 * checked here.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  DEFAULT_USERS,
  downloadBytes,
  type StandInLucy,
  type StandInLucyOptions,
  startStandInLucy,
} from '../../src/demo/stand-in-lucy/server.ts';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { TestClock } from '../fakes/clock.ts';
import { RawConnection, rawBytes, rawRequest } from '../fakes/raw-http.ts';

const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };
const BOB = { email: 'bob@example.com', password: 'battery staple bob' };
const ADMIN = { email: 'admin@example.com', password: 'correct battery admin' };
const FORM = 'application/x-www-form-urlencoded';

const running: StandInLucy[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((lucy) => lucy.close()));
});

async function start(options: Partial<StandInLucyOptions> = {}): Promise<StandInLucy> {
  const lucy = await startStandInLucy(options);
  running.push(lucy);
  return lucy;
}

function browserFor(lucy: StandInLucy, origin = `http://lucy.test:${lucy.port}`): FakeBrowser {
  return new FakeBrowser({ origin, port: lucy.port });
}

async function logIn(
  browser: FakeBrowser,
  { email, password }: { email: string; password: string },
  more: Record<string, string> = {},
): Promise<Page> {
  const form = await browser.get('/admin/login');
  const fields = { 'LoginForm[email]': email, 'LoginForm[password]': password, ...more };
  return browser.submit(form, fields, { followRedirects: false });
}

async function whoami(browser: FakeBrowser): Promise<string | undefined> {
  const account = await browser.get('/admin/account', { followRedirects: false });
  return /<input name="AccountForm\[email\]" value="([^"]*)" readonly/.exec(account.html)?.[1];
}

describe('the login form', () => {
  test('a right password answers 302 to an absolute address made from Host and the forwarded scheme', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const form = await browser.get('/admin/login');
    expect(form.header('server')).toBe('Lucy');
    expect(form.html).toContain('Forgot Password');
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    const headers = [['X-Forwarded-Proto', 'https']] as const;
    const answer = await browser.submit(form, fields, { followRedirects: false, headers });
    expect(answer.status).toBe(302);
    expect(answer.header('location')).toBe(`https://lucy.test:${lucy.port}/admin`);
    expect(await whoami(browser)).toBe(ALICE.email);
    expect(lucy.sessions()).toEqual([{ id: browser.cookie('PHPSESSID'), email: ALICE.email }]);
  });

  test('a wrong password answers 200 with the form and logs nobody in', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const answer = await logIn(browser, { ...ALICE, password: 'wrong' });
    expect(answer.status).toBe(200);
    expect(answer.html).toContain('name="LoginForm[password]"');
    expect(answer.html).toContain('role="alert"');
    expect(lucy.sessions()).toEqual([]);
  });

  test.each([
    ['without the field', (form: Page) => ({ ...form.hidden, YII_CSRF_TOKEN: '' })],
    [
      'with a foreign token',
      (form: Page) => ({ ...form.hidden, YII_CSRF_TOKEN: Buffer.alloc(40, 1).toString('base64url') }),
    ],
  ])('a post %s answers 400 although the password is right', async (_, hidden) => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const form = await browser.get('/admin/login');
    const fields = { ...hidden(form), 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    expect((await browser.post('/admin/login', fields)).status).toBe(400);
    expect(lucy.sessions()).toEqual([]);
  });

  test('a right field without its cookie answers 400', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const form = await browser.get('/admin/login');
    browser.forgetCookies();
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    expect((await browser.submit(form, fields)).status).toBe(400);
  });

  test('the CSRF token is masked anew for each page and stays valid', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const first = await browser.get('/admin/login');
    const second = await browser.get('/admin/login');
    expect(first.hidden['YII_CSRF_TOKEN']).not.toBe(second.hidden['YII_CSRF_TOKEN']);
    expect(second.setCookie).toEqual([]);
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    expect((await browser.submit(first, fields, { followRedirects: false })).status).toBe(302);
  });

  test('a page that was refused before the login is where the login leads', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const refused = await browser.get('/admin/account?tab=2', { followRedirects: false });
    expect(refused.status).toBe(302);
    expect(refused.setCookie.join()).toMatch(/^PHPSESSID=[a-z0-9]{26}; path=\/$/);
    const answer = await logIn(browser, ALICE);
    expect(answer.header('location')).toBe(`http://lucy.test:${lucy.port}/admin/account?tab=2`);
  });

  test('names are matched without regard to case and blanks, and the account page shows the canonical one', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    await logIn(browser, { ...ALICE, email: '  ALICE@Example.com ' });
    expect(await whoami(browser)).toBe(ALICE.email);
  });

  test('the AJAX validation tells whether the password is right and logs nobody in', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const form = await browser.get('/admin/login');
    const ask = async (password: string) => {
      const fields = {
        ...form.hidden,
        ajax: 'login-form',
        'LoginForm[email]': ALICE.email,
        'LoginForm[password]': password,
      };
      const answer = await browser.post('/admin/login', fields, { as: 'fetch' });
      expect(answer.header('content-type')).toContain('text/html');
      return answer.html;
    };
    expect(await ask(ALICE.password)).toBe('[]');
    expect(JSON.parse(await ask('wrong'))).toHaveProperty('LoginForm_password');
    expect(lucy.sessions()).toEqual([]);
  });

  test('?leak=1 puts a token into header and body of the success answer', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const { hidden } = await browser.get('/admin/login');
    const fields = { ...hidden, 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    const answer = await browser.post('/admin/login?leak=1', fields, { followRedirects: false });
    const { token } = JSON.parse(answer.html);
    expect(answer.header('x-auth-token')).toBe(token);
    expect(token.split('.')).toHaveLength(3);
  });

  test('the lock counts per address and refuses even the right password', async () => {
    const clock = new TestClock();
    const lucy = await start({ lockoutPerAddress: 2, clock });
    const browser = browserFor(lucy);
    for (let tries = 0; tries < 2; tries += 1) await logIn(browser, { ...ALICE, password: 'wrong' });
    expect((await logIn(browser, BOB)).status).toBe(403);
    clock.advance(15 * 60_000 + 1);
    expect((await logIn(browser, BOB)).status).toBe(302);
  });

  test('the captcha is asked for and belongs to the session', async () => {
    const lucy = await start({ captcha: true });
    const browser = browserFor(lucy);
    expect((await logIn(browser, ALICE, { 'LoginForm[verifyCode]': 'nope' })).status).toBe(200);
    const image = await browser.get('/admin/captcha', { as: 'image' });
    const code = />([0-9a-f]{6})</.exec(image.html)?.[1] ?? '';
    const other = browserFor(lucy);
    expect((await logIn(other, ALICE, { 'LoginForm[verifyCode]': code })).status).toBe(200);
    expect((await logIn(browser, ALICE, { 'LoginForm[verifyCode]': code })).status).toBe(302);
  });

  test('its own code by mail comes between password and session', async () => {
    const lucy = await start({ secondStep: 'own-code' });
    const browser = browserFor(lucy);
    const answer = await logIn(browser, ALICE);
    expect(answer.header('location')).toMatch(/\/admin\/verify$/);
    expect(lucy.sessions()).toEqual([]);
    expect(await whoami(browser)).toBeUndefined();
    const step = await browser.get('/admin/verify');
    const wrong = await browser.submit(step, { 'TwoFactorForm[code]': 'x' });
    const right = await browser.submit(wrong, { 'TwoFactorForm[code]': lucy.mails[0]?.secret ?? '' });
    expect(right.status).toBe(200);
    expect(await whoami(browser)).toBe(ALICE.email);
  });
});

describe('the session', () => {
  test('with rotation the id changes at login and the old one is dead', async () => {
    const lucy = await start({ rotate: 'rotate' });
    const browser = browserFor(lucy);
    await browser.get('/admin/login');
    const before = browser.cookie('PHPSESSID');
    const answer = await logIn(browser, ALICE);
    expect(answer.setCookie.join()).toMatch(/^PHPSESSID=[a-z0-9]{26}; path=\/$/);
    expect(browser.cookie('PHPSESSID')).not.toBe(before);
    const thief = browserFor(lucy);
    thief.setCookie('PHPSESSID', before ?? '');
    expect(await whoami(thief)).toBeUndefined();
  });

  test('without rotation a chosen id is adopted, nothing is set at login, and the id is worth a login', async () => {
    const lucy = await start({ rotate: 'keep' });
    const browser = browserFor(lucy);
    browser.setCookie('PHPSESSID', 'chosen-by-the-attacker');
    const answer = await logIn(browser, ALICE);
    expect(answer.setCookie).toEqual([]);
    const attacker = browserFor(lucy);
    attacker.setCookie('PHPSESSID', 'chosen-by-the-attacker');
    expect(await whoami(attacker)).toBe(ALICE.email);
  });

  test('remember-me sets a cookie named by 32 hex digits that opens a session alone, even after logout', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const answer = await logIn(browser, ALICE, { 'LoginForm[rememberMe]': '1' });
    const line = answer.setCookie.find((text) => /^[0-9a-f]{32}=/.test(text)) ?? '';
    expect(line).toMatch(/Max-Age=2592000; path=\/; SameSite=Lax$/);
    const [name = '', value = ''] = line.split(';')[0]?.split('=') ?? [];
    const gone = await browser.get('/admin/logout', { followRedirects: false });
    expect(gone.setCookie.join()).toContain(`${name}=deleted`);
    expect(browser.cookies.map((cookie) => cookie.name)).not.toContain(name);
    expect(lucy.sessions()).toEqual([]);

    const later = browserFor(lucy);
    later.setCookie(name, value);
    expect(await whoami(later)).toBe(ALICE.email);
    expect(later.cookie('PHPSESSID')).toMatch(/^[a-z0-9]{26}$/);
    later.forgetCookies();
    later.setCookie(name, value.replace('alice', 'admin'));
    expect(await whoami(later)).toBeUndefined();
  });

  test('the form sends rememberMe twice when the box is ticked, and without the box no identity cookie is set', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    const form = await browser.get('/admin/login');
    expect(form.html.match(/name="LoginForm\[rememberMe\]"/g)).toHaveLength(2);
    const answer = await logIn(browser, ALICE);
    expect(answer.setCookie).toHaveLength(1);
  });

  test('an id in the query counts only where PHP is set up so', async () => {
    for (const sessionInQuery of [true, false]) {
      const lucy = await start({ sessionInQuery });
      const browser = browserFor(lucy);
      await logIn(browser, ALICE);
      const page = await browserFor(lucy).get(`/admin/account?PHPSESSID=${browser.cookie('PHPSESSID')}`);
      expect(page.html.includes(`value="${ALICE.email}" readonly`)).toBe(sessionInQuery);
    }
  });
});

describe('PHP reads what others do not', () => {
  const csrfPost = async (lucy: StandInLucy, body: (csrf: string) => string, type = FORM) => {
    const browser = browserFor(lucy);
    const { hidden } = await browser.get('/admin/login');
    const bytes = Buffer.from(body(encodeURIComponent(hidden['YII_CSRF_TOKEN'] ?? '')), 'latin1');
    await browser.send('POST', '/admin/login', type, bytes, { followRedirects: false });
    return whoami(browser);
  };

  test.each([
    ['the last duplicate field', `LoginForm[email]=${ALICE.email}&LoginForm[email]=${BOB.email}`],
    ['a name with a leading blank', `LoginForm[email]=${ALICE.email}&+LoginForm[email]=${BOB.email}`],
    ['an encoded name', `LoginForm[email]=${ALICE.email}&LoginForm%5Bem%61il%5d=${BOB.email}`],
    ['text after the bracket', `LoginForm[email]=${ALICE.email}&LoginForm[email]x=${BOB.email}`],
    ['a NUL behind the name', `LoginForm[email]=${ALICE.email}&LoginForm[email]%00x=${BOB.email}`],
  ])('%s wins', async (_, fields) => {
    const lucy = await start();
    const password = encodeURIComponent(BOB.password);
    const body = (csrf: string) => `YII_CSRF_TOKEN=${csrf}&LoginForm[password]=${password}&${fields}`;
    expect(await csrfPost(lucy, body)).toBe(BOB.email);
    expect(await csrfPost(lucy, body, 'Application/X-WWW-Form-Urlencoded,foo')).toBe(BOB.email);
    expect(await csrfPost(lucy, body, 'text/plain')).toBeUndefined();
  });

  test('the last name parameter of a multipart field wins', async () => {
    const lucy = await start();
    const part = (disposition: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
    const body = (csrf: string) =>
      part('name="YII_CSRF_TOKEN"', decodeURIComponent(csrf)) +
      part('name="LoginForm[email]"', ALICE.email) +
      part('name="foo"; name="LoginForm[email]"', BOB.email) +
      part('name=LoginForm[password]', BOB.password) +
      '--b--\r\n';
    expect(await csrfPost(lucy, body, 'multipart/form-data; boundary=b')).toBe(BOB.email);
  });

  test.each([
    ['a dot', 'app.session'],
    ['a blank', 'app session'],
    ['an open bracket', 'app[session'],
    ['a leading tab', '\tapp_session'],
  ])('a cookie whose name has %s is the session cookie, and the first one wins', async (_, name) => {
    const lucy = await start({ sessionCookie: 'app_session' });
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const cookie = `${name}=${browser.cookie('app_session')}; app_session=other`;
    const { text } = await rawRequest(
      lucy.port,
      rawBytes('GET', '/admin/account', [
        ['Cookie', cookie],
        ['Connection', 'close'],
      ]),
    );
    expect(text).toContain(`value="${ALICE.email}" readonly`);
  });

  test.each([
    '/index.php/admin/account',
    '/index.php?r=admin/account',
    '//admin/account',
    '/%61dmin/account',
    '/ADMIN/account',
    '/public/../admin/account',
  ])('%s is the account page', async (target) => {
    const lucy = await start();
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const headers = [
      ['Cookie', `PHPSESSID=${browser.cookie('PHPSESSID')}`],
      ['Connection', 'close'],
    ] as const;
    const { text } = await rawRequest(lucy.port, rawBytes('GET', target, headers));
    expect(text).toContain(`value="${ALICE.email}" readonly`);
  });
});

describe('the other doors', () => {
  test('forgotten logins log in, but only when they are there', async () => {
    const open = await start({ unlistedLogins: true });
    const first = browserFor(open);
    expect((await first.post('/old/login.php', { user: BOB.email, pass: BOB.password })).html).toBe('OK');
    expect(await whoami(first)).toBe(BOB.email);
    const second = browserFor(open);
    expect(JSON.parse((await second.postJson('/admin/api/login', BOB)).html).token).toContain('.');
    expect(await whoami(second)).toBe(BOB.email);
    const closed = browserFor(await start());
    expect((await closed.post('/old/login.php', { user: BOB.email, pass: BOB.password })).status).toBe(404);
  });

  test("the REST interface gives a bearer token for a password, and the token opens everybody's secrets", async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    expect((await browser.postJson('/api/auth', { ...ALICE, password: 'x' })).status).toBe(401);
    const { token } = JSON.parse((await browser.postJson('/api/auth', ALICE)).html);
    const users = await browser.get('/api/users', { headers: [['Authorization', `Bearer ${token}`]], as: 'fetch' });
    expect(users.html).toContain(lucy.secretOf(BOB.email));
    expect((await browser.get('/api/users', { as: 'fetch' })).status).toBe(401);
    expect((await browser.get('/api/users', { headers: [['Authorization', `Bearer ${token}x`]] })).status).toBe(401);
    expect(browser.cookies).toEqual([]);
  });

  test('single sign-on logs in by an address alone', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    await browser.submit(await browser.get('/admin/sso'), { email: BOB.email });
    expect(await whoami(browser)).toBe(BOB.email);
  });

  test('the portal login answers JSON', async () => {
    const browser = browserFor(await start({ jsonLogin: true }));
    expect((await browser.postJson('/user/login', { ...BOB, password: 'x' })).html).toContain('"ok":false');
    expect((await browser.postJson('/user/login', BOB)).html).toBe('{"ok":true}');
    expect((await browser.get('/user')).html).toContain(BOB.email);
  });

  test.each([true, false])('a new password set by mail logs in: %s', async (passwordResetLogsIn) => {
    const lucy = await start({ passwordResetLogsIn });
    const browser = browserFor(lucy);
    await browser.submit(await browser.get('/admin/recovery'), { 'RecoveryForm[email]': 'BOB@example.com' });
    const link = `/admin/recovery/reset?token=${lucy.mails[0]?.secret}`;
    await browser.submit(await browser.get(link), { 'PasswordForm[password]': 'new password' });
    expect(await whoami(browser)).toBe(passwordResetLogsIn ? BOB.email : undefined);
    expect((await logIn(browserFor(lucy), { ...BOB, password: 'new password' })).status).toBe(302);
    expect((await browser.get(link)).status).toBe(404);
  });

  test('an administrator can become somebody else, others cannot', async () => {
    const lucy = await start({ impersonation: true });
    const browser = browserFor(lucy);
    await logIn(browser, ADMIN);
    await browser.submit(await browser.get('/admin'), { email: BOB.email });
    expect(await whoami(browser)).toBe(BOB.email);
    expect((await browser.post('/admin/switch-user', { email: ADMIN.email })).status).toBe(403);
  });

  test.each([true, false])('credentials in the query and Basic log in: %s', async (on) => {
    const lucy = await start({ queryLogin: on, basicLogin: on });
    const query = browserFor(lucy);
    await query.get(`/admin/poll?u=${BOB.email}&p=${encodeURIComponent(BOB.password)}`);
    expect(await whoami(query)).toBe(on ? BOB.email : undefined);
    const basic = browserFor(lucy);
    const token = Buffer.from(`${BOB.email}:${BOB.password}`).toString('base64');
    await basic.get('/admin', { headers: [['Authorization', `Basic ${token}`]] });
    expect(await whoami(basic)).toBe(on ? BOB.email : undefined);
  });
});

describe('the pages', () => {
  test('each user sees an own secret, and nobody sees one without a login', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    expect((await browser.get('/admin', { followRedirects: false })).header('location')).toMatch(/\/admin\/login$/);
    await logIn(browser, ALICE);
    const dashboard = (await browser.get('/admin')).html;
    expect(dashboard).toContain(`Campaign secret of ${ALICE.email}: <code>${lucy.secretOf(ALICE.email)}</code>`);
    expect(dashboard).not.toContain(lucy.secretOf(BOB.email));
  });

  test('the phone is saved, with a CSRF token only', async () => {
    const browser = browserFor(await start());
    await logIn(browser, ALICE);
    await browser.submit(await browser.get('/admin/account'), { 'AccountForm[phone]': '+41 79 <1>' });
    expect((await browser.get('/admin/account')).html).toContain('value="+41 79 &#60;1&#62;"');
    expect((await browser.post('/admin/account', { 'AccountForm[phone]': '1' })).status).toBe(400);
  });

  test('campaign pages answer on every other host without cookies', async () => {
    const lucy = await start();
    const target = browserFor(lucy, 'http://parcel.test');
    const landing = await target.get('/');
    expect(landing.html).toContain('/t/a1b2c.gif');
    expect((await target.get('/t/a1b2c.gif', { as: 'image' })).header('content-type')).toBe('image/gif');
    expect((await target.submit(landing, { login: 'x', password: 'y' })).html).toContain('exercise');
    expect(target.cookies).toEqual([]);
    expect((await target.get('/admin/login')).html).toContain('LoginForm[password]');
  });

  test('static and public files, the ACME answer and gzip', async () => {
    const lucy = await start();
    const browser = new FakeBrowser({ origin: lucy.url, port: lucy.port, gzip: true });
    const css = await browser.get('/assets/lucy.css', { as: 'fetch' });
    expect(css.header('content-type')).toBe('text/css');
    const headers = [['If-None-Match', css.header('etag') ?? '']] as const;
    expect((await browser.get('/assets/lucy.css', { headers })).status).toBe(304);
    expect((await browser.get('/public/a/b')).status).toBe(200);
    expect((await browser.get('/.well-known/acme-challenge/x')).html).toContain('x.');
    expect(browser.cookies).toEqual([]);
    const form = await browser.get('/admin/login');
    expect(form.header('content-encoding')).toBe('gzip');
    expect(form.html).toContain('YII_CSRF_TOKEN');
  });

  test('the default users can log in', async () => {
    const lucy = await start();
    for (const user of DEFAULT_USERS) expect((await logIn(browserFor(lucy), user)).status).toBe(302);
  });
});

describe('transfers', () => {
  test('an upload streams and answers size and sum, of the body and of the file in a multipart body', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const file = randomBytes(3_000_000);
    const sum = createHash('sha256').update(file).digest('hex');
    const raw = await browser.send('POST', '/admin/upload', 'application/octet-stream', file);
    expect(JSON.parse(raw.html)).toEqual({ size: file.length, sha256: sum });
    const head =
      '--q\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--q\r\nContent-Disposition: form-data; name="file"; filename="f.zip"\r\n\r\n';
    const body = Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--q--\r\n')]);
    const multipart = await browser.send('POST', '/admin/upload', 'multipart/form-data; boundary=q', body);
    expect(JSON.parse(multipart.html)).toMatchObject({
      size: body.length,
      file: { name: 'f.zip', size: file.length, sha256: sum },
    });
    const record = lucy.requests.at(-1);
    expect(record?.bodyBytes).toBe(body.length);
    expect(record?.body.equals(body.subarray(0, 65_536))).toBe(true);
  });

  test('a form over one megabyte is refused with 413', async () => {
    const browser = browserFor(await start());
    const answer = await browser.send('POST', '/admin/login', FORM, Buffer.alloc(1_200_000, 'a'));
    expect(answer.status).toBe(413);
  });

  test('a download has the announced length and the known bytes', async () => {
    const lucy = await start();
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const page = await browser.get('/admin/download?mb=2.5');
    expect(page.header('content-length')).toBe(String(2.5 * 1024 * 1024));
    expect(page.body.equals(Buffer.concat([...downloadBytes(2.5 * 1024 * 1024)]))).toBe(true);
  });

  test('the slow page sends its head at once and its body later', async () => {
    const clock = new TestClock();
    const lucy = await start({ clock });
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const connection = await RawConnection.open(lucy.port);
    connection.send(rawBytes('GET', '/admin/slow?ms=60000', [['Cookie', `PHPSESSID=${browser.cookie('PHPSESSID')}`]]));
    expect((await connection.readUntil('\r\n\r\n')).toString()).toContain('200 OK');
    expect(connection.unread.length).toBe(0);
    clock.advance(60_000);
    expect((await connection.readUntil('done\n')).toString()).toContain('done');
    await connection.close();
  });

  test('server-sent events say hello and tick', async () => {
    const clock = new TestClock();
    const lucy = await start({ clock });
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const connection = await RawConnection.open(lucy.port);
    connection.send(rawBytes('GET', '/admin/events', [['Cookie', `PHPSESSID=${browser.cookie('PHPSESSID')}`]]));
    await connection.readUntil(`event: hello\ndata: ${ALICE.email}\n\n`);
    clock.advance(1000);
    await connection.readUntil('data: 1\n\n');
    clock.advance(1000);
    await connection.readUntil('data: 2\n\n');
    await connection.close();
  });
});

describe('the WebSocket', () => {
  async function open(lucy: StandInLucy): Promise<WebSocket> {
    const browser = browserFor(lucy);
    await logIn(browser, ALICE);
    const headers = { Cookie: `PHPSESSID=${browser.cookie('PHPSESSID')}` };
    return new WebSocket(`ws://127.0.0.1:${lucy.port}/admin/live`, { headers });
  }

  const next = async (socket: WebSocket): Promise<[Buffer, boolean]> => {
    const [data, isBinary] = await once(socket, 'message');
    return [data, isBinary];
  };

  test('it greets by name and echoes text, binary and fragments up to 64 kB', async () => {
    const lucy = await start();
    const socket = await open(lucy);
    expect(String((await next(socket))[0])).toBe(`hello ${ALICE.email}`);
    socket.send('recorded first');
    await next(socket);
    for (const size of [0, 125, 126, 65_535, 65_536]) {
      const payload = randomBytes(size);
      socket.send(payload);
      const [data, isBinary] = await next(socket);
      expect(isBinary).toBe(true);
      expect(data.equals(payload)).toBe(true);
    }
    socket.send('grü', { fin: false });
    socket.ping('p');
    const pong = once(socket, 'pong');
    socket.send('ße', { fin: true });
    expect(String((await next(socket))[0])).toBe('grüße');
    expect(String((await pong)[0])).toBe('p');
    socket.close(4001);
    expect((await once(socket, 'close'))[0]).toBe(4001);
    expect(lucy.sawBytes('recorded first')).toBe(true);
  });

  test('a message over 64 kB is closed with 1009', async () => {
    const socket = await open(await start());
    await once(socket, 'open');
    socket.send(Buffer.alloc(65_537));
    expect((await once(socket, 'close'))[0]).toBe(1009);
  });

  test('without a login the upgrade is refused with 403, elsewhere with 404', async () => {
    const lucy = await start();
    const handshake = [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
    ] as const;
    expect((await rawRequest(lucy.port, rawBytes('GET', '/admin/live', handshake))).status).toBe(403);
    expect((await rawRequest(lucy.port, rawBytes('GET', '/other', handshake))).status).toBe(404);
  });
});

describe('the recorder', () => {
  test('knows what was sent in target, header, cookie and body, and what was not', async () => {
    const lucy = await start();
    const bytes = rawBytes(
      'POST',
      '/x?in-target=1',
      [
        ['X-Odd', 'in-header'],
        ['Cookie', 'a=in-cookie'],
        ['Cookie', 'b=2'],
        ['Connection', 'close'],
      ],
      'in-body',
    );
    await rawRequest(lucy.port, bytes);
    for (const text of ['in-target', 'X-Odd: in-header', 'in-cookie', 'in-body'])
      expect(lucy.sawBytes(text)).toBe(true);
    expect(lucy.sawBytes('never sent')).toBe(false);
    expect(lucy.requests[0]).toMatchObject({
      method: 'POST',
      url: '/x?in-target=1',
      cookie: 'a=in-cookie; b=2',
      bodyBytes: 7,
    });
  });

  test('keeps bytes that were no request', async () => {
    const lucy = await start();
    const answer = await rawRequest(lucy.port, 'NONSENSE smuggled\r\n\r\n');
    expect(answer.status).toBe(400);
    expect(lucy.sawBytes('smuggled')).toBe(true);
  });
});
