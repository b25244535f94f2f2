/**
 * Attack 93: two sessions, one of them ended. However a session ends, the old id is dead here, the application's session is
 * dead there, and whoever held a copy of either gets nothing.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionKey } from '../../src/session/cookie.ts';
import type { FakeBrowser } from '../fakes/browser.ts';
import { rawBytes, rawRequest } from '../fakes/raw-http.ts';
import { cookieOf, expectNothingOf, raw, signIn, upToThePrompt } from './attack-steps.ts';
import { ALICE, Harness } from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await Harness.start();
});
afterEach(() => h.close());

interface Held {
  readonly browser: FakeBrowser;
  /** Our cookie, copied while it was alive. */
  readonly cookie: string;
  /** The application's own session, as somebody with access to its disk would have it. */
  readonly appSession: string;
}

async function hold(browser: FakeBrowser): Promise<Held> {
  const [session] = h.app.sessions();
  if (session === undefined) throw new Error('nobody is logged in');
  return { browser, cookie: cookieOf(browser), appSession: session.id };
}

/** Looks at the application directly, as if there were no gateway: does this session still open anything? */
async function opensDirectly(appSession: string): Promise<boolean> {
  const bytes = rawBytes('GET', '/admin', [
    ['Host', '127.0.0.1'],
    ['Cookie', `PHPSESSID=${appSession}`],
    ['Connection', 'close'],
  ]);
  return (await rawRequest(h.app.port, bytes)).text.includes(h.app.secretOf(ALICE.email));
}

async function expectDead(held: Held): Promise<void> {
  await expect.poll(() => opensDirectly(held.appSession)).toBe(false);
  const before = h.app.requests.length;
  for (const path of ['/admin', '/admin/account', '/admin/poll', '/_2fa/account', '/_2fa/challenge']) {
    const answer = await raw(h, 'GET', path, [
      ['Cookie', held.cookie],
      ['Connection', 'close'],
    ]);
    expect([303, 401], path).toContain(answer.status);
    expect(answer.text, path).not.toContain(ALICE.email);
  }
  expect(h.app.requests.length).toBe(before);
  expect(await h.assembled.sessions.of(ALICE.email as never)).toEqual([]);
}

describe('93: after the end of a verified session', () => {
  it('93: by the application’s logout: both ids are dead, and the browser forgets ours', async () => {
    const held = await hold(await signIn(h));
    const page = await held.browser.get('/admin/logout');
    expect(page.url.pathname).toBe('/admin/login');
    expect(cookieOf(held.browser)).not.toBe(held.cookie);
    await expectDead(held);
  });

  it('93: by our own logout: the application is told, before anybody can use its session again', async () => {
    const held = await hold(await signIn(h));
    const page = await held.browser.get('/_2fa/logout');
    await held.browser.post('/_2fa/logout', { csrf: page.hidden['csrf'] ?? '' });
    expect(await opensDirectly(held.appSession)).toBe(false);
    expect(cookieOf(held.browser)).not.toBe(held.cookie);
    await expectDead(held);
  });

  it('93: by idling', async () => {
    const held = await hold(await signIn(h));
    h.clock.advance(1_800_000);
    expect((await held.browser.get('/admin')).url.pathname).toBe('/admin/login');
    await expectDead(held);
  });

  it('93: by its age, although somebody uses it all the time', async () => {
    const held = await hold(await signIn(h));
    for (let quarter = 0; quarter < 47; quarter += 1) {
      h.clock.advance(900_000);
      expect((await held.browser.get('/admin')).url.pathname).toBe('/admin');
    }
    h.clock.advance(900_000);
    expect((await held.browser.get('/admin')).url.pathname).toBe('/admin/login');
    await expectDead(held);
  });

  it('93: by time alone, when nobody comes back to ask', async () => {
    const held = await hold(await signIn(h));
    // The minute's sweep is the last thing that happens; time must stand still while the application is told.
    h.clock.advance(1_830_000);
    await expect.poll(() => opensDirectly(held.appSession)).toBe(false);
    await expectDead(held);
  });

  it('93: by an administrator, from the page, with a reason', async () => {
    const held = await hold(await signIn(h));
    const admin = await signIn(h, { email: 'admin@example.com', password: 'correct battery admin' });
    const page = await admin.get('/_2fa/admin?search=alice');
    const sure = await admin.post('/_2fa/admin/users/confirm', {
      csrf: page.hidden['csrf'] ?? '',
      identity: ALICE.email,
      action: 'end-sessions',
    });
    const done = await admin.submit(sure, { reason: 'the laptop was stolen' });
    expect(done.url.pathname).toBe('/_2fa/admin');
    await expectDead(held);
    expect((await admin.get('/admin')).url.pathname).toBe('/admin');
  });

  it('93: by a reset of the factors', async () => {
    const held = await hold(await signIn(h));
    const admin = await signIn(h, { email: 'admin@example.com', password: 'correct battery admin' });
    const page = await admin.get('/_2fa/admin?search=alice');
    const sure = await admin.post('/_2fa/admin/users/confirm', {
      csrf: page.hidden['csrf'] ?? '',
      identity: ALICE.email,
      action: 'reset',
    });
    await admin.submit(sure, { reason: 'the phone is lost' });
    await expectDead(held);
  });
});

