/** Steps that many attacks begin with: a person with a factor signs in, and bytes are sent that no browser would send. */
import { expect } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { type Header, RawConnection, type RawResponse, rawBytes, rawRequest } from '../fakes/raw-http.ts';
import { ALICE, type Harness } from './harness.ts';

export const BOBS_SECRET = 'KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU';
export const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Signs in with password and token. The clock moves on, so that no time step is used twice. */
export async function signIn(h: Harness, who = ALICE, secret?: string): Promise<FakeBrowser> {
  await h.enrolTotp(who.email, secret);
  h.clock.advance(30_000);
  const browser = h.browser();
  const inside = await browser.submit(await h.logIn(browser, who), { code: h.totp(secret) });
  expect(inside.html).toContain(h.app.secretOf(who.email));
  return browser;
}

/** As far as the password goes: the prompt is open. */
export async function upToThePrompt(h: Harness, who = ALICE, secret?: string): Promise<FakeBrowser> {
  await h.enrolTotp(who.email, secret);
  const browser = h.browser();
  const prompt = await h.logIn(browser, who);
  expect(prompt.url.pathname).toBe('/_2fa/challenge');
  return browser;
}

/** The Cookie line of a browser, as a copy of it in somebody else's hands. */
export function cookieOf(browser: FakeBrowser): string {
  return browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}

export function hostOf(h: Harness): string {
  return new URL(h.origin).host;
}

/** One request in exactly these bytes; `Host` is ours unless it is given. */
export function raw(
  h: Harness,
  method: string,
  target: string,
  headers: readonly Header[] = [],
  body?: string | Buffer,
): Promise<RawResponse & { readonly received: Buffer }> {
  return rawRequest(h.port, rawBytes(method, target, withHost(h, headers), body));
}

export function withHost(h: Harness, headers: readonly Header[]): readonly Header[] {
  return headers.some(([name]) => name.toLowerCase() === 'host') ? headers : [['Host', hostOf(h)], ...headers];
}

/** Posts a body to the login as it is, with the token that the form asks for in front. */
export async function postLogin(
  browser: FakeBrowser,
  fields: string,
  how: { type?: string; target?: string } = {},
): Promise<Page> {
  const { hidden } = await browser.get('/admin/login');
  const body = `YII_CSRF_TOKEN=${encodeURIComponent(hidden['YII_CSRF_TOKEN'] ?? '')}&${fields}`;
  return browser.send('POST', how.target ?? '/admin/login', how.type ?? FORM_TYPE, Buffer.from(body, 'latin1'));
}

export function loginPosts(h: Harness): number {
  return h.app.requests.filter(({ method, url }) => method !== 'GET' && url.includes('/login')).length;
}

/** Nothing that only this person may read, and no session of the application, has ever come to this browser. */
export function expectNothingOf(h: Harness, browser: FakeBrowser, email: string): void {
  const { transcript } = browser;
  expect(transcript.includes(h.app.secretOf(email))).toBe(false);
  expectNoAppSession(h, transcript);
}

export function expectNoAppSession(h: Harness, bytes: Buffer): void {
  for (const { id } of h.app.sessions()) expect(bytes.includes(id)).toBe(false);
}

const LIVE: readonly Header[] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];

/** Asks for the application's WebSocket; further headers replace those of the same name. */
export async function askForSocket(
  h: Harness,
  headers: readonly Header[] = [],
  target = '/admin/live',
): Promise<{ connection: RawConnection; answer: RawResponse }> {
  const connection = await RawConnection.open(h.port);
  const kept = LIVE.filter(([name]) => !headers.some(([given]) => given.toLowerCase() === name.toLowerCase()));
  const answer = await connection.exchange(rawBytes('GET', target, withHost(h, [...kept, ...headers])));
  return { connection, answer };
}
