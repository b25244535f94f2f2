/** What a stolen password and an account of one's own may try beside the list of attacks: combinations, and doors of each kind at once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalTarget, widest } from '../../src/profiles/path.ts';
import type { FakeBrowser } from '../fakes/browser.ts';
import { askForSocket, BOBS_SECRET, cookieOf, FORM_TYPE, raw } from './attack-steps.ts';
import { Harness } from './harness.ts';
import { KeepingApp, PASSWORDS } from './keeping-app.ts';
import { SMALL_PROFILE } from './small-app.ts';

const SECRET_OF_VICTIM = 'secret-of-victim-';
const GET_LOGIN = { method: 'GET', path: '/login', form: { user: 'user', password: 'password' } };

let app: KeepingApp;
let h: Harness;

beforeEach(async () => {
  app = await KeepingApp.start();
});
afterEach(async () => {
  await app.close();
  await h.close();
});

/** The attacker, signed in with an account and a factor of their own. */
async function attacker(profile: Record<string, unknown> = SMALL_PROFILE): Promise<FakeBrowser> {
  h = await Harness.start({ upstreamUrl: app.url, profile });
  await h.enrolTotp('alice');
  await h.enrolTotp('victim', BOBS_SECRET);
  h.clock.advance(30_000);
  const browser = h.browser();
  const own = { user: 'alice', password: PASSWORDS.get('alice') ?? '' };
  const prompt = await browser.submit(await browser.get('/login'), own);
  const inside = await browser.submit(prompt, { code: h.totp() });
  expect(inside.html).toContain('secret-of-alice-');
  return browser;
}

/** The same where logins are GETs. */
async function attackerByGet(): Promise<FakeBrowser> {
  const login = { ...SMALL_PROFILE.login, requests: [GET_LOGIN] };
  h = await Harness.start({ upstreamUrl: app.url, profile: { ...SMALL_PROFILE, login } });
  await h.enrolTotp('alice');
  await h.enrolTotp('victim', BOBS_SECRET);
  h.clock.advance(30_000);
  const browser = h.browser();
  await browser.get('/login'); // a session id, which stays
  const prompt = await browser.get(`/login?user=alice&password=${PASSWORDS.get('alice')}`);
  await browser.submit(prompt, { code: h.totp() });
  return browser;
}

const STOLEN = { user: 'victim', password: PASSWORDS.get('victim') ?? '' };

describe('a socket in a verified session', () => {
  it('brings nothing of somebody else while the jar may be theirs', async () => {
    const browser = await attacker();
    app.whoamiFails = true; // so that the doubt lasts
    expect((await browser.post('/other', STOLEN)).status).toBe(502);
    expect([...app.sessions.values()]).toContain('victim');
    const { connection, answer } = await askForSocket(h, [['Cookie', cookieOf(browser)]], '/live');
    expect(answer.status).toBe(502);
    await connection.waitForClose();
    expect(connection.received.toString('latin1')).not.toContain(SECRET_OF_VICTIM);
    app.whoamiFails = false;
    expect((await browser.get('/home')).url.pathname).toBe('/_2fa/challenge');
    await connection.close();
  });

  it('opens again once somebody confirmed whose it is', async () => {
    const browser = await attacker();
    await browser.post('/comment', { text: 'hello' });
    const { connection, answer } = await askForSocket(h, [['Cookie', cookieOf(browser)]], '/live');
    expect(answer.status).toBe(101);
    await connection.close();
  });

  it('is refused, and the session ends, when the application means somebody else by now', async () => {
    const browser = await attacker();
    app.whoamiFails = true; // so that the doubt lasts until the socket
    await browser.post('/other', STOLEN);
    app.whoamiFails = false;
    const { connection, answer } = await askForSocket(h, [['Cookie', cookieOf(browser)]], '/live');
    expect(answer.status).toBe(502);
    await connection.waitForClose();
    await connection.close();
    expect(connection.received.toString('latin1')).not.toContain(SECRET_OF_VICTIM);
    expect((await browser.get('/home')).url.pathname).toBe('/login');
  });

  it('is no door for a password in a query that no profile lists: neither its page, nor what is asked for after it', async () => {
    const browser = await attackerByGet();
    const target = `/other?user=victim&password=${STOLEN.password}`;
    const { connection } = await askForSocket(h, [['Cookie', cookieOf(browser)]], target);
    await connection.waitForClose();
    await connection.close();
    expect(app.requests).toContain(`UPGRADE ${target}`);
    expect(connection.received.toString('latin1')).not.toContain(SECRET_OF_VICTIM);
    expect((await browser.get('/home')).html).not.toContain(SECRET_OF_VICTIM);
    const second = await askForSocket(h, [['Cookie', cookieOf(browser)]], '/live');
    expect(second.answer.status).not.toBe(101);
    expect(second.connection.received.toString('latin1')).not.toContain(SECRET_OF_VICTIM);
    await second.connection.close();
  });

  it('is no way to log in past the judge, where logins are GETs', async () => {
    const browser = await attackerByGet();
    const target = `/login?user=victim&password=${STOLEN.password}`;
    const { connection, answer } = await askForSocket(h, [['Cookie', cookieOf(browser)]], target);
    expect(answer.status).toBe(400);
    await connection.close();
    expect((await browser.get('/home')).html).not.toContain(SECRET_OF_VICTIM);
    expect([...app.sessions.values()]).not.toContain('victim');
  });
});

