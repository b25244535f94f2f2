/** Checks one code with its factor and uses it up. An exception is an outage, never a pass (I6). */
import type { Factor, Verification } from '../factors/factor.ts';
import type { Enrolment } from '../gate/types.ts';
import { reasonOf } from '../log.ts';
import type { CeremonyParts } from './accounts.ts';

/** @throws StoreError when the used time step cannot be written: a code that may be used twice is none (RFC 6238 5.2). */
export async function verifyCode(
  { clock, counters, log }: Pick<CeremonyParts, 'clock' | 'counters' | 'log'>,
  factor: Factor,
  enrolment: Enrolment,
  code: string,
): Promise<Verification> {
  let verification: Verification;
  try {
    verification = await factor.verify(enrolment, code, clock.now());
  } catch (error) {
    log.error('provider_failed', { factor: factor.id, reason: reasonOf(error) });
    return { ok: false, reason: 'unavailable' };
  }
  if (!verification.ok || verification.step === undefined) return verification;
  const fresh = await counters.useStep(enrolment.id, verification.step, clock.now());
  return fresh ? verification : { ok: false, reason: 'replayed' };
}
