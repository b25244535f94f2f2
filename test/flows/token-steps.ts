/** What the script of a page does that logs in with a token, as a person goes through it: password, proof, and the password again. */
import { expect } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import type { TokenApp } from '../fakes/token-app.ts';
import { BOBS_SECRET } from './attack-steps.ts';
import { ALICE, type Harness } from './harness.ts';

export const formOf = ({ email, password }: typeof ALICE) => ({ user: email, password });

export function login(browser: FakeBrowser, who = ALICE): Promise<Page> {
  return browser.postJson('/api/login', formOf(who));
}

/** As far as the proof: the page stands there again, and its script knows no token. */
export async function proveFactor(h: Harness, browser: FakeBrowser, who = ALICE): Promise<void> {
  await browser.get('/login');
  expect((await login(browser, who)).status).toBe(401);
  h.clock.advance(30_000);
  const code = who === ALICE ? h.totp() : h.totp(BOBS_SECRET);
  await browser.submit(await browser.get('/_2fa/challenge'), { code }, { followRedirects: false });
}

export function tokenIn({ html }: Page): string {
  return JSON.parse(html).data.token;
}

export async function signInWithToken(
  h: Harness,
  browser: FakeBrowser,
  who = ALICE,
): Promise<{ browser: FakeBrowser; ours: string }> {
  await proveFactor(h, browser, who);
  const answer = await login(browser, who);
  expect(answer.status).toBe(200);
  return { browser, ours: tokenIn(answer) };
}

export function call(
  browser: FakeBrowser,
  token: string | undefined,
  target = '/api/things',
  method = 'GET',
): Promise<Page> {
  const headers = token === undefined ? [] : ([['Authorization', `Bearer ${token}`]] as const);
  if (method === 'GET') return browser.get(target, { as: 'fetch', headers });
  return browser.send(method, target, 'application/json', Buffer.from('{}'), { as: 'fetch', headers });
}

/** In bytes: what the application handed out came to no browser, and nothing of ours to the application. */
export function expectTokensApart(app: TokenApp, browsers: readonly FakeBrowser[]): void {
  expect(app.requests.length).toBeGreaterThan(0);
  for (const browser of browsers) {
    const received = browser.transcript.toString('latin1').replaceAll('\\/', '/');
    const readings = [
      received,
      received.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    ];
    for (const token of app.handedOut) expect(readings.some((text) => text.includes(token))).toBe(false);
  }
  expect(app.requests.join('')).not.toContain('lucy2fa_');
}
