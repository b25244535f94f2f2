/** Before the first factor: what may wait, until when, and that nothing but a method gets a person any further then (attack 53). */
import { afterEach, describe, expect, it } from 'vitest';
import { makeTicket } from '../../src/ceremonies/tickets.ts';
import type { PolicyFor } from '../../src/gate/policy.ts';
import type { Identity } from '../../src/gate/types.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { askForSocket, cookieOf, expectNothingOf } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';

const GRACE_MS = 600_000;

let h: Harness;
afterEach(() => h.close());

async function withGrace(): Promise<void> {
  let until = 0;
  h = await Harness.start({ policy: () => ({ level: 'required', graceUntil: until }) });
  until = h.clock.now() + GRACE_MS;
}

/** Signed in, and told to set up a method. */
async function atTheDoor(): Promise<{ browser: FakeBrowser; page: Page }> {
  const browser = h.browser();
  const page = await h.logIn(browser, ALICE);
  expect(page.url.pathname).toBe('/_2fa/account');
  return { browser, page };
}

const later = (browser: FakeBrowser, { hidden }: Page): Promise<Page> =>
  browser.post('/_2fa/account/later', { csrf: hidden['csrf'] ?? '' });

async function socketStatus(browser: FakeBrowser): Promise<number> {
  const { answer, connection } = await askForSocket(h, [['Cookie', cookieOf(browser)]]);
  await connection.close();
  return answer.status;
}

describe('a first method that may wait', () => {
  it('lets somebody in who says “Not now”, under a new id, and says until when', async () => {
    await withGrace();
    const { browser, page } = await atTheDoor();
    expect(page.html).toContain('You can put this off until');
    expect(page.html).toContain('10 minutes from now');
    const before = browser.cookie('lucy2fa');
    const inside = await later(browser, page);
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
    expect(browser.cookie('lucy2fa')).not.toBe(before);
    expect(await socketStatus(browser)).toBe(101);
  });

  it('asks before it lets anybody in: until “Not now” is said nothing is open, to pages, scripts and sockets', async () => {
    await withGrace();
    const { browser } = await atTheDoor();
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/account');
    const script = await browser.get('/admin', { as: 'fetch' });
    expect([script.status, script.html]).toEqual([401, expect.stringContaining('/_2fa/account')]);
    expect(await socketStatus(browser)).toBe(401);
    expectNothingOf(h, browser, ALICE.email);
  });

  it('ends to the minute: pages, scripts and open sockets, of those who were let in too', async () => {
    await withGrace();
    const { browser, page } = await atTheDoor();
    await later(browser, page);
    const { answer, connection } = await askForSocket(h, [['Cookie', cookieOf(browser)]]);
    expect(answer.status).toBe(101);
    h.clock.advance(GRACE_MS - 1);
    expect((await browser.get('/admin', { as: 'fetch' })).status).toBe(200);
    h.clock.advance(500); // past the end, and past the next look at open sockets
    await connection.waitForClose();
    await connection.close();
    expect((await browser.get('/admin', { as: 'fetch' })).status).toBe(401);
    expect(await socketStatus(browser)).toBe(401);

    const again = await atTheDoor();
    expect(again.page.html).not.toContain('Not now');
    const refused = await later(again.browser, again.page);
    expect(refused.html).toContain('The time in which this could wait is over.');
    expect((await again.browser.get('/admin')).url.pathname).toBe('/_2fa/account');
    expectNothingOf(h, again.browser, ALICE.email);
  });

  it('answers a login by script with the way on, and not with the application', async () => {
    await withGrace();
    const browser = h.browser();
    const form = await browser.get('/admin/login');
    const answer = await browser.submit(
      form,
      { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password },
      { as: 'fetch' },
    );
    expect([answer.status, answer.html]).toEqual([401, expect.stringContaining('/_2fa/account')]);
    expectNothingOf(h, browser, ALICE.email);
  });

  it('is nothing for somebody who has a factor, whatever form is sent', async () => {
    await withGrace();
    await h.enrolTotp(ALICE.email);
    const browser = h.browser();
    const prompt = await h.logIn(browser, ALICE);
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    expect((await later(browser, prompt)).url.pathname).toBe('/_2fa/challenge');
    expectNothingOf(h, browser, ALICE.email);
  });

  it('is over for a session whose account got a factor while the form was on its way', async () => {
    await withGrace();
    const { browser, page } = await atTheDoor();
    await h.enrolTotp(ALICE.email);
    await later(browser, page);
    expect((await browser.get('/admin')).url.pathname).not.toBe('/admin');
    expectNothingOf(h, browser, ALICE.email);
  });
});

