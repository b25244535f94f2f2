/** 53, where the administrator knows how to reach people: a password alone gets no method, and neither does somebody else's mailbox. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTicket } from '../../src/ceremonies/tickets.ts';
import type { Mailer } from '../../src/factors/factor.ts';
import type { PolicyFor } from '../../src/gate/policy.ts';
import type { Identity } from '../../src/gate/types.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { ALICE, BOB, Harness } from './harness.ts';

let h: Harness;
let mails: { to: string; text: string }[];
let needs: PolicyFor['first']['needs'];
let isDown: boolean;
beforeEach(async () => {
  [mails, needs, isDown] = [[], 'known', false];
  const mailer: Mailer = {
    send: async (mail) => {
      if (isDown) return { sent: false, reason: 'unavailable' };
      mails.push(mail);
      return { sent: true };
    },
  };
  h = await Harness.start({
    policy: () => ({ level: 'required', first: { needs } }),
    factors: { email: { codes: false } },
    mailer,
    known: { [ALICE.email]: { email: 'alice.private@mail.example' } },
  });
});
afterEach(() => h.close());

const code = (): string => /\b\d{6}\b/.exec(mails.at(-1)?.text ?? '')?.[0] ?? '';
const WRONG = (): string => (code() === '000000' ? '111111' : '000000');

async function atTheDoor(who = ALICE): Promise<{ browser: FakeBrowser; page: Page }> {
  const browser = h.browser();
  await h.logIn(browser, who);
  return { browser, page: await browser.get('/_2fa/account') };
}

/** Has a code sent, and gives the page that asks for it. */
async function ask(browser: FakeBrowser): Promise<Page> {
  const { hidden } = await browser.get('/_2fa/account/known?way=email');
  const fields = { csrf: hidden['csrf'] ?? '', way: 'email', channel: 'email' };
  return browser.post('/_2fa/account/known/send', fields);
}

const enter = (browser: FakeBrowser, page: Page, typed: string): Promise<Page> =>
  browser.post('/_2fa/account/known', { csrf: page.hidden['csrf'] ?? '', way: 'email', code: typed });

async function enrol(browser: FakeBrowser): Promise<Page> {
  const begun = await browser.submit(await browser.get('/_2fa/enrol/totp'), {});
  const data = (await h.store.users.get(ALICE.email))?.draft?.enrolment.data as { secret?: string } | undefined;
  return browser.submit(begun, { code: h.totp(data?.secret) });
}

