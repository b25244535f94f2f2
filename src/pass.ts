/**
 * From a decision to forward to the application and back: cookies in, cookies out, and the two occasions on which an answer
 * waits. The verified pass-through runs through here without a promise.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from './clock.ts';
import type { Decision } from './gate/decide.ts';
import { isSafe } from './gate/decide.ts';
import { confirm } from './gate/intercept.ts';
import type { Log } from './log.ts';
import { reasonOf } from './log.ts';
import { addReadable, hasVaulted, vaultCookies } from './login/absorb.ts';
import { type Accepted, type AcceptParts, acceptLogin, clientFacts } from './login/accept.ts';
import type { AppQuestions } from './login/app.ts';
import { endQuietly, joinCookies, wayOn } from './login/exchange.ts';
import type { TakenForm } from './login/kept-forms.ts';
import { type NewToken, newTokenIn } from './login/new-token.ts';
import type { Rechecks } from './login/recheck.ts';
import { loginCookies, setOwnCookie, wishedFor } from './session/cookie.ts';
import type { LiveSession } from './session/live.ts';
import type { Sessions } from './session/sessions.ts';
import { applicationOrigins, rewriteLocation } from './upstream/location.ts';
import type { Framing } from './upstream/request-headers.ts';
import {
  type AnswerHead,
  type FlatHeaders,
  type Forwarding,
  type HeadRuling,
  type Reply,
  type Running,
  type Upstream,
  UpstreamError,
} from './upstream/upstream.ts';
import { headersFor, type Way } from './way.ts';
import type { GatePage } from './web/web.ts';

export interface PassParts {
  readonly upstream: Upstream;
  readonly upstreamOrigin: string;
  /** Host and port of the application's own address. */
  readonly upstreamHost: string;
  readonly cookieName: string;
  readonly answers: Answers;
  /** A form that was kept got no answer: tells the person, and keeps it on where that is safe. */
  readonly unanswered: (way: Way, form: TakenForm, error: UpstreamError) => Promise<void>;
  readonly sessions: Sessions;
  readonly app: AppQuestions;
  readonly rechecks: Rechecks;
  readonly accept: AcceptParts;
  readonly clock: Clock;
  readonly log: Log;
}

/** How the gate answers when the application's answer must not go out. */
export interface Answers {
  refuse(req: IncomingMessage, res: ServerResponse, page: GatePage, asPage: boolean): void;
  showOrRefuse(page: 'login', way: Way): void;
  /** After a login: to the prompt, to enrolment; `standing: 'pass'` never comes here. */
  loggedIn(accepted: Accepted, way: Way): void;
  /** Nothing was asked of the application. */
  failed(req: IncomingMessage, res: ServerResponse, error: unknown): void;
}

/** Longest answer that is read for a token, in bytes: a login page, too. And how long it may take, in ms. */
const MAX_TOKEN_ANSWER_BYTES = 1_048_576;
const TOKEN_ANSWER_TIMEOUT_MS = 60_000;

type Held = { readonly send: FlatHeaders } | 'taken';

type Forward = Extract<Decision, { do: 'forward' }>;

export function pass(parts: PassParts, way: Way, decision: Forward): void {
  new Passing(parts, way, decision).start();
}

/** One object per request, which is also what the forwarder is told: the hot path makes nothing that it can do without. */
class Passing implements Forwarding {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: string;
  headers: FlatHeaders = [];
  readonly bodyRead: Buffer | undefined;
  readonly bodyComplete: boolean;
  readonly #parts: PassParts;
  readonly #way: Way;
  readonly #decision: Forward;
  readonly #version: number;
  readonly #isUnsafe: boolean;
  #running: Running | undefined;
  #landed = false;
  #newToken: NewToken | undefined;

