/**
 * The login exchange: the one request that is buffered. The application gets what we parsed, its answer is judged before a
 * byte of it moves, and if somebody logged in the browser never sees it (I2, I3, I6). One at a time per session.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { intercept } from '../gate/intercept.ts';
import { returnPath } from '../gate/redirect.ts';
import { identityOf } from '../gate/session.ts';
import type { Identity, ReturnPath, Verdict } from '../gate/types.ts';
import type { Log } from '../log.ts';
import type { FoundToken, LoginMatch, Profile } from '../profiles/profile.ts';
import type { LiveSession } from '../session/live.ts';
import type { Sessions } from '../session/sessions.ts';
import { applicationOrigins, rewriteLocation } from '../upstream/location.ts';
import type { FlatHeaders, Reply, Upstream } from '../upstream/upstream.ts';
import { hasVaulted, vaultCookies } from './absorb.ts';
import { type Accepted, type AcceptParts, acceptLogin, clientFacts } from './accept.ts';
import { type AppQuestions, toAnswer } from './app.ts';
import type { KeptAnswers } from './kept-answers.ts';

const MAX_ANSWER_BYTES = 1_048_576;
const ANSWER_TIMEOUT_MS = 60_000;

export interface ExchangeParts {
  readonly upstream: Upstream;
  readonly sessions: Sessions;
  readonly app: AppQuestions;
  readonly accept: AcceptParts;
  readonly answers: KeptAnswers;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ExchangeRequest {
  readonly req: IncomingMessage;
  readonly profile: Profile;
  readonly session: LiveSession | undefined;
  readonly client: string;
  readonly path: string;
  readonly target: string;
  /** For a body of `body.length` bytes, with the jar's cookies. */
  readonly headers: (cookie: string | undefined) => FlatHeaders;
  readonly body: Buffer | undefined;
  readonly readableCookies: string | undefined;
  readonly login: LoginMatch | undefined;
  readonly isOracle: boolean;
  /** A verified session loses its rights before the application sees the password. */
  readonly dropFirst: boolean;
  /** What a trusted browser brought, unchecked. */
  readonly browser: string | undefined;
  /** What the browser remembers of where the person wanted to go, unchecked. */
  readonly wanted: string | undefined;
  /** The page whose script asks, as the browser names it, unchecked; `undefined` for a navigation. */
  readonly page: string | undefined;
  readonly publicOrigin: string;
  readonly upstreamOrigin: string;
}

export type Exchanged =
  /** Nobody logged in: the answer goes out, its vaulted cookies do not. */
  | { readonly is: 'answer'; readonly reply: Reply; readonly newId: string | undefined; readonly touchedJar: boolean }
  /** Somebody logged in. `reply` is only for a login that needs no factor. */
  | { readonly is: 'login'; readonly accepted: Accepted; readonly reply: Reply }
  | { readonly is: 'withheld'; readonly why: 'identity-unknown' | 'identity-mismatch' };

/** @throws UpstreamError, SessionGone, StoreError */
export async function exchangeLogin(parts: ExchangeParts, request: ExchangeRequest): Promise<Exchanged> {
  const { session } = request;
  if (session === undefined) return exchange(parts, request, undefined);
  session.exchangesInFlight += 1;
  const mine = session.exchange
    .then(() => exchangeOrEnd(parts, request, session))
    .finally(() => {
      session.exchangesInFlight -= 1;
    });
  session.exchange = mine.catch(() => undefined);
  return mine;
}

/** An exchange that broke off may have logged somebody in all the same; the jar of which nobody knows it is given up (I6). */
async function exchangeOrEnd(parts: ExchangeParts, request: ExchangeRequest, session: LiveSession): Promise<Exchanged> {
  try {
    return await exchange(parts, request, session);
  } catch (error) {
    if (!(error instanceof Superseded)) await endQuietly(parts.sessions, session);
    throw error;
  }
}

/** The session is over in memory whatever the store says; the caller has an error of its own to tell. */
export async function endQuietly(sessions: Sessions, session: LiveSession): Promise<void> {
  await sessions.end(session, 'refused').catch(() => undefined);
}