describe('53: a code to the address that the administrator knows', () => {
  it('goes there and nowhere else, and lets this sign-in set up the first method', async () => {
    const { browser, page } = await atTheDoor();
    expect(page.html).toContain('Enter your ticket');
    expect(page.html).toContain('a•••@mail.example');
    expect(page.html).not.toContain('alice.private');
    const asked = await ask(browser);
    expect(mails.map(({ to }) => to)).toEqual(['alice.private@mail.example']);
    expect(mails[0]?.text).toContain('set up two-factor authentication');
    const account = await enter(browser, asked, code());
    expect(account.html).toContain('this is your account');
    expect(account.html).toContain('Add a method');
    expect((await enrol(browser)).html).toContain('Two-factor authentication is on');
    expect(h.logged.join('')).not.toContain(mails[0] === undefined ? 'x' : code());
  });

  it('without it a thief of the password gets nothing, whatever is sent', async () => {
    const { browser: thief, page } = await atTheDoor();
    const csrf = page.hidden['csrf'] ?? '';
    await ask(thief);
    for (const [target, fields] of [
      ['/_2fa/enrol/totp', { csrf }],
      ['/_2fa/account/phone', { csrf, country: 'CH', number: '0791234567' }],
      ['/_2fa/account/known', { csrf, way: 'email', code: WRONG() }],
      ['/_2fa/account/known', { csrf, way: 'email', code: '' }],
      ['/_2fa/account/known', { csrf, way: 'sms', code: code() }],
      ['/_2fa/account/known', { csrf, way: 'push', code: code() }],
    ] as const) {
      await thief.post(target, fields);
    }
    expect((await thief.get('/_2fa/account')).html).toContain('Enter your ticket');
    expect((await thief.get('/_2fa/enrol/totp')).url.pathname).toBe('/_2fa/account');
    expect(await h.store.users.get(ALICE.email)).toBeUndefined();
  });

  it('a form cannot say where it goes', async () => {
    const { browser, page } = await atTheDoor();
    const fields = { csrf: page.hidden['csrf'] ?? '', way: 'email', channel: 'email', to: 'thief@evil.example' };
    expect((await browser.post('/_2fa/account/known/send', fields)).status).toBe(400);
    expect(mails).toEqual([]);
  });

  it('is for the session that asked: in another it is nothing, and the owner’s opens nothing to the thief', async () => {
    const owner = await atTheDoor();
    const thief = await atTheDoor();
    const asked = await ask(owner.browser);
    h.clock.advance(31_000);
    const other = await enter(thief.browser, thief.page, code());
    expect(other.html).toMatch(/has expired|not correct/);
    await enter(owner.browser, asked, code());
    expect((await thief.browser.get('/_2fa/account')).html).toContain('Enter your ticket');
    expect((await thief.browser.get('/_2fa/enrol/totp')).url.pathname).toBe('/_2fa/account');
    expect((await enrol(owner.browser)).html).toContain('Two-factor authentication is on');
  });

  it('works once and for five minutes, and thirty wrong ones at once meet the budget of guesses (attacks 36, 37)', async () => {
    const { browser, page } = await atTheDoor();
    await ask(browser);
    h.clock.advance(5 * 60_000);
    expect((await enter(browser, page, code())).html).toContain('has expired');
    await ask(browser);
    const answers = await Promise.all(Array.from({ length: 30 }, () => enter(browser, page, WRONG())));
    expect(answers.filter(({ html }) => html.includes('not correct'))).toHaveLength(5);
    expect((await enter(browser, page, code())).html).toContain('too many wrong codes');
    expect((await browser.get('/_2fa/account')).html).toContain('Enter your ticket');
    h.clock.advance(30_000);
    expect((await enter(browser, page, code())).html).toContain('Add a method');
    expect((await enter(browser, page, code())).html).toContain('Add a method'); // nothing more is asked
  });

  it('nobody is known, or no mail leaves: a ticket is the way, and nothing opens by an outage (attack 50)', async () => {
    const bob = await atTheDoor(BOB);
    expect(bob.page.html).toContain('Enter your ticket');
    expect(bob.page.html).not.toContain('knows where to reach you');
    expect((await bob.browser.get('/_2fa/account/known?way=email')).url.pathname).toBe('/_2fa/account');
    const ticket = makeTicket((label, text) => h.store.mac(label, text), BOB.email as Identity, h.clock.now());
    expect((await bob.browser.submit(bob.page, { ticket })).html).toContain('Add a method');

    isDown = true;
    const { browser, page } = await atTheDoor();
    expect((await ask(browser)).html).toContain('There is a problem');
    expect((await enter(browser, page, '000000')).html).toContain('has expired');
    expect((await browser.get('/_2fa/account')).html).toContain('Enter your ticket');
  });

  it('opens nothing to somebody whose account gets a method while the code is on its way', async () => {
    const { browser, page } = await atTheDoor();
    await ask(browser);
    const { update } = h.store.counters;
    h.store.counters.update = async (key, change) => {
      // Between the look and the write.
      if (key.startsWith('guess:')) {
        h.store.counters.update = update;
        await h.enrolTotp(ALICE.email);
      }
      return update.call(h.store.counters, key, change as never) as never;
    };
    await enter(browser, page, code());
    expect(await h.store.users.get(ALICE.email)).not.toHaveProperty('ticket');
  });

  it('is not offered where the policy wants a ticket, nor to somebody who has a method', async () => {
    needs = 'ticket';
    const { browser, page } = await atTheDoor();
    expect(page.html).not.toContain('knows where to reach you');
    const csrf = page.hidden['csrf'] ?? '';
    await browser.post('/_2fa/account/known/send', { csrf, way: 'email', channel: 'email' });
    expect(mails).toEqual([]);
    needs = 'known';
    const late = await atTheDoor();
    const asked = await ask(late.browser);
    await h.enrolTotp(ALICE.email);
    await enter(late.browser, asked, code());
    await late.browser.post('/_2fa/enrol/totp', { csrf: asked.hidden['csrf'] ?? '' });
    expect(await h.store.users.get(ALICE.email)).not.toHaveProperty('ticket');
    expect(await h.store.users.get(ALICE.email)).not.toHaveProperty('draft');
  });
});