  constructor(parts: PassParts, way: Way, decision: Forward) {
    const { req, res, scope, session, settings, start } = way;
    this.req = req;
    this.res = res;
    this.target = scope.target.target;
    this.bodyRead = start?.bytes;
    this.bodyComplete = start?.complete === true;
    this.#parts = parts;
    this.#way = way;
    this.#decision = decision;
    this.#version = session?.record.version ?? 0;
    const { whoami } = settings.profile;
    const mayChangeHands = !isSafe(req.method ?? '') || way.queryMayLogIn;
    this.#isUnsafe = decision.guarded
      ? whoami?.recheck === 'unsafe' && mayChangeHands
      : whoami !== undefined && mayChangeHands && decision.jar === 'own' && session?.jar.isEmpty === false;
  }

  start(): void {
    const { scope, session, cookies } = this.#way;
    const ownJar = this.#decision.jar === 'own' ? session?.jar : undefined;
    const cookie = joinCookies(ownJar?.header(scope.target.path, this.#parts.clock.now()), cookies.readable);
    if (!this.#isUnsafe || session === undefined) return this.#send(cookie);
    const { rechecks } = this.#parts;
    const told = this.#decision.guarded ? rechecks.depart(session) : rechecks.departBeforeLogin(session);
    if (told === undefined) return this.#send(cookie);
    told.then(
      () => {
        const still = this.#decision.guarded ? session.stillVerified(this.#version) : isAnonymous(session);
        if (still) return this.#send(cookie);
        this.onEnd(); // the rights ended while the others were told
        this.#refuse('session-ended');
      },
      (error: unknown) => {
        this.onEnd(); // it did not leave
        this.#parts.answers.failed(this.req, this.res, error);
      },
    );
  }

  #send(cookie: string | undefined): void {
    const { session } = this.#way;
    const { credentials, guarded, bearer } = this.#decision;
    const { bodyRead, bodyComplete } = this;
    const framing: Framing =
      bodyRead !== undefined && bodyComplete && bodyRead.length > 0 ? { length: bodyRead.length } : 'stream';
    const { token, route } = this.#way;
    const givesToken = guarded && route.givesToken !== undefined;
    this.headers = headersFor(this.#way, this.#parts.upstreamHost, {
      cookie,
      framing: givesToken && framing === 'stream' ? 'none' : framing,
      credentials,
      bearer: bearer === true ? token : undefined,
      identityEncoding: givesToken,
    });
    this.#running = givesToken ? this.#askForToken() : this.#parts.upstream.forward(this);
    if (guarded && session !== undefined) this.#parts.sessions.attach(session, this.#running);
  }

  /** An answer that has a token of the application in it is read whole before any of it goes out. */
  #askForToken(): Running {
    const stop = new AbortController();
    this.res.once('close', () => stop.abort());
    this.#exchangeToken(stop.signal)
      .catch((error: unknown) => {
        if (error instanceof UpstreamError) this.onFailure(error);
        else this.#parts.answers.failed(this.req, this.res, error);
      })
      .finally(() => this.onEnd());
    return { abort: () => stop.abort() };
  }

