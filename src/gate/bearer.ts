/**
 * Tokens that an application hands out in the body of an answer, and what a browser has in their place. Pure: which token of ours
 * a request shows, and who may have the answer of a login that was kept back. A token of ours is worth nothing without the
 * cookie of its session, and never reaches the application in `Authorization`.
 */
import type { Session } from './session.ts';
import type { Identity, Instant } from './types.ts';

/** What every token of ours begins with, so that one is known for ours wherever it turns up. */
export const OUR_PREFIX = 'lucy2fa_';

const OURS = /^[Bb][Ee][Aa][Rr][Ee][Rr] +(lucy2fa_[A-Za-z0-9_-]{43})$/;
/** Anything that another reader could take for one of ours. */
const LIKE_OURS = /lucy2fa_/i;

/** What the `Authorization` of a request shows. `void`: of ours, in a reading that is not the only one. */
export type ShownToken = { readonly is: 'ours'; readonly text: string } | { readonly is: 'void' | 'other' };

/** @param lines every line of `Authorization`, in order */
export function shownToken(lines: readonly string[]): ShownToken {
  const [line = '', second] = lines;
  const text = second === undefined ? OURS.exec(line)?.[1] : undefined;
  if (text !== undefined) return { is: 'ours', text };
  return { is: lines.some((one) => LIKE_OURS.test(one)) ? 'void' : 'other' };
}

/** Whose login an answer belongs to that is kept until the proof. */
export interface AnswerOwner {
  /** Who the application said it was. */
  readonly identity: Identity;
  /** Who the form said it was. */
  readonly user: Identity;
  readonly expiresAt: Instant;
}

/** Whether a login that is sent again gets the answer of the first one: the same person, who has proved the factor since. */
export function mayHave(session: Session, user: Identity | undefined, owner: AnswerOwner, now: Instant): boolean {
  if (session.state !== 'verified' || session.identity !== owner.identity) return false;
  return user === owner.user && now < owner.expiresAt;
}