async function exchange(
  parts: ExchangeParts,
  request: ExchangeRequest,
  known: LiveSession | undefined,
): Promise<Exchanged> {
  const { clock, sessions } = parts;
  const { profile, path } = request;
  if (known !== undefined && request.dropFirst && known.session.state === 'verified') {
    await sessions.transition(known, { type: 'dropped' });
  }
  // A password that another process sends with this jar queues nowhere: whoever is accepted first is doubted until it is done.
  if (known !== undefined) await sessions.announceDoubt(known);
  // Two logins on one session queue here; the first may have made it pending, and a pending jar takes no more passwords.
  if (known !== undefined && (known.ended || known.session.state !== 'anonymous')) throw new Superseded();

  const cookie = joinCookies(known?.jar.header(path, clock.now()), request.readableCookies);
  const reply = await parts.upstream.ask({
    method: request.req.method ?? 'POST',
    target: request.target,
    headers: request.headers(cookie),
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: ANSWER_TIMEOUT_MS,
    ...(request.body === undefined ? {} : { body: request.body }),
  });

  const token = profile.tokens?.find(reply.body);
  const found = typeof token === 'object' ? token : undefined;
  let session = known;
  let newId: string | undefined;
  if (session === undefined && (hasVaulted(reply.setCookies, profile) || found !== undefined)) {
    const issued = sessions.create();
    session = issued.session;
    newId = issued.id;
  }
  if (session === undefined) return judgeWithoutJar(request, reply, token !== undefined);
  if (session.ended) throw new Superseded();
  const touchedJar = vaultCookies(reply.setCookies, session.jar, path, clock.now(), profile);
  const handle = found === undefined ? undefined : parts.answers.vault(session, found);
  sessions.save(session);
  await sessions.settled(session);
  const tokenOf = found === undefined || handle === undefined ? undefined : { found, handle };
  return judge(parts, request, session, { reply, newId, touchedJar }, { has: token !== undefined, of: tokenOf });
}

/** The token of an answer: whether there is one, and what is known of it when it can be exchanged. */
interface AnswerToken {
  readonly has: boolean;
  readonly of: { readonly found: FoundToken; readonly handle: string } | undefined;
}

async function judge(
  parts: ExchangeParts,
  request: ExchangeRequest,
  session: LiveSession,
  got: { reply: Reply; newId: string | undefined; touchedJar: boolean },
  token: AnswerToken,
): Promise<Exchanged> {
  const { profile, login } = request;
  const hint = hintOf(profile, login);
  const isAttempt = login !== undefined && !request.isOracle;
  const naming = await parts.app.whoami(session, request.client);
  const verdict = verdictOn(request, got.reply);
  const hidesToken = !token.has && mayHideToken(profile, got.reply, verdict);
  const seen = intercept({
    verdict,
    naming,
    hint,
    hintMustMatch: profile.hintMustMatch,
    hasToken: token.has || hidesToken,
  });
  switch (seen.is) {
    case 'no-login':
      if (login !== undefined) parts.log.info('authn_password_refused', { client: request.client, hint });
      parts.sessions.withdrawDoubt(session);
      await parts.sessions.settled(session);
      return { is: 'answer', ...got };
    case 'withhold':
      if (hidesToken && naming?.is === 'nobody') parts.log.warn('login_token_unfit', { identity: hint });
      parts.log.warn('authn_login_withheld', {
        client: request.client,
        why: seen.why,
        whoami: naming?.is === 'unknown' ? naming.why : naming?.is,
        hint,
      });
      await parts.sessions.end(session, 'refused');
      return { is: 'withheld', why: seen.why };
    case 'login': {
      if (login === undefined) parts.log.warn('authn_unlisted_login', { identity: seen.identity, path: request.path });
      const returnTo = wayOn(got.reply, request);
      const accepted = await acceptLogin(
        parts.accept,
        session,
        seen.identity,
        returnTo,
        clientFacts(request.client, request.req),
        isAttempt && naming?.is === 'named' ? request.browser : undefined, // it never stands for a password
      );
      return answered(parts, accepted, { reply: got.reply, token, user: isAttempt ? hint : undefined });
    }
    default:
      return seen satisfies never;
  }
}

