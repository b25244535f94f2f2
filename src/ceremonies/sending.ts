/** Texts and calls: one place that spends the budgets before a provider is asked, for logins and enrolments alike. */
import type { Channel, Sending } from '../factors/factor.ts';
import type { Enrolment, Instant } from '../gate/types.ts';
import type { CeremonyParts } from './accounts.ts';
import { endingOf, troubleCode } from './accounts.ts';
import type { Sent } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { askedOf, asking, type Matter } from './verifying.ts';

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
  const keys = [`send:${identity}`, `send-to:${numberKey(enrolment)}`];
  // Counted apart, and for good: an asking that ends as a notification in the app sends no text, and rings a phone all the same.
  const askings = insist ? [] : keys.map((key) => `asked-${key}`);
  const until = await spendAll(parts, [...askings, ...keys], now);
  if (until !== undefined) {
    parts.log.warn('excess_rate_limit_exceeded', { identity, budget: 'sends', until });
    return refusal('send-paused', { until });
  }
  const open = await parts.questions.get(question, enrolment.id, now);
  const asked = askedOf(parts, matter, open);
  const sending = (await asking(parts, factor, () => factor.send(asked, channel, insist))) ?? SILENT;
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
    for (const key of keys) await parts.counters.unspend(key, now);
    return refusal(sending.reason);
  }
  return refusal(troubleCode(sending.reason));
}

async function spendAll(parts: CeremonyParts, keys: readonly string[], now: Instant): Promise<Instant | undefined> {
  const spent: string[] = [];
  for (const key of keys) {
    const ruling = await parts.counters.spend(key, now, parts.limits().sends);
    if (ruling.allowed) {
      spent.push(key);
      continue;
    }
    for (const earlier of spent) await parts.counters.unspend(earlier, now);
    return ruling.until;
  }
  return undefined;
}

/** Accounts that share a phone share its budget: the provider's id stands for the number. */
export function numberKey(enrolment: Enrolment): string {
  return `${enrolment.factor}:${JSON.stringify(enrolment.data)}`;
}
