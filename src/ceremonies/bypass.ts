/** Codes of an administrator: using one up. What they are is judged in factors/bypass; who gets one, in administrator.ts. */
import type { Identity, Instant } from '../gate/types.ts';
import type { Collection, UserRecord } from '../store/store.ts';

/** What the prompt calls this way. No enrolment has this id: theirs are random. */
export const BYPASS_WAY = 'bypass';

/**
 * Uses a code up, and all that were made before. @returns true to exactly one caller, and to nobody for a code from before
 * the last change of methods: that one was given for what is no longer lost.
 */
export function spendBypass(
  users: Collection<UserRecord>,
  identity: Identity,
  madeAt: Instant,
  now: Instant,
): Promise<boolean> {
  return users.update<boolean>(identity, (user) => {
    if (user === undefined || user.enrolments.length === 0 || madeAt <= (user.ticketsAfter ?? 0)) {
      return { result: false };
    }
    // The clock that made it may be a little ahead of this one.
    return { write: { ...user, ticketsAfter: Math.max(now, madeAt) }, result: true };
  });
}

/** Voids what was made earlier, so that the newest code is the only one. */
export function voidEarlier(users: Collection<UserRecord>, identity: Identity, madeAt: Instant): Promise<void> {
  return users.update(identity, (user) => {
    if (user === undefined || madeAt - 1 <= (user.ticketsAfter ?? 0)) return { result: undefined };
    return { write: { ...user, ticketsAfter: madeAt - 1 }, result: undefined };
  });
}
