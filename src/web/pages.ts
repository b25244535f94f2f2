/**
 * The other half of the table: pages that stand alone. Each says what happened and leads somewhere; each refusal of the
 * gate also has its HTTP status, for people and programs alike.
 */
import type { LogLevel } from './outcomes.ts';
import type { GatePage } from './web.ts';

/** Pages that only the own pages themselves show. */
export type OwnPage = 'not-found' | 'form-refused' | 'no-way-in';

export type WayOn = 'sign-in' | 'challenge' | 'confirm' | 'home' | 'account' | 'again' | 'resume';

export interface PageText {
  readonly status: number;
  readonly title: string;
  readonly sentences: readonly string[];
  readonly ways: readonly WayOn[];
  readonly log: LogLevel;
  /** When to try again, unless the refusal itself knows better. */
  readonly retryAfterMs?: number;
  /** How to prove who one is (RFC 9110 11.6.1). A scheme that no browser knows, so that none asks for a password. */
  readonly authenticate?: string;
}

const API_CLIENTS = 'X-2FA-Client realm="API clients"';

export const PAGES = {
  'bad-request': {
    status: 400,
    title: 'This request could not be understood',
    sentences: [
      'Something in it was doubled, damaged or unknown, so it was not acted on.',
      'Go back and send the form again.',
    ],
    ways: ['home'],
    log: 'warn',
  },
  'wrong-host': {
    status: 421,
    title: 'Wrong address',
    sentences: ['This service is not available under the address that you used.', 'Use the usual one.'],
    ways: ['home'],
    log: 'warn',
  },
  'not-signed-in': {
    status: 401,
    title: 'Sign in first',
    sentences: ['You need to sign in before you can see this.'],
    ways: ['sign-in'],
    log: 'info',
  },
  'factor-needed': {
    status: 401,
    title: 'A security code is needed',
    sentences: ['Your password was accepted. Enter your security code to finish signing in.'],
    ways: ['challenge', 'sign-in'],
    log: 'info',
  },
  'other-account': {
    status: 403,
    title: 'This is another account',
    sentences: [
      'You signed in here as one account and entered the password of another one.',
      'Use the account that you signed in with, or sign out here first.',
    ],
    ways: ['account', 'home'],
    log: 'warn',
  },
  'api-client-needed': {
    status: 401,
    title: 'Programs need an API client',
    sentences: [
      'A password or token of the application opens nothing here, because no second factor was proved with it.',
      'Ask your administrator for an API client, and send its credential in the header X-2FA-Client.',
    ],
    ways: ['sign-in'],
    log: 'info',
    authenticate: API_CLIENTS,
  },
  'api-client-unknown': {
    status: 401,
    title: 'This API client is not known',
    sentences: [
      'The header X-2FA-Client holds no credential that is known here.',
      'Send it exactly as you got it, or ask your administrator for a new one.',
    ],
    ways: ['sign-in'],
    log: 'warn',
    authenticate: API_CLIENTS,
  },
  'proof-needed': {
    status: 401,
    title: 'Confirm first that it is you',
    sentences: [
      'What you sent was not passed on, because this step needs a fresh confirmation.',
      'Confirm, then do it again.',
    ],
    ways: ['confirm', 'home'],
    log: 'info',
  },
  'nothing-kept': {
    status: 409,
    title: 'There is nothing left to send',
    sentences: [
      'It was sent already, or it waited too long and was thrown away.',
      'Look whether it was done. If not, do it again.',
    ],
    ways: ['home'],
    log: 'info',
  },
  'still-kept': {
    status: 503,
    title: 'It did not arrive',
    sentences: [
      'The application cannot be reached right now. What you sent is still kept here.',
      'Try again in a minute.',
    ],
    ways: ['resume', 'home'],
    log: 'warn',
    retryAfterMs: 5_000,
  },
  'sent-unanswered': {
    status: 502,
    title: 'It may have arrived',
    sentences: [
      'The application gave no answer, so it is not known whether it was done. It is not sent again.',
      'Look whether it was done. If not, do it again.',
    ],
    ways: ['home'],
    log: 'error',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This does not work here',
    sentences: ['This address cannot be used in this way.', 'Go back and use the links and buttons of the page.'],
    ways: ['home'],
    log: 'info',
  },
  'body-too-large': {
    status: 413,
    title: 'Too much was sent',
    sentences: ['What was sent is larger than this page takes.', 'Go back and send less.'],
    ways: ['home'],
    log: 'warn',
  },
  'unsupported-type': {
    status: 415,
    title: 'This cannot be read',
    sentences: ['This page takes ordinary forms only.', 'Go back and use the form of the page.'],
    ways: ['home'],
    log: 'warn',
  },
  'too-many-logins': {
    status: 429,
    title: 'Too many sign-ins',
    sentences: ['There were too many attempts to sign in from your address.', 'Wait a little, then try again.'],
    ways: ['sign-in'],
    log: 'warn',
  },
  'identity-unknown': {
    status: 502,
    title: 'Signing in did not work',
    sentences: [
      'The application accepted something but did not say who you are, so you were not let in.',
      'Try again. If it happens once more, tell your administrator.',
    ],
    ways: ['sign-in'],
    log: 'error',
  },
  'identity-mismatch': {
    status: 403,
    title: 'Signing in was stopped',
    sentences: [
      'The application named another account than the one you entered.',
      'Sign in again with the exact name of your account.',
    ],
    ways: ['sign-in'],
    log: 'error',
  },
  'session-ended': {
    status: 401,
    title: 'You have been signed out',
    sentences: ['Your session ended while this page was on its way.', 'Sign in again to go on.'],
    ways: ['sign-in'],
    log: 'info',
  },
  'upstream-unreachable': {
    status: 502,
    title: 'The application cannot be reached',
    sentences: ['It may be restarting. Your sign-in is not affected.', 'Try again in a minute.'],
    ways: ['again'],
    log: 'error',
  },
  'upstream-timeout': {
    status: 504,
    title: 'The application did not answer in time',
    sentences: ['It may be busy. What you sent may still have been carried out.', 'Try again in a minute.'],
    ways: ['again'],
    log: 'error',
  },
  'upstream-busy': {
    status: 503,
    title: 'The application is busy',
    sentences: ['It has more to do than it can take, and what you sent did not reach it.', 'Try again in a moment.'],
    ways: ['again'],
    log: 'warn',
    retryAfterMs: 5_000,
  },
  'store-unavailable': {
    status: 503,
    title: 'Signing in is not possible right now',
    sentences: [
      'The gateway cannot read or write its records, so nobody is let in.',
      'Try again in a few minutes. Your administrator can see the reason in the log.',
    ],
    ways: ['again'],
    log: 'error',
  },
  internal: {
    status: 500,
    title: 'Something went wrong here',
    sentences: [
      'It is not your fault, and nothing was changed.',
      'Try again. If it happens once more, tell your administrator and give the reference below.',
    ],
    ways: ['again', 'home'],
    log: 'error',
  },
  'not-found': {
    status: 404,
    title: 'Page not found',
    sentences: ['There is no such page here.', 'Check the address, or go on from here.'],
    ways: ['home'],
    log: 'info',
  },
  'form-refused': {
    status: 403,
    title: 'This form is not valid any more',
    sentences: [
      'It was sent twice, from another site, or after your session had changed, so it was not acted on.',
      'If you have just entered a code, you are probably signed in already.',
    ],
    ways: ['home', 'sign-in'],
    log: 'warn',
  },
  'no-way-in': {
    status: 403,
    title: 'No way to sign in',
    sentences: [
      'Two-factor authentication is on for your account, but no method that you set up is accepted here any more.',
      'Ask your administrator to accept one of them again or to reset two-factor authentication for you.',
    ],
    ways: ['sign-in'],
    log: 'error',
  },
} satisfies Record<GatePage | OwnPage, PageText>;

/** The row of a page, with its wide type. */
export function pageText(page: GatePage | OwnPage): PageText {
  return PAGES[page];
}
