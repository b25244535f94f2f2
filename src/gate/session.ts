/**
 * What a browser session may be, and the only ways it may change. Pure: no clock, no store, no HTTP.
 * T1 (factor skipped) and T3 (a proof spent on another login) are answered here.
 */
import { GateError, type Identity, type Instant, type PendingLogin, type Proof } from './types.ts';

/** How a session came to be verified; kept as facts, rights are derived from them. */
export type Grounds =
  /**
   * The identity has no factor and the policy lets it pass, for good or until then. Never enough to change a factor that exists.
   */
  { readonly how: 'password'; readonly until?: Instant } | { readonly how: 'factor'; readonly proof: Proof } | Trust;

/** What lets somebody in without a question who has a factor. Never a fresh proof. */
export type Trust =
  /** The browser brought what was left in it with an earlier proof. `browser` names its record, and opens nothing. */
  | { readonly how: 'trusted-browser'; readonly browser: string }
  /** The password came from a network that the policy trusts. The rights hold nowhere else: see {@link isBoundToNetwork}. */
  | { readonly how: 'network' };

export type Session =
  | { readonly state: 'anonymous' }
  /** The application accepted a password; the identity owes a factor. Nothing of the application is reachable. */
  | { readonly state: 'pending'; readonly login: PendingLogin }
  /** As pending, but the identity has no factor and the policy demands one: only enrolment is reachable. */
  | { readonly state: 'enrolling'; readonly login: PendingLogin }
  | {
      readonly state: 'verified';
      readonly identity: Identity;
      readonly since: Instant;
      readonly grounds: Grounds;
      /** A fresh proof that was asked for inside the session; answered by the same prompt as a login. */
      readonly stepUp?: PendingLogin;
    };

export const ANONYMOUS: Session = { state: 'anonymous' };

/** What the policy makes of an accepted password; computed by {@link standing} in policy.ts. */
export type Standing = 'pass' | 'challenge' | 'enrol';

export type SessionEvent =
  /** `trust` counts with the standing `pass` alone. */
  | {
      readonly type: 'login-accepted';
      readonly login: PendingLogin;
      readonly standing: Standing;
      readonly trust?: Trust;
    }
  /** A request came from a place where the rights of this session do not hold: its factor is owed from now on. */
  | { readonly type: 'network-left'; readonly login: PendingLogin }
  /** Somebody who owes a first factor says “Not now”, and may: see mayWaitUntil in policy.ts. */
  | { readonly type: 'enrolment-postponed'; readonly until: Instant }
  | { readonly type: 'step-up-asked'; readonly login: PendingLogin }
  | { readonly type: 'step-up-cancelled' }
  | { readonly type: 'factor-proved'; readonly proof: Proof }
  /** A login attempt is about to be forwarded, or the application forgot who this is: all rights end here. */
  | { readonly type: 'dropped' };

/**
 * The one function that changes a session's state.
 * @param pendingMs how long a pending login lives, in ms; a proof that comes later finds nobody.
 * @throws GateError `illegal-transition` or `foreign-proof`
 */
