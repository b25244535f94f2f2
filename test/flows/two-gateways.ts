/** What must hold when two gateways share one store, whatever kind of store it is; each kind runs this. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Assembled } from '../../src/assemble.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import type { Store } from '../../src/store/store.ts';
import type { TestClock } from '../fakes/clock.ts';
import { askForSocket, BOBS_SECRET, cookieOf, expectNoAppSession, raw, signIn, upToThePrompt } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';
import { Relay } from './relay.ts';
import { expectNothingLeaked } from './witness.ts';

export interface SharedKind {
  /** Two views of one empty store. */
  stores(clock: TestClock): Promise<readonly Store[]>;
  /** Takes the store away from both, or gives it back. */
  setDown(down: boolean): Promise<void>;
}

/** What the requirement allows for a revocation to arrive, in ms. */
const AT_MOST_MS = 1000;
const PAGE: readonly [string, string] = ['Accept', 'text/html'];

function formOf(who: typeof ALICE, hidden: Readonly<Record<string, string>>): Record<string, string> {
  const { YII_CSRF_TOKEN = '' } = hidden;
  return { YII_CSRF_TOKEN, 'LoginForm[email]': who.email, 'LoginForm[password]': who.password };
}

/** A fresh proof of Bob's through this gateway. @returns the Cookie line with his new id */
async function proveAgain(gateway: Assembled | undefined, id: string | undefined): Promise<string> {
  const session = await gateway?.sessions.find(sessionKey(id ?? ''), true);
  if (gateway === undefined || session === undefined) throw new Error('nobody has this id');
  const login = { id: 'again' as never, identity: BOB.email as never, acceptedAt: 0, returnTo: '/' as never };
  await gateway.sessions.transition(session, {
    type: 'step-up-asked',
    login: { ...login, acceptedAt: session.seenAt },
  });
  const proof = { loginId: login.id, identity: login.identity, factor: 'totp' as const, at: session.seenAt };
  const issued = await gateway.sessions.transition(session, { type: 'factor-proved', proof });
  return `lucy2fa=${issued.id}`;
}

