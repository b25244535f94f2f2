/** Which names may travel and which may not. Cookies are compared as browsers write them, queries as PHP reads them. */
import type { LoginRequest } from './login.ts';
import { anyOf, nameMatcher, phpName } from './patterns.ts';
import { remembered } from './remember.ts';
import type { ProfileData } from './schema.ts';

export function compileReadable(cookies: ProfileData['cookies']): (cookie: string) => boolean {
  const listed = anyOf(cookies.readable.map(nameMatcher));
  const sessions = new Set(cookies.session.map(phpName));
  // A readable list that is too wide must not open the vault to the one cookie that matters (I2).
  return remembered((cookie) => listed(cookie) && !sessions.has(phpName(cookie)));
}

export function compileRolling(cookies: ProfileData['cookies']): (cookie: string) => boolean {
  return anyOf(cookies.rolling.map(nameMatcher));
}

/** Session ids and credentials do not belong into a query, and some applications believe them there (attacks 23, 31). */
export function compileForbiddenInQuery(
  cookies: ProfileData['cookies'],
  logins: readonly LoginRequest[],
  further: readonly string[],
): (name: string) => boolean {
  const names = logins.flatMap((login) => login.names);
  const forbidden = new Set([...cookies.session, ...names, ...further].map(phpName));
  return (name) => forbidden.has(phpName(name));
}

/** A session id in a form is believed by PHP without `session.use_only_cookies`, when no cookie comes (attack 23). */
export function compileSessionName(
  cookies: ProfileData['cookies'],
  further: readonly string[],
): (name: string) => boolean {
  const sessions = new Set([...cookies.session, ...further].map(phpName));
  return (name) => sessions.has(phpName(name));
}
