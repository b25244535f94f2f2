/**
 * The catalogue: words and sentences that more than one page needs or that depend on data. What stands on one page only
 * stands in its template; refusals are in outcomes.ts and pages.ts. Texts are plain: templates escape them.
 */
import type { Enrolled, Happening, KnownAddress, UserFilter, Way } from '../ceremonies/ceremonies.ts';
import type { RefusalCode } from '../ceremonies/outcomes.ts';
import type { Channel, Disclosure } from '../factors/factor.ts';
import type { FactorId } from '../gate/types.ts';
import type { Dispatch, Notice } from './page-memory.ts';
import type { WayOn } from './pages.ts';
import type { KeyRefusal, Site } from './web.ts';
import { WORDS } from './words/words.ts';

/** Titles of pages, which browsers show in tabs and history. */
export const TITLES = {
  challenge: 'Enter your security code',
  entrance: 'Sign in',
  entranceTicket: 'Set up your first method',
  recoveryCode: 'Enter a recovery code',
  bypassCode: 'Enter the code from your administrator',
  useKey: 'Use your passkey or security key',
  checkPhone: 'Check your phone',
  checkMail: 'Check your e-mail',
  stepUp: 'Confirm that it is you',
  resume: 'Go on with what you were doing',
  push: 'Approve it in your app',
  pushAnswered: 'Your app has answered',
  news: 'Since you were last here',
  account: 'Two-factor authentication',
  admin: 'Administration',
  adminReport: 'Report',
  adminMoving: 'Who still has only Authy',
  moving: 'Move away from Authy',
  logout: 'Sign out',
  keyRemove: 'Remove the 2FA key',
  ticket: 'Ticket',
  rename: 'Name your passkey',
  known: 'Show that it is your account',
  bypass: 'Code for one sign-in',
  done: 'Two-factor authentication is on',
  recovery: 'Make new recovery codes',
  recoveryCodes: 'Save your recovery codes',
} as const;

/** Titles of the pages that end something. */
export const END_TITLES: Partial<Record<RefusalCode, string>> = {
  'guesses-spent': 'Sign in again',
  locked: 'Your account is locked',
  'push-denied': 'Signing in was stopped',
  'login-expired': 'Sign in again',
  'session-gone': 'Sign in again',
  'not-an-administrator': 'For administrators only',
};

/** Names one of a person's methods in a sentence: "your authenticator app", "your passkey “Blue stick”". */
export function nounOf({ factor, name }: Pick<Enrolled, 'factor' | 'name'>): string {
  const { noun } = WORDS[factor];
  return name === undefined ? noun : `${noun} “${name}”`;
}

export function wayText(way: Pick<Way, 'factor' | 'channels' | 'ending'>): string {
  return WORDS[way.factor].wayText(way);
}

export function enrolledText(one: Pick<Enrolled, 'factor' | 'ending' | 'name'>): string {
  const { name } = WORDS[one.factor];
  if (one.name !== undefined) return `${name} “${one.name}”`;
  return one.ending === undefined ? name : `${name}, number ending ${one.ending}`;
}

/** Where a key is, as far as that is known. */
export function keptText({ isSynced }: Pick<Enrolled, 'isSynced'>): string {
  if (isSynced === undefined) return '';
  return isSynced ? 'Can be synced between your devices' : 'On one device only';
}

export function codeHint(factor: FactorId, digits: { readonly min: number; readonly max: number }): string {
  return WORDS[factor].codeHint(digits.min === digits.max ? `${digits.min}-digit ` : '');
}

/** Labels of the buttons that send: at first, again, and when a notification went to the app instead. */
const SENDS: Readonly<Record<Channel, { readonly first: string; readonly again: string; readonly anyway: string }>> = {
  sms: { first: 'Text me a code', again: 'Text me a new code', anyway: 'Text me a code anyway' },
  call: { first: 'Call me', again: 'Call me instead', anyway: 'Call me anyway' },
  whatsapp: { first: 'Send me a WhatsApp message', again: 'Send me a new one', anyway: 'Send me one anyway' },
  email: { first: 'E-mail me a code', again: 'E-mail me a new code', anyway: 'E-mail me a code anyway' },
  push: { first: 'Send a request to my app', again: 'Send a new request', anyway: 'Send a request anyway' },
};

export function sendText(channel: Channel, last: Pick<Dispatch, 'toApp' | 'channel'> | undefined): string {
  const texts = SENDS[channel];
  if (last?.toApp === true && last.channel === channel) return texts.anyway;
  return last?.channel === channel || (last !== undefined && channel === 'call') ? texts.again : texts.first;
}

