/** What may stand for a factor, a network or a browser, and everything that looks like it (attacks 48, 59, 60, 70). */
import { afterEach, describe, expect, it } from 'vitest';
import type { PolicyFor } from '../../src/gate/policy.ts';
import { openKeys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import type { FakeBrowser, Page, VisitOptions } from '../fakes/browser.ts';
import type { TestClock } from '../fakes/clock.ts';
import { newFolder } from '../store/samples.ts';
import {
  askForSocket,
  BOBS_SECRET,
  cookieOf,
  expectNoAppSession,
  expectNothingOf,
  hostOf,
  raw,
} from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';

let h: Harness;
afterEach(() => h.close());

/** A request as the proxy on this machine passes it on. */
const from = (address: string): FakeBrowser => h.browser({ 'X-Forwarded-For': address });
const through = (address: string) => ({ headers: [['X-Forwarded-For', address] as const] });

describe('70: a trusted network', () => {
  const OFFICE = '10.0.0.7';
  const HOME = '203.0.113.9';

  async function start(options: HarnessOptions = {}): Promise<void> {
    h = await Harness.start({ trustedProxies: ['127.0.0.1'], trustedNetworks: ['10.0.0.0/8'], ...options });
    await h.enrolTotp(ALICE.email);
  }

  async function inTheOffice(): Promise<FakeBrowser> {
    const browser = from(OFFICE);
    expect((await h.logIn(browser, ALICE)).html).toContain(h.app.secretOf(ALICE.email));
    return browser;
  }

  const statusOfSocket = async (browser: FakeBrowser, address: string): Promise<number> => {
    const { answer, connection } = await askForSocket(h, [
      ['Cookie', cookieOf(browser)],
      ['X-Forwarded-For', address],
    ]);
    await connection.close();
    return answer.status;
  };

  it.each([
    [HOME, 'elsewhere'],
    [`${OFFICE}, ${HOME}`, 'written by the client, left of what the proxy saw'],
    [`${OFFICE}, x`, 'what cannot be read'],
    [`${HOME}, 127.0.0.1`, 'the proxy twice'],
    ['', 'the proxy says nothing'],
    ['::ffff:203.0.113.9', 'an IPv4 address in another spelling'],
  ])('is not where X-Forwarded-For is “%s”: %s', async (address) => {
    await start();
    const browser = from(address);
    expect((await h.logIn(browser, ALICE)).url.pathname).toBe('/_2fa/challenge');
    expectNothingOf(h, browser, ALICE.email);
  });

  it.each([OFFICE, `${HOME}, ${OFFICE}`, '::ffff:10.1.2.3'])('is where it is “%s”', async (address) => {
    await start();
    expect((await h.logIn(from(address), ALICE)).html).toContain(h.app.secretOf(ALICE.email));
  });

  it('is nowhere that other headers say, and not the address of a proxy', async () => {
    await start({ trustedNetworks: ['10.0.0.0/8', '127.0.0.0/8'] });
    for (const name of ['Forwarded', 'X-Real-IP', 'CF-Connecting-IP', 'True-Client-IP', 'X-Client-IP']) {
      const browser = h.browser({ [name]: name === 'Forwarded' ? `for=${OFFICE}` : OFFICE });
      expect((await h.logIn(browser, ALICE)).url.pathname, name).toBe('/_2fa/challenge');
    }
  });

  it('is not where nobody is believed: a stranger’s header changes nothing', async () => {
    await start({ trustedProxies: [] });
    expect((await h.logIn(from(OFFICE), ALICE)).url.pathname).toBe('/_2fa/challenge');
  });

  it('holds there only: elsewhere the next request owes the factor, pages, scripts and sockets alike', async () => {
    await start();
    const browser = await inTheOffice();
    expect(await statusOfSocket(browser, HOME)).toBe(401);
    expect(await statusOfSocket(browser, OFFICE)).toBe(101);
    const { answer, connection } = await askForSocket(h, [
      ['Cookie', cookieOf(browser)],
      ['X-Forwarded-For', OFFICE],
    ]);
    expect(answer.status).toBe(101);
    const script = await browser.get('/admin', { as: 'fetch', ...through(HOME) });
    expect([script.status, script.html]).toEqual([401, expect.stringContaining('/_2fa/challenge')]);
    await connection.waitForClose(); // what ran in the office ended with the rights
    await connection.close();
    expect(await statusOfSocket(browser, OFFICE)).toBe(401);
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge'); // and in the office too
  });

  it.each(['/admin/page', '/_2fa/account', '/admin/logout'])('asks there before %s does anything', async (target) => {
    await start();
    const browser = await inTheOffice();
    const count = h.app.requests.length;
    const asked = await browser.get(target, through(HOME));
    expect(asked.url.pathname).toBe('/_2fa/challenge');
    expect(h.app.requests).toHaveLength(count);
    expect(asked.html).not.toContain(h.app.secretOf(ALICE.email));
  });

  it('asks there, and a right code leads on to where the person was going, with rights that hold everywhere', async () => {
    await start();
    const browser = await inTheOffice();
    const id = browser.cookie('lucy2fa');
    const prompt = await browser.get('/admin?tab=2', through(HOME));
    const inside = await browser.submit(prompt, { code: h.totp() }, through(HOME));
    expect(inside.url.pathname + inside.url.search).toBe('/admin?tab=2');
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
    expect(browser.cookie('lucy2fa')).not.toBe(id);
    for (const address of [HOME, OFFICE, '198.51.100.1']) {
      expect((await browser.get('/admin', through(address))).html).toContain(h.app.secretOf(ALICE.email));
    }
  });

  it('gives a cookie that is worth no more than a password elsewhere, and for no longer', async () => {
    await start();
    const stolen = cookieOf(await inTheOffice());
    const thief = h.browser({ 'X-Forwarded-For': HOME, Cookie: stolen });
    expect((await thief.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    h.clock.advance(600_000);
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expectNothingOf(h, thief, ALICE.email);
  });

  it('is never a fresh proof: whoever changes methods there is asked', async () => {
    await start();
    const browser = await inTheOffice();
    const account = await browser.get('/_2fa/account');
    expect(account.html).toContain('To change anything here, confirm first that it is you.');
    const csrf = account.hidden['csrf'] ?? '';
    const tries = [
      ['/_2fa/remove/e-alice@example.com', { csrf }],
      ['/_2fa/recovery', { csrf }],
      ['/_2fa/account/phone', { csrf, country: 'CH', number: '0791234567' }],
      ['/_2fa/enrol/totp', { csrf }],
    ] as const;
    for (const [target, fields] of tries) await browser.post(target, fields);
    const user = await h.store.users.get(ALICE.email);
    expect([user?.enrolments.length, user?.phone, user?.draft]).toEqual([1, undefined, undefined]);
  });

  it('spares nobody the enrolment that is required', async () => {
    h = await Harness.start({
      trustedProxies: ['127.0.0.1'],
      trustedNetworks: ['10.0.0.0/8'],
      level: 'required',
    });
    const page: Page = await h.logIn(from(OFFICE), ALICE);
    expect(page.url.pathname).toBe('/_2fa/account');
    expect(page.html).toContain('requires two-factor authentication');
  });
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NAME = 'lucy2fa-browser';

describe('60: a trusted browser', () => {
  const trusting: HarnessOptions = { policy: () => ({ browserMs: 30 * DAY_MS }), logins: 100 };

  async function start(options: HarnessOptions = trusting): Promise<void> {
    h = await Harness.start(options);
    await h.enrolTotp(ALICE.email);
    await h.enrolTotp(BOB.email, BOBS_SECRET);
  }

  /** Signs in with password and code, and ticks the box. @returns what the browser keeps from then on */
  async function trustThis(browser = h.browser(), who = ALICE, secret?: string): Promise<string> {
    h.clock.advance(30_000);
    closed(browser);
    const prompt = await h.logIn(browser, who);
    const inside = await tick(browser, prompt, secret);
    expect(inside.html).toContain(h.app.secretOf(who.email));
    return keptBy(browser);
  }

  /** The code, and the box, which is on the page and not ticked. */
  function tick(browser: FakeBrowser, { hidden, html }: Page, secret?: string, options?: VisitOptions): Promise<Page> {
    expect(html).toContain('<input type="checkbox" name="trust" value="1">');
    const fields = { csrf: hidden['csrf'] ?? '', way: hidden['way'] ?? '', code: h.totp(secret), trust: '1' };
    return browser.post('/_2fa/challenge', fields, options);
  }

  const keptBy = (browser: FakeBrowser): string => browser.cookie(NAME) ?? '';

  /** Another browser, or the same one on another day, with what a browser keeps. */
  function withValue(value: string, headers?: Record<string, string>): FakeBrowser {
    const browser = h.browser(headers);
    browser.setCookie(NAME, value);
    return browser;
  }

  /** Browsers forget what has no date when they are closed; the gateway learns nothing of that. */
  const closed = (browser: FakeBrowser): void => browser.setCookie('lucy2fa', '');

  /** Whether the next login there, with the right password, is asked for a factor. */
  async function isAsked(browser: FakeBrowser, who = ALICE): Promise<boolean> {
    closed(browser);
    const before = browser.transcript.length;
    const page = await h.logIn(browser, who);
    if (page.url.pathname !== '/_2fa/challenge') {
      expect(page.html).toContain(h.app.secretOf(who.email));
      return false;
    }
    const received = browser.transcript.subarray(before);
    expect(received.includes(h.app.secretOf(who.email))).toBe(false);
    expectNoAppSession(h, received);
    return true;
  }

  const events = async (): Promise<readonly string[]> => {
    const record = await h.store.counters.get(`events:${ALICE.email}`);
    return JSON.stringify(record ?? {}).match(/browser-\w+/g) ?? [];
  };

  it('is not asked again, until its time is over; the next value is a new one each time', async () => {
    await start({ policy: () => ({ browserMs: 4 * HOUR_MS }) });
    const browser = h.browser();
    const values = [await trustThis(browser)];
    for (let hour = 1; hour < 4; hour += 1) {
      h.clock.advance(HOUR_MS);
      expect(await isAsked(browser)).toBe(false);
      values.push(keptBy(browser));
    }
    expect(new Set(values).size).toBe(4);
    for (const value of values) expect(value).toMatch(/^[\w-]{65}$/);
    h.clock.advance(HOUR_MS);
    expect(await isAsked(browser)).toBe(true);
    expect(await events()).toEqual(['browser-trusted']);
  });

  it('keeps its value from scripts, other sites, the application and the store', async () => {
    await start({ ...trusting, profile: { hosts: { public: ['*.campaign.test'] } } });
    const browser = h.browser();
    const form = await h.logIn(browser, ALICE);
    expect(form.html).toContain('Do not ask again in this browser for 30 days');
    const answer = await tick(browser, form, undefined, { followRedirects: false });
    const [line = ''] = answer.setCookie.filter((one) => one.startsWith(NAME));
    expect(line.split('; ').slice(1)).toEqual(['Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${30 * 86_400}`]);
    const value = keptBy(browser);
    await browser.get('/admin');
    expect(await isAsked(browser)).toBe(false);
    for (const sent of [value, keptBy(browser)]) {
      for (const host of [hostOf(h), 'a.campaign.test']) {
        await raw(h, 'GET', host === hostOf(h) ? '/admin/login' : '/campaign', [
          ['Host', host],
          ['Cookie', `${NAME}=${sent}; lucy2fa.browser=${sent}; language=${host}`],
        ]);
      }
      expect(h.app.sawBytes(sent)).toBe(false);
      expect(JSON.stringify(await h.store.counters.get(`browsers:${ALICE.email}`))).not.toContain(sent.slice(22));
      expect(h.logged.join('\n')).not.toContain(sent);
    }
    expect(h.app.sawBytes(`language=${hostOf(h)}`)).toBe(true);
    expect(h.app.sawBytes('language=a.campaign.test')).toBe(true);
    expect(h.app.sawBytes(NAME)).toBe(false);
  });

  it('does not come to be where it is off, after a recovery code, or with a proof inside a session', async () => {
    await start({});
    const off = h.browser();
    const prompt = await h.logIn(off, ALICE);
    expect(prompt.html).not.toContain('Do not ask again');
    const { hidden } = prompt;
    const fields = { csrf: hidden['csrf'] ?? '', way: hidden['way'] ?? '', code: h.totp(), trust: '1' };
    expect((await off.post('/_2fa/challenge', fields)).html).toContain(h.app.secretOf(ALICE.email));
    expect(off.cookie(NAME)).toBeUndefined();
    await h.close();

    await start();
    const inside = h.browser();
    await inside.submit(await h.logIn(inside, ALICE), { code: h.totp() });
    expect(inside.cookie(NAME)).toBeUndefined(); // nor without the tick
    h.clock.advance(400_000);
    const again = await inside.submit(await inside.get('/_2fa/account'), { for: 'account' });
    expect(again.html).not.toContain('Do not ask again');
    const proof = { csrf: again.hidden['csrf'] ?? '', way: again.hidden['way'] ?? '', code: h.totp(), trust: '1' };
    expect((await inside.post('/_2fa/challenge', proof)).url.pathname).toBe('/_2fa/account');
    expect(inside.cookie(NAME)).toBeUndefined();
  });

  it('never stands for the password', async () => {
    await start();
    const value = await trustThis();
    const thief = withValue(value);
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expect((await thief.get('/_2fa/account')).url.pathname).toBe('/admin/login');
    await h.logIn(thief, { email: ALICE.email, password: 'a guess' });
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expectNothingOf(h, thief, ALICE.email);
    expect(await isAsked(withValue(value))).toBe(false); // and nothing was used up by that
  });

  it('is worth nothing where the application does not say whose login that was', async () => {
    await start({ ...trusting, profile: { whoami: null } });
    expect(await isAsked(withValue(await trustThis()))).toBe(true);
  });

  it('is worth nothing to another account', async () => {
    await start();
    const value = await trustThis();
    const other = withValue(value);
    expect(await isAsked(other, BOB)).toBe(true);
    expect(keptBy(other)).toBe(value);
    expect(await isAsked(withValue(value))).toBe(false);
    // Who is trusted there next takes the place of who was before: one browser, one person.
    const shared = h.browser();
    await trustThis(shared);
    h.clock.advance(60_000);
    await trustThis(shared, BOB, BOBS_SECRET);
    expect(await isAsked(shared, BOB)).toBe(false);
    expect(await isAsked(shared)).toBe(true);
  });

  it('copied and used: whoever comes second gives it away, and from then on everybody is asked', async () => {
    await start();
    const owner = h.browser();
    const phone = h.browser();
    const copy = await trustThis(owner);
    await trustThis(phone);
    const thief = withValue(copy, { 'User-Agent': 'Mozilla/5.0 (Windows NT 10.0) Firefox/140.0' });
    expect(await isAsked(thief)).toBe(false);
    expect((await thief.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
    h.clock.advance(60_000);
    expect(await isAsked(owner)).toBe(true);
    expect(keptBy(owner)).toBe('');
    // The session that the copy opened is over, and so is everything that was trusted.
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expect(await isAsked(withValue(keptBy(thief)))).toBe(true);
    expect(await isAsked(withValue(keptBy(phone)))).toBe(true);
    expect((await events())[0]).toBe('browser-misused');
    closed(owner);
    const page = await owner.submit(await h.logIn(owner, ALICE), { code: h.totp() });
    expect(page.html).toContain('No browser is trusted any more.');
  });

  it('copied and used too late: the copy is refused, and the owner is told', async () => {
    await start();
    const owner = h.browser();
    const copy = await trustThis(owner);
    h.clock.advance(60_000);
    expect(await isAsked(owner)).toBe(false);
    const live = keptBy(owner);
    h.clock.advance(11_000);
    expect(await isAsked(withValue(copy))).toBe(true);
    expect(await isAsked(withValue(live))).toBe(true);
    expect((await owner.get('/admin')).url.pathname).toBe('/admin/login');
    expect(h.logged.join('\n')).toContain('authn_trusted_browser_misused');
  });

  it('copied and used at once, from elsewhere, is no second tab', async () => {
    await start({ ...trusting, trustedProxies: ['127.0.0.1'] });
    const browser = h.browser({ 'X-Forwarded-For': '198.51.100.7' });
    const copy = await trustThis(browser);
    expect(await isAsked(browser)).toBe(false);
    expect(await isAsked(withValue(copy, { 'X-Forwarded-For': '198.51.100.8' }))).toBe(true);
    expect(await isAsked(browser)).toBe(true);
  });

  it.each([
    ['the part that stays', (value: string) => `A${value.slice(1)}`.replace(/^AA/, 'AB'), false],
    ['the part that changes', (value: string) => `${value.slice(0, -1)}${value.endsWith('A') ? 'E' : 'A'}`, true],
    ['its length', (value: string) => value.slice(0, -1), false],
    ['its alphabet', (value: string) => `${value.slice(0, -1)}%`, false],
    ['everything', () => 'A'.repeat(65), false],
    ['nothing is left', () => '', false],
  ])('edited is none: %s', async (_, edit, isMisuse) => {
    await start();
    const value = await trustThis();
    h.clock.advance(60_000);
    expect(await isAsked(withValue(edit(value)))).toBe(true);
    expect(await isAsked(withValue(value))).toBe(isMisuse);
  });

  it('twice in one request is none', async () => {
    await start();
    const value = await trustThis();
    const browser = h.browser();
    const { hidden } = await browser.get('/admin/login');
    const cookie = `${cookieOf(browser)}; ${NAME}=${value}; ${NAME}=${value}`;
    const login = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    const fields = { YII_CSRF_TOKEN: hidden['YII_CSRF_TOKEN'] ?? '', ...login };
    const answer = await browser.post('/admin/login', fields, {
      headers: [['Cookie', cookie]],
      followRedirects: false,
    });
    expect(answer.header('location')).toBe('/_2fa/challenge');
  });

  it('is one of twenty, and the oldest makes room', async () => {
    await start();
    const first = await trustThis();
    for (let i = 0; i < 19; i += 1) await trustThis();
    expect(await isAsked(withValue(first))).toBe(false);
    await trustThis();
    const record = await h.store.counters.get(`browsers:${ALICE.email}`);
    expect(record?.['browsers']).toHaveLength(20);
    expect(await isAsked(withValue(first))).toBe(true);
  });

  it('59: is void after any change of methods, and after a reset', async () => {
    await start();
    const value = await trustThis();
    const change = (change: (version: number) => number): Promise<void> =>
      h.store.users.update(ALICE.email, (user) => ({
        ...(user === undefined ? {} : { write: { ...user, factorVersion: change(user.factorVersion) } }),
        result: undefined,
      }));
    await change((version) => version + 1);
    expect(await isAsked(withValue(value))).toBe(true);
    await change((version) => version - 1);
    expect(await isAsked(withValue(value))).toBe(false);
  });

  it('59: is void as soon as its owner removes a method on the account page, and its session with it', async () => {
    await start();
    const lost = h.browser();
    await trustThis(lost);
    expect(await isAsked(lost)).toBe(false);
    const owner = h.browser();
    h.clock.advance(30_000);
    await owner.submit(await h.logIn(owner, ALICE), { code: h.totp() });
    const page = await owner.get(`/_2fa/remove/${encodeURIComponent(`e-${ALICE.email}`)}`);
    await owner.submit(page, {});
    expect((await h.store.users.get(ALICE.email))?.enrolments).toEqual([]);
    expect((await lost.get('/admin')).url.pathname).toBe('/admin/login');
    await h.enrolTotp(ALICE.email);
    await h.store.users.update(ALICE.email, (user) => ({
      ...(user === undefined ? {} : { write: { ...user, factorVersion: 3 } }),
      result: undefined,
    }));
    expect(await isAsked(lost)).toBe(true);
  });

  it('is void as soon as its owner stops trusting it, and its session with it', async () => {
    await start();
    const [lost, other, owner] = [h.browser(), h.browser(), h.browser()];
    await trustThis(lost);
    h.clock.advance(1000);
    await trustThis(other);
    h.clock.advance(1000);
    const own = await trustThis(owner);
    h.clock.advance(1000);
    expect(await isAsked(lost)).toBe(false);
    const account = await owner.get('/_2fa/account');
    const ids = [...account.html.matchAll(/name="browser" value="([^"]+)"/g)].map(([, id]) => id ?? '');
    expect(ids).toHaveLength(3); // the one that was used last comes first
    const csrf = account.hidden['csrf'] ?? '';
    const done = await owner.post('/_2fa/browsers/forget', { csrf, browser: ids[0] ?? '' });
    expect(done.html).toContain('1 browser is not trusted any more.');
    expect((await lost.get('/admin')).url.pathname).toBe('/admin/login');
    expect(await isAsked(lost)).toBe(true);
    expect(await isAsked(other)).toBe(false);

    // Somebody else's is nobody's, whatever a form names.
    const bob = h.browser();
    h.clock.advance(30_000);
    await bob.submit(await h.logIn(bob, BOB), { code: h.totp(BOBS_SECRET) });
    const fields = { csrf: (await bob.get('/_2fa/account')).hidden['csrf'] ?? '', browser: ids[1] ?? '' };
    expect((await bob.post('/_2fa/browsers/forget', fields)).html).toContain('This browser was not trusted any more.');
    expect(await isAsked(other)).toBe(false);

    // Everywhere else: this one stays.
    const others = await owner.post('/_2fa/sessions/end-others', { csrf });
    expect(others.html).toContain('signed out');
    expect((await other.get('/admin')).url.pathname).toBe('/admin/login');
    expect(await isAsked(other)).toBe(true);
    expect(keptBy(owner)).toBe(own);
    const last = await owner.post('/_2fa/browsers/forget-all', { csrf });
    expect(last.html).toContain('1 browser is not trusted any more.');
    expect(last.html).not.toContain('Trusted browsers');
    expect(keptBy(owner)).toBe('');
  });

  it('is ended only with a fresh proof, as sessions are', async () => {
    await start();
    const browser = h.browser();
    await trustThis(browser);
    expect(await isAsked(browser)).toBe(false);
    const { hidden, html } = await browser.get('/_2fa/account');
    expect(html).toContain('Trusted browsers');
    expect(html).not.toContain('name="browser"');
    const asked = await browser.post('/_2fa/browsers/forget-all', { csrf: hidden['csrf'] ?? '' });
    expect(asked.url.pathname).toBe('/_2fa/challenge');
    expect(await isAsked(browser)).toBe(false);
  });

  it('opens the administrator’s pages with a proof, and not before; there all of an account’s can be ended', async () => {
    const admin = { email: 'admin@example.com', password: 'correct battery admin' };
    await start();
    await h.enrolTotp(admin.email);
    const value = await trustThis();
    const boss = h.browser();
    await trustThis(boss, admin);
    expect(await isAsked(boss, admin)).toBe(false);
    const prompt = await boss.get('/_2fa/admin');
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    h.clock.advance(30_000);
    const page = await boss.submit(prompt, { code: h.totp() });
    expect(page.html).toContain('<h1>Administration</h1>');
    const csrf = page.hidden['csrf'] ?? '';
    const act = { csrf, identity: ALICE.email, reason: 'a lost laptop' };
    expect((await boss.post('/_2fa/admin/users/end-sessions', act)).url.pathname).toBe('/_2fa/admin');
    expect(await isAsked(withValue(value))).toBe(true);
  });

  it('is asked when the policy counts what it proved no longer, trusts for less long, or not at all', async () => {
    const trusts = { browserMs: 3 * HOUR_MS };
    let policy: Partial<PolicyFor> = trusts;
    await start({ policy: () => policy });
    const value = await trustThis();
    h.clock.advance(2 * HOUR_MS);
    for (const stricter of [{ browserMs: HOUR_MS }, {}, { ...trusts, factors: ['authy' as const] }]) {
      policy = stricter;
      expect((await h.logIn(withValue(value), ALICE)).html).not.toContain(h.app.secretOf(ALICE.email));
    }
    policy = trusts;
    expect(await isAsked(withValue(value))).toBe(false);
  });

  it('is never a fresh proof', async () => {
    await start();
    const browser = h.browser();
    await trustThis(browser);
    expect(await isAsked(browser)).toBe(false);
    const account = await browser.get('/_2fa/account');
    expect(account.html).toContain('To change anything here, confirm first that it is you.');
    await browser.post('/_2fa/account/phone', {
      csrf: account.hidden['csrf'] ?? '',
      country: 'CH',
      number: '0791234567',
    });
    expect((await h.store.users.get(ALICE.email))?.phone).toBeUndefined();
  });

  it('48: lets its owner in while somebody with the password has the account locked', async () => {
    await start();
    const value = await trustThis();
    await h.store.counters.update(`guess:${ALICE.email}`, () => ({
      write: { count: 50, lastAt: h.clock.now(), expiresAt: h.clock.now() + DAY_MS },
      result: undefined,
    }));
    const thief = h.browser();
    expect((await h.logIn(thief, ALICE)).html).toContain('Your account is locked');
    expect(await isAsked(withValue(value))).toBe(false);
    expect((await h.store.counters.get(`guess:${ALICE.email}`))?.['count']).toBe(50);
  });

  it('in thirty logins at once gets one new value, and nobody is taken for a thief', async () => {
    await start();
    const value = await trustThis();
    const tabs = Array.from({ length: 30 }, () => withValue(value));
    const forms = await Promise.all(tabs.map((tab) => tab.get('/admin/login')));
    const login = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    const pages = await Promise.all(tabs.map((tab, at) => tab.submit(forms[at] as Page, login)));
    for (const page of pages) expect(page.html).toContain(h.app.secretOf(ALICE.email));
    const given = new Set(tabs.map(keptBy));
    given.delete(value);
    expect(given.size).toBe(1);
    expect(await events()).toEqual(['browser-trusted']);
    h.clock.advance(600_000);
    expect(await isAsked(withValue([...given][0] ?? ''))).toBe(false);
    expect(await isAsked(withValue(value))).toBe(true);
  });

  it('is remembered over a restart, and so is what was used up', async () => {
    const folder = await newFolder();
    const open = async (clock: TestClock): Promise<Store> =>
      openStore({ kind: 'lowdb', path: folder, keys: await openKeys(`${folder}/keys.json`, { create: true }), clock });
    await start({ ...trusting, stores: async (clock) => [await open(clock)] });
    const browser = h.browser();
    const copy = await trustThis(browser);
    expect(await isAsked(browser)).toBe(false);
    const live = keptBy(browser);
    const { clock } = h;
    await h.close();
    h = await Harness.start({ ...trusting, stores: async () => [await open(clock)] });
    h.clock.advance(clock.now() - h.clock.now() + 60_000);
    const again = withValue(live);
    expect(await isAsked(again)).toBe(false);
    expect(await isAsked(withValue(copy))).toBe(true);
    expect(await isAsked(withValue(keptBy(again)))).toBe(true);
  });
});
