/** Codes of an administrator against people who know the password, over real sockets, as an administrator's page makes them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { expectNothingOf } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';

const ADMIN = { email: 'admin@example.com', password: 'correct battery admin' };

let h: Harness;
let admin: FakeBrowser;
beforeEach(async () => {
  h = await Harness.start({
    trustedProxies: ['127.0.0.0/8'],
    factors: { bypass: { life: 900_000 } },
  });
  await h.enrolTotp(ALICE.email);
  await h.enrolTotp(BOB.email);
  await h.enrolTotp(ADMIN.email);
  admin = h.browser();
  await admin.submit(await h.logIn(admin, ADMIN), { code: h.totp() });
});
afterEach(() => h.close());

/** As on the page: the button, the reason, and what it tells. */
async function makeCode(reason = 'lost everything, called back'): Promise<{ page: Page; code: string }> {
  const { hidden } = await admin.get('/_2fa/admin');
  const csrf = hidden['csrf'] ?? '';
  const asked = await admin.post('/_2fa/admin/users/confirm', { csrf, identity: ALICE.email, action: 'bypass' });
  expect(asked.html).toContain('can sign in once without any method');
  const page = await admin.post('/_2fa/admin/users/bypass', { csrf, identity: ALICE.email, reason });
  return { page, code: /<code id="ticket"[^>]*>([^<]+)</.exec(page.html)?.[1] ?? '' };
}

const promptOf = async (browser: FakeBrowser, who = ALICE): Promise<Page> => {
  await h.logIn(browser, who);
  return browser.get('/_2fa/challenge?way=bypass');
};

it('thirty parallel posts of one code from thirty logins: one gets in, and the code is gone (attack 42)', async () => {
  const { code } = await makeCode();
  const browsers = Array.from({ length: 30 }, (_, i) => h.browser({ 'X-Forwarded-For': `198.51.100.${i + 1}` }));
  const prompts = await Promise.all(browsers.map((browser) => promptOf(browser)));
  const pages = await Promise.all(
    browsers.map((browser, i) => {
      const prompt = prompts[i];
      if (prompt === undefined) throw new Error('no prompt');
      return browser.submit(prompt, { code });
    }),
  );
  expect(pages.filter(({ url }) => url.pathname === '/_2fa/news')).toHaveLength(1);
  const inside = await Promise.all(browsers.map((browser) => browser.get('/admin')));
  expect(inside.filter(({ html }) => html.includes(h.app.secretOf(ALICE.email)))).toHaveLength(1);
  h.clock.advance(600_000);
  const again = h.browser();
  const refused = await again.submit(await promptOf(again), { code });
  expect(refused.html).toContain('This code is not valid.');
  expectNothingOf(h, again, ALICE.email);
});

it('is told once, to the administrator alone, with who asked and why in the log, and never the code', async () => {
  const { page, code } = await makeCode();
  expect(code).toMatch(/^[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}$/);
  expect(page.html).toContain('It is shown only here.');
  expect((await admin.get('/_2fa/admin')).html).not.toContain(code);
  const log = h.logged.join('');
  expect(log).toContain('admin_bypass_made');
  expect(log).toContain('lost everything, called back');
  expect(log).not.toContain(code);
  const { page: without } = await makeCode(' ');
  expect(without.html).toContain('Enter a reason');
});

it('leads to the account, with a fresh proof to set up what was lost, and the person reads of it', async () => {
  const { code } = await makeCode();
  const browser = h.browser();
  const news = await browser.submit(await promptOf(browser), { code: code.toLowerCase() });
  expect(news.html).toContain('An administrator made a code with which you can sign in once.');
  const account = await browser.submit(news, {});
  expect(account.url.pathname).toBe('/_2fa/account');
  expect(account.html).toContain('You used a code from an administrator. It works no more.');
  expect(account.html).toContain('A code from an administrator was used.');
  expect((await browser.get('/_2fa/enrol/totp')).url.pathname).toBe('/_2fa/enrol/totp');
});

it('the prompt of a thief is the same whether or not there is a code, and another account has nothing of it', async () => {
  const thief = h.browser();
  const plain = ({ html }: Page): string => html.replace(/req-[\w-]+|value="[^"]*"|<code>[^<]*<\/code>/g, '');
  const before = await promptOf(thief);
  expect(before.html).toContain('Code from your administrator');
  const { code } = await makeCode();
  expect(plain(await thief.get('/_2fa/challenge?way=bypass'))).toBe(plain(before));
  const other = h.browser();
  const refused = await other.submit(await promptOf(other, BOB), { code });
  expect(refused.html).toContain('This code is not valid.');
  expectNothingOf(h, other, BOB.email);
});

it('is nobody’s to make but an administrator’s: not by a form of somebody else, nor by a password', async () => {
  const alice = h.browser();
  h.clock.advance(30_000);
  await alice.submit(await h.logIn(alice, ALICE), { code: h.totp() });
  const { hidden } = await alice.get('/_2fa/account');
  const csrf = hidden['csrf'] ?? '';
  const refused = await alice.post('/_2fa/admin/users/bypass', { csrf, identity: BOB.email, reason: 'because' });
  expect([refused.status, refused.html]).toEqual([403, expect.stringContaining('For administrators only')]);
  h.clock.advance(300_000);
  const late = await admin.post('/_2fa/admin/users/bypass', {
    csrf: (await admin.get('/_2fa/admin')).hidden['csrf'] ?? '',
    identity: ALICE.email,
    reason: 'because',
  });
  expect(late.url.pathname).toBe('/_2fa/challenge');
});
