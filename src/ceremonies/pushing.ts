/**
 * Requests in an app, which somebody with a stolen password would send until a tired person taps "approve": one at a time on
 * a phone, few in a row, none for an hour after a denial (OWASP ASVS 6.6.4). Looking how one stands lets nobody in.
 */
import type { Factor, Look, Sending } from '../factors/factor.ts';
import type { Budget } from '../gate/attempts.ts';
import type { ClientFacts, Instant, Json } from '../gate/types.ts';
import { type CeremonyParts, personOf, troubleCode } from './accounts.ts';
import type { Sent } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import type { OpenQuestion } from './questions.ts';
import { numberKey } from './spending.ts';
import { askedOf, asking, lookAt, type Matter, noteHealth } from './verifying.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
/** Longer than a request can be answered: the next one finds no other on the phone. */
const ALONE_MS = 130_000;
/** After that many without an approval there are only codes. */
const BUDGETS: readonly Budget[] = [
  { max: 3, perMs: 10 * MINUTE_MS },
  { max: 10, perMs: DAY_MS },
];
const AFTER_DENIAL_MS = 60 * MINUTE_MS;
/** One request is asked about this often at most, over all tabs and gateways. */
const LOOK_EVERY_MS = 2000;
/** An answer can be collected this long after it was seen, by somebody who has to click. */
const COLLECT_MS = MINUTE_MS;
/** Names what was asked last of an enrolment, whatever login asked. */
const LAST = 'last-push';

const SILENT: Sending = { sent: false, reason: 'unavailable' };

/** Sends one request; a login that waits for its answer already goes on waiting. Never retried. */
export async function sendPush(parts: CeremonyParts, matter: Matter): Promise<Sent | Refusal> {
  const { clock, counters, log, questions } = parts;
  const { enrolment, factor, person, question } = matter;
  const { identity } = person;
  if (!factor.channels.includes('push')) return refusal('channel-off');
  const now = clock.now();
  const [alone, budget] = keysOf(matter);
  const held = await counters.take(alone, now, now + ALONE_MS, question);
  if (held !== undefined) {
    const isOurs = held.holder === question && (await questions.get(question, enrolment.id, now)) !== undefined;
    if (isOurs) return { ok: true, channel: 'push', nextAt: held.until };
    log.warn('excess_rate_limit_exceeded', { identity, budget: 'pushes', until: held.until });
    return refusal('push-off', { until: held.until });
  }
  const ruling = await counters.spend(budget, now, BUDGETS);
  if (!ruling.allowed) {
    await counters.free(alone, question);
    log.warn('excess_rate_limit_exceeded', { identity, budget: 'pushes', until: ruling.until });
    return refusal('push-off', { until: ruling.until });
  }
  // Whoever asked last may not have come back for the answer; a denial counts all the same.
  const last = await questions.get(LAST, enrolment.id, now);
  if (last !== undefined && (await lookAt(parts, matter, last)).is === 'denied') {
    return refusal('push-off', { until: await deny(parts, matter, last, undefined) });
  }

  const asked = askedOf(parts, matter, undefined);
  const sending = (await asking(parts, factor, () => factor.send(asked, 'push', false))) ?? SILENT;
  noteHealth(parts, factor, sending);
  if (sending.sent && sending.open !== undefined) {
    const { lifeMs, calledBy, ...asking } = sending.open;
    await questions.put(question, enrolment.id, asking, now + lifeMs);
    await questions.put(LAST, enrolment.id, { state: asking.state }, now + DAY_MS);
    if (calledBy !== undefined) {
      const { state } = asking;
      const { from } = matter;
      const named = { identity, question, enrolment: enrolment.id, state, ...(from === undefined ? {} : { from }) };
      await questions.name(`${factor.id}:${calledBy}`, named, now + DAY_MS);
    }
    log.info('authn_push_sent', { identity, factor: factor.id });
    return { ok: true, channel: 'push', nextAt: now + ALONE_MS };
  }
  const reason = sending.sent ? 'unavailable' : sending.reason;
  log.warn('authn_push_not_sent', { identity, factor: factor.id, reason });
  if (reason !== 'channel-off' && reason !== 'app-instead') return refusal(troubleCode(reason)); // it may have arrived
  await counters.free(alone, question);
  await counters.unspend(budget, now);
  return refusal('channel-off');
}

export interface Standing {
  readonly look: Look;
  /** The request that was looked at; absent when none is open. */
  readonly open?: OpenQuestion;
}

