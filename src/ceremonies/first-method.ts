/**
 * Before an account has its first factor: who may set it up, and whether it may wait. With a factor in place nothing here opens
 * anything (T6, attack 53). The rules are in gate/policy.ts; this file only gathers what they are asked about.
 */
import { mayChangeFactors, mayWaitUntil } from '../gate/policy.ts';
import { provedWithin } from '../gate/session.ts';
import type { Instant } from '../gate/types.ts';
import type { LiveSession } from '../session/live.ts';
import type { UserRecord } from '../store/store.ts';
import { type CeremonyParts, emptyUser, ownerOf } from './accounts.ts';
import type { Proved } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { readTicket } from './tickets.ts';

/** Tickets that may be typed for one account: nobody guesses one, and nobody keeps the store busy trying. */
const TICKET_BUDGET = [{ max: 20, perMs: 3_600_000 }];

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
    hasTicket: user?.ticket !== undefined && user.ticket.session === session.key && now < user.ticket.until,
  };
  return mayChangeFactors(parts.policy(ownerOf(session), session.record.from), changing, now);
}

/** Whether this is a ticket for this account that is still good. Uses nothing up. */
export function isTicketFor(
  parts: Pick<CeremonyParts, 'clock' | 'limits' | 'store'>,
  user: UserRecord,
  typed: string,
): boolean {
  const { clock, limits, store } = parts;
  const mac = (label: string, text: string) => store.mac(label, text);
  const madeAt = readTicket(mac, user.identity, typed, clock.now(), limits().ticketMs);
  return isGoodFor(user, madeAt);
}

function isGoodFor(user: UserRecord, madeAt: Instant | undefined): madeAt is Instant {
  return madeAt !== undefined && madeAt > (user.ticketsAfter ?? 0) && !hasFactor(user);
}

/** Binds a ticket to the session that shows it. Shown again elsewhere, it moves there: whoever has it has it. */
export async function showTicket(
  parts: CeremonyParts,
  session: LiveSession,
  typed: string,
): Promise<{ readonly ok: true } | Refusal> {
  const { clock, counters, limits, log, sessions, store } = parts;
  const identity = ownerOf(session);
  const now = clock.now();
  const budget = await counters.spend(`ticket:${identity}`, now, TICKET_BUDGET);
  if (!budget.allowed) return refusal('guesses-paused', { until: budget.until });
  const { ticketMs } = limits();
  const madeAt = readTicket((label, text) => store.mac(label, text), identity, typed, now, ticketMs);
  if (!(await sessions.stands(session))) return refusal('session-gone');
  const shown = await store.users.update<{ readonly ok: true } | Refusal>(identity, (current) => {
    const user = current ?? emptyUser(identity);
    if (session.ended) return { result: refusal('session-gone') };
    if (!isGoodFor(user, madeAt)) return { result: refusal('ticket-wrong') };
    return { write: { ...user, ticket: { session: session.key, until: madeAt + ticketMs } }, result: { ok: true } };
  });
  log[shown.ok ? 'info' : 'warn'](shown.ok ? 'authn_ticket_accepted' : 'authn_ticket_refused', { identity });
  return shown;
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
