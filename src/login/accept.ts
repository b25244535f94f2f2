/** An accepted password becomes a pending login, an enrolment, or a verified session, as the policy says (I4). */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { type PolicyFor, standing as standingOf, worthOf } from '../gate/policy.ts';
import type { Standing } from '../gate/session.ts';
import type { BrowserFacts } from '../gate/trusted-browsers.ts';
import type { ClientFacts, Identity, Instant, LoginId, ReturnPath } from '../gate/types.ts';
import { type Log, reasonOf } from '../log.ts';
import type { BrowserCookie } from '../session/browser-cookie.ts';
import type { LiveSession } from '../session/live.ts';
import type { Issued, Sessions } from '../session/sessions.ts';
import type { Collection, UserRecord } from '../store/store.ts';

export interface AcceptParts {
  readonly users: Collection<UserRecord>;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: (identity: Identity, from: ClientFacts) => PolicyFor;
  readonly browsers: TrustedBrowsers;
  /** Told of each login of somebody who has no factor, for the administrator's list. */
  readonly noteWithoutFactor: (identity: Identity, now: Instant) => Promise<void>;
}

/** The browsers that may stand for a factor; see ceremonies/browsers.ts. */
export interface TrustedBrowsers {
  use(
    identity: Identity,
    value: string,
    facts: Omit<BrowserFacts, 'now'>,
  ): Promise<{ readonly id: string; readonly cookie?: BrowserCookie } | 'misused' | undefined>;
  stands(identity: Identity, id: string): Promise<boolean>;
}

export interface Accepted {
  readonly issued: Issued;
  readonly standing: Standing;
  readonly returnTo: ReturnPath;
  /** What the trusted browser gets in the place of what it brought; `misused`: that is taken away. */
  readonly browser?: BrowserCookie | 'misused';
}

/**
 * @param brought the value of a trusted browser; only with a password that the application accepted, and a name that it gave
 * @throws SessionGone, StoreError: the login is then refused, never let through (I6).
 */
export async function acceptLogin(
  parts: AcceptParts,
  session: LiveSession,
  identity: Identity,
  returnTo: ReturnPath,
  from: ClientFacts,
  brought?: string,
): Promise<Accepted> {
  const { browsers, clock, log, policy, sessions, users } = parts;
  const user = await users.get(identity);
  const factorVersion = user?.factorVersion ?? 0;
  const hasFactor = (user?.enrolments.length ?? 0) > 0;
  const rules = policy(identity, from);
  const mayTrust = brought !== undefined && standingOf(rules, hasFactor) === 'challenge';
  const used = mayTrust ? await browsers.use(identity, brought, { factorVersion, from, policy: rules }) : undefined;
  const { standing, trust } = worthOf(rules, hasFactor, used);
  const browser = used === 'misused' ? used : used?.cookie;
  const accepted = { standing, returnTo, ...(browser === undefined ? {} : { browser }) };
  const login = {
    id: randomBytes(16).toString('base64url') as LoginId,
    identity,
    acceptedAt: clock.now(),
    returnTo,
  };
  const issued = await sessions.transition(
    session,
    { type: 'login-accepted', login, standing, ...(trust === undefined ? {} : { trust }) },
    { factorVersion, from },
  );
  log.info('authn_password_accepted', { identity, standing, trust: trust?.how });
  if (!hasFactor) {
    // A list that lacks somebody keeps nobody out.
    await parts.noteWithoutFactor(identity, clock.now()).catch((error: unknown) => {
      log.error('event_not_kept', { identity, kind: 'without-factor', reason: reasonOf(error) });
    });
  }
  if (standing === 'challenge') return { issued, ...accepted };
  // A factor may have been confirmed between our look and our write; then this password alone is not enough any more. Nor is the
  // browser, when somebody stopped trusting it.
  const now = await users.get(identity);
  const isTrusted = trust?.how !== 'trusted-browser' || (await browsers.stands(identity, trust.browser));
  if ((now?.factorVersion ?? 0) === factorVersion && isTrusted) return { issued, ...accepted };
  return acceptLogin(parts, issued.session, identity, returnTo, from);
}

/** Characters of `User-Agent` that are kept. */
const LONGEST_AGENT = 256;

/** What is written down of the browser behind a login. @param client its address, as the trusted proxies say */
export function clientFacts(client: string, req: IncomingMessage): ClientFacts {
  const agent = (req.headers['user-agent'] ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, LONGEST_AGENT);
  return { address: client, agent };
}
