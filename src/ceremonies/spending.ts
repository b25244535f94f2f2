/**
 * Who pays for a message: the person and the number, and for texts and calls also the beginning of the number, its country,
 * the client and the day of everybody. Each is counted before a provider is asked; what is refused by one costs none (T4).
 */
import type { Channel } from '../factors/factor.ts';
import { type KnownNumber, numberIn } from '../factors/number.ts';
import type { Budget } from '../gate/attempts.ts';
import type { Enrolment, Instant } from '../gate/types.ts';
import { clientBucket } from '../request/client.ts';
import { type CeremonyParts, endingOf } from './accounts.ts';
import { type Refusal, refusal } from './outcomes.ts';
import type { Matter } from './verifying.ts';

/** What texts and calls of all people together may cost: fraud calls numbers that nobody here has, many of one range. */
export interface OutlayLimits {
  /** Numbers that begin alike, {@link ALIKE} characters with the plus. */
  readonly prefix: Budget;
  readonly country: Budget;
  readonly address: Budget;
  readonly all: Budget;
  /** ISO 3166-1 alpha-2; empty: any. */
  readonly countries: readonly string[];
}

/** The plus and seven digits: country, network and the first of the range. */
const ALIKE = 8;
const PAID: ReadonlySet<Channel> = new Set<Channel>(['sms', 'call', 'whatsapp']);

/** What everybody sent. */
export const ALL_SENDS = 'sends-all:';
/** Before the country that it went to. */
export const COUNTRY_SENDS = 'sends-country:';

interface Purse {
  readonly key: string;
  readonly budgets: readonly Budget[];
  readonly refusal: (until: Instant) => Refusal;
}

export interface Paid {
  readonly ok: true;
  /** Takes back what a message would have cost that was not sent after all. */
  refund(): Promise<void>;
}

/** @param insist the person asked for a message although an app is registered */
export async function payFor(
  parts: CeremonyParts,
  matter: Matter,
  channel: Channel,
  insist: boolean,
): Promise<Paid | Refusal> {
  const { counters, clock, log } = parts;
  const limits = parts.limits();
  const now = clock.now();
  const number = numberOf(matter);
  if (number !== undefined && PAID.has(channel) && !mayReach(number.country, limits.outlay)) {
    return refusal('number-country');
  }
  const { identity } = matter.person;
  const to = addressKey(matter.enrolment);
  // Anybody can type the number of somebody else into a draft; that takes nothing of what its owner needs to sign in.
  const own = [`send:${identity}`, `${matter.purpose === 'enrol' ? 'send-new' : 'send-to'}:${to}`];
  // Counted apart, and for good: an asking that ends as a notification in the app sends no text, and rings a phone all the same.
  const askings = (insist ? [] : own).map((key) => purse(`asked-${key}`, limits.sends));
  const costs = [
    ...own.map((key) => purse(key, limits.sends)),
    ...(PAID.has(channel) ? shared(limits.outlay, number, matter.from?.address) : []),
  ];
  const spent: Purse[] = [];
  const takeBack = async (purses: readonly Purse[]): Promise<void> => {
    for (const { key } of purses) await counters.unspend(key, now);
  };
  for (const one of [...askings, ...costs]) {
    const ruling = await counters.spend(one.key, now, one.budgets);
    if (ruling.allowed) {
      spent.push(one);
      continue;
    }
    await takeBack(spent);
    const refused = one.refusal(ruling.until);
    const facts = { identity, budget: one.key.split(':', 1)[0] ?? '', until: ruling.until };
    if (refused.code === 'spending-stopped') log.error('sends_stopped', facts);
    else log.warn('excess_rate_limit_exceeded', facts);
    return refused;
  }
  return { ok: true, refund: () => takeBack(costs) };
}

export function mayReach(country: string, { countries }: Pick<OutlayLimits, 'countries'>): boolean {
  return countries.length === 0 || countries.includes(country);
}

/** A client that nobody knows shares one budget with all of its kind. */
function shared(limits: OutlayLimits, number: KnownNumber | undefined, address = 'unknown'): readonly Purse[] {
  return [
    ...(number === undefined
      ? []
      : [
          purse(`sends-prefix:${number.e164.slice(0, ALIKE)}`, [limits.prefix]),
          purse(`${COUNTRY_SENDS}${number.country}`, [limits.country]),
        ]),
    purse(`sends-address:${clientBucket(address)}`, [limits.address]),
    { key: ALL_SENDS, budgets: [limits.all], refusal: (until) => refusal('spending-stopped', { until }) },
  ];
}

function purse(key: string, budgets: readonly Budget[]): Purse {
  return { key, budgets, refusal: (until) => refusal('send-paused', { until }) };
}

/** Where the enrolment says so, or the person's own number where it can be the one that the provider keeps. */
function numberOf({ enrolment, person }: Matter): KnownNumber | undefined {
  const known = numberIn(enrolment.data);
  if (known !== undefined) return known;
  const ending = endingOf(enrolment);
  const { phone } = person;
  return ending !== undefined && phone?.e164.endsWith(ending) === true ? phone : undefined;
}

/** Where messages for an enrolment go. */
export function addressKey(enrolment: Enrolment): string {
  return numberIn(enrolment.data)?.e164 ?? numberKey(enrolment);
}

/** Accounts that share a phone share its budget: the provider's id stands for the number. */
export function numberKey(enrolment: Enrolment): string {
  return `${enrolment.factor}:${JSON.stringify(enrolment.data)}`;
}
