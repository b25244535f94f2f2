/** Recovery codes of an account: using one up, and what is left of them. Codes alone are no second factor; see ways.ts. */
import type { Identity } from '../gate/types.ts';
import type { Collection, UserRecord } from '../store/store.ts';

/** What the prompt calls this way. No enrolment has this id: theirs are random. */
export const RECOVERY_WAY = 'recovery';

/** Uses a code up. @returns true to exactly one caller, and to nobody when new codes were made meanwhile. */
export function spendCode(users: Collection<UserRecord>, identity: Identity, hash: string): Promise<boolean> {
  return users.update<boolean>(identity, (user) => {
    const { recovery } = user ?? {};
    const left = recovery?.codes.filter((code) => code.hash !== hash) ?? [];
    if (user === undefined || recovery === undefined || left.length === recovery.codes.length) return { result: false };
    return { write: { ...user, recovery: { ...recovery, codes: left } }, result: true };
  });
}

/** Without a factor there is nothing to recover: its codes go with the last one. */
export function withoutCodes({ recovery: _codes, ...user }: UserRecord): UserRecord {
  return user;
}