export function twoGateways(kind: string, open: () => SharedKind | Promise<SharedKind>): void {
  describe(`two gateways over ${kind}`, () => {
    let shared: SharedKind;
    let relay: Relay;
    let h: Harness;

    /** @param through whether the test holds answers back; the relay takes no upgrades */
    async function start(options: HarnessOptions = {}, through = true): Promise<void> {
      const upstream = through ? { upstreamUrl: relay.url } : {};
      h = await Harness.start({ ...options, stores: (clock) => shared.stores(clock), ...upstream });
      relay.target = h.app.port;
      await h.enrolTotp(ALICE.email);
      await h.enrolTotp(BOB.email, BOBS_SECRET);
    }

    beforeEach(async () => {
      shared = await open();
      relay = await Relay.start();
    });
    afterEach(async () => {
      await shared.setDown(false);
      await h.close();
      await relay.close();
    });

    /** The next connection goes to this one. */
    function turnTo(gateway: 0 | 1): void {
      if (h.front !== undefined) h.front.turn = gateway;
    }

    function get(gateway: 0 | 1, target: string, cookie: string) {
      turnTo(gateway);
      return raw(h, 'GET', target, [['Cookie', cookie], PAGE]);
    }

    it('a browser that one trusts is trusted by the other, each value once, and a copy gives itself away at both', async () => {
      await start({ policy: () => ({ browserMs: 86_400_000 }), logins: 100 });
      const owner = h.browser();
      h.clock.advance(30_000);
      const { hidden } = await h.logIn(owner, ALICE);
      const fields = { csrf: hidden['csrf'] ?? '', way: hidden['way'] ?? '', code: h.totp(), trust: '1' };
      await owner.post('/_2fa/challenge', fields);
      const values = [owner.cookie('lucy2fa-browser') ?? ''];
      const comesIn = async (value: string): Promise<string> => {
        const browser = h.browser();
        browser.setCookie('lucy2fa-browser', value);
        const page = await h.logIn(browser, ALICE); // each request of it reaches the other gateway
        if (page.url.pathname === '/_2fa/challenge') return 'asked';
        expect(page.html).toContain(h.app.secretOf(ALICE.email));
        return browser.cookie('lucy2fa-browser') ?? '';
      };
      values.push(...(await Promise.all(Array.from({ length: 8 }, () => comesIn(values[0] ?? '')))));
      const given = new Set(values);
      expect([given.size, given.has('asked')]).toEqual([2, false]);
      const next = [...given].find((value) => value !== values[0]) ?? '';
      h.clock.advance(60_000);
      const third = await comesIn(next);
      expect(third).toMatch(/^[\w-]{65}$/);
      expect([await comesIn(values[0] ?? ''), await comesIn(third)]).toEqual(['asked', 'asked']);
    });

    describe.each(['rotate', 'keep'] as const)('with an application that does %s', (rotate) => {
      it('one login goes from one to the other and back, with every request', async () => {
        await start({ app: { rotate } });
        const browser = h.browser();
        const wanted = await browser.get('/admin/account');
        const prompt = await browser.submit(wanted, {
          'LoginForm[email]': ALICE.email,
          'LoginForm[password]': ALICE.password,
        });
        expect(prompt.url.pathname).toBe('/_2fa/challenge');
        const wrong = await browser.submit(prompt, { code: '000000' });
        expect(wrong.html).toContain('There is a problem');
        const inside = await browser.submit(wrong, { code: h.totp() });
        expect(inside.url.pathname).toBe('/admin/account');
        for (let i = 0; i < 4; i += 1)
          expect((await browser.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
        for (const { sessions } of h.gateways) expect(sessions.size).toBeGreaterThan(0);
        expectNoAppSession(h, browser.transcript);
        await browser.get('/admin/logout');
        expect(h.app.sessions()).toEqual([]);
      });

      it('10: a password on its way through one opens nothing through the other', async () => {
        await start({ app: { rotate } });
        const browser = h.browser();
        await browser.get('/admin/login');
        const cookie = cookieOf(browser);
        const login = relay.hold('POST /admin/login');
        const posting = h.logIn(browser, ALICE);
        await login.answered;
        const beside = [0, 1].flatMap((gateway) =>
          ['/admin', '/admin/login', '/simplesaml/nothing'].map((target) => get(gateway as 0 | 1, target, cookie)),
        );
        await expect.poll(() => h.app.requests.filter(({ url }) => url === '/simplesaml/nothing').length).toBe(2);
        login.release();
        await posting;
        for (const { status, received } of await Promise.all(beside)) {
          expect(status, 'the application says that she is logged in').not.toBe(302);
          expect(received.includes(ALICE.email), received.toString('latin1').slice(0, 300)).toBe(false);
          expect(received.includes(h.app.secretOf(ALICE.email))).toBe(false);
        }
        expectNothingLeaked(h, browser);
      });

      it('an unlisted login through one shows nothing of the newcomer through the other', async () => {
        await start({ app: { rotate, unlistedLogins: true } });
        const browser = await signIn(h, ALICE);
        const cookie = cookieOf(browser);
        for (const gateway of [0, 1] as const) await get(gateway, '/admin', cookie);
        const door = relay.hold('POST /old/login.php');
        turnTo(0);
        const posting = browser.post('/old/login.php', { user: BOB.email, pass: BOB.password });
        await door.answered;
        const beside = Array.from({ length: 5 }, () => get(1, '/admin', cookie));
        await expect.poll(() => h.app.requests.filter(({ url }) => url === '/admin').length).toBeGreaterThanOrEqual(7);
        door.release();
        await posting;
        for (const { received } of await Promise.all(beside)) {
          expect(received.includes(h.app.secretOf(BOB.email)), received.toString('latin1').slice(0, 300)).toBe(false);
        }
        expect((await get(1, '/admin', cookie)).received.includes(h.app.secretOf(BOB.email))).toBe(false);
      });
    });

    it('two passwords on one id, through one each: whoever proves a factor sees nothing of the other', async () => {
      await start({ app: { rotate: 'keep' } });
      const mine = h.browser();
      const { hidden } = await mine.get('/admin/login');
      const victims = relay.delay('POST /admin/login');
      turnTo(1);
      const late = mine.post('/admin/login', formOf(ALICE, hidden), { followRedirects: false });
      await victims.arrived;
      turnTo(0);
      const prompt = await mine.post('/admin/login', formOf(BOB, hidden));
      if (prompt.url.pathname === '/_2fa/challenge') await mine.submit(prompt, { code: h.totp(BOBS_SECRET) });
      victims.release();
      expect((await late).status).toBeGreaterThanOrEqual(300);
      for (const gateway of [0, 1] as const) {
        const { received } = await get(gateway, '/admin', cookieOf(mine));
        expect(received.includes(h.app.secretOf(ALICE.email)), String(gateway)).toBe(false);
      }
      expectNothingLeaked(h, mine, { verified: [BOB.email] });
    });

    it('the cookie of one login does not come into the jar of another one that is accepted meanwhile', async () => {
      await start({ app: { rotate: 'rotate' } });
      const mine = h.browser();
      const { hidden } = await mine.get('/admin/login');
      const [first, second] = [relay.hold('GET /admin/account'), relay.hold('GET /admin/account')];
      turnTo(0);
      const logins = [mine.post('/admin/login', formOf(BOB, hidden))];
      await first.answered;
      turnTo(1);
      logins.push(mine.post('/admin/login', formOf(ALICE, hidden), { followRedirects: false }));
      await second.answered;
      first.release();
      const prompt = await logins[0];
      second.release();
      await logins[1];
      if (prompt?.url.pathname === '/_2fa/challenge') await mine.submit(prompt, { code: h.totp(BOBS_SECRET) });
      for (const gateway of [0, 1] as const) {
        const { received } = await get(gateway, '/admin', cookieOf(mine));
        expect(received.includes(h.app.secretOf(ALICE.email)), String(gateway)).toBe(false);
      }
      expectNothingLeaked(h, mine, { verified: [BOB.email] });
    });

    it('a login that outlives the id it was sent under is still doubted under the next one', async () => {
      await start({ app: { rotate: 'keep', unlistedLogins: true } });
      const mine = await signIn(h, BOB, BOBS_SECRET);
      const door = relay.delay('POST /old/login.php');
      turnTo(0);
      const posting = mine.post('/old/login.php', { user: ALICE.email, pass: ALICE.password });
      await door.arrived;
      const next = await proveAgain(h.gateways[1], mine.cookie('lucy2fa'));
      await posting;
      expect((await get(0, '/admin', next)).received.includes(h.app.secretOf(BOB.email))).toBe(true);
      door.release();
      await expect.poll(() => h.app.sessions().some(({ email }) => email === ALICE.email)).toBe(true);
      for (const gateway of [0, 1] as const) {
        const { received } = await get(gateway, '/admin', next);
        expect(received.includes(h.app.secretOf(ALICE.email)), String(gateway)).toBe(false);
      }
    });

    it('a logout through one shows nothing of whoever logs in through the other', async () => {
      const logout = [{ path: '/admin', when: { leave: '1' } }];
      await start({ app: { rotate: 'keep', unlistedLogins: true }, profile: { logout } });
      const mine = await signIn(h, BOB, BOBS_SECRET);
      const cookie = cookieOf(mine);
      for (const gateway of [0, 1] as const) await get(gateway, '/admin', cookie);
      const door = relay.hold('POST /old/login.php');
      turnTo(0);
      const posting = mine.post('/old/login.php', { user: ALICE.email, pass: ALICE.password });
      await door.answered;
      const { received } = await get(1, '/admin?leave=1', cookie);
      expect(received.includes(h.app.secretOf(ALICE.email)), received.toString('latin1').slice(0, 300)).toBe(false);
      door.release();
      await posting;
    });

    it('a right code that 50 requests bring at once, to both, lets one of them in', async () => {
      await start();
      const browser = await upToThePrompt(h);
      const { hidden } = await browser.get('/_2fa/challenge');
      const body = Buffer.from(new URLSearchParams({ ...hidden, code: h.totp() }).toString());
      const headers: [string, string][] = [
        ['Cookie', cookieOf(browser)],
        ['Origin', h.origin],
        ['Content-Type', 'application/x-www-form-urlencoded'],
        ['Content-Length', String(body.length)],
        [...PAGE],
      ];
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => raw(h, 'POST', '/_2fa/challenge', headers, body)),
      );
      const cookies = answers.map(
        ({ received }) => /set-cookie: lucy2fa=([^;]{43});/i.exec(received.toString('latin1'))?.[1],
      );
      const ids = new Set(cookies.filter((id) => id !== undefined));
      const alive = await Promise.all(
        [...ids].map(async (id) =>
          (await get(1, '/admin', `lucy2fa=${id}`)).received.includes(h.app.secretOf(ALICE.email)),
        ),
      );
      expect(alive.filter(Boolean)).toHaveLength(1);
    });

    it('wrong codes are counted over both: the sixth is not even looked at', async () => {
      await start();
      const browser = await upToThePrompt(h);
      for (let guess = 0; guess < 5; guess += 1) {
        await browser.submit(await browser.get('/_2fa/challenge'), { code: `00000${guess}` });
      }
      // Five end the login; the identity is in its first pause, through either gateway.
      const again = await upToThePrompt(h);
      const paused = await again.submit(await again.get('/_2fa/challenge'), { code: '000009' });
      const right = await again.submit(paused, { code: h.totp() });
      expect(right.url.pathname).toBe('/_2fa/challenge');
      h.clock.advance(31_000);
      const news = await again.submit(right, { code: h.totp() });
      expect([news.url.pathname, news.html.includes('wrong')]).toEqual(['/_2fa/news', true]);
      expect((await again.submit(news, {})).url.pathname).toBe('/admin');
    });

    it('a socket through one ends within a second of the logout through the other', async () => {
      await start({}, false);
      const cookie = cookieOf(await signIn(h));
      turnTo(1);
      const { connection, answer } = await askForSocket(h, [['Cookie', cookie]]);
      expect(answer.status).toBe(101);
      const began = performance.now();
      await get(0, '/admin/logout', cookie);
      await connection.waitForClose();
      expect(performance.now() - began).toBeLessThan(AT_MOST_MS);
      await connection.close();
      expect((await get(1, '/admin', cookie)).status).toBe(303);
    });

    it('a person whose sessions were ended through one is nobody through the other', async () => {
      await start();
      const cookie = cookieOf(await signIn(h));
      expect((await get(1, '/admin', cookie)).status).toBe(200);
      await h.gateways[0]?.sessions.endAll(ALICE.email as never, 'revoked');
      expect((await get(1, '/_2fa/account', cookie)).status, 'asked for anew').not.toBe(200);
      await expect.poll(async () => (await get(1, '/admin', cookie)).status, { timeout: AT_MOST_MS }).toBe(303);
    });

    it('without the store nobody passes and everybody is told; with it everything goes on', async () => {
      await start({}, false);
      const browser = await signIn(h);
      const cookie = cookieOf(browser);
      for (const gateway of [0, 1] as const) expect((await get(gateway, '/admin', cookie)).status).toBe(200);
      await shared.setDown(true);
      for (const gateway of [0, 1] as const) {
        // Until the silence is noticed, at most a second later, a known session may still pass.
        await expect.poll(async () => (await get(gateway, '/admin', cookie)).status, { timeout: 5000 }).toBe(503);
        const refused = await get(gateway, '/admin', cookie);
        expect(refused.received.includes(h.app.secretOf(ALICE.email))).toBe(false);
        turnTo(gateway);
        expect(
          (await raw(h, 'POST', '/admin/account', [['Cookie', cookie], ['Content-Length', '0'], PAGE])).status,
        ).toBe(503);
        expect((await askForSocket(h, [['Cookie', cookie]])).answer.status).toBe(503);
      }
      await shared.setDown(false);
      for (const gateway of [0, 1] as const) {
        await expect.poll(async () => (await get(gateway, '/admin', cookie)).status, { timeout: 5000 }).toBe(200);
      }
    });
  });
}
