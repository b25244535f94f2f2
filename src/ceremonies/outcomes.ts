/** Every way in which a ceremony can say no. One closed union; web/outcomes.ts has the one table of what people read. */
import type { Instant } from '../gate/types.ts';

export type RefusalCode =
  // the code field
  | 'code-empty'
  | 'code-too-short'
  | 'code-too-long'
  | 'code-not-digits'
  | 'code-wrong'
  | 'code-replayed'
  | 'code-expired' // it was right, or may have been: costs no guess
  | 'code-superseded' // an older one that was sent before the newest: costs no guess
  | 'recovery-wrong'
  | 'bypass-wrong'
  // a passkey or security key
  | 'assertion-refused'
  | 'assertion-cancelled' // an empty answer: the browser gave none
  | 'assertion-expired' // costs no guess
  | 'assertion-taken' // this key belongs to an account already
  // a request in an app
  | 'push-waiting'
  | 'push-denied'
  | 'push-expired'
  | 'push-off' // too many requests: codes only, for a while
  // budgets
  | 'guesses-paused'
  | 'guesses-spent' // this login is void; the password is asked again
  | 'locked' // only an administrator helps
  | 'send-paused'
  | 'number-busy' // a code to this number waits for somebody who signs in
  | 'spending-stopped' // texts and calls of everybody
  // the login behind the prompt
  | 'login-expired'
  | 'session-gone'
  | 'way-unknown'
  // at the entrance, from anybody
  | 'account-missing'
  | 'entrance-refused' // the one answer to every name and code that do not let in
  | 'entrance-busy'
  | 'entrance-shut' // codes for this name from addresses where it never got in
  // the provider
  | 'provider-unavailable'
  | 'provider-misconfigured'
  | 'provider-limited'
  | 'enrolment-gone'
  | 'number-unusable'
  | 'app-instead' // a notification went to the app instead of a text
  | 'channel-off'
  // the phone number
  | 'phone-missing'
  | 'phone-empty'
  | 'phone-invalid'
  | 'phone-country'
  | 'phone-not-mobile'
  | 'number-paused' // changed too often
  | 'number-country' // a country that codes are not sent to
  // the e-mail address
  | 'email-missing'
  // enrolment and removal
  | 'factor-off'
  | 'factor-exists'
  | 'draft-missing'
  | 'draft-spent' // too many wrong codes
  | 'fresh-proof-needed'
  | 'factor-required' // the policy demands one: the last cannot be removed
  | 'too-many-of-kind'
  | 'name-invalid'
  | 'ticket-needed'
  | 'ticket-wrong'
  | 'known-address-off' // nobody is known there, or it is not needed
  | 'grace-over'
  // administration
  | 'not-an-administrator'
  | 'user-unknown'
  | 'user-without-method' // asked for nothing: there is nothing to get round
  | 'reason-missing';

export interface Refusal {
  readonly ok: false;
  readonly code: RefusalCode;
  /** When it may be tried again. */
  readonly until?: Instant;
  /** Guesses left before the next pause or the end of this login; said to people when it is 2 or fewer. */
  readonly left?: number;
  /** Digits that a code must have, for the sentence. */
  readonly digits?: { readonly min: number; readonly max: number };
  /** Wrong codes in a row in this login, for the hint about the phone's clock. */
  readonly wrongInARow?: number;
}

export function refusal(code: RefusalCode, facts: Omit<Refusal, 'ok' | 'code'> = {}): Refusal {
  return { ok: false, code, ...facts };
}
