/**
 * The ways in which a login can be proved: what its identity has enrolled, what is switched on now, and what the
 * policy counts for it. A way that is not in this list does not exist, whatever a request names (attack 16).
 */
import type { Channel, Judge } from '../factors/factor.ts';
import { isAllowed } from '../gate/policy.ts';
import type { Enrolment, FactorId, Identity, Instant, PendingLogin } from '../gate/types.ts';
import type { UserRecord } from '../store/store.ts';
import { type CeremonyParts, endingOf } from './accounts.ts';
import { BYPASS_WAY } from './bypass.ts';
import type { Way } from './ceremonies.ts';
import { RECOVERY_WAY } from './recovery.ts';

/** An enrolment that can be asked, with the factor that asks. */
export interface Chosen {
  readonly factor: Judge;
  readonly enrolment: Enrolment;
  /** The person's other enrolments of this factor: where one has several, any of them answers. */
  readonly others: readonly Enrolment[];
  readonly user: UserRecord;
}

/**
 * In the order in which to offer them: what last succeeded, then strongest first, and last what stands in for a lost method.
 * A code of an administrator is always among these: whether there is one is told to nobody.
 */
export async function waysOf(parts: CeremonyParts, login: Pick<PendingLogin, 'identity'>): Promise<readonly Chosen[]> {
  const ways = await possible(parts, login.identity);
  const used = new Map<Chosen, Instant>();
  for (const way of ways) used.set(way, await lastUse(parts, way));
  const sorted = ways.toSorted((a, b) => (used.get(b) ?? 0) - (used.get(a) ?? 0));
  return [...sorted, ...(await recovery(parts, login.identity)), ...(await bypass(parts, login.identity))];
}

/** The named way, among those of this login. */
export async function chooseWay(parts: CeremonyParts, login: PendingLogin, id: string): Promise<Chosen | undefined> {
  const { identity } = login;
  const spare = id === RECOVERY_WAY ? recovery : id === BYPASS_WAY ? bypass : undefined;
  return (await (spare ?? possible)(parts, identity)).find(({ enrolment }) => enrolment.id === id);
}

/** Whether a way that was asked is still one, by the account as it is now. @param answered id of the enrolment that was proved */
export function isStillThere(parts: CeremonyParts, chosen: Chosen, user: UserRecord, answered: string): boolean {
  if (!counts(parts, user.identity, chosen.factor.id)) return false;
  if (chosen.factor.id === 'recovery') return parts.recovery() !== undefined && user.enrolments.length > 0;
  if (chosen.factor.id === 'bypass') return parts.bypass() !== undefined && user.enrolments.length > 0;
  return parts.factor(chosen.factor.id) !== undefined && user.enrolments.some(({ id }) => id === answered);
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
  const usable = parts.factors().filter(({ id }) => counts(parts, identity, id));
  return usable.flatMap((factor) => {
    const [enrolment, ...others] = user.enrolments.filter((candidate) => candidate.factor === factor.id);
    return enrolment === undefined ? [] : [{ factor, enrolment, others, user }];
  });
}

/** Only beside a factor: codes alone are none, so that nobody is asked who has nothing else (attack 15). */
async function recovery(parts: CeremonyParts, identity: Identity): Promise<readonly Chosen[]> {
  const factor = counts(parts, identity, 'recovery') ? parts.recovery() : undefined;
  const user = await parts.store.users.get(identity);
  const { codes, madeAt } = user?.recovery ?? { codes: [], madeAt: 0 };
  if (factor === undefined || user === undefined || user.enrolments.length === 0 || codes.length === 0) return [];
  const enrolment = { id: RECOVERY_WAY, factor: factor.id, data: codes, createdAt: madeAt };
  return [{ factor, enrolment, others: [], user }];
}

/** For whoever has a method, on or off: somebody without one is asked for nothing, and needs a ticket at most. */
async function bypass(parts: CeremonyParts, identity: Identity): Promise<readonly Chosen[]> {
  const factor = counts(parts, identity, 'bypass') ? parts.bypass() : undefined;
  const user = await parts.store.users.get(identity);
  if (factor === undefined || user === undefined || user.enrolments.length === 0) return [];
  return [{ factor, enrolment: { id: BYPASS_WAY, factor: factor.id, data: null, createdAt: 0 }, others: [], user }];
}

function counts(parts: CeremonyParts, identity: Identity, factor: FactorId): boolean {
  return isAllowed(parts.policy(identity), factor);
}

async function lastUse(parts: CeremonyParts, { enrolment, others }: Chosen): Promise<Instant> {
  const uses = await Promise.all([enrolment, ...others].map(({ id }) => parts.counters.lastUse(id)));
  return Math.max(0, ...uses.map((at) => at ?? 0));
}
