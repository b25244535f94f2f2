/** What the two sides of a gateway can swear to: what the application was asked for, and what a browser never received. */
import { expect } from 'vitest';
import type { FakeBrowser } from '../fakes/browser.ts';
import { ALICE, BOB, type Harness } from './harness.ts';

/** Method and target of everything that the application was sent after the first `count` requests. */
export function pathsSince(h: Harness, count: number): readonly string[] {
  return h.app.requests.slice(count).map(({ method, url }) => `${method} ${url}`);
}

/** Everything by which the application recognises a browser, as far as it stood in a request to it or is logged in there. */
export function credentialsOf(h: Harness): ReadonlySet<string> {
  const values = new Set(h.app.sessions().map(({ id }) => id));
  for (const { cookie = '' } of h.app.requests) {
    for (const pair of cookie.split('; ')) {
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      // YII_CSRF_TOKEN and language are readable by the profile's own word.
      if (name !== 'YII_CSRF_TOKEN' && name !== 'language' && value.length > 7) values.add(value);
    }
  }
  return values;
}

/**
 * I2 in bytes: no session id and no identity cookie of the application, and no secret of somebody who is not verified, ever
 * reached this browser.
 */
export function expectNothingLeaked(
  h: Harness,
  browser: FakeBrowser,
  { verified = [] }: { verified?: readonly string[] } = {},
): void {
  const received = browser.transcript;
  const credentials = credentialsOf(h);
  expect(credentials.size, 'nothing to look for').toBeGreaterThan(0);
  for (const value of credentials) expect(received.includes(value), value).toBe(false);
  for (const name of ['PHPSESSID', 'app_session']) expect(received.includes(name)).toBe(false);
  for (const { email } of [ALICE, BOB]) {
    if (!verified.includes(email)) expect(received.includes(h.app.secretOf(email)), email).toBe(false);
  }
}
