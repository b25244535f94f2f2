/** Without a mail server, a change of an account is the first thing that its owner sees after the next proof. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ALICE, Harness } from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await Harness.start();
});
afterEach(() => h.close());

it('wrong codes of somebody else come before the page that was wanted, once', async () => {
  await h.enrolTotp(ALICE.email);
  const thief = h.browser();
  let prompt = await h.logIn(thief, ALICE);
  // Three different ones: the same code once more within two seconds is the same attempt.
  const wrong = ['000000', '111111', '222222', '333333'].filter((code) => code !== h.totp()).slice(0, 3);
  for (const code of wrong) prompt = await thief.submit(prompt, { code });

  const browser = h.browser();
  const news = await browser.submit(await h.logIn(browser, ALICE), { code: h.totp() });
  expect(news.url.pathname).toBe('/_2fa/news');
  expect(news.html).toContain('Signed in after 3 wrong codes.');
  const inside = await browser.submit(news, {});
  expect(inside.html).toContain(h.app.secretOf(ALICE.email));

  h.clock.advance(60_000);
  const again = h.browser();
  const page = await again.submit(await h.logIn(again, ALICE), { code: h.totp() });
  expect(page.html).toContain(h.app.secretOf(ALICE.email));
});