export function dispatchText({ channel, toApp, ending }: Omit<Dispatch, 'for'>): string {
  if (toApp) return 'We sent a notification to your Authy app. Open the app and enter the code that it shows.';
  const to = ending === undefined ? 'your phone' : `a number ending ${ending}`;
  switch (channel) {
    case 'sms':
      return `We sent a code to ${to}. It can take a minute to arrive.`;
    case 'call':
      return `We are calling ${to} to tell you the code.`;
    case 'whatsapp':
      return `We sent a WhatsApp message with a code to ${to}.`;
    case 'email':
      return 'We sent a code to your e-mail address. It can take a minute to arrive; look among unwanted mail too.';
    case 'push':
      return 'We sent a request to your app. Approve it there, or enter a code.';
    default:
      return channel satisfies never;
  }
}

/** Names an address that the administrator knows, as a way to show whose account it is. */
export function knownText({ channel, shown }: Pick<KnownAddress, 'channel' | 'shown'>): string {
  return channel === 'email' ? `A code by e-mail to ${shown}` : `A code by text to your number ending ${shown}`;
}

export function disclosureText({ what }: Disclosure): string {
  switch (what) {
    case 'email':
      return 'your e-mail address';
    case 'phone':
      return 'your phone number';
    case 'login-time':
      return 'the time of each sign-in';
    case 'address':
      return 'the address of the network that you sign in from, when you ask for a request in the app';
    case 'browser':
      return 'the name of your browser, then as well';
    default:
      return what satisfies never;
  }
}

export function wayOn(way: WayOn, site: Site, target: { challenge: string; account: string; again: string }) {
  switch (way) {
    case 'sign-in':
      return { href: site.loginPage, text: `Go to the sign-in page of ${site.service}` };
    case 'challenge':
      return { href: target.challenge, text: 'Enter your security code' };
    case 'confirm':
      return { href: target.challenge, text: 'Confirm that it is you' };
    case 'account':
      return { href: target.account, text: 'Go to your account page' };
    case 'home':
      return { href: site.home, text: `Continue to ${site.service}` };
    case 'again':
      return { href: target.again, text: 'Try again' };
    case 'resume':
      return { href: `${site.gatewayPath}/resume`, text: 'Try again to send it' };
    default:
      return way satisfies never;
  }
}

export const KEY_REFUSALS: Record<KeyRefusal['reason'], readonly string[]> = {
  empty: ['Enter the 2FA key'],
  malformed: ['This is not a 2FA key. Copy the whole key from your provider’s console, without blanks'],
  'shared-key-needs-switch': [
    'This is the vendor’s shared key. To use it on a test system, tick the box below the field as well',
  ],
  'set-elsewhere': [
    'The key is set outside the configuration file, by an environment variable or a file.',
    'Change it there.',
  ],
  'file-changed': ['The configuration file was changed meanwhile.', 'Load this page again, then save once more.'],
  'file-invalid': ['The configuration file has an error, so the key was not saved. Correct the file first.'],
  'file-unwritable': ['The configuration file cannot be written, so the key was not saved. Check its permissions.'],
};

/** What a notice says. `refused` and `key-refused` are errors and have their own tables. */
export function noticeText(notice: Exclude<Notice, { kind: 'refused' | 'key-refused' | 'sent' }>): readonly string[] {
  switch (notice.kind) {
    case 'phone-saved':
      return ['Your phone number was saved.'];
    case 'factor-removed':
      return [`${WORDS[notice.factor].name} was removed. Your other sessions were signed out.`];
    case 'factor-demanded':
      return ['The page that you asked for needs two-factor authentication. Set up a method, then sign in again.'];
    case 'factor-renamed':
      return ['The name was changed.'];
    case 'ticket-accepted':
      return ['Your ticket was accepted. Set up a method now: the ticket is for this sign-in.'];
    case 'known-proved':
      return ['Thank you, this is your account. Set up a method now: the code was for this sign-in.'];
    case 'draft-discarded':
      return [`Setting up ${WORDS[notice.factor].noun} was cancelled. Nothing was changed.`];
    case 'recovery-used':
      return [
        `You used a recovery code. You have ${notice.left} left.`,
        ...(notice.left <= 3 ? ['Make new ones on your account page before you need them.'] : []),
      ];
    case 'bypass-used':
      return [
        'You used a code from an administrator. It works no more.',
        'Set up a new method now, and remove the ones that you lost.',
      ];
    case 'browsers-forgotten':
      if (notice.count === 0) return ['This browser was not trusted any more.'];
      return [
        notice.count === 1
          ? '1 browser is not trusted any more.'
          : `${notice.count} browsers are not trusted any more.`,
        'The next sign-in there asks for a code again.',
      ];
    case 'sessions-signed-out':
      return [notice.count === 1 ? '1 session was signed out.' : `${notice.count} sessions were signed out.`];
    case 'key-saved':
      return ['The 2FA key was saved and is in use.'];
    case 'key-removed':
      return ['The 2FA key was removed. Nothing is sent to its provider any more.'];
    case 'key-works':
      return [
        notice.application === undefined
          ? 'The provider accepts the key.'
          : `The provider accepts the key. It belongs to the application “${notice.application}”.`,
      ];
    case 'key-fails':
      return [KEY_CHECKS[notice.reason]];
    case 'stop-lifted':
      return ['Texts and calls are sent again.'];
    case 'user-reset':
      return [`Two-factor authentication was reset for ${notice.identity}, and all sessions were ended.`];
    case 'user-unlocked':
      return [`${notice.identity} was unlocked.`];
    case 'sessions-ended':
      return [
        notice.count === 1
          ? `1 session of ${notice.identity} was ended.`
          : `${notice.count} sessions of ${notice.identity} were ended.`,
      ];
    default:
      return notice satisfies never;
  }
}