describe('93: after the end of a login that still waits for its token', () => {
  it('93: by cancel: the password alone leaves nothing behind', async () => {
    const browser = await upToThePrompt(h);
    const held = await hold(browser);
    const prompt = await browser.get('/_2fa/challenge');
    const page = await browser.post('/_2fa/cancel', { csrf: prompt.hidden['csrf'] ?? '' });
    expect(page.url.pathname).toBe('/admin/login');
    await expectDead(held);
    expectNothingOf(h, browser, ALICE.email);
  });

  it('93: by time: the token comes too late, and the next request finds nobody', async () => {
    const browser = await upToThePrompt(h);
    const held = await hold(browser);
    const prompt = await browser.get('/_2fa/challenge');
    h.clock.advance(600_000);
    await browser.submit(prompt, { code: h.totp() });
    expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
    await expectDead(held);
    expectNothingOf(h, browser, ALICE.email);
  });

  it('93: by a logout of the application: it is closed to a pending session, and stays closed', async () => {
    const browser = await upToThePrompt(h);
    const before = h.app.requests.length;
    const page = await browser.get('/admin/logout');
    expect(page.url.pathname).toBe('/_2fa/challenge');
    expect(h.app.requests.length).toBe(before);
  });
});

describe('93: replay', () => {
  it('93: the id from before the token is dead after it', async () => {
    const browser = await upToThePrompt(h);
    const pending = cookieOf(browser);
    const inside = await browser.submit(await browser.get('/_2fa/challenge'), { code: h.totp() });
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
    expect(cookieOf(browser)).not.toContain(pending);
    const before = h.app.requests.length;
    const answer = await raw(h, 'GET', '/admin', [
      ['Cookie', pending],
      ['Connection', 'close'],
    ]);
    expect(answer.status).toBe(401);
    expect(h.app.requests.length).toBe(before);
    // Not even the prompt is left: a copy of the old id is nobody, not somebody who waits for a token.
    const prompt = await raw(h, 'GET', '/_2fa/challenge', [
      ['Cookie', pending],
      ['Accept', 'text/html'],
      ['Connection', 'close'],
    ]);
    expect(prompt.text).not.toContain(ALICE.email);
    expect(h.assembled.sessions.peek(sessionKey(pending.replace('lucy2fa=', '')))).toBeUndefined();
  });

  it('93: the application’s own session id, brought by a browser, is nothing to us', async () => {
    const held = await hold(await signIn(h));
    const thief = h.browser();
    thief.setCookie('PHPSESSID', held.appSession);
    const before = h.app.requests.length;
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    const sent = h.app.requests.slice(before).map(({ cookie }) => cookie ?? '');
    expect(sent.some((cookie) => cookie.includes(held.appSession))).toBe(false);
    expectNothingOf(h, thief, ALICE.email);
  });

  it('93: an answer that was on its way when the person logged out never arrives', async () => {
    const browser = await signIn(h);
    const slow = raw(h, 'GET', '/admin/slow?ms=60000', [
      ['Cookie', cookieOf(browser)],
      ['Connection', 'close'],
    ]).catch((error: Error) => error);
    await expect.poll(() => h.app.requests.some(({ url }) => url.startsWith('/admin/slow'))).toBe(true);
    await browser.get('/admin/logout');
    const outcome = await slow;
    h.clock.advance(60_000);
    if (!(outcome instanceof Error)) expect(outcome.text).not.toContain('done');
  });
});
