/** Mail goes where the administrator says, else where the application says, else to the name if it is an address. */
import { afterEach, expect, it } from 'vitest';
import type { Mailer } from '../../src/factors/factor.ts';
import { ALICE, Harness } from './harness.ts';

const WHOAMI = {
  path: '/admin/account',
  css: 'input[name="AccountForm[email]"]',
  attribute: 'value',
  anonymous: [{ status: [302, 303], locationHas: '/login' }],
};
// The stand-in has no second address: its own without the last letter is one that is not the name.
const EMAIL = { css: WHOAMI.css, attribute: 'value', pattern: '^(.+)m$' };
const SAID = ALICE.email.slice(0, -1);

let h: Harness;
afterEach(() => h.close());

async function sentTo(known?: string): Promise<readonly string[]> {
  const to: string[] = [];
  const mailer: Mailer = {
    send: async (mail) => {
      to.push(mail.to);
      return { sent: true };
    },
  };
  h = await Harness.start({
    mailer,
    factors: { email: { codes: true } },
    profile: { whoami: { ...WHOAMI, email: EMAIL } },
    ...(known === undefined ? {} : { known: { [ALICE.email]: { email: known } } }),
  });
  const browser = h.browser();
  await h.logIn(browser, ALICE);
  const begun = await browser.submit(await browser.get('/_2fa/enrol/email'), {});
  await browser.post('/_2fa/enrol/email/send', { csrf: begun.hidden['csrf'] ?? '', channel: 'email' });
  return to;
}

it('what the application said at the login is kept, and used before the name', async () => {
  expect(await sentTo()).toEqual([SAID]);
  expect((await h.store.users.get(ALICE.email))?.email).toBe(SAID);
});

it('what the administrator’s list says comes first', async () => {
  expect(await sentTo('alice.private@mail.example')).toEqual(['alice.private@mail.example']);
});
