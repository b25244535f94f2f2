/**
 * The arithmetic of RFC 6238 over a secret: which time step, if any, a code belongs to. The hash is otpauth's; this file
 * adds the window and a comparison whose time tells nothing. It never remembers what was used: the caller does.
 */
import { timingSafeEqual } from 'node:crypto';
import { HOTP, type Secret } from 'otpauth';
import type { Instant } from '../../gate/types.ts';

/** Seconds a code lasts. Authenticator apps ignore any other value in the URI. */
export const PERIOD_S = 30;
/** The one hash that every authenticator app implements. */
export const ALGORITHM = 'SHA1';

/** Steps accepted on each side of now. RFC 6238 5.2 recommends at most one. */
export type Skew = 0 | 1;
export type TotpDigits = 6 | 8;

export function stepAt(now: Instant): number {
  return Math.floor(now / 1000 / PERIOD_S);
}

export function codeAt(secret: Secret, step: number, digits: TotpDigits): string {
  return HOTP.generate({ secret, algorithm: ALGORITHM, digits, counter: step });
}

/**
 * The step that `code` belongs to. Every step of the window is computed and compared, whether or not one matched already,
 * so the time taken does not say how near a guess was (ASVS 11.2.4).
 * When two steps have the same code the later one counts: using it up uses up the earlier one too.
 */
export function matchingStep(
  secret: Secret,
  code: string,
  now: Instant,
  rules: { readonly digits: TotpDigits; readonly skew: Skew },
): number | undefined {
  const current = stepAt(now);
  let matched: number | undefined;
  for (let step = Math.max(0, current - rules.skew); step <= current + rules.skew; step++) {
    const equal = sameText(codeAt(secret, step, rules.digits), code);
    matched = equal ? step : matched;
  }
  return matched;
}

function sameText(expected: string, given: string): boolean {
  const one = Buffer.from(expected);
  const other = Buffer.from(given);
  // The length is public (it is printed on the page), so it may decide early.
  return one.length === other.length && timingSafeEqual(one, other);
}
