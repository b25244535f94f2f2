/**
 * Takes the cookies out of an answer of the application (I2): the vaulted ones into the jar, the readable ones on to the
 * browser, everything that carries our name nowhere.
 */
import type { Instant } from '../gate/types.ts';
import { isOwnCookie } from '../session/cookie.ts';
import { cookieName, type Jar } from '../session/jar.ts';
import type { FlatHeaders } from '../upstream/upstream.ts';

export interface CookieRules {
  isReadable(name: string): boolean;
  isRolling(name: string): boolean;
}

/** @returns whether a vaulted cookie changed: the jar may speak for somebody else now. */
export function vaultCookies(
  lines: readonly string[],
  jar: Jar,
  path: string,
  now: Instant,
  rules: CookieRules,
): boolean {
  let changed = false;
  for (const line of lines) {
    const name = cookieName(line);
    if (name === undefined || isOwnCookie(name) || rules.isReadable(name)) continue;
    if (jar.store(line, path, now) === 'changed' && !rules.isRolling(name)) changed = true;
  }
  return changed;
}

/** Whether there is anything for the vault in these lines. */
export function hasVaulted(lines: readonly string[], rules: CookieRules): boolean {
  return lines.some((line) => {
    const name = cookieName(line);
    return name !== undefined && !isOwnCookie(name) && !rules.isReadable(name);
  });
}

/** Adds the `Set-Cookie` lines that a browser may have. `untouched`: a public host, where only our own name is held back. */
export function addReadable(
  headers: FlatHeaders,
  lines: readonly string[],
  rules: CookieRules,
  untouched = false,
): FlatHeaders {
  for (const line of lines) {
    const name = cookieName(line);
    if (name === undefined || isOwnCookie(name)) continue;
    if (untouched || rules.isReadable(name)) headers.push('Set-Cookie', line);
  }
  return headers;
}
