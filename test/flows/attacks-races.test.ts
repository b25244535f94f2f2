/** Attacks 10, 11, 94: requests that run beside a login, answers that come late, records that are swapped. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { BOBS_SECRET, cookieOf, raw, signIn } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';
import { Relay } from './relay.ts';
import { expectNothingLeaked } from './witness.ts';

let relay: Relay;
let h: Harness;

async function start(options: HarnessOptions = {}): Promise<void> {
  h = await Harness.start({ ...options, upstreamUrl: relay.url });
  relay.target = h.app.port;
  await h.enrolTotp(ALICE.email);
  await h.enrolTotp(BOB.email, BOBS_SECRET);
}

beforeEach(async () => {
  relay = await Relay.start();
});
afterEach(async () => {
  await h.close();
  await relay.close();
});

describe.each(['rotate', 'keep'] as const)(
  '10: while a login is on its way, with an application that does %s',
  (rotate) => {
    it('50 requests with the same id see nothing of the person, neither then nor when they are answered late', async () => {
      await start({ app: { rotate } });
      const browser = h.browser();
      await browser.get('/admin/login');
      const cookie = cookieOf(browser);
      const login = relay.hold('POST /admin/login');
      const posting = h.logIn(browser, ALICE);
      await login.answered;
      expect(h.app.sessions(), 'the application has logged her in').toHaveLength(1);
      // The 404 below /simplesaml/ is a page of the login class that greets people by their name.
      const targets = ['/admin', '/admin/account', '/simplesaml/nothing', '/admin/login', '/admin/recovery'];
      const beside = Array.from({ length: 50 }, (_, i) =>
        raw(h, 'GET', targets[i % targets.length] ?? '', [
          ['Cookie', cookie],
          ['Accept', 'text/html'],
        ]),
      );
      await expect.poll(() => h.app.requests.filter(({ url }) => url === '/simplesaml/nothing').length).toBe(10);
      login.release();
      const [prompt, answers] = [await posting, await Promise.all(beside)];
      expect(prompt.url.pathname).toBe('/_2fa/challenge');
      for (const { status, received } of answers) {
        // 302 is the application's word, even when it only says that she is logged in; ours are 303 and 401.
        expect(status).not.toBe(302);
        for (const text of [ALICE.email, h.app.secretOf(ALICE.email), ...h.app.sessions().map(({ id }) => id)]) {
          expect(received.includes(text), `${text} in ${received.toString().slice(0, 300)}`).toBe(false);
        }
      }
      expect(h.app.requests.some(({ url }) => url === '/admin')).toBe(false);
      expectNothingLeaked(h, browser);
    });

    it('a page that was asked for before the password, and answered after it, stays inside', async () => {
      await start({ app: { rotate } });
      const browser = h.browser();
      await browser.get('/admin/login');
      const early = relay.hold('GET /simplesaml/early');
      const waiting = raw(h, 'GET', '/simplesaml/early', [
        ['Cookie', cookieOf(browser)],
        ['Accept', 'text/html'],
      ]);
      await early.answered;
      expect((await h.logIn(browser, ALICE)).url.pathname).toBe('/_2fa/challenge');
      early.release();
      expect((await waiting).status).toBe(401);
    });

    it('the second of two passwords on one id is not forwarded from the jar of the first', async () => {
      await start({ app: { rotate } });
      const browser = h.browser();
      const { hidden } = await browser.get('/admin/login');
      const login = relay.hold('POST /admin/login');
      const fields = (who: typeof ALICE) => ({
        YII_CSRF_TOKEN: hidden['YII_CSRF_TOKEN'] ?? '',
        'LoginForm[email]': who.email,
        'LoginForm[password]': who.password,
      });
      const first = browser.post('/admin/login', fields(ALICE));
      await login.answered;
      const second = browser.post('/admin/login', fields(BOB), { followRedirects: false });
      login.release();
      expect((await first).html).toContain(ALICE.email);
      expect((await second).status).toBeGreaterThanOrEqual(400);
      expect(h.app.sessions()).toMatchObject([{ email: ALICE.email }]);
    });

    it('a query that logs in, sent before the password and answered after it, opens nothing', async () => {
      await start({ app: { rotate, queryLogin: true } });
      const mine = h.browser();
      await mine.get('/admin/login');
      const target = `/simplesaml/nothing?u=${ALICE.email}&p=${encodeURIComponent(ALICE.password)}`;
      const door = relay.delay(`GET ${target}`);
      const early = raw(h, 'GET', target, [
        ['Cookie', cookieOf(mine)],
        ['Accept', 'text/html'],
      ]);
      await door.arrived;
      const inside = await mine.submit(await h.logIn(mine, BOB), { code: h.totp(BOBS_SECRET) });
      expect(inside.html).toContain(h.app.secretOf(BOB.email));
      door.release();
      await early;
      expect((await mine.get('/admin')).html).not.toContain(h.app.secretOf(ALICE.email));
      expectNothingLeaked(h, mine, { verified: [BOB.email] });
    });

    it('a login whose answer was lost leaves no jar behind that is logged in', async () => {
      await start({ app: { rotate } });
      const browser = h.browser();
      await browser.get('/admin/login');
      const cookie = cookieOf(browser);
      relay.cut('POST /admin/login');
      expect((await h.logIn(browser, ALICE)).status).toBe(502);
      expect(h.app.sawBytes('LoginForm')).toBe(true);
      // An id that was lost with the answer is known to nobody; one that stayed is signed out.
      expect(h.app.sessions()).toHaveLength(rotate === 'keep' ? 0 : 1);
      const answer = await raw(h, 'GET', '/simplesaml/nothing', [
        ['Cookie', cookie],
        ['Accept', 'text/html'],
      ]);
      expect(answer.received.includes(ALICE.email)).toBe(false);
      const [asked] = h.app.requests.filter(({ url }) => url === '/simplesaml/nothing');
      expect(asked?.cookie ?? '').not.toContain('PHPSESSID');
    });
  },
);

describe('11: two logins of one attacker', () => {
  let mine: { browser: FakeBrowser; prompt: Page };
  let theirs: { browser: FakeBrowser; prompt: Page };

  beforeEach(async () => {
    await start();
    const open = async (who: typeof ALICE) => {
      const browser = h.browser();
      return { browser, prompt: await h.logIn(browser, who) };
    };
    mine = await open(ALICE);
    theirs = await open(BOB);
  });

  it('the code, the way and the form token of one are worth nothing to the other', async () => {
    const code = h.totp();
    const tries: (readonly [string, string])[][] = [
      [
        ['csrf', theirs.prompt.hidden['csrf'] ?? ''],
        ['way', theirs.prompt.hidden['way'] ?? ''],
        ['code', code],
      ],
      [
        ['csrf', theirs.prompt.hidden['csrf'] ?? ''],
        ['way', mine.prompt.hidden['way'] ?? ''],
        ['code', code],
      ],
      [
        ['csrf', mine.prompt.hidden['csrf'] ?? ''],
        ['way', mine.prompt.hidden['way'] ?? ''],
        ['code', code],
      ],
    ];
    for (const name of ['user', 'login_id', 'challenge', 'identity', 'session']) {
      tries.push([
        ['csrf', theirs.prompt.hidden['csrf'] ?? ''],
        ['way', mine.prompt.hidden['way'] ?? ''],
        ['code', code],
        [name, ALICE.email],
      ]);
    }
    for (const fields of tries) await theirs.browser.post('/_2fa/challenge', fields);
    expect((await theirs.browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    expectNothingLeaked(h, theirs.browser);
    expect((await mine.browser.submit(mine.prompt, { code })).html).toContain(h.app.secretOf(ALICE.email));
  });

  it('both ids in one request are none', async () => {
    const ids = [mine, theirs].map(({ browser }) => `lucy2fa=${browser.cookie('lucy2fa')}`);
    for (const cookie of [ids.join('; '), [...ids].reverse().join('; ')]) {
      const answer = await raw(h, 'GET', '/_2fa/challenge', [
        ['Cookie', cookie],
        ['Accept', 'text/html'],
      ]);
      expect(answer.text).not.toContain('one-time-code');
    }
  });
});

describe('94: in a verified session whose jar changes hands', () => {
  const QUERY = `/admin?u=${BOB.email}&p=${encodeURIComponent(BOB.password)}`;

  it('the answers beside the one that brought the new cookie wait as well', async () => {
    await start({ app: { rotate: 'rotate', queryLogin: true } });
    const browser = await signIn(h, ALICE);
    const cookie = cookieOf(browser);
    const whoami = relay.hold('GET /admin/account');
    const bringing = raw(h, 'GET', QUERY, [
      ['Cookie', cookie],
      ['Accept', 'text/html'],
    ]);
    await whoami.answered;
    const before = h.app.requests.length;
    const beside = raw(h, 'GET', '/admin/poll', [['Cookie', cookie]]);
    await expect.poll(() => h.app.requests.slice(before).some(({ url }) => url === '/admin/poll')).toBe(true);
    whoami.release();
    for (const { received } of [await bringing, await beside]) {
      expect(received.includes(BOB.email), received.toString()).toBe(false);
      expect(received.includes(h.app.secretOf(BOB.email))).toBe(false);
    }
    expect((await browser.get('/admin')).html).not.toContain(h.app.secretOf(BOB.email));
  });

  it('a question that was answered before the change clears no doubt about it', async () => {
    await start({ app: { rotate: 'keep', unlistedLogins: true } });
    const browser = await signIn(h, ALICE);
    const cookie: [string, string] = ['Cookie', cookieOf(browser)];
    const [first, second] = [relay.hold('GET /admin/account'), relay.hold('GET /admin/account')];
    const harmless = browser.post('/admin/account', { 'AccountForm[phone]': '1' });
    await first.answered;
    const login = browser.post('/old/login.php', { user: BOB.email, pass: BOB.password });
    await expect.poll(() => h.app.sessions().some(({ email }) => email === BOB.email)).toBe(true);
    first.release();
    await second.answered;
    const page = relay.hold('GET /admin');
    const beside = raw(h, 'GET', '/admin', [cookie, ['Accept', 'text/html']]);
    await page.answered;
    page.release();
    // Time for an answer that does not wait.
    for (let i = 0; i < 5; i++) await raw(h, 'GET', '/assets/lucy.css');
    second.release();
    expect((await beside).received.includes(h.app.secretOf(BOB.email))).toBe(false);
    for (const answer of [await harmless, await login]) expect(answer.html).not.toMatch(/^OK/);
    expectNothingLeaked(h, browser, { verified: [ALICE.email] });
  });

  it('a whoami that failed is asked again: what follows is as doubtful', async () => {
    await start({ app: { rotate: 'rotate', queryLogin: true } });
    const browser = await signIn(h, ALICE);
    const cookie = cookieOf(browser);
    relay.cut('GET /admin/account', 3);
    const lost = await raw(h, 'GET', QUERY, [
      ['Cookie', cookie],
      ['Accept', 'text/html'],
    ]);
    expect(lost.status).toBe(502);
    for (const target of ['/admin', '/admin/poll', '/admin/files']) {
      const { received } = await raw(h, 'GET', target, [
        ['Cookie', cookie],
        ['Accept', 'text/html'],
      ]);
      expect(received.includes(BOB.email), target).toBe(false);
      expect(received.includes(h.app.secretOf(BOB.email)), target).toBe(false);
    }
  });

  it.each(['rotate', 'keep'] as const)(
    'an answer that left before the change and comes after it stays inside (%s)',
    async (rotate) => {
      await start({ app: { rotate, unlistedLogins: true } });
      const browser = await signIn(h, ALICE);
      const cookie = cookieOf(browser);
      const door = relay.hold('POST /old/login.php');
      const posting = browser.post('/old/login.php', { user: BOB.email, pass: BOB.password });
      await door.answered;
      const beside = Array.from({ length: 10 }, () =>
        raw(h, 'GET', '/admin', [
          ['Cookie', cookie],
          ['Accept', 'text/html'],
        ]),
      );
      await expect.poll(() => h.app.requests.filter(({ url }) => url === '/admin').length).toBeGreaterThanOrEqual(10);
      door.release();
      // Whichever answer is judged first ends the session; the others find it gone.
      const answers = [...(await Promise.all(beside)), await raw(h, 'GET', '/admin', [['Cookie', cookie]])];
      expect((await posting).html).not.toMatch(/^OK/);
      for (const { received } of answers) {
        expect(received.includes(h.app.secretOf(BOB.email))).toBe(false);
      }
    },
  );
});
