/** Attacks 42, 43, 46 and 50 through a whole gateway with Twilio Verify behind it: real sockets, and two people with the password. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StandInVerify, startStandInVerify } from '../../src/demo/stand-in-verify.ts';
import type { Identity } from '../../src/gate/types.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { checkerOf } from '../fakes/openapi.ts';
import { ALICE, BOB, Harness } from './harness.ts';

const ACCOUNT = { accountSid: `SK${'a'.repeat(32)}`, authToken: 'token', serviceSid: `VA${'b'.repeat(32)}` };
const NUMBERS = new Map([
  [ALICE.email, '+41791234567'],
  [BOB.email, '+41791234568'],
]);
let h: Harness;
let service: StandInVerify;
beforeEach(async () => {
  service = await startStandInVerify({ ...ACCOUNT, problemWith: checkerOf('twilio-verify-v2.json') });
  h = await Harness.start({
    factors: { verify: { ...ACCOUNT, baseUrl: service.url, channels: ['sms', 'call'], timeoutMs: 2000 } },
  });
});
afterEach(async () => {
  expect(service.refused).toEqual([]);
  await h.close();
  await service.close();
});

const wayOf = (who: typeof ALICE) => `v-${who.email}`;

async function enrol(who: typeof ALICE): Promise<void> {
  const e164 = NUMBERS.get(who.email) ?? '';
  const data = { e164, country: 'CH', phoneEnding: e164.slice(-2) };
  await h.store.users.update(who.email, () => ({
    write: {
      identity: who.email as Identity,
      enrolments: [{ id: wayOf(who), factor: 'verify', data, createdAt: h.clock.now() }],
      factorVersion: 1,
    },
    result: undefined,
  }));
}

/** A login that owes its code, and has had one sent. */
async function asked(who = ALICE): Promise<{ browser: FakeBrowser; page: Page; code: string }> {
  const browser = h.browser();
  const prompt = await h.logIn(browser, who);
  expect(prompt.url.pathname).toBe('/_2fa/challenge');
  h.clock.advance(31_000);
  const page = await browser.submit(prompt, { channel: 'sms' });
  expect(page.html).toContain('We sent a code to a number ending');
  return { browser, page, code: service.messages.at(-1)?.code ?? '' };
}

const answer = (browser: FakeBrowser, page: Page, code: string, more: Record<string, string> = {}) =>
  browser.post('/_2fa/challenge', { csrf: page.hidden['csrf'] ?? '', way: wayOf(ALICE), code, ...more });
const isInside = async (browser: FakeBrowser, who = ALICE): Promise<boolean> =>
  (await browser.get('/admin')).html.includes(h.app.secretOf(who.email));
const checks = () => service.requests.filter(({ call }) => call === 'check').length;

it('42: thirty parallel posts of the right code make one session', async () => {
  await enrol(ALICE);
  const { browser, page, code } = await asked();
  await Promise.all(Array.from({ length: 30 }, () => answer(browser, page, code)));
  const sessions = [];
  for await (const [, { session }] of h.store.sessions.entries()) sessions.push(session.state);
  expect(sessions.filter((state) => state === 'verified')).toHaveLength(1);
});

describe('43, 46: a code is good for the login that asked for it', () => {
  it('the owner’s code opens nothing to a thief who asked before', async () => {
    await enrol(ALICE);
    const thief = await asked();
    const owner = await asked();
    expect(thief.code).not.toBe(owner.code);
    await answer(thief.browser, thief.page, owner.code);
    expect(await isInside(thief.browser)).toBe(false);
    await answer(owner.browser, owner.page, thief.code);
    expect(await isInside(owner.browser)).toBe(false);
    await answer(owner.browser, owner.page, owner.code);
    expect(await isInside(owner.browser)).toBe(true);
    expect(await isInside(thief.browser)).toBe(false);
  });

  it('nor does a form that names a number, a verification, or another person’s way', async () => {
    await enrol(ALICE);
    await enrol(BOB);
    const bob = await asked(BOB);
    const verification = service.messages.at(-1)?.verification ?? '';
    const alice = await asked();
    for (const more of [{ to: NUMBERS.get(BOB.email) ?? '' }, { verification }, { VerificationSid: verification }]) {
      const page = await answer(alice.browser, alice.page, bob.code, more as Record<string, string>);
      expect(page.status).toBe(400);
    }
    expect(checks()).toBe(0);
    const page = await answer(alice.browser, alice.page, bob.code, { way: wayOf(BOB) });
    expect(page.html).toContain('This way to sign in is not available any more.');
    await answer(alice.browser, alice.page, bob.code);
    expect(await isInside(alice.browser)).toBe(false);
  });
});

