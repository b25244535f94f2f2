/**
 * Who has one factor and nothing beside it, for the day when that factor goes away. Recovery codes count as nothing: they come
 * with a factor and are used up. Counts and lists; changes nothing.
 */
import type { FactorId } from '../gate/types.ts';
import type { CeremonyParts } from './accounts.ts';
import type { Dependants } from './ceremonies.ts';

const PAGE_SIZE = 25;

/** @param page from 1 on */
export async function dependantsOn(
  { counters, store }: Pick<CeremonyParts, 'counters' | 'store'>,
  factor: FactorId,
  search: string,
  page: number,
): Promise<Dependants> {
  const wanted = search.trim().toLowerCase();
  const found: Dependants['rows'][number][] = [];
  for await (const [, { identity, enrolments }] of store.users.entries()) {
    const [enrolment] = enrolments;
    if (enrolment === undefined || enrolments.some((one) => one.factor !== factor)) continue;
    if (!identity.toLowerCase().includes(wanted)) continue;
    const lastUsedAt = await counters.lastUse(enrolment.id);
    found.push({ identity, ...(lastUsedAt === undefined ? {} : { lastUsedAt }) });
  }
  found.sort((a, b) => (a.identity < b.identity ? -1 : 1));
  const first = Math.max(0, page - 1) * PAGE_SIZE;
  return { ok: true, rows: found.slice(first, first + PAGE_SIZE), total: found.length, pageSize: PAGE_SIZE };
}