export function transition(session: Session, event: SessionEvent, now: Instant, pendingMs: number): Session {
  switch (event.type) {
    case 'login-accepted':
      // Also from `verified`: the application has just changed who it thinks this is, so the earlier
      // proof says nothing about the newcomer (T3, attack "second login over a verified session").
      switch (event.standing) {
        case 'challenge':
          return { state: 'pending', login: event.login };
        case 'enrol':
          return { state: 'enrolling', login: event.login };
        case 'pass':
          return {
            state: 'verified',
            identity: event.login.identity,
            since: now,
            grounds: event.trust ?? { how: 'password' },
          };
        default:
          return event.standing satisfies never;
      }

    case 'network-left':
      if (!isBoundToNetwork(session)) throw new GateError('illegal-transition', `network left while ${session.state}`);
      if (event.login.identity !== identityOf(session)) {
        throw new GateError('foreign-proof', 'a question for another identity');
      }
      return { state: 'pending', login: event.login };

    case 'enrolment-postponed':
      if (session.state !== 'enrolling') {
        throw new GateError('illegal-transition', `enrolment postponed while ${session.state}`);
      }
      if (now >= event.until || isExpired(session.login, now, pendingMs)) return ANONYMOUS;
      return {
        state: 'verified',
        identity: session.login.identity,
        since: now,
        grounds: { how: 'password', until: event.until },
      };

    case 'step-up-asked':
      if (session.state !== 'verified') throw new GateError('illegal-transition', `step-up while ${session.state}`);
      if (event.login.identity !== session.identity)
        throw new GateError('foreign-proof', 'step-up for another identity');
      return { ...session, stepUp: event.login };

    case 'step-up-cancelled':
      return session.state === 'verified' ? withoutStepUp(session) : session;

    case 'factor-proved': {
      const login = awaited(session);
      // Not from `enrolling`: whoever has only the password must not enrol and pass in one breath (T6).
      if (login === undefined) throw new GateError('illegal-transition', `proof offered while ${session.state}`);
      if (isExpired(login, now, pendingMs)) return session.state === 'verified' ? withoutStepUp(session) : ANONYMOUS;
      if (event.proof.loginId !== login.id || event.proof.identity !== login.identity) {
        throw new GateError('foreign-proof', 'proof belongs to another login'); // ASVS 6.6.2
      }
      return {
        state: 'verified',
        identity: login.identity,
        since: session.state === 'verified' ? session.since : now,
        grounds: { how: 'factor', proof: event.proof },
      };
    }

    case 'dropped':
      return ANONYMOUS;

    default:
      return event satisfies never; // a new event does not compile until it is handled here
  }
}

/** The question that this session may answer now: its pending login, or its step-up. */
export function awaited(session: Session): PendingLogin | undefined {
  if (session.state === 'pending') return session.login;
  if (session.state === 'verified') return session.stepUp;
  return undefined;
}

/** Who logged in here, whether or not a factor was proved since. */
export function identityOf(session: Session): Identity | undefined {
  if (session.state === 'anonymous') return undefined;
  return session.state === 'verified' ? session.identity : session.login.identity;
}

/** A pending login bounds how long a stolen password stays half useful (attack "expiry on the prompt"). */
export function isExpired(login: PendingLogin, now: Instant, pendingMs: number): boolean {
  return now - login.acceptedAt >= pendingMs;
}

/** Whether this session proved a factor within the last `withinMs`; what a change of factors needs (ASVS 7.5.1). */
export function provedWithin(session: Session, now: Instant, withinMs: number): boolean {
  return session.state === 'verified' && session.grounds.how === 'factor' && now - session.grounds.proof.at < withinMs;
}

/** When the rights of this session end, whatever else happens; absent where only its age ends them. */
export function rightsUntil(session: Session): Instant | undefined {
  return session.state === 'verified' && session.grounds.how === 'password' ? session.grounds.until : undefined;
}

/** Whether the rights of this session hold in the trusted networks only. */
export function isBoundToNetwork(session: Session): boolean {
  return session.state === 'verified' && session.grounds.how === 'network';
}

/** It is only asked, or not asked any more: no right rises or falls. */
export function isQuestion(event: SessionEvent): boolean {
  return event.type === 'step-up-asked' || event.type === 'step-up-cancelled';
}

/** Rights rise, or change hands: the session id changes with them and the old one is dead (ASVS 7.2.4, I4). */
export function rotates(event: SessionEvent): boolean {
  return event.type === 'login-accepted' || event.type === 'factor-proved' || event.type === 'enrolment-postponed';
}

/** The application is about to be asked by somebody else, or knows nobody: its tokens are nobody's, and ours with them. */
export function forgetsTokens(event: SessionEvent): boolean {
  return event.type === 'dropped';
}

function withoutStepUp(session: Extract<Session, { state: 'verified' }>): Session {
  return { state: 'verified', identity: session.identity, since: session.since, grounds: session.grounds };
}
