/** A person with two browsers, over real sockets: each sees the other with its address and name, and can end it at once. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FakeBrowser } from '../fakes/browser.ts';
import { ALICE, Harness } from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await Harness.start({ trustedProxies: ['127.0.0.0/8'] });
  await h.enrolTotp(ALICE.email);
});
afterEach(() => h.close());

async function signIn(agent: string, address: string): Promise<FakeBrowser> {
  const browser = h.browser({ 'User-Agent': agent, 'X-Forwarded-For': address });
  const prompt = await h.logIn(browser, ALICE);
  h.clock.advance(30_000);
  const inside = await browser.submit(prompt, { code: h.totp() });
  expect(inside.html).toContain(h.app.secretOf(ALICE.email));
  return browser;
}

it('the other browser is shown, and signed out here and in the application (attack 59)', async () => {
  const office = await signIn('Mozilla/5.0 (Windows NT 10.0) Firefox/140.0', '198.51.100.7');
  const phone = await signIn('Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36\tx', '203.0.113.9');
  const account = await phone.get('/_2fa/account');
  for (const text of ['Firefox on Windows', '198.51.100.7', 'Chrome on Android', '203.0.113.9', '(this one)']) {
    expect(account.html).toContain(text);
  }
  expect(h.app.sessions()).toHaveLength(2);
  const done = await phone.submit(account, { session: /name="session" value="([^"]+)"/.exec(account.html)?.[1] ?? '' });
  expect(done.html).toContain('1 session was signed out.');
  expect(done.html).not.toContain('198.51.100.7');
  expect(h.app.sessions()).toHaveLength(1);
  expect((await office.get('/admin')).url.pathname).toBe('/admin/login');
  expect((await phone.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
});
