/**
 * Routes that ask for more than a verified session: a factor that was proved in it, at all or a short while ago; and what may
 * become of a form that was sent too early. Pure. A route only ever asks for more than the level of a person, never for less (I1).
 */
import { provedWithin, type Session } from './session.ts';
import type { Identity, Instant, LoginId } from './types.ts';

/** What a route demands of whoever uses it. */
export interface DemandedProof {
  /** How old the proof may be, in ms; `Infinity` where any proof of this session will do. */
  readonly withinMs: number;
  readonly now: Instant;
}

/** Whether this session is let in nowhere else before its person proves a factor. Of others than verified ones more is asked anyway. */
export function owesProof(session: Session, proof: DemandedProof | undefined): boolean {
  if (proof === undefined || session.state !== 'verified') return false;
  return !provedWithin(session, proof.now, proof.withinMs);
}

/** Where a person goes to give a proof that a route demands: nobody can prove what they do not have. */
export function proofPage(hasFactor: boolean): 'challenge' | 'enrol' {
  return hasFactor ? 'challenge' : 'enrol';
}

/** A form that waits for the answer to a question. */
export interface KeptFor {
  readonly question: LoginId;
  readonly identity: Identity;
  readonly expiresAt: Instant;
}

/** Whether a form waits for the question that this session may answer now. */
export function isAwaited(session: Session, kept: KeptFor, now: Instant): boolean {
  return session.state === 'verified' && session.stepUp?.id === kept.question && isLive(session.identity, kept, now);
}

/**
 * Whether a form that was kept may leave: in the session that answered the very question it was kept for, by the person who was
 * asked, and only then. A later question, another login or another person leave it where it is, until it expires.
 */
export function mayLeave(session: Session, kept: KeptFor, now: Instant): boolean {
  if (session.state !== 'verified' || session.grounds.how !== 'factor') return false;
  return session.grounds.proof.loginId === kept.question && isLive(session.identity, kept, now);
}

function isLive(identity: Identity, kept: KeptFor, now: Instant): boolean {
  return kept.identity === identity && now < kept.expiresAt;
}
