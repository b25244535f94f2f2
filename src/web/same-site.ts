/**
 * Who sent this form? A page of ours, in this session: the browser's word (`Origin`, `Sec-Fetch-Site`) and the token of
 * the session must both say so. No word at all counts as no (ASVS 3.5.1, attacks "login CSRF", "logout CSRF").
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * `Origin: null` is a foreign word too: sandboxed frames send it. Our own forms never do, because layout.njk asks for
 * the referrer policy `same-origin`; under `no-referrer` browsers would blank the `Origin` of every form (Fetch 3.2.5).
 */
export function comesFromOwnPage(headers: IncomingHttpHeaders, publicUrl: string): boolean {
  const origin = headers.origin;
  const site = headers['sec-fetch-site'];
  if (origin === undefined && site === undefined) return false;
  if (origin !== undefined && origin !== new URL(publicUrl).origin) return false;
  return site === undefined || site === 'same-origin';
}

/** Compares in constant time; hashing makes the lengths equal. */
export function isToken(given: string | undefined, expected: string): boolean {
  if (given === undefined || expected === '') return false;
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
