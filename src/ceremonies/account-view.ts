/** The account page's facts, gathered. Shows at most the last two digits of a number that a factor uses. */
import { isAllowed, mayKeepOnly, mayWaitUntil } from '../gate/policy.ts';
import type { FactorId, Identity } from '../gate/types.ts';
import { formatPhone } from '../phone/phone.ts';
import type { LiveSession } from '../session/live.ts';
import type { Draft, UserRecord } from '../store/store.ts';
import { type CeremonyParts, endingOf, isSynced, personOf } from './accounts.ts';
import type { Account, Available, Enrolled } from './ceremonies.ts';
import { mayChange } from './first-method.ts';
import { knownAddresses } from './known.ts';

export async function accountOf(
  parts: CeremonyParts,
  identity: Identity,
  user: UserRecord | undefined,
  session: LiveSession,
  draft: Draft | undefined,
): Promise<Account> {
  const policy = parts.policy(identity, session.record.from);
  const { level } = policy;
  const enrolments = user?.enrolments ?? [];
  const owes = session.session.state === 'enrolling';
  const mayWait = owes ? mayWaitUntil(policy, enrolments.length > 0, parts.clock.now()) : undefined;
  const may = mayChange(parts, session, user);
  const enrolled: Enrolled[] = [];
  for (const enrolment of enrolments) {
    const lastUsedAt = await parts.counters.lastUse(enrolment.id);
    const ending = endingOf(enrolment);
    const synced = isSynced(enrolment);
    enrolled.push({
      id: enrolment.id,
      factor: enrolment.factor,
      createdAt: enrolment.createdAt,
      mayRemove: mayKeepOnly(
        policy,
        enrolments.filter(({ id }) => id !== enrolment.id).map(({ factor }) => factor),
      ),
      mayRename: parts.factor(enrolment.factor)?.several === true,
      ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
      ...(ending === undefined ? {} : { ending }),
      ...(enrolment.name === undefined ? {} : { name: enrolment.name }),
      ...(synced === undefined ? {} : { isSynced: synced }),
    });
  }
  const has = (factor: FactorId) => enrolments.some((enrolment) => enrolment.factor === factor);
  const offered = parts.factors().filter(({ id }) => isAllowed(policy, id));
  const available = offered.map(
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
    needsProof: may === 'fresh-proof-needed',
    needsTicket: may === 'ticket-needed',
    known: may === 'ticket-needed' ? await knownAddresses(parts, session) : [],
    ...(mayWait === undefined ? {} : { mayWaitUntil: mayWait }),
    ...(user?.phone === undefined ? {} : { phone: formatPhone(user.phone) }),
    ...(parts.recovery() === undefined || !isAllowed(policy, 'recovery') || enrolments.length === 0
      ? {}
      : { recovery: codesOf(user) }),
    ...(draft === undefined ? {} : { draft: draft.enrolment.factor }),
  };
}

function codesOf(user: UserRecord | undefined): NonNullable<Account['recovery']> {
  const { recovery } = user ?? {};
  return recovery === undefined ? { left: 0 } : { left: recovery.codes.length, madeAt: recovery.madeAt };
}
