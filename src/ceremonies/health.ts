/** How the outside services that send and judge codes answered last, as this process saw it. Forgotten with it. */
import type { FactorId, Instant } from '../gate/types.ts';

export interface ServiceHealth {
  readonly factor: FactorId;
  readonly answeredAt?: Instant;
  readonly failedAt?: Instant;
  /** Of the last failure: out of reach, or it does not take our key or settings. */
  readonly failure?: 'unavailable' | 'misconfigured';
}

export class Health {
  readonly #seen = new Map<FactorId, ServiceHealth>();

  /** @param reason what a factor gave for not doing what it was asked to, where it did not */
  note(factor: FactorId, reason: string | undefined, now: Instant): void {
    const before = this.#seen.get(factor) ?? { factor };
    const isFailure = reason === 'unavailable' || reason === 'misconfigured';
    this.#seen.set(factor, isFailure ? { ...before, failedAt: now, failure: reason } : { ...before, answeredAt: now });
  }

  of(factor: FactorId): ServiceHealth {
    return this.#seen.get(factor) ?? { factor };
  }
}
