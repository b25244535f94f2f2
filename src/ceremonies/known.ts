/**
 * Before an account has its first factor: a code to the e-mail address or number that an administrator's list says, as a ticket
 * that nobody has to hand out (T6, attack 53). Where it goes comes from the list alone, never from the person and never from the
 * application, whose address a thief of passwords could change.
 */
import type { Factor, Person } from '../factors/factor.ts';
import { vouchesByAddress } from '../gate/policy.ts';
import type { Enrolment, Instant } from '../gate/types.ts';
import { masked } from '../people/email.ts';
import type { KnownPerson } from '../people/people.ts';
import type { LiveSession } from '../session/live.ts';
import { type CeremonyParts, emptyUser, ownerOf, troubleCode } from './accounts.ts';
import type { KnownAddress, KnownChannel, Sent } from './ceremonies.ts';
import { mayChange } from './first-method.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { sendCode } from './sending.ts';
import { lateCode, type Matter, readAnswer, verifyAnswer, wrongCode } from './verifying.ts';

const CHANNELS: readonly KnownChannel[] = ['email', 'sms'];

/** Where a code may go that lets this session set up the first method; nowhere when none is needed, or the policy says so. */
export async function knownAddresses(parts: CeremonyParts, session: LiveSession): Promise<readonly KnownAddress[]> {
  const identity = ownerOf(session);
  const user = await parts.store.users.get(identity);
  if (mayChange(parts, session, user) !== 'ticket-needed') return [];
  if (!vouchesByAddress(parts.policy(identity, session.record.from))) return [];
  return CHANNELS.flatMap((channel) => {
    const factor = parts.reach(channel);
    const shown = shownOf(parts.known(identity), channel);
    return factor === undefined || shown === undefined
      ? []
      : [{ channel, factor: factor.id, shown, digits: factor.digits }];
  });
}

/** Sends a code within the budgets of all messages. */
export async function sendToKnown(
  parts: CeremonyParts,
  session: LiveSession,
  channel: KnownChannel,
): Promise<Sent | Refusal> {
  const matter = await matterOf(parts, session, channel);
  if (!('factor' in matter)) return matter;
  const { clock, counters, limits } = parts;
  const lock = await counters.lockOf(matter.person.identity, clock.now(), limits().guesses);
  if (lock.lock === 'locked') return refusal('locked');
  return sendCode(parts, matter, channel, false);
}

/** A right code is as good as a ticket in this session, and in no other. Wrong ones count with all guesses of the account. */
export async function proveKnown(
  parts: CeremonyParts,
  session: LiveSession,
  channel: KnownChannel,
  input: unknown,
): Promise<{ readonly ok: true } | Refusal> {
  const { clock, counters, limits, log, sessions, store } = parts;
  const matter = await matterOf(parts, session, channel);
  if (!('factor' in matter)) return matter;
  const { factor } = matter;
  const { identity } = matter.person;
  const read = readAnswer(factor, input);
  if (!read.ok) return read;
  const ruling = await counters.guess(identity, clock.now(), limits().guesses);
  if (!ruling.allowed) {
    log.warn('authn_login_lock', { identity, until: ruling.until });
    return ruling.until === 'unlocked' ? refusal('locked') : refusal('guesses-paused', { until: ruling.until });
  }
  const verification = await verifyAnswer(parts, matter, read.answer);
  if (!verification.ok) {
    const { reason } = verification;
    if (reason === 'wrong' || reason === 'replayed') {
      log.warn('authn_known_address_fail', { identity, channel });
      return refusal(wrongCode(factor, reason), { digits: factor.digits, left: ruling.left });
    }
    await counters.refundGuess(identity);
    return refusal(reason === 'expired' || reason === 'superseded' ? lateCode(factor, reason) : troubleCode(reason));
  }
  if (!(await sessions.stands(session))) return refusal('session-gone');
  const until = clock.now() + limits().ticketMs;
  const proved = await store.users.update<{ readonly ok: true } | Refusal>(identity, (current) => {
    const user = current ?? emptyUser(identity);
    if (session.ended) return { result: refusal('session-gone') };
    if (user.enrolments.length > 0) return { result: refusal('fresh-proof-needed') };
    return { write: { ...user, ticket: { session: session.key, until } }, result: { ok: true } };
  });
  if (proved.ok) {
    await counters.forgiveGuesses(identity);
    log.info('authn_known_address_proved', { identity, channel });
  }
  return proved;
}

/** Bound to this session: a code that was sent for one login is nothing in another. */
async function matterOf(parts: CeremonyParts, session: LiveSession, channel: KnownChannel): Promise<Matter | Refusal> {
  const identity = ownerOf(session);
  const factor = parts.reach(channel);
  const isOffered = (await knownAddresses(parts, session)).some((one) => one.channel === channel);
  if (factor === undefined || !isOffered) return refusal('known-address-off');
  const person: Person = { identity, ...parts.known(identity) };
  const enrolment = await enrolmentOf(factor, person, channel, parts.clock.now());
  if (enrolment === undefined) return refusal('known-address-off');
  const { from } = session.record;
  return {
    factor,
    enrolment,
    others: [],
    person,
    purpose: 'first-method',
    question: `known:${session.key}`,
    ...(from === undefined ? {} : { from }),
  };
}

async function enrolmentOf(
  factor: Factor,
  person: Person,
  channel: KnownChannel,
  now: Instant,
): Promise<Enrolment | undefined> {
  const begun = await factor.begin(person, now);
  return begun.ok ? { id: `known-${channel}`, factor: factor.id, data: begun.data, createdAt: now } : undefined;
}

function shownOf(known: KnownPerson | undefined, channel: KnownChannel): string | undefined {
  if (channel === 'email') return known?.email === undefined ? undefined : masked(known.email);
  return known?.phone?.e164.slice(-2);
}
