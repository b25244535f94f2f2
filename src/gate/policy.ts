/** What an accepted password is worth, from the policy and from what the identity has enrolled. Pure. */
import type { Standing } from './session.ts';
import type { PolicyLevel } from './types.ts';

/**
 * @param hasFactor whether the identity has a usable factor; an unreadable store is not an answer and must throw before (I6, I9).
 */
export function standing(level: PolicyLevel, hasFactor: boolean): Standing {
  if (level === 'off') return 'pass';
  if (hasFactor) return 'challenge'; // optional means: optional to enrol. Once enrolled it is always asked.
  return level === 'required' ? 'enrol' : 'pass';
}

/**
 * May this person change factors? With a factor in place only a fresh proof will do, whatever the session (T6, attack
 * "enrol instead of verify"). Asked again inside the store's atomic update, because another tab may have enrolled meanwhile.
 */
export function mayChangeFactors(hasFactor: boolean, provedFreshly: boolean): boolean {
  return !hasFactor || provedFreshly;
}
