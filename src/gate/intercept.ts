/**
 * Was that a login, and whose? Two independent witnesses, the profile's rules and the application itself, and "unsure"
 * withholds (I3, I6). Pure: the caller asked both before it comes here.
 */
import type { Identity, Naming, Verdict } from './types.ts';

export type Interception =
  /** A login: from here on the browser sees only our answers. */
  | { readonly is: 'login'; readonly identity: Identity }
  /** Nobody logged in: the answer may go out, its cookies stay in the vault. */
  | { readonly is: 'no-login' }
  /** Something may have happened that we cannot name: nothing goes out, the jar is destroyed. */
  | { readonly is: 'withhold'; readonly why: 'identity-unknown' | 'identity-mismatch' };

export interface Witnesses {
  /** What the rules say of the answer; `undefined` when the request was not a login attempt. */
  readonly verdict: Verdict | undefined;
  /** What the application says; `undefined` when the profile has no whoami. */
  readonly naming: Naming | undefined;
  /** The user field of the login request, normalised; `undefined` when there was none. */
  readonly hint: Identity | undefined;
  /** Whether a hint that differs from the application's answer is a refusal. */
  readonly hintMustMatch: boolean;
  /** The answer hands out a token: somebody is logged in, whatever else is said, and it must not go out. */
  readonly hasToken?: boolean;
}

export function intercept(seen: Witnesses): Interception {
  const found = judged(seen);
  return found.is === 'no-login' && seen.hasToken === true ? { is: 'withhold', why: 'identity-unknown' } : found;
}

function judged(seen: Witnesses): Interception {
  const { naming, verdict, hint } = seen;
  if (naming !== undefined) {
    switch (naming.is) {
      case 'named':
        // The form said A and the application says V: parameter pollution, or a page that lies (attacks 28 to 35).
        if (seen.hintMustMatch && hint !== undefined && hint !== naming.identity) {
          return { is: 'withhold', why: 'identity-mismatch' };
        }
        return { is: 'login', identity: naming.identity };
      case 'nobody':
        // The application is the stronger witness: a success rule that also matches a wrong password must not
        // send texts to, or enrol, somebody who has not proven the password.
        return { is: 'no-login' };
      case 'unknown':
        return { is: 'withhold', why: 'identity-unknown' };
      default:
        return naming satisfies never;
    }
  }
  switch (verdict) {
    case 'accepted':
      return hint === undefined ? { is: 'withhold', why: 'identity-unknown' } : { is: 'login', identity: hint };
    case 'unsure':
      return { is: 'withhold', why: 'identity-unknown' };
    case 'rejected':
    case undefined:
      return { is: 'no-login' };
    default:
      return verdict satisfies never;
  }
}

export type Confirmation = 'same' | 'left' | 'changed' | 'unknown';

/** In a verified session: does the application still think this is the person who proved the factor? */
export function confirm(expected: Identity, naming: Naming): Confirmation {
  switch (naming.is) {
    case 'named':
      return naming.identity === expected ? 'same' : 'changed';
    case 'nobody':
      return 'left';
    case 'unknown':
      return 'unknown';
    default:
      return naming satisfies never;
  }
}
