/**
 * The ways in which a login can be proved: what its identity has enrolled and what is switched on now. A way that is not in
 * this list does not exist, whatever a request names (attack 16).
 */
import type { Channel, Factor } from '../factors/factor.ts';
import type { Enrolment, Identity, Instant, PendingLogin } from '../gate/types.ts';
import type { UserRecord } from '../store/store.ts';
import { type CeremonyParts, endingOf } from './accounts.ts';
import type { Way } from './ceremonies.ts';

/** An enrolment that can be asked, with the factor that asks. */
export interface Chosen {
  readonly factor: Factor;
  readonly enrolment: Enrolment;
  /** The person's other enrolments of this factor: where one has several, any of them answers. */
  readonly others: readonly Enrolment[];
  readonly user: UserRecord;
}

/** In the order in which to offer them: what last succeeded, then strongest first. */
export async function waysOf(parts: CeremonyParts, login: PendingLogin): Promise<readonly Chosen[]> {
  const ways = await possible(parts, login.identity);
  const used = new Map<Chosen, Instant>();
  for (const way of ways) used.set(way, await lastUse(parts, way));
  return ways.toSorted((a, b) => (used.get(b) ?? 0) - (used.get(a) ?? 0));
}

/** The named way, among those of this login. */
export async function chooseWay(parts: CeremonyParts, login: PendingLogin, id: string): Promise<Chosen | undefined> {
  return (await possible(parts, login.identity)).find(({ enrolment }) => enrolment.id === id);
}

/** What the page learns of a way. */
export function wayOf({ enrolment, factor }: Chosen): Way {
  const channels: readonly Channel[] = factor.channels;
  const ending = endingOf(enrolment);
  return {
    id: enrolment.id,
    factor: factor.id,
    answer: factor.answer,
    digits: factor.digits,
    channels,
    ...(ending === undefined ? {} : { ending }),
  };
}

async function possible(parts: CeremonyParts, identity: Identity): Promise<Chosen[]> {
  const user = await parts.store.users.get(identity);
  if (user === undefined) return [];
  return parts.factors().flatMap((factor) => {
    const [enrolment, ...others] = user.enrolments.filter((candidate) => candidate.factor === factor.id);
    return enrolment === undefined ? [] : [{ factor, enrolment, others, user }];
  });
}

async function lastUse(parts: CeremonyParts, { enrolment, others }: Chosen): Promise<Instant> {
  const uses = await Promise.all([enrolment, ...others].map(({ id }) => parts.counters.lastUse(id)));
  return Math.max(0, ...uses.map((at) => at ?? 0));
}
