/**
 * What Authy's error codes and statuses mean to the gateway: one row per code, so that a new one is one line. No row
 * means a pass: passing is decided in answers.ts by the word that the service says, never by the absence of an error.
 */
import type { ProviderTrouble } from '../factor.ts';

/** `channel-off`: texts or calls are not part of the account's plan. */
export type Meaning = ProviderTrouble | 'wrong' | 'replayed' | 'channel-off';

/**
 * Quotas (60009 to 60012) belong to the operator's account and 60003 to its endpoint: the person who meets one did nothing
 * too often, so it is `unavailable` and not `limited`. `limited` is kept for what the service holds against this one user:
 * too many texts to the number (60120), suspended, disabled or blocked (60017, 60018, 60106, 60107).
 */
const BY_CODE: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['60000', 'unavailable'], // default error
  ['60001', 'misconfigured'], // invalid API key
  ['60002', 'misconfigured'], // invalid request
  ['60003', 'unavailable'], // too many requests on the endpoint
  ['60004', 'misconfigured'], // invalid parameter
  ['60005', 'misconfigured'], // not UTF-8
  ['60006', 'channel-off'], // call add-on not bought
  ['60007', 'channel-off'], // texts switched off
  ['60008', 'misconfigured'], // account suspended
  ['60009', 'unavailable'], // text quota of the month
  ['60010', 'unavailable'], // text quota of the day
  ['60011', 'unavailable'], // call quota of the month
  ['60012', 'unavailable'], // call quota of the day
  ['60013', 'number'], // country that is not served
  ['60014', 'unavailable'], // call was not started
  ['60015', 'unavailable'], // text was not sent
  ['60016', 'gone'], // user does not exist
  ['60017', 'limited'], // user suspended
  ['60018', 'limited'], // user disabled
  ['60019', 'replayed'], // token used before
  ['60020', 'wrong'], // token invalid
  ['60026', 'gone'], // user not found
  ['60027', 'number'], // user not valid; answers.ts looks at the fields
  ['60028', 'unavailable'], // could not delete the user
  ['60029', 'unavailable'], // could not record the activity
  ['60030', 'misconfigured'], // wrong user parameters
  ['60031', 'misconfigured'], // action not authorised
  ['60032', 'unavailable'], // listed without a name, 400
  ['60033', 'number'], // phone number invalid
  ['60038', 'misconfigured'], // e-mail invalid: made from the operator's emailDomain
  ['60042', 'unavailable'], // listed without a name, 400
  ['60049', 'unavailable'], // push request not found; answers.ts takes it for expired
  ['60050', 'unavailable'], // push: user not registered; answers.ts knows better where a request was made
  ['60051', 'unavailable'], // push: device not found; the same
  ['60052', 'unavailable'], // push
  ['60053', 'unavailable'], // push: sending failed
  ['60054', 'unavailable'], // push: sending failed
  ['60055', 'unavailable'], // push
  ['60056', 'misconfigured'], // must use TLS
  ['60057', 'misconfigured'], // account suspended for a time
  ['60060', 'misconfigured'], // Twilio account suspended
  ['60061', 'misconfigured'], // application suspended
  ['60063', 'misconfigured'], // our address is not allowed
  ['60064', 'misconfigured'], // push settings
  ['60065', 'misconfigured'], // push not enabled
  ['60066', 'misconfigured'], // push settings
  ['60078', 'number'], // country code invalid
  ['60079', 'unavailable'], // push request not pending
  ['60080', 'unavailable'], // push request invalid
  ['60082', 'number'], // landline
  ['60083', 'number'], // number not provisioned
  ['60106', 'limited'], // user suspended from the application
  ['60107', 'limited'], // user blocked
  ['60115', 'number'], // number opted out of texts
  ['60120', 'limited'], // text limit of the number
  ['60122', 'unavailable'], // QR code failed; not used
  ['60127', 'gone'], // user pending deletion
  ['60128', 'gone'], // user deleted
]);

/** Meaning of a known code; nothing for an unknown one. */
export function meaningOfCode(code: string): Meaning | undefined {
  return BY_CODE.get(code);
}

/**
 * Meaning of a status when there is no code that we know. 401 without a code is never "wrong": the service answers 401
 * to a bad key as well, and taking that for a wrong code would hide it. A 404 depends on the call, see answers.ts.
 */
export function meaningOfStatus(status: number): ProviderTrouble {
  if (status === 401 || status === 403) return 'misconfigured';
  if (status === 404) return 'gone';
  return 'unavailable';
}

export const knownCodes: readonly string[] = [...BY_CODE.keys()];
