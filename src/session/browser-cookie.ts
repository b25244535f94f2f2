/**
 * The cookie of a trusted browser. It is looked at when a password was accepted and on the account page, by nobody else, and
 * never goes to the application: its name is one of ours (see `isOwnCookie`). A doubtful one counts as none (I6).
 */
import { hash } from 'node:crypto';
import { cookieLine } from './cookie.ts';

/** Two random parts in base64url: 128 bits that stay, and 256 bits that are new with each use. */
const VALUE = /^([A-Za-z0-9_-]{22})[A-Za-z0-9_-]{43}$/;

/** What the browser is given in the place of what it has; `undefined` takes it away. */
export interface BrowserCookie {
  readonly value: string;
  readonly maxAgeMs: number;
}

/** The name of the cookie, from the one of the session's. */
export function browserCookieName(ownName: string): string {
  return `${ownName}-browser`;
}

/** The value in a Cookie line; `undefined` when it is absent, malformed or there twice. */
export function readBrowserCookie(header: string | undefined, ownName: string): string | undefined {
  const start = `${browserCookieName(ownName)}=`;
  const found = (header ?? '')
    .split(';')
    .map((pair) => (pair.startsWith(' ') ? pair.slice(1) : pair))
    .filter((pair) => pair.startsWith(start));
  const [value] = found;
  return found.length === 1 && value !== undefined && VALUE.test(value.slice(start.length))
    ? value.slice(start.length)
    : undefined;
}

/** `Set-Cookie` for a trusted browser, or for one that is not any more. */
export function browserCookieLine(ownName: string, cookie: BrowserCookie | undefined): string {
  const seconds = cookie === undefined ? 0 : Math.max(0, Math.floor(cookie.maxAgeMs / 1000));
  return `${cookieLine(browserCookieName(ownName), cookie?.value ?? '')}; Max-Age=${seconds}`;
}

/** A value for a browser. @param random `size` random bytes @param earlier what it has now, of which one part stays */
export function newBrowserValue(random: (size: number) => Buffer, earlier?: string): string {
  const same = earlier === undefined ? undefined : VALUE.exec(earlier)?.[1];
  return (same ?? random(16).toString('base64url')) + random(32).toString('base64url');
}

/** What the store may know of a value: by what it is found, and what it must be. */
export function hashedBrowserValue(value: string): { readonly id: string; readonly hash: string } {
  const same = VALUE.exec(value)?.[1] ?? '';
  return { id: hash('sha256', `browser ${same}`, 'base64url'), hash: hash('sha256', value, 'base64url') };
}
