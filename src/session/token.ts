/** The token of a session that its forms must carry, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Hashing makes the lengths equal. No token is equal to none. */
export function isToken(given: string | undefined, expected: string): boolean {
  if (given === undefined || expected === '') return false;
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
