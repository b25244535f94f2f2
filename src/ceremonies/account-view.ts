/** The account page's facts, gathered. Shows at most the last two digits of a number that a factor uses. */
import type { FactorId, Identity } from '../gate/types.ts';
import { formatPhone } from '../phone/phone.ts';
import type { Draft, UserRecord } from '../store/store.ts';
import { type CeremonyParts, endingOf, personOf } from './accounts.ts';
import type { Account, Available, Enrolled } from './ceremonies.ts';

export async function accountOf(
  parts: CeremonyParts,
  identity: Identity,
  user: UserRecord | undefined,
  draft: Draft | undefined,
  mayChange: boolean,
): Promise<Account> {
  const level = parts.level(identity);
  const enrolments = user?.enrolments ?? [];
  const enrolled: Enrolled[] = [];
  for (const enrolment of enrolments) {
    const lastUsedAt = await parts.counters.lastUse(enrolment.id);
    const ending = endingOf(enrolment);
    enrolled.push({
      id: enrolment.id,
      factor: enrolment.factor,
      createdAt: enrolment.createdAt,
      mayRemove: level !== 'required' || enrolments.length > 1,
      ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
      ...(ending === undefined ? {} : { ending }),
    });
  }
  const has = (factor: FactorId) => enrolments.some((enrolment) => enrolment.factor === factor);
  const available = parts.factors().map(
    (factor): Available => ({
      factor: factor.id,
      discloses: factor.discloses(personOf(parts, identity, user)),
      needsPhone: factor.needs === 'phone',
      replaces: !factor.several && has(factor.id),
      ...(factor.provider === undefined ? {} : { provider: factor.provider }),
    }),
  );
  return {
    identity,
    level,
    enrolled,
    available,
    needsProof: !mayChange,
    ...(user?.phone === undefined ? {} : { phone: formatPhone(user.phone) }),
    ...(draft === undefined ? {} : { draft: draft.enrolment.factor }),
  };
}
