/** The cookie of a trusted browser: what is read out of a Cookie line, and what of a value the store may know. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  browserCookieLine,
  hashedBrowserValue,
  newBrowserValue,
  readBrowserCookie,
} from '../../src/session/browser-cookie.ts';
import { isOwnCookie } from '../../src/session/cookie.ts';

const VALUE = newBrowserValue(randomBytes);

it.each([
  [`lucy2fa-browser=${VALUE}`, VALUE],
  [`a=1; lucy2fa-browser=${VALUE}; lucy2fa=x`, VALUE],
  [`a=1;lucy2fa-browser=${VALUE}`, VALUE],
  [`lucy2fa-browser=${VALUE}; lucy2fa-browser=${VALUE}`, undefined],
  [`lucy2fa-browser=; lucy2fa-browser=${VALUE}`, undefined],
  [`LUCY2FA-BROWSER=${VALUE}`, undefined],
  [`xlucy2fa-browser=${VALUE}`, undefined],
  [`lucy2fa-browser =${VALUE}`, undefined],
  [`lucy2fa-browser="${VALUE}"`, undefined],
  [`lucy2fa-browser=${VALUE}A`, undefined],
  [`lucy2fa-browser=${VALUE.slice(1)}`, undefined],
  [`lucy2fa-browser=${'%'.repeat(65)}`, undefined],
  ['lucy2fa-browser', undefined],
  ['', undefined],
  [undefined, undefined],
])('%j', (line, expected) => {
  expect(readBrowserCookie(line, 'lucy2fa')).toBe(expected);
});

it('has the flags of the others, and a date; without a value it is taken away', () => {
  const line = browserCookieLine('__Host-lucy2fa', { value: VALUE, maxAgeMs: 90_500 });
  expect(line).toBe(`__Host-lucy2fa-browser=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=90`);
  expect(browserCookieLine('lucy2fa', undefined)).toBe('lucy2fa-browser=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0');
  for (const name of ['__Host-lucy2fa-browser', 'lucy2fa-browser', 'Lucy2fa.browser']) {
    expect(isOwnCookie(name)).toBe(true);
  }
});

it('the next value is found by the same name, and nothing of either is in what the store knows', () => {
  const next = newBrowserValue(randomBytes, VALUE);
  const [one, two] = [hashedBrowserValue(VALUE), hashedBrowserValue(next)];
  expect([next.length, next === VALUE]).toEqual([65, false]);
  expect([one.id === two.id, one.hash === two.hash]).toEqual([true, false]);
  expect(next.slice(22)).not.toBe(VALUE.slice(22));
  expect(JSON.stringify([one, two])).not.toContain(VALUE.slice(0, 22));
});
