/**
 * Before an account has its first factor: who may set it up, and whether it may wait. With a factor in place nothing here opens
 * anything (T6, attack 53). The rules are in gate/policy.ts; this file only gathers what they are asked about.
 */
import { mayChangeFactors, mayWaitUntil } from '../gate/policy.ts';
import { provedWithin } from '../gate/session.ts';
import type { LiveSession } from '../session/live.ts';
import type { UserRecord } from '../store/store.ts';
import { type CeremonyParts, ownerOf } from './accounts.ts';
import type { Proved } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';

/** Whether this session may change the factors of its account. @param user as it is at the moment that counts */
export function mayChange(
  parts: Pick<CeremonyParts, 'clock' | 'limits' | 'policy'>,
  session: LiveSession,
  user: UserRecord | undefined,
): ReturnType<typeof mayChangeFactors> {
  const now = parts.clock.now();
  const changing = {
    hasFactor: hasFactor(user),
    provedFreshly: provedWithin(session.session, now, parts.limits().stepUpMs),
    hasTicket: false,
  };
  return mayChangeFactors(parts.policy(ownerOf(session), session.record.from), changing, now);
}

/** @throws SessionGone when the session changed meanwhile */
export async function postpone(parts: CeremonyParts, session: LiveSession): Promise<Proved | Refusal> {
  const { clock, log, sessions, store } = parts;
  const state = session.session;
  if (session.ended || state.state !== 'enrolling') return refusal('session-gone');
  const { identity, returnTo } = state.login;
  const policy = parts.policy(identity, session.record.from);
  const until = mayWaitUntil(policy, hasFactor(await store.users.get(identity)), clock.now());
  if (until === undefined) return refusal('grace-over');
  const issued = await sessions.transition(session, { type: 'enrolment-postponed', until });
  const isLate = issued.session.session.state !== 'verified';
  // A factor that was confirmed between our look and our write is asked for from then on, here too.
  if (isLate || hasFactor(await store.users.get(identity))) {
    await sessions.end(issued.session, isLate ? 'pending-expired' : 'replaced');
    return refusal(isLate ? 'login-expired' : 'session-gone');
  }
  log.info('authn_enrolment_postponed', { identity, until });
  return { ok: true, issued, returnTo };
}

function hasFactor(user: UserRecord | undefined): boolean {
  return (user?.enrolments.length ?? 0) > 0;
}
