/** Before the first factor: what may wait, until when, and that nothing but a method gets a person any further then (attack 53). */
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { askForSocket, cookieOf, expectNothingOf } from './attack-steps.ts';
import { ALICE, Harness } from './harness.ts';

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