/** Label of the box on the prompt. */
export function trustText(forMs: number): string {
  const days = Math.round(forMs / 86_400_000);
  return `Do not ask again in this browser for ${days === 1 ? '1 day' : `${days} days`}`;
}

/** What happened to an account, in the list of recent events. */
export function happeningText(happening: Happening): string {
  switch (happening.kind) {
    case 'factor-added':
      return `${WORDS[happening.factor].name} was set up.`;
    case 'factor-removed':
      return `${WORDS[happening.factor].name} was removed.`;
    case 'number-changed':
      return 'The phone number was changed.';
    case 'reset-by-administrator':
      return 'An administrator reset two-factor authentication.';
    case 'push-denied':
      return 'A sign-in was denied in the app.';
    case 'recovery-made':
      return 'New recovery codes were made.';
    case 'bypass-made':
      return 'An administrator made a code with which you can sign in once.';
    case 'bypass-used':
      return 'A code from an administrator was used.';
    case 'browser-trusted':
      return 'A browser was trusted: there the password alone signs in.';
    case 'browser-misused':
      return 'What one of your trusted browsers keeps was used a second time, so somebody may have a copy. No browser is trusted any more.';
    case 'recovery-used':
      return `A recovery code was used; ${happening.left} left.`;
    case 'signed-in-after-failures': {
      const { failures } = happening;
      return `Signed in after ${failures === 1 ? '1 wrong code' : `${failures} wrong codes`}.`;
    }
    default:
      return happening satisfies never;
  }
}

const KEY_CHECKS = {
  rejected: 'The provider does not accept the key. Check it in the provider’s console.',
  unavailable: 'The provider could not be reached, so the key could not be tested. Try again later.',
  'no-key': 'No key is set.',
} as const;

export const ACTIONS = {
  reset: {
    title: 'Reset two-factor authentication',
    button: 'Reset 2FA',
    consequences: [
      'All methods of this user are removed and all sessions are ended.',
      'The next sign-in needs only the password, until two-factor authentication is set up again.',
      'Make sure that it is really this person who asks.',
    ],
    whereFirst: [
      'All methods of this user are removed and all sessions are ended.',
      'The user cannot sign in again without a ticket, which you can make then.',
      'Make sure that it is really this person who asks.',
    ],
  },
  ticket: {
    title: 'Make a ticket',
    button: 'Make a ticket',
    consequences: [
      'Whoever has the ticket and the password can set up the first method of this account.',
      'Make sure that it is really this person who asks.',
    ],
    whereFirst: [
      'Whoever has the ticket can set up the first method of this account.',
      'Make sure that it is really this person who asks.',
    ],
  },
  bypass: {
    title: 'Make a code for one sign-in',
    button: 'Make a code',
    consequences: [
      'Whoever has the code and the password can sign in once without any method, and set up new ones.',
      'Make sure that it is really this person who asks.',
      'The person is told that a code was made.',
    ],
  },
  unlock: {
    title: 'Unlock an account',
    button: 'Unlock',
    consequences: ['The pause or lock after wrong codes is taken off, and the user can try again at once.'],
  },
  'end-sessions': {
    title: 'End all sessions',
    button: 'End sessions',
    consequences: [
      'This user is signed out everywhere and must sign in again.',
      'None of their browsers is trusted any more: a code is asked for there as well.',
    ],
  },
} as const;

export type UserAction = keyof typeof ACTIONS;

/** @param comesFirst whether nobody gets to the password without a method */
export function consequencesOf(action: UserAction, comesFirst: boolean): readonly string[] {
  const texts = ACTIONS[action];
  return comesFirst && 'whereFirst' in texts ? texts.whereFirst : texts.consequences;
}

export const FILTERS: Readonly<Record<UserFilter, string>> = {
  all: 'Everybody with a record',
  none: 'Without a method',
  weak: 'Only text or e-mail',
  'no-codes': 'No recovery codes left',
  locked: 'Paused or locked',
};

export const LEVELS = { off: 'Off', optional: 'Optional', required: 'Required' } as const;
