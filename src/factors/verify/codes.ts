/**
 * What the error codes and statuses of Twilio Verify mean to the gateway: one row per code, so that a new one is one line. No
 * row means a pass: passing is decided in answers.ts by the word that the service says, never by the absence of an error.
 */
import type { ProviderTrouble } from '../factor.ts';

/** `expired`: the verification is gone. `channel-off`: the service or the account does not send this way. */
export type Meaning = ProviderTrouble | 'wrong' | 'expired' | 'channel-off';

const BY_CODE: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [20001, 'misconfigured'], // parameter missing
  [20003, 'misconfigured'], // credentials refused
  [20004, 'misconfigured'], // method not allowed
  [20005, 'misconfigured'], // account not active
  [20006, 'misconfigured'], // access denied
  [20404, 'expired'], // no such resource; answers.ts knows what was asked for
  [20429, 'unavailable'], // too many requests of the account: nobody asked for did anything too often
  [20500, 'unavailable'], // internal error
  [20503, 'unavailable'], // overloaded
  [60200, 'number'], // invalid parameter, which is the number where one was sent
  [60202, 'limited'], // checks used up; no new verification for ten minutes
  [60203, 'limited'], // messages used up
  [60204, 'channel-off'], // feature not part of the service
  [60205, 'number'], // landline
  [60207, 'misconfigured'], // too many rate limits on the service
  [60212, 'limited'], // several starts at once for one number
  [60221, 'misconfigured'], // no verification named
  [60223, 'channel-off'], // channel switched off
  [60238, 'number'], // blocked by the service
  [60410, 'number'], // prefix blocked for half a day
  [60605, 'number'], // country not served by the account
]);

/** Meaning of a known code; nothing for an unknown one. */
export function meaningOfCode(code: number): Meaning | undefined {
  return BY_CODE.get(code);
}

/** Meaning of a status whose body is JSON without a code that we know. */
export function meaningOfStatus(status: number): ProviderTrouble {
  return status === 429 || status >= 500 || status < 400 ? 'unavailable' : 'misconfigured';
}

export const knownCodes: readonly number[] = [...BY_CODE.keys()];