  async #exchangeToken(signal: AbortSignal): Promise<void> {
    const { bodyRead } = this;
    const reply = await this.#parts.upstream.ask({
      method: this.req.method ?? 'GET',
      target: this.target,
      headers: this.headers,
      maxBytes: MAX_TOKEN_ANSWER_BYTES,
      timeoutMs: TOKEN_ANSWER_TIMEOUT_MS,
      signal,
      ...(bodyRead === undefined ? {} : { body: bodyRead }),
    });
    const { route, settings } = this.#way;
    const isPage = route.givesToken === 'login' && isSafe(this.req.method ?? '');
    this.#newToken = newTokenIn(reply, settings.profile, { isListed: route.givesToken === 'refresh', isPage });
    const answer = this.#newToken?.reply ?? reply;
    const held = await heldBy(this.onHead(answer));
    if (held === 'taken' || this.res.destroyed || this.res.headersSent) return;
    this.res.writeHead(answer.status, answer.message, withLength(held.send, answer));
    this.res.end(answer.body);
  }

  onHead(head: AnswerHead): HeadRuling {
    const { session } = this.#way;
    this.#land();
    if (this.#decision.guarded && session !== undefined) return this.#guarded(head, session);
    if (this.#decision.jar === 'own' && this.#mayHaveLoggedIn(head)) return { hold: this.#ruled(this.#watched(head)) };
    return { send: this.#headersOut(head) };
  }

  /** What comes beside an answer cannot be held: only when the answer would not have to be. */
  mayTell(): boolean {
    const { session } = this.#way;
    if (!this.#decision.guarded || session === undefined) return false;
    if (!this.#parts.sessions.isCurrent(session) || !session.stillVerified(this.#version)) return false;
    return !this.#parts.rechecks.isDoubtful(session);
  }

  /** A verified session's answer: only while it still is that session, and only if it is still that person. */
  #guarded(head: AnswerHead, session: LiveSession): HeadRuling {
    const stands = this.#parts.sessions.stands(session);
    if (!(stands instanceof Promise)) return this.#judged(head, session);
    // Others did something to it while the application was busy: whose page this is may be just that.
    return { hold: this.#ruled(stands.then(() => this.#judged(head, session)).then(heldBy)) };
  }

  #judged(head: AnswerHead, session: LiveSession): HeadRuling {
    const { scope, settings } = this.#way;
    const { profile } = settings;
    if (!session.stillVerified(this.#version)) return { hold: this.#refused('session-ended') };
    if (head.setCookies.length > 0) {
      const changed = vaultCookies(head.setCookies, session.jar, scope.target.path, this.#parts.clock.now(), profile);
      if (changed) this.#parts.rechecks.doubt(session);
      if (hasVaulted(head.setCookies, profile)) this.#parts.sessions.save(session);
    }
    if (this.#newToken !== undefined) {
      session.jar.changeBearers(this.#newToken.change);
      this.#parts.rechecks.doubt(session); // whose token is it?
      this.#parts.sessions.save(session);
    }
    if (this.#parts.rechecks.isDoubtful(session)) return { hold: this.#ruled(this.#confirmed(head, session)) };
    const settled = this.#parts.sessions.settled(session);
    return settled === undefined
      ? { send: this.#headersOut(head) }
      : { hold: this.#ruled(this.#settled(head, settled)) };
  }

  /** Without the store nobody knows whether this session still exists (I6). */
  async #ruled(ruling: Promise<Held>): Promise<Held> {
    try {
      return await ruling;
    } catch (error) {
      return this.#taken(() => this.#parts.answers.failed(this.req, this.res, error));
    }
  }

  /** The next request may reach another process; it must find there what this answer brought. */
  async #settled(head: AnswerHead, settled: Promise<void>): Promise<Held> {
    await settled;
    return { send: this.#headersOut(head) };
  }

  async #confirmed(head: AnswerHead, session: LiveSession): Promise<Held> {
    const found = await this.#parts.rechecks.confirm(session, this.#way.scope.client);
    if (!session.stillVerified(this.#version)) return this.#refused('session-ended');
    switch (found.is) {
      case 'same':
        if (!(await this.#isTheirToken(session))) return this.#refused('identity-unknown');
        await this.#parts.sessions.settled(session);
        return { send: this.#headersOut(head) };
      case 'unknown':
        return this.#refused('identity-unknown');
      case 'left':
        this.#detach(session);
        await this.#parts.sessions.transition(session, { type: 'dropped' });
        return this.#taken(() => this.#parts.answers.showOrRefuse('login', this.#way));
      case 'changed':
        // The newcomer owes a proof of their own; nothing that was answered to them goes out.
        this.#detach(session);
        return this.#loggedIn(head, session, found.identity);
      default:
        return found satisfies never;
    }
  }

  /**
   * The question that several answers waited for was asked with the newest token, which may have come after the one in this answer.
   * That one is asked about by itself before it is handed out; if it is somebody else's, nobody ever learns what stands for it.
   */
  async #isTheirToken(session: LiveSession): Promise<boolean> {
    const { session: state } = session;
    if (this.#newToken === undefined) return true;
    if (state.state !== 'verified') return false;
    const naming = await this.#parts.app.whoami(session, this.#way.scope.client, this.#newToken.change.token);
    return session.stillVerified(this.#version) && (naming === undefined || confirm(state.identity, naming) === 'same');
  }

  /**
   * A GET can log in as well: a magic link, a single sign-on. It shows by a cookie, or by nothing at all when the session id
   * stays; so with a jar in hand every page but the bare login page is asked about.
   */
  #mayHaveLoggedIn(head: AnswerHead): boolean {
    const { session, settings } = this.#way;
    if (hasVaulted(head.setCookies, settings.profile)) return true;
    if (session === undefined) return false;
    // Another request brought a password into this very jar, on the way now or meanwhile (attack 10).
    if (session.exchangesInFlight > 0 || session.ended || session.session.state !== 'anonymous') return true;
    if (session.jar.isEmpty) return false;
    return !this.#isLoginPage() || this.#parts.sessions.isShared; // or another process's request brought a password into it
  }

  #isLoginPage(): boolean {
    return this.target === this.#way.settings.profile.loginPage;
  }

  /** An anonymous session after a page that may have logged it in. */
  async #watched(head: AnswerHead): Promise<Held> {
    const { scope, settings } = this.#way;
    const { profile } = settings;
    const { sessions } = this.#parts;
    await this.#way.session?.exchange; // never rejects
    const issued = this.#way.session === undefined ? sessions.create() : undefined;
    const session = issued?.session ?? this.#way.session;
    if (session === undefined || !isAnonymous(session)) return this.#refused('session-ended');
    const changed = vaultCookies(head.setCookies, session.jar, scope.target.path, this.#parts.clock.now(), profile);
    sessions.save(session);
    await sessions.settled(session);
    const own = this.#ownCookie(issued?.id);
    // The bare login page logs nobody in that came with nothing in hand; its first cookie needs no question.
    const isPlain = !changed && !sessions.isShared;
    if (this.#isLoginPage() && (issued !== undefined || isPlain)) return { send: this.#headersOut(head, own) };
    const naming = await this.#parts.app.whoami(session, scope.client);
    if (!isAnonymous(session)) return this.#refused('session-ended');
    if (naming === undefined || naming.is === 'nobody') {
      if (session.exchangesInFlight === 0) sessions.withdrawDoubt(session);
      await sessions.settled(session);
      return { send: this.#headersOut(head, own) };
    }
    if (naming.is === 'named') return this.#loggedIn(head, session, naming.identity);
    this.#parts.log.warn('authn_login_withheld', { client: scope.client, why: naming.why });
    await sessions.end(session, 'refused');
    return this.#refused('identity-unknown');
  }

  async #loggedIn(head: AnswerHead, session: LiveSession, identity: Parameters<typeof acceptLogin>[2]): Promise<Held> {
    const { scope, settings } = this.#way;
    this.#parts.log.warn('authn_unlisted_login', { identity, path: scope.target.path });
    const { wish } = this.#way.cookies;
    const { profile, publicUrl } = settings;
    const way = wayOn(undefined, { profile, wanted: wishedFor(wish), publicOrigin: publicUrl.origin });
    session.jar.changeBearers({ forget: 'all' }); // of whoever was here before
    let accepted: Accepted;
    try {
      accepted = await acceptLogin(this.#parts.accept, session, identity, way, clientFacts(scope.client, this.req));
    } catch (error) {
      await endQuietly(this.#parts.sessions, session); // its jar is somebody else's now, and nobody wrote that down
      throw error;
    }
    if (accepted.standing === 'pass') {
      return { send: this.#headersOut(head, loginCookies(this.#parts.cookieName, accepted.issued.id, wish)) };
    }
    return this.#taken(() => this.#parts.answers.loggedIn(accepted, this.#way));
  }

  #ownCookie(id: string | undefined): string[] | undefined {
    return id === undefined ? undefined : [setOwnCookie(this.#parts.cookieName, id)];
  }

  #headersOut(head: AnswerHead, own?: readonly string[]): FlatHeaders {
    const { scope, settings } = this.#way;
    const out = localRedirects(head, this.#parts.upstreamOrigin, settings.publicUrl);
    addReadable(out, head.setCookies, settings.profile, scope.onPublicHost);
    if (own !== undefined && own.length > 0) {
      for (const line of own) out.push('Set-Cookie', line);
      out.push('Cache-Control', 'no-store');
    }
    return out;
  }

  #refused(page: GatePage): Promise<'taken'> {
    return this.#taken(() => this.#refuse(page));
  }

  #refuse(page: GatePage): void {
    this.#parts.answers.refuse(this.req, this.res, page, this.#way.scope.isNavigation);
  }

  async #taken(answer: () => void): Promise<'taken'> {
    // One turn later, so that the forwarder has let go of the response before somebody else writes to it.
    const { res } = this;
    setImmediate(() => {
      if (!res.headersSent && !res.destroyed) answer();
    });
    return 'taken';
  }

  onFailure(error: UpstreamError): void {
    if (this.res.destroyed || this.res.headersSent) return;
    if (error.code === 'aborted') return this.#refuse('session-ended'); // not by the client, who is still there
    this.#parts.log.warn('upstream_failed', {
      code: error.code,
      path: this.#way.scope.target.path,
      reason: reasonOf(error.cause),
    });
    const { resumed } = this.#way;
    if (resumed === undefined) return this.#refuse(pageOfFailure(error));
    this.#parts.unanswered(this.#way, resumed, error).catch((reason: unknown) => {
      this.#parts.answers.failed(this.req, this.res, reason);
    });
  }

  #land(): void {
    if (this.#landed || !this.#isUnsafe || this.#way.session === undefined) return;
    this.#landed = true;
    this.#parts.rechecks.land(this.#way.session);
  }

  onEnd(): void {
    const { session } = this.#way;
    if (session === undefined) return;
    if (this.#isUnsafe && !this.#landed) {
      this.#landed = true;
      this.#parts.rechecks.stray(session);
    }
    this.#detach(session);
  }

  #detach(session: LiveSession): void {
    if (this.#running !== undefined) this.#parts.sessions.detach(session, this.#running);
  }
}

function heldBy(ruling: HeadRuling): Held | Promise<Held> {
  return 'hold' in ruling ? ruling.hold : ruling;
}

function isAnonymous({ ended, session }: LiveSession): boolean {
  return !ended && session.state === 'anonymous';
}

/** The page for an application that did not answer. */
export function pageOfFailure({ code }: UpstreamError): GatePage {
  if (code === 'busy') return 'upstream-busy';
  return code === 'timeout' ? 'upstream-timeout' : 'upstream-unreachable';
}

/** Redirects that name the application's own address, or ours without TLS, lead to ours instead; nothing else is touched. */
export function localRedirects(head: AnswerHead, upstreamOrigin: string, publicUrl: URL): FlatHeaders {
  const { headers, status } = head;
  if (status !== 201 && (status < 300 || status > 399)) return headers;
  const publicOrigin = publicUrl.origin;
  const origins = applicationOrigins(upstreamOrigin, publicOrigin);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'location') continue;
    headers[i + 1] = rewriteLocation(headers[i + 1] ?? '', origins, publicOrigin);
  }
  return headers;
}

/** The framing of a buffered answer is ours: the body may have been decoded on the way. */
export function withLength(headers: FlatHeaders, reply: Pick<Reply, 'status' | 'body'>): FlatHeaders {
  const out: FlatHeaders = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'content-length') out.push(headers[i] ?? '', headers[i + 1] ?? '');
  }
  if (reply.status !== 204 && reply.status !== 304) out.push('Content-Length', String(reply.body.length));
  return out;
}