describe('53: whoever has only the password', () => {
  const mac = (label: string, text: string): Buffer => h.store.mac(label, text);
  const ticketOf = (who: { email: string }): string => makeTicket(mac, who.email as Identity, h.clock.now());

  async function withTickets(policy: Partial<PolicyFor> = {}): Promise<void> {
    h = await Harness.start({ policy: () => ({ first: { needs: 'ticket' }, ...policy }) });
  }

  async function enrol(browser: FakeBrowser): Promise<Page> {
    const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    await browser.get('/_2fa/account');
    const begun = await browser.submit(await browser.get('/_2fa/enrol/totp'), {});
    const draft = (await h.store.users.get(ALICE.email))?.draft;
    const data = draft?.enrolment.data as { secret?: string } | undefined;
    return browser.submit(begun, { code: h.totp(data?.secret ?? secret) });
  }

  const show = (browser: FakeBrowser, page: Page, ticket: string): Promise<Page> => browser.submit(page, { ticket });

  it.each(['optional', 'required'] as const)('meets a ticket, not an enrolment (%s)', async (level) => {
    await withTickets({ level });
    const thief = h.browser();
    await h.logIn(thief, ALICE);
    const page = await thief.get('/_2fa/account');
    expect(page.html).toContain('Enter your ticket');
    expect(page.html).not.toContain('Add a method');
    expect((await thief.get('/_2fa/enrol/totp')).url.pathname).toBe('/_2fa/account');
    const csrf = page.hidden['csrf'] ?? '';
    const tries = [
      ['/_2fa/enrol/totp', { csrf }],
      ['/_2fa/enrol/totp/confirm', { csrf, code: h.totp() }],
      ['/_2fa/account/phone', { csrf, country: 'CH', number: '0791234567' }],
      ['/_2fa/account/ticket', { csrf, ticket: '' }],
      ['/_2fa/account/ticket', { csrf, ticket: ticketOf(BOB) }],
      ['/_2fa/account/ticket', { csrf, ticket: '0000-0000-0000-0000-0000' }],
    ] as const;
    for (const [target, fields] of tries) {
      const answer = await thief.post(target, fields);
      expect(answer.html, target).toMatch(/Enter (?:your|the) ticket|This ticket is not valid|Set up|Begin once more/);
    }
    expect(await h.store.users.get(ALICE.email)).toBeUndefined();
  });

  it('gets nothing from the ticket that the owner of the account shows in a session of their own', async () => {
    await withTickets();
    const [thief, owner] = [h.browser(), h.browser()];
    await h.logIn(thief, ALICE);
    await h.logIn(owner, ALICE);
    const page = await show(owner, await owner.get('/_2fa/account'), ticketOf(ALICE).toLowerCase());
    expect(page.html).toContain('Your ticket was accepted.');
    expect((await thief.get('/_2fa/account')).html).toContain('Enter your ticket');
    h.clock.advance(1000);
    expect((await enrol(owner)).html).toContain('Two-factor authentication is on');
    expect((await h.store.users.get(ALICE.email))?.ticket).toBeUndefined();
  });

  it('cannot use a ticket a second time, nor one that is too old, nor one from before a reset', async () => {
    await withTickets();
    const ticket = ticketOf(ALICE);
    const old = h.browser();
    h.clock.advance(86_400_000);
    await h.logIn(old, ALICE);
    expect((await show(old, await old.get('/_2fa/account'), ticket)).html).toContain('This ticket is not valid.');

    const fresh = ticketOf(ALICE);
    const owner = h.browser();
    await h.logIn(owner, ALICE);
    await show(owner, await owner.get('/_2fa/account'), fresh);
    h.clock.advance(1000);
    expect((await enrol(owner)).html).toContain('Two-factor authentication is on');
    await h.store.users.update(ALICE.email, (user) => ({
      ...(user === undefined ? {} : { write: { ...user, enrolments: [] } }),
      result: undefined,
    }));
    const again = h.browser();
    await h.logIn(again, ALICE);
    const refused = await show(again, await again.get('/_2fa/account'), fresh);
    expect(refused.html).toContain('This ticket is not valid.');
  });

  it('cannot go on with what was begun with a ticket that ran out meanwhile', async () => {
    await withTickets();
    const ticket = ticketOf(ALICE);
    h.clock.advance(86_400_000 - 60_000);
    const browser = h.browser();
    await h.logIn(browser, ALICE);
    await show(browser, await browser.get('/_2fa/account'), ticket);
    const begun = await browser.submit(await browser.get('/_2fa/enrol/totp'), {});
    h.clock.advance(60_000);
    const late = await browser.submit(begun, { code: h.totp() });
    expect(late.html).toContain('Enter the ticket that your administrator gave you');
    expect((await h.store.users.get(ALICE.email))?.enrolments).toEqual([]);
  });

  it('tries twenty tickets in an hour, and then none', async () => {
    await withTickets();
    const browser = h.browser();
    await h.logIn(browser, ALICE);
    let page = await browser.get('/_2fa/account');
    for (let at = 0; at < 20; at += 1) page = await show(browser, page, '0000-0000-0000-0000-0000');
    expect(page.html).toContain('This ticket is not valid.');
    page = await show(browser, page, ticketOf(ALICE));
    expect(page.html).toContain('There were too many wrong codes.');
  });

  it('after the date meets a refusal, where the people in the office met an enrolment before (attack 70 too)', async () => {
    let until = 0;
    h = await Harness.start({
      trustedProxies: ['127.0.0.1'],
      policy: (_, from) => ({
        first: { needs: 'ticket', free: { here: from?.address.startsWith('10.0.') === true, until } },
      }),
    });
    until = h.clock.now() + 600_000;
    const from = async (forwarded: string): Promise<string> => {
      const browser = h.browser({ 'X-Forwarded-For': forwarded });
      await h.logIn(browser, ALICE);
      return (await browser.get('/_2fa/account')).html;
    };
    expect(await from('10.0.0.7')).toContain('Add a method');
    expect(await from('203.0.113.9')).toContain('Enter your ticket');
    expect(await from('10.0.0.7, 203.0.113.9')).toContain('Enter your ticket');
    h.clock.advance(600_000);
    expect(await from('10.0.0.7')).toContain('Enter your ticket');
  });
});
