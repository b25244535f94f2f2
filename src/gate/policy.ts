/** What an accepted password is worth, and who may change factors, from the policy and what the identity has. Pure. */
import type { Standing, Trust } from './session.ts';
import type { FactorId, Instant, PolicyLevel } from './types.ts';

/** What the policy says of one identity, at the place that it signed in from. */
export interface PolicyFor {
  readonly level: PolicyLevel;
  /** Of `required`: until then the first method may wait. */
  readonly graceUntil?: Instant;
  /** Kinds of proof that count for this identity; absent: every one that is on. */
  readonly factors?: readonly FactorId[];
  readonly first: FirstRule;
  /** The address that it signed in from is in a trusted network. */
  readonly isTrustedNetwork?: boolean;
  /** How long a browser is trusted after a proof, in ms; absent: never. */
  readonly browserMs?: number;
}

/**
 * Who may set up the first method of an account (T6): whoever knows the password; only who was given a ticket; or who was given
 * one, or gets a code at an address that the administrator knows.
 */
export interface FirstRule {
  readonly needs: 'nothing' | 'ticket' | 'known';
  /** Where and until when neither is needed all the same; both must hold. Absent: never. */
  readonly free?: { readonly here: boolean; readonly until?: Instant };
}

/**
 * @param hasFactor whether the identity has any factor, whether or not it counts or is on: somebody whose only factor is
 * switched off has no way in, and never another enrolment (attack 15). An unreadable store is not an answer and must throw
 * before (I6, I9).
 */
export function standing({ level }: Pick<PolicyFor, 'level'>, hasFactor: boolean): Standing {
  if (level === 'off') return 'pass';
  if (hasFactor) return 'challenge'; // optional means: optional to enrol. Once enrolled it is always asked.
  return level === 'required' ? 'enrol' : 'pass';
}

/**
 * What an accepted password is worth with everything that may stand for the factor. Trust answers the question for a factor
 * and nothing else: who must enrol enrols, wherever they are.
 * @param browser the trusted browser that it came from; `misused`: what the browser brought was copied, and whoever has
 * the copy may sit in the next room (attack 60)
 */
export function worthOf(
  policy: Pick<PolicyFor, 'level' | 'isTrustedNetwork' | 'browserMs'>,
  hasFactor: boolean,
  browser: { readonly id: string } | 'misused' | undefined,
): { readonly standing: Standing; readonly trust?: Trust } {
  const asked = standing(policy, hasFactor);
  if (asked !== 'challenge' || browser === 'misused') return { standing: asked };
  if (browser !== undefined && policy.browserMs !== undefined) {
    return { standing: 'pass', trust: { how: 'trusted-browser', browser: browser.id } };
  }
  return policy.isTrustedNetwork === true ? { standing: 'pass', trust: { how: 'network' } } : { standing: asked };
}

/**
 * Until when somebody who owes a factor may put it off.
 * @returns `undefined` when it may not wait: there is a factor, none is demanded, or the time is over.
 */
export function mayWaitUntil(policy: PolicyFor, hasFactor: boolean, now: Instant): Instant | undefined {
  const { graceUntil, level } = policy;
  if (level !== 'required' || hasFactor || graceUntil === undefined) return undefined;
  return now < graceUntil ? graceUntil : undefined;
}

/** Whether a factor of this kind counts as a proof of this identity, and may be set up by it (attack 16). */
export function isAllowed({ factors }: Pick<PolicyFor, 'factors'>, factor: FactorId): boolean {
  return factors === undefined || factors.includes(factor);
}

/**
 * Whether a person may go on with what is left after a factor was removed: not without any where one is required, and never
 * with only such as do not count, because then there is no way in.
 */
export function mayKeepOnly(policy: Pick<PolicyFor, 'level' | 'factors'>, left: readonly FactorId[]): boolean {
  if (left.length === 0) return policy.level !== 'required';
  return left.some((factor) => isAllowed(policy, factor));
}

export interface Changing {
  readonly hasFactor: boolean;
  readonly provedFreshly: boolean;
  /** Somebody in this very session showed a ticket for this account that is still good, or what stands for one. */
  readonly hasTicket: boolean;
}

/**
 * May this person change factors? With a factor in place only a fresh proof will do, whatever the session, and whatever
 * ticket (T6, attack "enrol instead of verify"); before the first one the policy may demand a ticket (attack 53), unless a
 * factor was proved a moment ago and then removed. Asked again inside the store's atomic update, because another tab may have
 * enrolled meanwhile.
 */
export function mayChangeFactors(
  { first }: Pick<PolicyFor, 'first'>,
  { hasFactor, hasTicket, provedFreshly }: Changing,
  now: Instant,
): 'yes' | 'fresh-proof-needed' | 'ticket-needed' {
  if (provedFreshly) return 'yes';
  if (hasFactor) return 'fresh-proof-needed';
  return hasTicket || !needsTicket(first, now) ? 'yes' : 'ticket-needed';
}

/** Whether a code to an address that the administrator knows stands for a ticket. */
export function vouchesByAddress({ first }: Pick<PolicyFor, 'first'>): boolean {
  return first.needs === 'known';
}

function needsTicket({ free, needs }: FirstRule, now: Instant): boolean {
  if (needs === 'nothing') return false;
  return free === undefined || !free.here || (free.until !== undefined && now >= free.until);
}
