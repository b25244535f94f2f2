/** Texts and calls: one place that spends the budgets before a provider is asked, for logins and enrolments alike. */
import type { Channel, Sending } from '../factors/factor.ts';
import type { Instant, Json } from '../gate/types.ts';
import type { CeremonyParts } from './accounts.ts';
import { endingOf, troubleCode } from './accounts.ts';
import type { Sent } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { addressKey, payFor } from './spending.ts';
import { askedOf, asking, type Matter, noteHealth } from './verifying.ts';

/** Names whose code is on its way to an address. */
const HOLDER = 'holder';

const SILENT: Sending = { sent: false, reason: 'unavailable' };

/** Sends one code. Never retried: a second text costs money and voids the first. */
export async function sendCode(
  parts: CeremonyParts,
  matter: Matter,
  channel: Channel,
  insist: boolean,
): Promise<Sent | Refusal> {
  const { enrolment, factor, question } = matter;
  const { identity } = matter.person;
  if (!factor.channels.includes(channel) || channel === 'push') return refusal('channel-off'); // see pushing.ts
  const now = parts.clock.now();
  const heldUntil = await heldByOther(parts, matter, now);
  if (heldUntil !== undefined) {
    parts.log.warn('authn_code_not_sent', { identity, factor: factor.id, channel, reason: 'number-busy' });
    return refusal('number-busy', { until: heldUntil });
  }
  const paid = await payFor(parts, matter, channel, insist);
  if (!paid.ok) return paid;
  const open = await parts.questions.get(question, enrolment.id, now);
  const asked = askedOf(parts, matter, open);
  const sending = (await asking(parts, factor, () => factor.send(asked, channel, insist))) ?? SILENT;
  noteHealth(parts, factor, sending);
  if (sending.sent) {
    if (sending.open !== undefined) {
      const { lifeMs, ...asking } = sending.open;
      await parts.questions.put(question, enrolment.id, asking, now + lifeMs);
      await hold(parts, matter, now + lifeMs);
    }
    parts.log.info('authn_code_sent', { identity, factor: factor.id, channel });
    const gap = Math.min(...parts.limits().sends.map((budget) => budget.perMs / budget.max));
    const ending = sending.ending ?? endingOf(enrolment);
    return { ok: true, channel, nextAt: now + gap, ...(ending === undefined ? {} : { ending }) };
  }
  parts.log.warn('authn_code_not_sent', { identity, factor: factor.id, channel, reason: sending.reason });
  if (sending.reason === 'app-instead' || sending.reason === 'channel-off') {
    // No text left the provider, so "text me anyway" must work at once.
    await paid.refund();
    return refusal(sending.reason);
  }
  return refusal(troubleCode(sending.reason));
}

/**
 * Where a provider has one code for a number, whoever asks, a new one is the end of the old one. Anybody can type the number of
 * somebody else into a draft: there none is sent while its owner has one to sign in with (attack 48).
 */
async function heldByOther(
  { questions }: CeremonyParts,
  { enrolment, factor, person, purpose }: Matter,
  now: Instant,
): Promise<Instant | undefined> {
  if (factor.checksPerAddress === undefined || purpose !== 'enrol') return undefined;
  const held = holderIn((await questions.get(HOLDER, addressKey(enrolment), now))?.state);
  if (held === undefined || held.identity === person.identity) return undefined;
  return (await questions.get(held.question, held.enrolment, now))?.expiresAt;
}

async function hold({ questions }: CeremonyParts, matter: Matter, until: Instant): Promise<void> {
  const { enrolment, factor, person, purpose, question } = matter;
  if (factor.checksPerAddress === undefined || purpose === 'enrol') return;
  const state = { question, enrolment: enrolment.id, identity: person.identity };
  await questions.put(HOLDER, addressKey(enrolment), { state }, until);
}

function holderIn(state: Json | undefined) {
  if (state === undefined || state === null || typeof state !== 'object' || !('question' in state)) return undefined;
  const { question, enrolment, identity } = state;
  const isWhole = typeof question === 'string' && typeof enrolment === 'string' && typeof identity === 'string';
  return isWhole ? { question, enrolment, identity } : undefined;
}
