/** Addresses that ask a person who is in for a fresh proof, or for any: the way through the prompt and back, over real sockets. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { SharedStore } from '../fakes/shared-store.ts';
import { askForSocket, cookieOf, signIn } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';

const MINUTE = 60_000;
const DEMANDS: NonNullable<HarnessOptions['demands']> = {
  stepUp: [
    { path: '/admin/account', within: 10 * MINUTE },
    { path: '/admin/live', within: 10 * MINUTE },
    { prefix: '/assets/', within: 10 * MINUTE },
  ],
  routes: [{ path: '/admin/files', level: 'required' }],
};

let h: Harness;
afterEach(() => h.close());

/** In for a quarter of an hour. */
async function signedInAWhileAgo(options: HarnessOptions = {}): Promise<FakeBrowser> {
  h = await Harness.start({ demands: DEMANDS, ...options });
  const browser = await signIn(h);
  h.clock.advance(15 * MINUTE);
  return browser;
}

const prove = (browser: FakeBrowser, prompt: Page): Promise<Page> => browser.submit(prompt, { code: h.totp() });

describe('a page that asks for a proof of the last ten minutes', () => {
  it('is there at once for somebody who has just signed in', async () => {
    h = await Harness.start({ demands: DEMANDS });
    const browser = await signIn(h);
    expect((await browser.get('/admin/account')).html).toContain('AccountForm');
  });

  it('leads through the prompt and back, with its query, and then asks no more for ten minutes', async () => {
    const browser = await signedInAWhileAgo();
    const prompt = await browser.get('/admin/account?tab=2');
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    expect(prompt.html).toContain('Confirm that it is you');
    const before = browser.cookie('lucy2fa');
    const page = await prove(browser, prompt);
    expect(page.url.pathname + page.url.search).toBe('/admin/account?tab=2');
    expect(page.html).toContain('AccountForm');
    expect(browser.cookie('lucy2fa'), 'under a new id').not.toBe(before);
    h.clock.advance(10 * MINUTE - 1);
    expect((await browser.get('/admin/account')).url.pathname).toBe('/admin/account');
    h.clock.advance(1);
    expect((await browser.get('/admin/account')).url.pathname).toBe('/_2fa/challenge');
  });

  it('leaves everything else as it was, whatever became of the question', async () => {
    const browser = await signedInAWhileAgo();
    const prompt = await browser.get('/admin/account');
    expect((await browser.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
    const cancelled = await browser.post('/_2fa/cancel', { csrf: prompt.hidden['csrf'] ?? '' });
    expect(cancelled.url.pathname, 'not to where it would be asked at once').toBe('/admin');
    expect((await browser.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
    expect((await browser.get('/admin/account')).url.pathname).toBe('/_2fa/challenge');
  });

  it('does not reach the application before the proof: no page, no script, no file, no socket, in any spelling', async () => {
    const browser = await signedInAWhileAgo();
    const before = h.app.requests.length;
    for (const path of [
      '/admin/account',
      '/ADMIN/account',
      '/admin/account/',
      '/admin/%61ccount',
      '/admin/account/x',
    ]) {
      expect((await browser.get(path)).url.pathname, path).toBe('/_2fa/challenge');
      expect((await browser.get(path, { as: 'fetch' })).status, path).toBe(401);
    }
    expect((await browser.get('/assets/site.css', { as: 'image' })).status).toBe(401);
    const { answer, connection } = await askForSocket(h, [['Cookie', cookieOf(browser)]]);
    expect([answer.status, answer.text]).toEqual([401, expect.stringContaining('/_2fa/step-up?to=')]);
    await connection.close();
    expect(h.app.requests.length).toBe(before);
  });

  it('tells a script where its person can go, and leads back to the page that the script runs on', async () => {
    const browser = await signedInAWhileAgo();
    await browser.get('/admin?view=1');
    const answer = await browser.get('/admin/account', { as: 'fetch' });
    expect(answer.status).toBe(401);
    expect(answer.header('content-type')).toContain('application/problem+json');
    const { challenge, code } = JSON.parse(answer.html) as { challenge: string; code: string };
    expect(code).toBe('proof-needed');
    expect((await prove(browser, await browser.get(challenge))).url.href).toBe(`${h.origin}/admin?view=1`);
    expect((await browser.get('/admin/account', { as: 'fetch' })).status).toBe(200);
  });

  it('hinders nobody from signing out, in the application too', async () => {
    h = await Harness.start({ demands: { stepUp: [{ path: '/admin/logout', within: MINUTE }] } });
    const browser = await signIn(h);
    h.clock.advance(5 * MINUTE);
    expect((await browser.get('/admin/logout')).url.pathname).toBe('/admin/login');
    expect(h.app.sessions()).toEqual([]);
    expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
  });

  it('asks nobody who is not signed in: the files of the login page stay open', async () => {
    h = await Harness.start({ demands: DEMANDS });
    const browser = h.browser();
    expect((await browser.get('/assets/site.css', { as: 'image' })).status).not.toBe(401);
    expect((await browser.get('/admin/account')).url.pathname).toBe('/admin/login');
  });
});

describe('a page that asks for a factor at all', () => {
  it('lets somebody in who proved one in this session, however long ago', async () => {
    const browser = await signedInAWhileAgo();
    expect((await browser.get('/admin/files')).url.pathname).toBe('/admin/files');
  });

  it.each(['off', 'optional'] as const)('sends whoever has none to set one up, and says why (%s)', async (level) => {
    h = await Harness.start({ demands: DEMANDS, level });
    const browser = h.browser();
    expect((await h.logIn(browser, BOB)).html).toContain(h.app.secretOf(BOB.email));
    const account = await browser.get('/admin/files');
    expect(account.url.pathname).toBe('/_2fa/account');
    expect(account.html).toContain('The page that you asked for needs two-factor authentication.');
    expect((await browser.get('/admin/files', { as: 'fetch' })).status).toBe(401);
    expect((await browser.get('/admin')).html).toContain(h.app.secretOf(BOB.email));
  });

  it('asks whoever has one, and was let in without, whatever their level (off)', async () => {
    h = await Harness.start({ demands: DEMANDS, level: 'off' });
    await h.enrolTotp(ALICE.email);
    const browser = h.browser();
    expect((await h.logIn(browser, ALICE)).html).toContain(h.app.secretOf(ALICE.email));
    const prompt = await browser.get('/admin/files');
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    expect((await prove(browser, prompt)).url.pathname).toBe('/admin/files');
  });
});

describe('the page that asks', () => {
  it('leads on to our own origin only (T10)', async () => {
    const browser = await signedInAWhileAgo();
    for (const to of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '']) {
      const prompt = await browser.get(`/_2fa/step-up?${new URLSearchParams({ to })}`);
      expect((await prove(browser, prompt)).url.href, to).toBe(`${h.origin}/admin`);
      h.clock.advance(30_000);
    }
  });

  it('is nothing for whoever owes more than that', async () => {
    h = await Harness.start({ demands: DEMANDS });
    await h.enrolTotp(ALICE.email);
    const browser = h.browser();
    expect((await browser.get('/_2fa/step-up?to=/admin')).url.pathname).toBe('/admin/login');
    await h.logIn(browser, ALICE);
    expect((await browser.get('/_2fa/step-up?to=/admin/account')).url.pathname).toBe('/_2fa/challenge');
    expect((await prove(browser, await browser.get('/_2fa/challenge'))).url.pathname).toBe('/admin');
  });
});

describe.each([1, 2])('many tabs that are opened at once, over %i gateways', (gateways) => {
  it('ask one after the other, and nobody is signed out by that', async () => {
    const browser = await signedInAWhileAgo({
      stores: (clock) => {
        const shared = new SharedStore(clock);
        return Array.from({ length: gateways }, () => shared.member());
      },
    });
    const tabs = await Promise.all(Array.from({ length: 8 }, () => browser.get('/admin/account')));
    expect(tabs.map(({ url }) => url.pathname)).toEqual(Array.from({ length: 8 }, () => '/_2fa/challenge'));
    const prompt = await browser.get('/_2fa/challenge');
    expect((await prove(browser, prompt)).url.pathname).toBe('/admin/account');
  });
});
