/**
 * THE table: what a ceremony's refusal is to HTTP, to a person and to the log. A new code does not compile until it has a
 * row. People read what to do next and blame nobody; the reason in detail is for the log. Refusals of the gate: pages.ts.
 */
import type { Refusal, RefusalCode } from '../ceremonies/outcomes.ts';
import type { FactorId, Instant } from '../gate/types.ts';
import { timeOf } from './times.ts';

export type LogLevel = 'info' | 'warn' | 'error';

/** Where a page shows it: beside a field, above the form, or alone, because the form is of no use any more. */
export type Place = 'account' | 'code' | 'number' | 'country' | 'name' | 'ticket' | 'reason' | 'form' | 'end';

export interface Outcome {
  readonly status: number;
  readonly log: LogLevel;
  readonly at: Place;
  /** The first sentence says what is wrong, the others what to do. */
  readonly say: (facts: OutcomeFacts) => readonly string[];
}

export interface OutcomeFacts extends Omit<Refusal, 'ok' | 'code'> {
  readonly now: Instant;
  /** The factor that was tried, where one was. */
  readonly factor?: FactorId;
}

const TEXT_TROUBLE = 'Use another way to sign in, or try again in a few minutes.';
const NO_TRY = 'This did not use up a try.';

export const REFUSALS = {
  'account-missing': row(422, 'info', 'account', () => ['Enter the name of your account']),
  'entrance-refused': row(422, 'warn', 'form', () => [
    'The name and the code do not let you in. Check both and try again',
    'A code works once. Wait for your app to show a new one.',
  ]),
  'entrance-busy': row(429, 'warn', 'form', (facts) => [
    'There were too many attempts to sign in from your address',
    `Try again ${when(facts)}.`,
  ]),
  'entrance-shut': row(429, 'warn', 'form', () => [
    'Too many codes were tried for this name, so none is taken from here for now',
    'Use a passkey or a recovery code, or sign in from where you usually do.',
  ]),
  'code-empty': row(422, 'info', 'code', () => ['Enter the security code']),
  'code-too-short': row(422, 'info', 'code', (facts) => [
    `You’ve not entered enough numbers, the code must be ${length(facts)}`,
  ]),
  'code-too-long': row(422, 'info', 'code', (facts) => [
    `You’ve entered too many numbers, the code must be ${length(facts)}`,
  ]),
  'code-not-digits': row(422, 'info', 'code', (facts) => [`The code must be ${length(facts)}`]),
  'code-wrong': row(422, 'warn', 'code', (facts) => [
    'The security code is not correct. Check it and try again',
    ...triesLeft(facts),
    ...(facts.factor === 'totp' && (facts.wrongInARow ?? 0) >= 2
      ? ['Check that the time on your phone is set automatically.']
      : []),
  ]),
  'code-replayed': row(422, 'warn', 'code', (facts) => [
    'That code has already been used. Wait for your app to show a new one',
    ...triesLeft(facts),
  ]),
  'code-expired': row(422, 'info', 'code', () => ['The security code has expired. Have a new one sent to you', NO_TRY]),
  'code-superseded': row(422, 'info', 'code', () => [
    'That was an earlier code. Use the one from the newest message',
    NO_TRY,
  ]),
  'recovery-wrong': row(422, 'warn', 'code', (facts) => [
    'The recovery code is not correct. Check it and try again',
    'Each code works once.',
    ...triesLeft(facts),
  ]),
  'bypass-wrong': row(422, 'warn', 'code', (facts) => [
    'This code is not valid. Check it, or ask an administrator for a new one',
    'A code is for one account, works once, and not for long.',
    ...triesLeft(facts),
  ]),

  'assertion-refused': row(422, 'warn', 'form', () => [
    'Your passkey or security key was not accepted.',
    'Try again with the one that you set up here, or use another way to sign in.',
  ]),
  'assertion-expired': row(422, 'info', 'form', () => [
    'That took too long, or it was answered in another tab.',
    'Use your passkey or security key once more.',
  ]),
  'assertion-taken': row(409, 'warn', 'form', () => [
    'This passkey or security key belongs to an account already.',
    'Use another one.',
  ]),
  'assertion-cancelled': row(422, 'info', 'form', () => [
    'Nothing came from your passkey or security key.',
    'Try again when you are ready, or use another way to sign in.',
  ]),

  'push-waiting': row(200, 'info', 'form', () => [
    'The request in your app was not answered yet.',
    'Open the app and approve it, or use a code.',
  ]),
  'push-denied': row(403, 'warn', 'end', () => [
    'The request was denied in your app, so this sign-in was stopped.',
    'If it was not you who signed in, somebody knows your password: change it now.',
  ]),
  'push-expired': row(422, 'info', 'form', () => [
    'The request in your app was not answered in time.',
    'Send another one, or use a code.',
  ]),
  'push-off': row(429, 'info', 'form', (facts) => [
    `No more requests are sent to your app until ${time(facts)}.`,
    'Use a code, or another way to sign in.',
  ]),

  'guesses-paused': row(429, 'warn', 'form', (facts) => [
    `There were too many wrong codes. You can try again ${when(facts)}.`,
    'Until then no code is accepted, not even a right one.',
  ]),
  'guesses-spent': row(403, 'warn', 'end', () => [
    'There were too many wrong codes, so this sign-in was stopped.',
    'Sign in again to get another try.',
  ]),
  locked: row(403, 'warn', 'end', () => [
    'Your account is locked after too many wrong codes.',
    'Only an administrator can unlock it. Your password still works after that.',
  ]),
  'send-paused': row(429, 'info', 'form', (facts) => [
    facts.factor === 'email' || facts.factor === 'verify'
      ? `We cannot send more codes until ${time(facts)}.`
      : `We cannot send more codes to this number until ${time(facts)}.`,
    'Use the newest code that you got, or another way to sign in.',
  ]),
  'number-paused': row(429, 'warn', 'form', (facts) => [
    'The number was saved too often, and was not changed.',
    `Try again ${when(facts)}.`,
  ]),
  'number-busy': row(429, 'info', 'form', (facts) => [
    'We cannot send a code to this number right now.',
    `Try again ${when(facts)}.`,
  ]),
  'spending-stopped': row(503, 'error', 'form', () => [
    'No texts are sent and no calls are made right now.',
    'Use another way to sign in, or ask your administrator.',
  ]),

  'login-expired': row(401, 'info', 'end', () => [
    'Your sign-in timed out, or it did not begin in this browser.',
    'Sign in again. No code was sent.',
  ]),
  'session-gone': row(401, 'info', 'end', () => ['You are not signed in any more.', 'Sign in again.']),
  'way-unknown': row(422, 'warn', 'form', () => [
    'This way to sign in is not available any more.',
    'Choose another one from the list below.',
  ]),

  'provider-unavailable': row(503, 'error', 'form', () => [
    'The service that sends and checks these codes is not working right now.',
    TEXT_TROUBLE,
    NO_TRY,
  ]),
  'provider-misconfigured': row(503, 'error', 'form', () => [
    'The service that sends and checks these codes is not working right now.',
    'Tell your administrator. If you have another way to sign in, use it.',
  ]),
  'provider-limited': row(429, 'warn', 'form', () => [
    'The service that sends these codes has reached its limit for you.',
    TEXT_TROUBLE,
  ]),
  'enrolment-gone': row(409, 'error', 'form', ({ factor }) => [
    factor === 'email' || factor === 'verify'
      ? 'Your account has another e-mail address than the one that was set up.'
      : 'The service does not know your phone any more.',
    'Use another way to sign in, or ask your administrator to reset two-factor authentication for you.',
  ]),
  'number-unusable': row(422, 'warn', 'form', ({ factor }) =>
    factor === 'email'
      ? ['Codes cannot be sent to this e-mail address.', 'Use another way, or tell your administrator.']
      : [
          'Codes cannot be sent to this number.',
          'It may be a landline, or unable to receive messages. Use a different mobile number, or another way.',
        ],
  ),
  'app-instead': row(200, 'info', 'form', () => [
    'We sent a notification to your Authy app instead of a message.',
    'Open the app and use the code that it shows.',
  ]),
  'channel-off': row(409, 'info', 'form', () => ['Codes cannot be sent this way.', 'Choose another way.']),

  'phone-missing': row(422, 'info', 'form', () => [
    'A phone number is needed first.',
    'Save your phone number on your account page, then try again.',
  ]),
  'phone-empty': row(422, 'info', 'number', () => ['Enter a phone number, like 079 123 45 67 or +41 79 123 45 67']),
  'phone-invalid': row(422, 'info', 'number', () => ['Enter a phone number, like 079 123 45 67 or +41 79 123 45 67']),
  'phone-country': row(422, 'info', 'country', () => [
    'Select the country of your phone number, or begin the number with + and the country code',
  ]),
  'phone-not-mobile': row(422, 'info', 'number', () => [
    'This number cannot receive text messages. Enter the number of a mobile phone',
  ]),
  'number-country': row(422, 'info', 'country', () => [
    'Codes are not sent to this country. Use a number of another one, or another method',
  ]),
  'email-missing': row(422, 'info', 'form', () => [
    'There is no e-mail address for your account.',
    'Ask your administrator to enter it, or choose another method.',
  ]),

  'factor-off': row(409, 'info', 'form', () => ['This kind of code is not switched on here.', 'Choose another one.']),
  'factor-exists': row(409, 'info', 'form', () => [
    'This is already set up for your account.',
    'Remove it first if you want to set it up again.',
  ]),
  'draft-missing': row(409, 'info', 'form', () => [
    'The set-up took too long or was begun again elsewhere.',
    'Begin once more.',
  ]),
  'draft-spent': row(403, 'warn', 'form', () => ['There were too many wrong codes.', 'Begin once more.']),
  'fresh-proof-needed': row(403, 'info', 'form', () => [
    'Confirm that it is you first.',
    'You are asked for a security code, and then come back here.',
  ]),
  'factor-required': row(409, 'info', 'form', () => [
    'Your organisation requires two-factor authentication, so the last method cannot be removed.',
    'Add another method first.',
  ]),
  'too-many-of-kind': row(409, 'info', 'form', () => [
    'You have set up as many of these as an account may have.',
    'Remove one first.',
  ]),
  'name-invalid': row(422, 'info', 'name', () => ['Enter a name of at most 40 characters']),
  'ticket-needed': row(403, 'info', 'ticket', () => [
    'Enter the ticket that your administrator gave you',
    'Without one, nothing can be set up for this account.',
  ]),
  'ticket-wrong': row(422, 'warn', 'ticket', () => [
    'This ticket is not valid. Check it, or ask your administrator for a new one',
    'A ticket is for one account and works once.',
  ]),
  'known-address-off': row(409, 'info', 'form', () => [
    'No code can be sent there.',
    'Ask your administrator for a ticket.',
  ]),
  'grace-over': row(403, 'info', 'form', () => [
    'The time in which this could wait is over.',
    'Set up a method to go on.',
  ]),

  'not-an-administrator': row(403, 'warn', 'end', () => [
    'This page is for administrators who signed in with a second factor.',
    'If you are one, set up two-factor authentication on your account page and sign in again.',
  ]),
  'user-unknown': row(422, 'info', 'form', () => [
    'There is no such user any more.',
    'Search again; somebody may have been faster.',
  ]),
  'user-without-method': row(409, 'info', 'form', () => [
    'This user has no method, so nobody asks for a code.',
    'Make a ticket if one is needed to set up a method.',
  ]),
  'reason-missing': row(422, 'info', 'reason', () => ['Enter a reason. It is kept in the log with your name']),
} satisfies Record<RefusalCode, Outcome>;

/** The row of a code, with its wide type: what a row says may depend on facts. */
export function outcomeOf(code: RefusalCode): Outcome {
  return REFUSALS[code];
}

function row(status: number, log: LogLevel, at: Place, say: Outcome['say']): Outcome {
  return { status, log, at, say };
}

function length({ digits }: OutcomeFacts): string {
  if (digits === undefined) return 'numbers only';
  return digits.min === digits.max ? `${digits.min} numbers` : `${digits.min} to ${digits.max} numbers`;
}

/** Said only when it matters; NIST SP 800-63B usability, "attempts". */
function triesLeft({ left }: OutcomeFacts): readonly string[] {
  if (left === undefined || left > 2) return [];
  if (left <= 0) return ['That was the last try for now.'];
  return [left === 1 ? 'You have 1 try left.' : `You have ${left} tries left.`];
}

function time({ until, now }: OutcomeFacts): string {
  return until === undefined ? 'later' : timeOf(until, now).text;
}

function when(facts: OutcomeFacts): string {
  return facts.until === undefined ? 'later' : `at ${time(facts)}`;
}
