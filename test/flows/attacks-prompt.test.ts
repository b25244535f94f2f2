/** Attacks 13 to 16 on the prompt itself: odd answers, time, enrolling instead of proving, other people's ways. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { BOBS_SECRET } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';
import { expectNothingLeaked } from './witness.ts';

let h: Harness;
afterEach(() => h.close());

async function start(): Promise<void> {
  h = await Harness.start();
  await h.enrolTotp(ALICE.email);
  await h.enrolTotp(BOB.email, BOBS_SECRET);
}

async function pending(who = ALICE): Promise<{ browser: FakeBrowser; prompt: Page }> {
  const browser = h.browser();
  const prompt = await h.logIn(browser, who);
  expect(prompt.url.pathname).toBe('/_2fa/challenge');
  return { browser, prompt };
}

describe('13: an empty or odd answer to the prompt advances nothing', () => {
  it.each<[string, readonly (readonly [string, string])[]]>([
    ['nothing at all', []],
    ['no code', [['code', '']]],
    [
      'a skip',
      [
        ['code', ''],
        ['skip', '1'],
      ],
    ],
    [
      'a method',
      [
        ['code', ''],
        ['method', 'none'],
      ],
    ],
    ['a step', [['step', 'done']]],
    ['an array', [['code[]', '000000']]],
    [
      'two codes',
      [
        ['code', '000000'],
        ['code', '111111'],
      ],
    ],
    ['null', [['code', 'null']]],
    ['true', [['code', 'true']]],
  ])('%s', async (_, fields) => {
    await start();
    const { browser, prompt } = await pending();
    const { csrf = '', way = '' } = prompt.hidden;
    const answer = await browser.post('/_2fa/challenge', [['csrf', csrf], ['way', way], ...fields]);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const json = await browser.postJson('/_2fa/challenge', { csrf, way, code: true });
    expect(json.status).toBe(415);
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    // And the right code still counts: nothing was used up or unlocked on the way.
    expect((await browser.submit(await browser.get('/_2fa/challenge'), { code: h.totp() })).url.pathname).toBe(
      '/admin',
    );
  });
});

it('14: when the time for the factor is over nothing passes, and the application has forgotten the login too', async () => {
  await start();
  const { browser, prompt } = await pending();
  expect(h.app.sessions()).toHaveLength(1);
  h.clock.advance(599_999);
  expect((await browser.get('/_2fa/challenge')).html).toContain('one-time-code');
  h.clock.advance(1);
  const late = await browser.submit(prompt, { code: h.totp() });
  expect(late.html).not.toContain('one-time-code');
  expect((await browser.get('/_2fa/challenge')).html).not.toContain(ALICE.email);
  expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
  await expect.poll(() => h.app.sessions()).toEqual([]);
  expectNothingLeaked(h, browser);
});

it('14b: the login is forgotten by the clock alone, when nobody comes back', async () => {
  await start();
  const { browser } = await pending();
  h.clock.advance(599_500); // in two steps: the question to the application must not time out on the way
  h.clock.advance(500);
  await expect.poll(() => h.app.sessions()).toEqual([]);
  expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
});

it('15: who owes a factor can neither enrol, nor see, nor remove one', async () => {
  await start();
  const { browser, prompt } = await pending();
  const { csrf = '' } = prompt.hidden;
  for (const path of ['/account', '/enrol/totp', '/enrol/totp/confirm', '/enrol/authy', '/remove/totp', '/admin']) {
    const page = await browser.get(`/_2fa${path}`);
    expect(page.html, path).not.toContain('JBSWY3DPEHPK3PXP');
    expect(page.url.pathname === '/_2fa/challenge' || page.status >= 400, `${path}: ${page.status}`).toBe(true);
    expect(page.html, path).not.toMatch(/otpauth:|name="number"/);
    const tried = await browser.post(`/_2fa${path}`, { csrf }, { followRedirects: false });
    expect(tried.status, path).toBeGreaterThanOrEqual(300);
  }
  await browser.post('/_2fa/account/phone', { csrf, country: 'CH', number: '0791234567' });
  const user = await h.store.users.get(ALICE.email);
  expect(user).toMatchObject({ factorVersion: 1, enrolments: [{ factor: 'totp' }] });
  expect(user?.draft).toBeUndefined();
  expect(user?.phone).toBeUndefined();
  expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
});

it('16: a way that this identity has not enrolled proves nothing, whoever owns it', async () => {
  await start();
  const { browser, prompt } = await pending(BOB);
  for (const way of [`e-${ALICE.email}`, 'totp', 'authy', 'email', 'recovery', '__proto__', '']) {
    const answer = await browser.post('/_2fa/challenge', { csrf: prompt.hidden.csrf ?? '', way, code: h.totp() });
    expect(answer.url.pathname, way).toBe('/_2fa/challenge');
  }
  expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
  expectNothingLeaked(h, browser);
});