/** Somebody is in, or will be: the token of the application stays here, whatever becomes of its answer. */
async function answered(
  { answers, log, sessions }: ExchangeParts,
  accepted: Accepted,
  got: { readonly reply: Reply; readonly token: AnswerToken; readonly user: Identity | undefined },
): Promise<Exchanged> {
  const { reply, token, user } = got;
  const { session } = accepted.issued;
  const identity = identityOf(session.session);
  if (!token.has) return { is: 'login', accepted, reply };
  if (token.of === undefined) {
    log.warn('login_token_unfit', { identity });
    if (accepted.standing !== 'pass') return { is: 'login', accepted, reply };
    await sessions.end(session, 'refused');
    return { is: 'withheld', why: 'identity-unknown' };
  }
  const { found, handle } = token.of;
  if (accepted.standing === 'pass') {
    return { is: 'login', accepted, reply: await answers.exchange(session, handle, reply, found) };
  }
  if (identity !== undefined && user !== undefined) await answers.keep(handle, reply, found, { identity, user });
  return { is: 'login', accepted, reply };
}

/** No jar, so nobody can be logged in by cookies; a login that claims success all the same is none that we could guard. */
function judgeWithoutJar(request: ExchangeRequest, reply: Reply, hasToken: boolean): Exchanged {
  const verdict = verdictOn(request, reply);
  if (hasToken || verdict === 'accepted' || mayHideToken(request.profile, reply, verdict)) {
    return { is: 'withheld', why: 'identity-unknown' };
  }
  return { is: 'answer', reply, newId: undefined, touchedJar: false };
}

/** What the rules say; nothing of what is no attempt. */
function verdictOn({ isOracle, login, profile }: ExchangeRequest, reply: Reply): Verdict | undefined {
  return login === undefined || isOracle ? undefined : profile.judge(toAnswer(reply));
}

/**
 * Where a token is how people are known, an answer to a password that no rule calls a refusal may have one that was not seen: in
 * another type, or at another place, as whoever asks may choose. The application names nobody then, and is no witness (I6).
 */
function mayHideToken(profile: Profile, reply: Reply, verdict: Verdict | undefined): boolean {
  if (profile.tokens === undefined) return false;
  return verdict === 'accepted' || (verdict === 'unsure' && reply.status < 400);
}

function hintOf(profile: Profile, login: LoginMatch | undefined): Identity | undefined {
  return login?.user === undefined ? undefined : profile.identify(login.user);
}

/**
 * Where the person wanted to go, or where the application sends everybody, or the page that they never left because its script
 * asked: our own origin only (T10). Not to the login page, which has done its work. Not to the whoami page:
 * an application that remembers the last refused page would send people there, because we asked for it in their name.
 */
export function wayOn(
  reply: Reply | undefined,
  request: {
    profile: Profile;
    wanted: string | undefined;
    page?: string | undefined;
    publicOrigin: string;
    upstreamOrigin?: string;
  },
): ReturnPath {
  const { profile, wanted, publicOrigin, upstreamOrigin = publicOrigin } = request;
  const wish = wanted === undefined ? undefined : returnPath(wanted, publicOrigin);
  if (wish !== undefined) return wish;
  const location = reply === undefined ? undefined : locationOf(reply);
  const origins = applicationOrigins(upstreamOrigin, publicOrigin);
  const sent =
    location === undefined ? undefined : returnPath(rewriteLocation(location, origins, publicOrigin), publicOrigin);
  const page = request.page === undefined ? undefined : returnPath(request.page, publicOrigin);
  for (const place of [sent, page]) {
    if (place !== undefined && place !== profile.loginPage && place !== profile.whoami?.path) return place;
  }
  return (returnPath(profile.home, publicOrigin) ?? '/') as ReturnPath;
}

/** The same answer with its redirect, if it is one, leading where {@link wayOn} says. */
export function withWayOn(reply: Reply, returnTo: ReturnPath): Reply {
  if (locationOf(reply) === undefined) return reply;
  const headers = reply.headers.map((text, index) =>
    index % 2 === 1 && reply.headers[index - 1]?.toLowerCase() === 'location' ? returnTo : text,
  );
  return { ...reply, headers };
}

function locationOf(reply: Reply): string | undefined {
  if (reply.status < 300 || reply.status > 399) return undefined;
  const at = reply.headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'location');
  return at < 0 ? undefined : reply.headers[at + 1];
}

export function joinCookies(jar: string | undefined, readable: string | undefined): string | undefined {
  if (jar === undefined) return readable;
  return readable === undefined ? jar : `${jar}; ${readable}`;
}

/** Another login on the same session was faster. */
export class Superseded extends Error {
  constructor() {
    super('another login on this session was faster');
    this.name = 'Superseded';
  }
}
