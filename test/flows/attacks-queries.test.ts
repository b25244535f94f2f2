/** Attacks 12, 23 and 94 by way of a query or a form field: what is not a login to us may be one to the application. */
import { afterEach, describe, expect, it } from 'vitest';
import { BOBS_SECRET } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';
import { expectNothingLeaked } from './witness.ts';

let h: Harness;
afterEach(() => h.close());

describe.each(['rotate', 'keep'] as const)(
  'an application that takes credentials from any query and does %s',
  (rotate) => {
    it("12: another person's password in a query of a verified session ends at that person's prompt", async () => {
      h = await Harness.start({ app: { rotate, queryLogin: true } });
      await h.enrolTotp(ALICE.email);
      await h.enrolTotp(BOB.email, BOBS_SECRET);
      const browser = h.browser();
      await browser.submit(await h.logIn(browser, ALICE), { code: h.totp() });
      const query = `u=${BOB.email}&p=${encodeURIComponent(BOB.password)}`;
      const page = await browser.get(`/admin?${query}`);
      expect(page.url.pathname).toBe('/_2fa/challenge');
      expect(page.html).toContain(BOB.email);
      expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
      expectNothingLeaked(h, browser, { verified: [ALICE.email] });
    });
  },
);

it('23: a session id in the fields of a login never reaches the application', async () => {
  h = await Harness.start({ app: { sessionInQuery: true } });
  const browser = h.browser();
  const form = await browser.get('/admin/login');
  const answer = await browser.post('/admin/login', {
    YII_CSRF_TOKEN: form.hidden.YII_CSRF_TOKEN ?? '',
    PHPSESSID: 'chosen-by-somebody-else',
    'LoginForm[email]': ALICE.email,
    'LoginForm[password]': ALICE.password,
  });
  expect(answer.status).toBe(400);
  expect(h.app.sawBytes('chosen-by-somebody-else')).toBe(false);
});
