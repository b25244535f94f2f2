/** Enrolment tickets: proof that an administrator lets this person set up the first factor of this account (T6, attack 53). */
import { type Mac, makeVoucher, readVoucher } from '../factors/voucher.ts';
import type { Identity, Instant } from '../gate/types.ts';

/** @returns five groups of four letters, as a person gets it */
export function makeTicket(mac: Mac, identity: Identity, now: Instant): string {
  return makeVoucher(mac, 'enrolment-ticket', identity, now);
}

/** @returns when it was made; `undefined` for what is no ticket of this account, or one that is too old */
export function readTicket(
  mac: Mac,
  identity: Identity,
  typed: string,
  now: Instant,
  lifeMs: number,
): Instant | undefined {
  return readVoucher(mac, 'enrolment-ticket', identity, typed, now, lifeMs);
}
