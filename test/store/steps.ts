/** What the n-th step of a key leaves behind; every fifth step removes the record. Shared by the killed and the killing process. */
import type { Identity } from '../../src/gate/types.ts';
import type { CounterRecord, SessionRecord, UserRecord } from '../../src/store/store.ts';

export const KEYS = ['a', 'b', 'c', 'd'];
const BIG = 'x'.repeat(4000); // so that the journal is written anew several times in each round

export function isRemoval(n: number): boolean {
  return n % 5 === 0;
}

export function userAt(key: string, n: number): UserRecord | null {
  return isRemoval(n) ? null : { identity: key as Identity, enrolments: [], factorVersion: n };
}

export function sessionAt(n: number): SessionRecord | null {
  if (isRemoval(n)) return null;
  return { version: n, session: { state: 'anonymous' }, jar: BIG, createdAt: 1, lastSeenAt: 1, csrf: 'c' };
}

export function counterAt(n: number): CounterRecord | null {
  return isRemoval(n) ? null : { n, expiresAt: Number.MAX_SAFE_INTEGER };
}
