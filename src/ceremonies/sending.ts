/** Texts and calls: one place that spends the budgets before a provider is asked, for logins and enrolments alike. */
import type { Channel, Sending } from '../factors/factor.ts';
import type { CeremonyParts } from './accounts.ts';
import { endingOf, troubleCode } from './accounts.ts';
import type { Sent } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { payFor } from './spending.ts';
import { askedOf, asking, type Matter, noteHealth } from './verifying.ts';

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
