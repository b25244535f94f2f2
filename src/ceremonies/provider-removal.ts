/** Telling a provider that an enrolment ended: best effort, after ours is gone, and never for a phone that somebody else still uses. */
import type { Enrolment } from '../gate/types.ts';
import { reasonOf } from '../log.ts';
import type { CeremonyParts } from './accounts.ts';

export async function forgetAtProvider(parts: CeremonyParts, ended: readonly Enrolment[]): Promise<void> {
  for (const enrolment of ended) {
    const factor = parts.factor(enrolment.factor);
    if (factor?.provider === undefined || (await isInUse(parts, enrolment))) continue;
    try {
      await factor.remove(enrolment);
    } catch (error) {
      parts.log.warn('provider_removal_failed', { factor: factor.id, reason: reasonOf(error) });
    }
  }
}

/** Authy gives two accounts with one phone the same id: removing it would take the other's factor away too. */
async function isInUse(parts: CeremonyParts, ended: Enrolment): Promise<boolean> {
  const data = JSON.stringify(ended.data);
  for await (const [, user] of parts.store.users.entries()) {
    for (const enrolment of [...user.enrolments, ...(user.draft === undefined ? [] : [user.draft.enrolment])]) {
      if (enrolment.factor === ended.factor && JSON.stringify(enrolment.data) === data) return true;
    }
  }
  return false;
}
