/**
 * A provider calls us. The order is the security: signature → age → used up → the provider is asked. Nobody is let in here, and
 * nothing is written before the signature was right.
 */
import type { Callback } from '../factors/factor.ts';
import { callAge } from '../gate/call-age.ts';
import { FACTOR_IDS } from '../gate/types.ts';
import type { CeremonyParts } from './accounts.ts';
import type { Callbacks, Hearing } from './ceremonies.ts';
import { hearOf } from './pushing.ts';

export class CalledBack implements Callbacks {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  isOpen(factor: string): boolean {
    return this.#factor(factor)?.called !== undefined;
  }

  async hear(id: string, callback: Callback): Promise<Hearing> {
    const { clock, counters, randomId } = this.#parts;
    const factor = this.#factor(id);
    const called = factor?.called?.(callback);
    if (factor === undefined || called === undefined) return { is: 'refused', reason: 'signature' };
    if (!called.ok) return { is: 'refused', reason: called.reason };
    const now = clock.now();
    const age = callAge(called.signedAt, now);
    if (age.is !== 'fresh') return { is: 'refused', reason: age.is };
    const key = `called:${factor.id}:${called.signature}`;
    const holder = randomId();
    if ((await counters.take(key, now, age.rememberUntil, holder)) !== undefined) {
      return { is: 'refused', reason: 'replayed' };
    }
    let isHeard = false;
    try {
      isHeard = called.about === undefined || (await hearOf(this.#parts, factor, called.about)) === 'heard';
    } finally {
      // Nothing has changed: the same call may come once more.
      if (!isHeard) await counters.free(key, holder);
    }
    return { is: isHeard ? 'heard' : 'later' };
  }

  #factor(id: string) {
    const known = FACTOR_IDS.find((one) => one === id);
    return known === undefined ? undefined : this.#parts.factor(known);
  }
}