describe('48: a number that somebody else types into an enrolment keeps its owner from nothing', () => {
  const PATH = '/_2fa/enrol/verify';

  /** Bob sets up the method with Alice's number, as far as where a code can be sent. */
  async function bobWithHerNumber(): Promise<{ browser: FakeBrowser; csrf: string }> {
    const browser = h.browser();
    await h.logIn(browser, BOB);
    const csrf = (await browser.get('/_2fa/account')).hidden['csrf'] ?? '';
    await browser.post('/_2fa/account/phone', { csrf, country: 'CH', number: '079 123 45 67' });
    const draft = await browser.post(PATH, { csrf });
    expect(draft.url.pathname).toBe(`${PATH}/confirm`);
    return { browser, csrf: draft.hidden['csrf'] ?? '' };
  }
  const send = ({ browser, csrf }: { browser: FakeBrowser; csrf: string }): Promise<Page> => {
    h.clock.advance(31_000);
    return browser.post(`${PATH}/send`, { csrf, channel: 'sms' });
  };
  const guess = ({ browser, csrf }: { browser: FakeBrowser; csrf: string }, code: string): Promise<Page> =>
    browser.post(`${PATH}/confirm`, { csrf, code });
  const CODES = ['000001', '000002', '000003', '000004', '000005', '000006'];

  it('her code is not withdrawn while she signs in, also not by a message that is sent again', async () => {
    await enrol(ALICE);
    const bob = await bobWithHerNumber();
    expect((await send(bob)).html).toContain('We sent a code to a number ending');
    const alice = await asked();
    const sent = service.messages.length;
    const refused = await send(bob);
    expect(refused.html).toContain('We cannot send a code to this number right now.');
    const another = await bobWithHerNumber();
    expect((await send(another)).html).toContain('We cannot send a code to this number right now.');
    expect(service.messages).toHaveLength(sent);
    await answer(alice.browser, alice.page, alice.code);
    expect(await isInside(alice.browser)).toBe(true);
    expect((await send(another)).html, 'when she is in, the number is free').toContain('We sent a code to a number');
  });

  it('nor for longer than her code is good', async () => {
    await enrol(ALICE);
    await asked();
    const bob = await bobWithHerNumber();
    expect((await send(bob)).html).toContain('right now');
    h.clock.advance(600_000);
    expect((await send(bob)).html).toContain('We sent a code to a number');
  });

  it('wrong codes in an enrolment never use up the checks of the number, which would shut it for ten minutes', async () => {
    await enrol(ALICE);
    for (let n = 0; n < 2; n += 1) {
      const bob = await bobWithHerNumber();
      await send(bob);
      for (const code of CODES) await guess(bob, code);
      const alice = await asked();
      await answer(alice.browser, alice.page, alice.code);
      expect(await isInside(alice.browser)).toBe(true);
    }
    expect(checks()).toBe(10); // four of each enrolment, and hers
  });

  it('a person who mistypes a few times begins anew, and is done with the right code', async () => {
    const bob = await bobWithHerNumber();
    await send(bob);
    const pages = [];
    for (const code of CODES.slice(0, 4)) pages.push(await guess(bob, code));
    expect(pages[0]?.html).toContain('There is a problem');
    expect(pages[3]?.html).toContain('There were too many wrong codes.');
    expect(pages[3]?.url.pathname).toBe(PATH);
    const again = await bobWithHerNumber();
    await send(again);
    const done = await guess(again, service.messages.at(-1)?.code ?? '');
    expect(done.html).toContain('Two-factor authentication is on');
  });
});

it('50: while the service is gone, or lies, nobody gets in, no try is lost, and the code works afterwards', async () => {
  await enrol(ALICE);
  const { browser, page, code } = await asked();
  const lies = [
    { status: 500, body: { status: 'approved' } },
    { status: 200, body: '<html>approved</html>', contentType: 'text/html' },
    { status: 200, body: { status: 'approved', valid: true } },
    { status: 200, body: { status: 'approved' }, cut: true },
    { status: 401, body: { code: 20003, status: 401 } },
    { status: 429, body: { code: 20429, status: 429 } },
  ];
  for (const lie of [...lies, ...lies]) {
    service.fail(lie, 'check');
    const refused = await answer(browser, page, code);
    expect([refused.status, refused.html.includes('is not working right now')]).toEqual([503, true]);
  }
  expect(await isInside(browser)).toBe(false);
  await answer(browser, page, code);
  expect(await isInside(browser)).toBe(true);
});

it('looking at the prompt, or at the page that begins an enrolment, sends nothing', async () => {
  await enrol(ALICE);
  const browser = h.browser();
  await h.logIn(browser, ALICE);
  for (const path of ['/challenge', `/challenge?way=${wayOf(ALICE)}`, '/challenge/send', '/enrol/verify']) {
    await browser.get(`/_2fa${path}`);
  }
  expect(service.requests).toEqual([]);
});
