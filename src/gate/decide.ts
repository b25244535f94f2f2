/**
 * Request + session → forward, show a page, or refuse. Pure, total, and the same function for HTTP and upgrades (I1).
 * Reading order for a reviewer: this file, session.ts, intercept.ts.
 */
import { type DemandedProof, owesProof } from './proof-age.ts';
import type { Session } from './session.ts';
import type { Authorization, RouteClass } from './types.ts';

/** What the gate needs to know of a request; filled in by gateway.ts from the canonical target and the profile. */
export interface Asked {
  readonly route: RouteClass;
  readonly method: string;
  /** Matches a login request of the profile: a password may be inside. */
  readonly isLogin: boolean;
  /** Matches the application's own logout. */
  readonly isLogout: boolean;
  /** A navigation a person can act on; anything else is never answered with HTML. */
  readonly isNavigation: boolean;
  readonly isUpgrade: boolean;
  /** What the policy demands at this address beside a verified session; absent where that is nothing. */
  readonly proof?: DemandedProof | undefined;
  /** What `Authorization` is worth in this session, where it is verified. */
  readonly authorization: Authorization;
  /** The answer hands out a token of the application, or may do so because people log in at this address. */
  readonly givesToken?: 'login' | 'refresh' | undefined;
}

/** Which cookies of the application travel with a request (I2). */
export type JarUse = 'own' | 'none';

export type Decision =
  /** `guarded`: the answer belongs to a verified session and is held back when that session ended meanwhile. */
  | {
      readonly do: 'forward';
      readonly jar: JarUse;
      readonly guarded: boolean;
      readonly credentials: boolean;
      /** The application's token goes along for ours. */
      readonly bearer?: true;
    }
  /** Something may log somebody in: buffered, judged, and answered by us if it did. */
  | { readonly do: 'exchange'; readonly dropFirst: boolean }
  /** `alone`: our session ends, and the request goes no further. */
  | { readonly do: 'logout'; readonly alone?: true }
  | { readonly do: 'show'; readonly page: NextPage }
  | { readonly do: 'refuse'; readonly status: 401 | 403 | 405; readonly page: NextPage }
  /** A password of somebody else, where the factor of this person lets in. */
  | { readonly do: 'refuse'; readonly status: 403; readonly page: 'other-account' };

/** Where somebody goes on who may not go further; `step-up`: a verified session that this address asks to prove a factor. */
export type NextPage = 'login' | 'challenge' | 'enrol' | 'step-up';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** RFC 9110 9.2.1, less TRACE, which is refused earlier. */
export function isSafe(method: string): boolean {
  return SAFE.has(method);
}

export function decide(session: Session, asked: Asked): Decision {
  const verified = session.state === 'verified';
  const owes = owesProof(session, asked.proof);
  const { authorization } = asked;

  // What an API client sends is its own, whoever's browser it comes from; a person's password must be that person's.
  if (verified && asked.authorization === 'foreign' && (asked.isUpgrade || asked.route !== 'service')) {
    return { do: 'refuse', status: 403, page: 'other-account' };
  }

  // Upgrades outlive the request that opened them and carry no method worth the name: verified sessions only (T9).
  if (asked.isUpgrade) return verified && !owes ? pass('own', true, authorization) : refuse(session, asked);

  if (owes && (asked.route !== 'service' || asked.isLogin || asked.isLogout)) {
    // Wherever the jar would travel, whatever the class of the route: a password or a logout that is put into a request must not
    // carry it to where a proof is owed. Whoever wants to leave leaves all the same.
    return asked.isLogout && !asked.isLogin ? { do: 'logout', alone: true } : refuse(session, asked);
  }

  // A password typed into a verified session is judged like any other: the state falls before it is forwarded.
  if (verified && asked.isLogin) return { do: 'exchange', dropFirst: true };
  if (verified && asked.isLogout) return { do: 'logout' };

  // Whatever opens this address: a token of the application is no answer for anybody who owes a factor.
  if (asked.givesToken !== undefined && !verified && asked.route !== 'service' && !asked.isLogin) {
    // Where people log in it may be a login that nobody knows for one, by a GET as well: its answer is judged like that of any.
    const isOpen = asked.givesToken === 'login' && session.state === 'anonymous' && asked.route !== 'protected';
    return isOpen ? { do: 'exchange', dropFirst: false } : refuse(session, asked);
  }

  switch (asked.route) {
    case 'service': {
      // An explicit rule let an API client in; it never shares a person's jar, nor a person's token.
      const credentials = authorization !== 'exchanged' && authorization !== 'void';
      return { do: 'forward', jar: 'none', guarded: false, credentials };
    }

    case 'public':
      return verified ? pass('own', true, authorization) : pass('none', false);

    case 'static':
      if (verified) return pass('own', true, authorization);
      // Without a jar the application answers as it answers anybody (attack "PATH_INFO and suffix rules").
      return asked.method === 'GET' || asked.method === 'HEAD' ? pass('none', false) : refuse(session, asked);

    case 'login':
      if (verified) return pass('own', true, authorization);
      // A pending jar is logged in at the application; login pages must not be served from it.
      if (session.state !== 'anonymous') return refuse(session, asked);
      return isSafe(asked.method) && !asked.isLogin ? pass('own', false) : { do: 'exchange', dropFirst: false };

    case 'protected':
      return verified ? pass('own', true, authorization) : refuse(session, asked);

    default:
      return asked.route satisfies never;
  }
}

/** What a form that was kept may still come to: the application, as a verified session, or the prompt once more. */
export function mayResume(decision: Decision): boolean {
  return (decision.do === 'forward' && decision.guarded) || (decision.do === 'show' && decision.page === 'step-up');
}

function pass(jar: JarUse, guarded: boolean, authorization: Authorization = 'dropped'): Decision {
  const forward = { do: 'forward', jar, guarded, credentials: authorization === 'own' } as const;
  return authorization === 'exchanged' ? { ...forward, bearer: true } : forward;
}

/** The way on from here: a redirect for people, a status and the address of the prompt for programs. */
function refuse(session: Session, asked: Asked): Decision {
  const page = PAGES[session.state];
  if (asked.isNavigation && !asked.isUpgrade) return { do: 'show', page };
  return { do: 'refuse', status: 401, page };
}

/** A verified session is refused for one reason only. */
const PAGES: Readonly<Record<Session['state'], NextPage>> = {
  anonymous: 'login',
  pending: 'challenge',
  enrolling: 'enrol',
  verified: 'step-up',
};