describe('a login at an address that only some servers take for the login, in a verified session', () => {
  it.each(['/login/x', '/LOGIN', '/login/'])('POST %s is refused where whoami could not tell', async (target) => {
    const browser = await attacker({ ...SMALL_PROFILE, whoami: null });
    expect((await browser.post(target, STOLEN)).status).toBe(400);
    expect((await browser.get('/home')).html).not.toContain(SECRET_OF_VICTIM);
  });

  it.each(['/login/x', '/LOGIN', '/login/'])('GET %s is refused where logins are GETs', async (path) => {
    const browser = await attackerByGet();
    expect((await browser.get(`${path}?user=victim&password=${STOLEN.password}`)).status).toBe(400);
    expect((await browser.get('/home')).html).not.toContain(SECRET_OF_VICTIM);
  });
});

describe('the logout of the application', () => {
  it('shows no page of somebody else, where it signs nobody out without a token', async () => {
    const browser = await attacker();
    app.whoamiFails = true;
    expect((await browser.post('/other', STOLEN)).status).toBe(502);
    const out = await browser.get('/logout?id=private', { followRedirects: false });
    expect(out.html).not.toContain(SECRET_OF_VICTIM);
    expect([out.status, out.header('location')]).toEqual([303, '/login']);
    app.whoamiFails = false;
    expect((await browser.get('/home')).url.pathname).toBe('/login');
  });
});

describe('a readable cookie', () => {
  it('brings no session id of the client’s choice to a server that separates cookies by commas', async () => {
    const browser = await attacker({ ...SMALL_PROFILE, cookies: { readable: ['language'], session: ['SID'] } });
    const before = app.cookies.length;
    for (const value of ['en,SID=chosen', 'en, SID=chosen', '"en", $Path="/",SID=chosen', 'en\t,\tSID=chosen']) {
      await raw(h, 'GET', '/home', [['Cookie', `${cookieOf(browser)}; language=${value}`]]);
    }
    await raw(h, 'GET', '/home', [['Cookie', `${cookieOf(browser)}; language=en,de`]]);
    const sent = app.cookies.slice(before);
    expect(sent).toHaveLength(5);
    expect(sent.join('\n')).not.toContain('chosen');
    expect(sent[4]).toContain('language=en,de');
  });
});

describe('a login body that two readers read differently, in a verified session without whoami', () => {
  const part = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const body = `${part('user', 'victim')}${part('password', STOLEN.password)}--b--\r\n`;

  it.each([
    [
      'two Content-Types',
      [
        ['Content-Type', FORM_TYPE],
        ['Content-Type', 'multipart/form-data; boundary=b'],
      ],
    ],
    [
      'a content coding',
      [
        ['Content-Type', FORM_TYPE],
        ['Content-Encoding', 'deflate'],
      ],
    ],
  ] as const)('%s', async (_name, headers) => {
    const browser = await attacker({ ...SMALL_PROFILE, whoami: null });
    const before = app.requests.length;
    const answer = await raw(h, 'POST', '/login', [['Cookie', cookieOf(browser)], ...headers], body);
    expect(answer.status).toBe(415);
    expect(app.requests.slice(before)).toEqual([]);
    expect((await browser.get('/home')).html).not.toContain(SECRET_OF_VICTIM);
  });
});

describe('a path that is all dots and blanks', () => {
  it.each([`/${'.'.repeat(8000)}x`, `/a%20b/${'.'.repeat(8000)}x`, `/${'%20.'.repeat(2000)}x`])(
    'costs no more than another one (%#)',
    async (target) => {
      h = await Harness.start({ upstreamUrl: app.url, profile: SMALL_PROFILE });
      const began = performance.now();
      for (let round = 0; round < 50; round++) {
        canonicalTarget(target);
        widest(decodeURIComponent(target));
      }
      // Backtracking took 40 ms and more for each look, and a stranger's request makes dozens.
      expect(performance.now() - began).toBeLessThan(1000);
      expect((await raw(h, 'GET', target, [['Accept', 'text/html']])).status).toBe(303);
    },
  );
});
