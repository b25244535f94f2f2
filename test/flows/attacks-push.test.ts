/** Attacks 45 and 46 through a whole gateway: many requests to one phone, and an approval that is used for another login. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { ALICE, BOB, Harness } from './harness.ts';
import { expectNothingLeaked } from './witness.ts';

const PUSH = '/_2fa/challenge/push';
let h: Harness;
beforeEach(async () => {
  h = await Harness.start();
});
afterEach(() => h.close());

const way = (who: { email: string }) => `a-${who.email}`;
const last = () => h.authy.pushes.at(-1)?.uuid ?? '';

/** Puts Authy in place, with the app on the phone. */
async function enrol(who: { email: string }, cellphone: string): Promise<void> {
  const created = await fetch(`${h.authy.url}/protected/json/users/new`, {
    method: 'POST',
    headers: { 'x-authy-api-key': 'test-key-of-the-stand-in' },
    body: new URLSearchParams({
      'user[email]': who.email,
      'user[cellphone]': cellphone,
      'user[country_code]': '41',
      send_install_link_via_sms: 'false',
    }),
  });
  const { user } = (await created.json()) as { user: { id: number } };
  const data = { authyId: String(user.id), phoneEnding: cellphone.slice(-2) };
  h.authy.register(data.authyId);
  await h.store.users.update(who.email, () => ({
    write: {
      identity: who.email as Identity,
      enrolments: [{ id: way(who), factor: 'authy', data, createdAt: h.clock.now() }],
      factorVersion: 1,
    },
    result: undefined,
  }));
}

async function pending(who = ALICE): Promise<{ browser: FakeBrowser; prompt: Page }> {
  const browser = h.browser();
  const prompt = await h.logIn(browser, who);
  expect(prompt.url.pathname).toBe('/_2fa/challenge');
  return { browser, prompt };
}

const ask = (browser: FakeBrowser, prompt: Page) => browser.submit(prompt, { channel: 'push' });
const collect = (browser: FakeBrowser, csrf: string, of = way(ALICE)) => browser.post(PUSH, { csrf, way: of });
const csrfOf = (page: Page) => page.hidden['csrf'] ?? '';

describe('45: one phone, many requests', () => {
  it('fifteen logins of somebody with the password ring once, and codes still work', async () => {
    await enrol(ALICE, '791234567');
    const pages: Page[] = [];
    for (let i = 0; i < 15; i += 1) {
      const { browser, prompt } = await pending();
      pages.push(await ask(browser, prompt));
      h.clock.advance(1000);
    }
    expect(h.authy.pushes).toHaveLength(1);
    expect(pages.filter(({ url }) => url.pathname === PUSH)).toHaveLength(1);
    expect(pages.at(-1)?.html).toContain('No more requests are sent to your app until');
    const { browser, prompt } = await pending();
    const inside = await browser.submit(prompt, { code: h.authy.appToken('1635') });
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
  });

  it('a login or a page of it sends nothing by itself', async () => {
    await enrol(ALICE, '791234567');
    const { browser } = await pending();
    for (const path of ['/_2fa/challenge', `${PUSH}?way=${way(ALICE)}`, `${PUSH}/state?way=${way(ALICE)}`]) {
      await browser.get(path);
    }
    expect(h.authy.pushes).toEqual([]);
  });

  it('a denial stops the login and all requests, and nothing of the application is shown', async () => {
    await enrol(ALICE, '791234567');
    const thief = await pending();
    const waiting = await ask(thief.browser, thief.prompt);
    h.authy.tap(last(), 'denied');
    h.clock.advance(2000);
    const state = await thief.browser.get(`${PUSH}/state?way=${way(ALICE)}`, { as: 'fetch' });
    expect(state.html).toBe('{"wait":false}');
    const stopped = await collect(thief.browser, csrfOf(waiting));
    expect([stopped.status, stopped.html]).toEqual([403, expect.stringContaining('Signing in was stopped')]);
    expectNothingLeaked(h, thief.browser);
    const again = await pending();
    h.clock.advance(300_000);
    expect((await ask(again.browser, again.prompt)).html).toContain('No more requests are sent to your app');
    expect(h.authy.pushes).toHaveLength(1);
    expect(h.logged.filter((line) => line.includes('authn_push_denied'))).toHaveLength(1);
  });
});

describe('46: an approval for one login lets in no other', () => {
  it('a thief who waits beside the person stays outside', async () => {
    await enrol(ALICE, '791234567');
    const thief = await pending();
    const person = await pending();
    const waiting = await ask(person.browser, person.prompt);
    expect(waiting.html).toContain(h.authy.pushes[0]?.details['Your screen shows']);
    h.authy.tap(last(), 'approved');
    h.clock.advance(2000);

    const taken = await collect(thief.browser, csrfOf(thief.prompt));
    expect(taken.html).toContain('The request in your app was not answered in time.');
    expect((await thief.browser.get(`${PUSH}/state?way=${way(ALICE)}`, { as: 'fetch' })).html).toBe('{"wait":false}');
    expect((await thief.browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    expectNothingLeaked(h, thief.browser);

    expect((await person.browser.get('/admin')).url.pathname).toBe('/_2fa/challenge'); // looking is not collecting
    const inside = await collect(person.browser, csrfOf(waiting));
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
  });

  it('an old approval, somebody else’s way, and a foreign form let nobody in', async () => {
    await enrol(ALICE, '791234567');
    await enrol(BOB, '791234568');
    const first = await pending();
    const csrf = csrfOf(await ask(first.browser, first.prompt));
    h.authy.tap(last(), 'approved');
    h.clock.advance(2000);
    const foreign = await first.browser.send(
      'POST',
      PUSH,
      'application/x-www-form-urlencoded',
      Buffer.from(`csrf=x&way=${way(ALICE)}`),
    );
    expect(foreign.status).toBe(403);
    const bob = await pending(BOB);
    const taken = await collect(bob.browser, csrfOf(bob.prompt), way(ALICE));
    expect(taken.html).toContain('This way to sign in is not available any more.');
    expectNothingLeaked(h, bob.browser);

    await collect(first.browser, csrf);
    const second = await pending();
    await collect(second.browser, csrfOf(second.prompt));
    expect((await second.browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    h.clock.advance(120_000);
    expectNothingLeaked(h, second.browser);
  });

  it('the page that asks again and again does not keep a session alive', async () => {
    await enrol(ALICE, '791234567');
    const { browser, prompt } = await pending();
    const inside = await browser.submit(prompt, { code: h.authy.appToken('1635') });
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
    for (let i = 0; i < 31; i += 1) {
      h.clock.advance(60_000);
      await browser.get(`${PUSH}/state?way=${way(ALICE)}`, { as: 'fetch' });
    }
    expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
  });
});
