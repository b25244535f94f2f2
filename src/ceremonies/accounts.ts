/** What the ceremonies share: their parts, and how they read an account. Decides nothing. */
import type { Clock } from '../clock.ts';
import type { BypassCodes, Factor, Person, ProviderTrouble, RecoveryCodes } from '../factors/factor.ts';
import type { Budget, GuessLimits } from '../gate/attempts.ts';
import type { PolicyFor } from '../gate/policy.ts';
import { identityOf } from '../gate/session.ts';
import type { ClientFacts, Enrolment, FactorId, Identity } from '../gate/types.ts';
import type { Log } from '../log.ts';
import type { KnownPerson } from '../people/people.ts';
import type { LiveSession } from '../session/live.ts';
import type { Sessions } from '../session/sessions.ts';
import type { Store, UserRecord } from '../store/store.ts';
import type { Audit } from './audit.ts';
import type { Browsers } from './browsers.ts';
import type { Counters } from './counters.ts';
import type { Health } from './health.ts';
import type { Notifier } from './notifying.ts';
import type { RefusalCode } from './outcomes.ts';
import type { Questions } from './questions.ts';
import type { OutlayLimits } from './spending.ts';

export interface CeremonyLimits {
  readonly guesses: GuessLimits;
  /** Wrong codes that void one pending login, or one draft. */
  readonly perLogin: number;
  /** Texts and calls, per identity and per number. */
  readonly sends: readonly Budget[];
  /** Texts and calls of all people. */
  readonly outlay: OutlayLimits;
  readonly pendingMs: number;
  /** How fresh a proof must be to change factors, in ms. */
  readonly stepUpMs: number;
  /** How long a begun enrolment waits for its first code, in ms. */
  readonly draftMs: number;
  /** How long an enrolment ticket is good, in ms. */
  readonly ticketMs: number;
}

/** Everything a ceremony works with. Functions are read at each use, because a reload may change what they say. */
export interface CeremonyParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly counters: Counters;
  readonly questions: Questions;
  readonly browsers: Browsers;
  readonly notify: Notifier;
  readonly audit: Audit;
  readonly health: Health;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomId: () => string;
  readonly limits: () => CeremonyLimits;
  readonly factor: (id: FactorId) => Factor | undefined;
  readonly factors: () => readonly Factor[];
  /** @param from the browser that signed in; what depends on its address is refused without it */
  readonly policy: (identity: Identity, from?: ClientFacts) => PolicyFor;
  readonly recovery: () => RecoveryCodes | undefined;
  readonly bypass: () => BypassCodes | undefined;
  /** What an administrator's list says of the person. */
  readonly known: (identity: Identity) => KnownPerson | undefined;
  /** What sends a code to a known address; absent where nothing can. */
  readonly reach: (channel: 'email' | 'sms') => Factor | undefined;
  /** The address that an administrator, or else the application, knows the person by. @param named what the application said */
  readonly email: (identity: Identity, named: string | undefined) => string | undefined;
  /** An account name as the profile would normalise it. */
  readonly identify: (name: string) => Identity | undefined;
  readonly isAdmin: (identity: Identity) => boolean;
}

/** Whom a session belongs to. @throws when it belongs to nobody: the pages must not come here then. */
export function ownerOf(session: LiveSession): Identity {
  const identity = identityOf(session.session);
  if (identity === undefined) throw new Error('an anonymous session has no account');
  return identity;
}

export function personOf(
  parts: Pick<CeremonyParts, 'email'>,
  identity: Identity,
  user: UserRecord | undefined,
): Person {
  const email = parts.email(identity, user?.email);
  return {
    identity,
    ...(user?.phone === undefined ? {} : { phone: user.phone }),
    ...(email === undefined ? {} : { email }),
  };
}

export function emptyUser(identity: Identity): UserRecord {
  return { identity, enrolments: [], factorVersion: 0 };
}

/** Last two digits of the number behind an enrolment, where its factor keeps one. */
export function endingOf(enrolment: Enrolment): string | undefined {
  const ending = fieldOf(enrolment, 'phoneEnding');
  return typeof ending === 'string' ? ending : undefined;
}

/** Whether a key may be on several devices, where its factor says so. */
export function isSynced(enrolment: Enrolment): boolean | undefined {
  const synced = fieldOf(enrolment, 'isSynced');
  return typeof synced === 'boolean' ? synced : undefined;
}

function fieldOf({ data }: Enrolment, name: string): unknown {
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return undefined;
  return (data as { readonly [key: string]: unknown })[name];
}

/** What a provider's trouble is called in a refusal. */
export function troubleCode(reason: ProviderTrouble | 'phone-missing' | 'email-missing'): RefusalCode {
  switch (reason) {
    case 'unavailable':
      return 'provider-unavailable';
    case 'misconfigured':
      return 'provider-misconfigured';
    case 'gone':
      return 'enrolment-gone';
    case 'number':
      return 'number-unusable';
    case 'limited':
      return 'provider-limited';
    case 'phone-missing':
    case 'email-missing':
      return reason;
    default:
      return reason satisfies never;
  }
}