/** How the request of a question stands. An answer is kept until it is collected, and a denial counts at once. */
export async function standingOf(parts: CeremonyParts, matter: Matter): Promise<Standing> {
  const { clock, questions } = parts;
  const { enrolment, question } = matter;
  const now = clock.now();
  const open = await questions.get(question, enrolment.id, now);
  if (open === undefined) return { look: { is: 'expired' } };
  if (open.seen === 'approved' || open.seen === 'denied') return { look: { is: open.seen }, open };
  if (!(await questions.turn(question, enrolment.id, now, LOOK_EVERY_MS))) return { look: { is: 'waiting' }, open };
  return { look: await learn(parts, matter, open), open };
}

/**
 * A provider says that a request was answered. What it says is not believed: it is asked how the request stands, once, as any
 * page that waits would ask. Whoever asked for it collects the answer; a denial counts although nobody may wait any more.
 * @param name what the provider called it by
 * @returns `unknown` when the provider gave no answer; then nothing has changed
 */
export async function hearOf(parts: CeremonyParts, factor: Factor, name: string): Promise<'heard' | 'unknown'> {
  const { clock, questions, store } = parts;
  const now = clock.now();
  const named = await questions.named(`${factor.id}:${name}`, now);
  if (named === undefined) return 'heard';
  const { identity, question, from } = named;
  const user = await store.users.get(identity);
  const enrolment = user?.enrolments.find(({ id, factor: kind }) => id === named.enrolment && kind === factor.id);
  if (enrolment === undefined) return 'heard';
  // Its login may have asked once more since, or be over; then it is still the last request of that phone, or nothing.
  const open = [await questions.get(question, enrolment.id, now), await questions.get(LAST, enrolment.id, now)].find(
    (one) => one !== undefined && isSame(one.state, named.state),
  );
  if (open === undefined || open.seen === 'approved' || open.seen === 'denied') return 'heard';
  const person = personOf(parts, identity, user);
  const asker = from === undefined ? {} : { from };
  const matter: Matter = { factor, enrolment, others: [], person, purpose: 'login', question, ...asker };
  return (await learn(parts, matter, open)).is === 'unknown' ? 'unknown' : 'heard';
}

/** Asks how a request stands. */
async function learn(parts: CeremonyParts, matter: Matter, open: OpenQuestion): Promise<Look> {
  const { clock, questions } = parts;
  const { enrolment, question } = matter;
  const now = clock.now();
  const look = await lookAt(parts, matter, open);
  if (look.is === 'approved' || look.is === 'denied') {
    await questions.note(question, enrolment.id, { id: open.id, seen: look.is, expiresAt: now + COLLECT_MS });
  }
  if (look.is === 'denied') {
    const last = await questions.get(LAST, enrolment.id, now);
    if (last !== undefined && isSame(last.state, open.state)) await deny(parts, matter, last, matter.from);
  }
  return look;
}

function isSame(one: Json, other: Json): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A person has answered with "approve": the phone is free, and the count begins anew. */
export async function forgivePushes({ counters, questions }: CeremonyParts, matter: Matter): Promise<void> {
  const [alone, budget] = keysOf(matter);
  await questions.drop(LAST, matter.enrolment.id);
  await counters.free(alone, matter.question);
  await counters.forget(budget);
}

/** Somebody with the password asked, and the person said no: a guess, told to the person, and the end of requests for a while. */
async function deny(
  parts: CeremonyParts,
  matter: Matter,
  last: OpenQuestion,
  from: ClientFacts | undefined,
): Promise<Instant> {
  const { clock, counters, limits, log, notify, questions } = parts;
  const { enrolment, factor, person } = matter;
  const [alone] = keysOf(matter);
  const until = clock.now() + AFTER_DENIAL_MS;
  if (!(await questions.use(LAST, enrolment.id, last.id))) return until; // counted by another tab
  await counters.shut(alone, until);
  await counters.guess(person.identity, clock.now(), { ...limits().guesses, pausesMs: [] });
  log.warn('authn_push_denied', { identity: person.identity, factor: factor.id });
  await notify.tell(person.identity, { kind: 'push-denied' }, from);
  return until;
}

/** By the phone, not by the account: two accounts may share one. */
function keysOf({ enrolment }: Matter): readonly [alone: string, budget: string] {
  const phone = numberKey(enrolment);
  return [`push:${phone}`, `pushes:${phone}`];
}
