/** Recovery codes against people who know the password, over real sockets: a code lets one in, however many post it at once. */

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRecovery } from '../../src/factors/recovery/recovery.ts';
import type { Identity } from '../../src/gate/types.ts';
import { ALICE, Harness } from './harness.ts';

const IDENTITY = ALICE.email as Identity;
let h: Harness;
let codes: readonly string[];
beforeEach(async () => {
  h = await Harness.start({ trustedProxies: ['127.0.0.0/8'], factors: { recovery: { codes: 4 } } });
  await h.enrolTotp(ALICE.email);
  const made = await createRecovery({ codes: 4 }, { randomBytes, mac: (label, text) => h.store.mac(label, text) }).make(
    IDENTITY,
  );
  codes = made.shown;
  await h.store.users.update(ALICE.email, (user) => ({
    write: user === undefined ? null : { ...user, recovery: { codes: made.kept, madeAt: h.clock.now() } },
    result: undefined,
  }));
});
afterEach(() => h.close());

const left = async () => (await h.store.users.get(ALICE.email))?.recovery?.codes.length;

it('thirty parallel posts of one code from thirty logins: one gets in, and the code is gone (attack 42)', async () => {
  const browsers = Array.from({ length: 30 }, (_, i) => h.browser({ 'X-Forwarded-For': `198.51.100.${i + 1}` }));
  const prompts = await Promise.all(
    browsers.map(async (browser) => {
      await h.logIn(browser, ALICE);
      return browser.get('/_2fa/challenge?way=recovery');
    }),
  );
  const pages = await Promise.all(
    browsers.map(async (browser, i) => {
      const prompt = prompts[i];
      if (prompt === undefined) throw new Error('no prompt');
      return browser.submit(prompt, { code: codes[0] ?? '' });
    }),
  );
  // The account is where it leads, by way of what happened: 29 wrong codes.
  const won = pages.filter(({ url }) => url.pathname === '/_2fa/news');
  expect(won.map(({ url }) => url.searchParams.get('to'))).toEqual(['/_2fa/account']);
  const inside = await Promise.all(browsers.map((browser) => browser.get('/admin')));
  expect(inside.filter(({ html }) => html.includes(h.app.secretOf(ALICE.email)))).toHaveLength(1);
  expect(await left()).toBe(3);
  expect(h.logged.join('')).not.toContain(codes[0]);
});

it('is not used up while the account is paused or locked, and works after that', async () => {
  const code = codes[0] ?? '';
  const browser = h.browser();
  await h.logIn(browser, ALICE);
  const prompt = await browser.get('/_2fa/challenge?way=recovery');
  const lock = (count: number) =>
    h.store.counters.update(`guess:${ALICE.email}`, () => ({
      write: count === 0 ? null : { count, lastAt: h.clock.now(), expiresAt: h.clock.now() + 86_400_000 },
      result: undefined,
    }));
  await lock(6);
  expect((await browser.submit(prompt, { code })).status).toBe(429);
  await lock(50);
  const locked = await browser.submit(prompt, { code: code.toLowerCase() }); // another text: no repeated click
  expect([locked.status, locked.html]).toEqual([403, expect.stringContaining('Your account is locked')]);
  expect(await left()).toBe(4);
  await lock(0);
  expect((await browser.submit(prompt, { code: ` ${code}` })).url.pathname).toBe('/_2fa/account');
  expect(await left()).toBe(3);
});

it('whoever logs in with one is shown the account first, and has a fresh proof to replace what was lost', async () => {
  const browser = h.browser();
  await h.logIn(browser, ALICE);
  const prompt = await browser.get('/_2fa/challenge?way=recovery');
  const account = await browser.submit(prompt, { code: codes[1]?.toLowerCase() ?? '' });
  expect(account.url.pathname).toBe('/_2fa/account');
  expect(account.html).toContain('You used a recovery code. You have 3 left.');
  expect(account.html).toContain('A recovery code was used; 3 left.');
  const removal = await browser.get(`/_2fa/remove/${encodeURIComponent(`e-${ALICE.email}`)}`);
  expect([removal.status, removal.html.includes('action="/_2fa/proof"')]).toEqual([200, false]);
  expect((await browser.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
});

it('a code opens nothing without a login, in a new enrolment, or as an enrolment (attacks 15, 16)', async () => {
  const browser = h.browser();
  const anonymous = await browser.get('/_2fa/challenge?way=recovery');
  expect(anonymous.html).not.toContain('name="code"');
  await h.logIn(browser, ALICE);
  for (const path of ['/_2fa/enrol/recovery', '/_2fa/recovery', '/_2fa/enrol/totp']) {
    expect((await browser.get(path)).url.pathname, path).toBe('/_2fa/challenge');
  }
  expect(await left()).toBe(4);
});
