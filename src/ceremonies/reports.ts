/** What an administrator should look at now and then: what was sent, how outside services answer, what happened. */
import type { LiveSession } from '../session/live.ts';
import { type CeremonyParts, ownerOf } from './accounts.ts';
import { isAdministrator, LONGEST_REASON, mayAdminister } from './administering.ts';
import type { Report, Reporting } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { ALL_SENDS, COUNTRY_SENDS } from './spending.ts';

export class Reports implements Reporting {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  async report(session: LiveSession, page: number): Promise<({ readonly ok: true } & Report) | Refusal> {
    if (!isAdministrator(this.#parts, session)) return refusal('not-an-administrator');
    const { audit, clock, counters, factors, health, limits } = this.#parts;
    const { outlay } = limits();
    const now = clock.now();
    const all = await counters.spent(ALL_SENDS, now, outlay.all.perMs);
    const countries = await counters.spentBelow(COUNTRY_SENDS, now, outlay.country.perMs);
    const services = factors().filter(({ id, provider }) => provider !== undefined || id === 'email');
    return {
      ok: true,
      sends: {
        today: all.count,
        most: outlay.all.max,
        ...(all.count < outlay.all.max ? {} : { stoppedUntil: (all.oldest ?? now) + outlay.all.perMs }),
        countries: countries.map(({ name, count }) => ({ country: name, count })),
        mostForCountry: outlay.country.max,
      },
      services: services.map(({ id, provider }) => ({
        ...health.of(id),
        ...(provider === undefined ? {} : { provider }),
      })),
      ...(await audit.page(page)),
    };
  }

  async liftStop(session: LiveSession, reason: string): Promise<{ readonly ok: true } | Refusal> {
    const refused = mayAdminister(this.#parts, session, reason);
    if (refused !== undefined) return refused;
    const { audit, counters, log } = this.#parts;
    const actor = ownerOf(session);
    const said = reason.trim().slice(0, LONGEST_REASON);
    await counters.forget(ALL_SENDS);
    log.warn('admin_spending_stop_lifted', { actor, reason: said });
    await audit.done('admin_spending_stop_lifted', actor, said);
    return { ok: true };
  }
}
