/** Somebody with an account, or with the password of one, who repeats something cheap until what others did is out of sight. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FakeBrowser } from '../fakes/browser.ts';
import { ALICE, BOB, Harness } from './harness.ts';

const ADMIN = { email: 'admin@example.com', password: 'correct battery admin' };
const CHANGED = 'The phone number was changed.';
const AFTER = 'Signed in after 1 wrong code.';

let h: Harness;
beforeEach(async () => {
  h = await Harness.start({ trustedProxies: ['127.0.0.0/8'], logins: 1_000 });
  await h.enrolTotp(BOB.email);
  await h.enrolTotp(ADMIN.email);
});
afterEach(() => h.close());

async function signIn(who: typeof ALICE, wrong = 0): Promise<FakeBrowser> {
  h.clock.advance(31_000);
  const browser = h.browser();
  let page = await h.logIn(browser, who);
  for (let n = 0; n < wrong; n += 1)
    page = await browser.submit(page, { code: h.totp() === '000000' ? '111111' : '000000' });
  await browser.submit(page, { code: h.totp() });
  return browser;
}

/** All pages of the administrator's report, without the one that reads it. */
async function report(): Promise<string> {
  const admin = await signIn(ADMIN);
  let text = '';
  for (let page = 1; page <= 4; page += 1) text += (await admin.get(`/_2fa/admin/report?page=${page}`)).html;
  return text;
}

const count = (text: string, what: string): number => text.split(what).length - 1;

it('a number changed again and again, by the password alone: ten times an hour, and ten lines a day', async () => {
  await signIn(BOB, 1);
  const thief = h.browser();
  await h.logIn(thief, ALICE);
  const { hidden } = await thief.get('/_2fa/account');
  const save = async (n: number) =>
    (
      await thief.post('/_2fa/account/phone', {
        csrf: hidden['csrf'] ?? '',
        country: 'CH',
        number: n % 2 === 0 ? '079 123 45 67' : '079 123 45 68',
      })
    ).html;
  const pages = [];
  for (let n = 0; n < 30; n += 1) pages.push(await save(n));
  expect(pages.filter((html) => html.includes('Your phone number was saved.'))).toHaveLength(10);
  expect(pages.at(-1)).toContain('The number was saved too often, and was not changed.');
  expect((await h.store.users.get(ALICE.email))?.phone?.e164).toBe('+41791234568');
  h.clock.advance(3_600_000);
  const later = h.browser();
  await h.logIn(later, ALICE);
  const again = await later.get('/_2fa/account');
  const saved = { csrf: again.hidden['csrf'] ?? '', country: 'CH', number: '079 123 45 67' };
  for (const number of [saved.number, '079 123 45 68']) {
    expect((await later.post('/_2fa/account/phone', { ...saved, number })).html).toContain('was saved.');
  }
  const text = await report();
  expect(count(text, CHANGED)).toBe(10);
  expect(count(text, AFTER), 'what Bob did is there').toBe(1);
  expect(count(h.logged.join(''), 'authn_number_changed'), 'the log has all of it').toBe(11);
  expect(h.logged.join('')).toContain('events_too_many');
});

it('signing in after a wrong code, again and again: ten lines a day, and five on the account page', async () => {
  const admin = await signIn(ADMIN);
  const { hidden } = await admin.get('/_2fa/admin');
  const csrf = hidden['csrf'] ?? '';
  await admin.post('/_2fa/admin/users/unlock', { csrf, identity: BOB.email, reason: 'called back' });
  let last: FakeBrowser | undefined;
  for (let n = 0; n < 13; n += 1) last = await signIn(BOB, 1);
  expect(count((await last?.get('/_2fa/account'))?.html ?? '', AFTER)).toBe(5);
  const text = await report();
  expect(count(text, AFTER)).toBe(10);
  expect(text).toContain('called back');
});
