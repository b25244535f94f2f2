/** Who is an administrator here, and when one may change something. Asked by every call that only administrators may make. */
import { provedWithin } from '../gate/session.ts';
import type { LiveSession } from '../session/live.ts';
import type { CeremonyParts } from './accounts.ts';
import { type Refusal, refusal } from './outcomes.ts';

export const LONGEST_REASON = 500;

/** On the list, and proved by a factor: a stolen administrator's password alone opens nothing. */
export function isAdministrator({ isAdmin }: Pick<CeremonyParts, 'isAdmin'>, session: LiveSession): boolean {
  const state = session.session;
  if (session.ended || state.state !== 'verified' || state.grounds.how !== 'factor') return false;
  return isAdmin(state.identity);
}

/** A change needs a fresh proof and a reason. @returns why not, or nothing */
export function mayAdminister(
  parts: Pick<CeremonyParts, 'clock' | 'isAdmin' | 'limits'>,
  session: LiveSession,
  reason: string,
): Refusal | undefined {
  if (!isAdministrator(parts, session)) return refusal('not-an-administrator');
  if (!provedWithin(session.session, parts.clock.now(), parts.limits().stepUpMs)) return refusal('fresh-proof-needed');
  return reason.trim() === '' ? refusal('reason-missing') : undefined;
}
