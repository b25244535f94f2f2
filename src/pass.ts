/**
 * From a decision to forward to the application and back: cookies in, cookies out, and the two occasions on which an answer
 * waits. The verified pass-through runs through here without a promise.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from './clock.ts';
import type { Decision } from './gate/decide.ts';
import { isSafe } from './gate/decide.ts';
import type { Log } from './log.ts';
import { reasonOf } from './log.ts';
import { addReadable, hasVaulted, vaultCookies } from './login/absorb.ts';
import { type Accepted, type AcceptParts, acceptLogin } from './login/accept.ts';
import type { AppQuestions } from './login/app.ts';
import { endQuietly, joinCookies, wayOn } from './login/exchange.ts';
import type { Rechecks } from './login/recheck.ts';
import type { Profile } from './profiles/profile.ts';
import type { Scope } from './request/scope.ts';
import type { LiveSession } from './session/live.ts';
import type { Sessions } from './session/sessions.ts';
import { applicationOrigins, rewriteLocation } from './upstream/location.ts';
import type { AnswerHead, FlatHeaders, HeadRuling, Running, Upstream, UpstreamError } from './upstream/upstream.ts';
import type { GatePage } from './web/web.ts';

export interface PassParts {
  readonly upstream: Upstream;
  readonly upstreamOrigin: string;
  readonly sessions: Sessions;
  readonly app: AppQuestions;
  readonly rechecks: Rechecks;
  readonly accept: AcceptParts;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PassRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly scope: Scope;
  readonly profile: Profile;
  readonly publicOrigin: string;
  readonly session: LiveSession | undefined;
  readonly decision: Extract<Decision, { do: 'forward' }>;
  readonly readableCookies: string | undefined;
  /** The query could carry credentials; then a GET is as doubtful as a POST. */
  readonly queryMayLogIn: boolean;
  readonly headers: (cookie: string | undefined) => FlatHeaders;
  readonly bodyRead?: Buffer;
  readonly bodyComplete?: boolean;
  /** How the gate answers when the application's answer must not go out. */
  readonly refuse: (page: GatePage) => void;
  readonly showLogin: () => void;
  /** After a login: to the prompt, to enrolment; `standing: 'pass'` never comes here. */
  readonly showLoggedIn: (accepted: Accepted) => void;
  readonly setCookie: (id: string) => string;
  /** Nothing was asked of the application. */
  readonly failed: (error: unknown) => void;
}

type Held = { readonly send: FlatHeaders } | 'taken';

export function pass(parts: PassParts, request: PassRequest): void {
  const passing = new Passing(parts, request);
  passing.start();
}

class Passing {
  readonly #parts: PassParts;
  readonly #request: PassRequest;
  readonly #version: number;
  readonly #isUnsafe: boolean;
  #running: Running | undefined;
  #landed = false;

  constructor(parts: PassParts, request: PassRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#version = request.session?.record.version ?? 0;
    const recheck = request.profile.whoami?.recheck === 'unsafe';
    const mayChangeHands = !isSafe(request.req.method ?? '') || request.queryMayLogIn;
    this.#isUnsafe = request.decision.guarded && recheck && mayChangeHands;
  }

  start(): void {
    const { scope, decision, session, readableCookies } = this.#request;
    const jar = decision.jar === 'own' ? session?.jar.header(scope.target.path, this.#parts.clock.now()) : undefined;
    const cookie = joinCookies(jar, readableCookies);
    const told = this.#isUnsafe && session !== undefined ? this.#parts.rechecks.depart(session) : undefined;
    if (told === undefined) return this.#send(cookie);
    told.then(
      () => this.#send(cookie),
      (error: unknown) => {
        this.#onEnd(); // it did not leave
        this.#request.failed(error);
      },
    );
  }

  #send(cookie: string | undefined): void {
    const { req, res, scope, decision, session, headers } = this.#request;
    this.#running = this.#parts.upstream.forward({
      req,
      res,
      target: scope.target.target,
      headers: headers(cookie),
      onHead: (head) => this.#onHead(head),
      onFailure: (error) => this.#onFailure(error),
      onEnd: () => this.#onEnd(),
      ...(this.#request.bodyRead === undefined ? {} : { bodyRead: this.#request.bodyRead }),
      ...(this.#request.bodyComplete === undefined ? {} : { bodyComplete: this.#request.bodyComplete }),
    });
    if (decision.guarded && session !== undefined) this.#parts.sessions.attach(session, this.#running);
  }

  #onHead(head: AnswerHead): HeadRuling {
    const { decision, session } = this.#request;
    this.#land();
    if (decision.guarded && session !== undefined) return this.#guarded(head, session);
    if (decision.jar === 'own' && this.#mayHaveLoggedIn(head)) return { hold: this.#ruled(this.#watched(head)) };
    return { send: this.#headersOut(head) };
  }

  /** A verified session's answer: only while it still is that session, and only if it is still that person. */
  #guarded(head: AnswerHead, session: LiveSession): HeadRuling {
    const { profile, scope } = this.#request;
    if (!session.stillVerified(this.#version))
      return { hold: this.#taken(() => this.#request.refuse('session-ended')) };
    if (head.setCookies.length > 0) {
      const changed = vaultCookies(head.setCookies, session.jar, scope.target.path, this.#parts.clock.now(), profile);
      if (changed) this.#parts.rechecks.doubt(session);
      if (hasVaulted(head.setCookies, profile)) this.#parts.sessions.save(session);
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
      return this.#taken(() => this.#request.failed(error));
    }
  }

  /** The next request may reach another process; it must find there what this answer brought. */
  async #settled(head: AnswerHead, settled: Promise<void>): Promise<Held> {
    await settled;
    return { send: this.#headersOut(head) };
  }

  async #confirmed(head: AnswerHead, session: LiveSession): Promise<Held> {
    const { client } = this.#request.scope;
    const found = await this.#parts.rechecks.confirm(session, client);
    if (!session.stillVerified(this.#version)) return this.#taken(() => this.#request.refuse('session-ended'));
    switch (found.is) {
      case 'same':
        await this.#parts.sessions.settled(session);
        return { send: this.#headersOut(head) };
      case 'unknown':
        return this.#taken(() => this.#request.refuse('identity-unknown'));
      case 'left':
        this.#detach(session);
        await this.#parts.sessions.transition(session, { type: 'dropped' });
        return this.#taken(() => this.#request.showLogin());
      case 'changed':
        // The newcomer owes a proof of their own; nothing that was answered to them goes out.
        this.#detach(session);
        return this.#loggedIn(head, session, found.identity);
      default:
        return found satisfies never;
    }
  }

  /**
   * A GET can log in as well: a magic link, a single sign-on. It shows by a cookie, or by nothing at all when the session id
   * stays; so with a jar in hand every page but the bare login page is asked about.
   */
  #mayHaveLoggedIn(head: AnswerHead): boolean {
    const { profile, session } = this.#request;
    if (hasVaulted(head.setCookies, profile)) return true;
    if (session === undefined) return false;
    // Another request brought a password into this very jar, on the way now or meanwhile (attack 10).
    if (session.exchangesInFlight > 0 || session.ended || session.session.state !== 'anonymous') return true;
    if (session.jar.isEmpty) return false;
    return !this.#isLoginPage() || this.#parts.sessions.isShared; // or another process's request brought a password into it
  }

  #isLoginPage(): boolean {
    return this.#request.scope.target.target === this.#request.profile.loginPage;
  }

  /** An anonymous session after a page that may have logged it in. */
  async #watched(head: AnswerHead): Promise<Held> {
    const { profile, scope, setCookie } = this.#request;
    const { sessions } = this.#parts;
    await this.#request.session?.exchange; // never rejects
    const issued = this.#request.session === undefined ? sessions.create() : undefined;
    const session = issued?.session ?? this.#request.session;
    if (session === undefined || session.ended || session.session.state !== 'anonymous') {
      return this.#taken(() => this.#request.refuse('session-ended'));
    }
    const changed = vaultCookies(head.setCookies, session.jar, scope.target.path, this.#parts.clock.now(), profile);
    sessions.save(session);
    await sessions.settled(session);
    const own = issued?.id === undefined ? undefined : setCookie(issued.id);
    // The bare login page logs nobody in that came with nothing in hand; its first cookie needs no question.
    const isPlain = !changed && !sessions.isShared;
    if (this.#isLoginPage() && (issued !== undefined || isPlain)) return { send: this.#headersOut(head, own) };
    const naming = await this.#parts.app.whoami(session, scope.client);
    if (session.ended || session.session.state !== 'anonymous')
      return this.#taken(() => this.#request.refuse('session-ended'));
    if (naming === undefined || naming.is === 'nobody') return { send: this.#headersOut(head, own) };
    if (naming.is === 'named') return this.#loggedIn(head, session, naming.identity);
    this.#parts.log.warn('authn_login_withheld', { client: scope.client, why: naming.why });
    await sessions.end(session, 'refused');
    return this.#taken(() => this.#request.refuse('identity-unknown'));
  }

  async #loggedIn(head: AnswerHead, session: LiveSession, identity: Parameters<typeof acceptLogin>[2]): Promise<Held> {
    const { scope, setCookie, showLoggedIn } = this.#request;
    this.#parts.log.warn('authn_unlisted_login', { identity, path: scope.target.path });
    let accepted: Accepted;
    try {
      accepted = await acceptLogin(this.#parts.accept, session, identity, wayOn(session, undefined, this.#request));
    } catch (error) {
      await endQuietly(this.#parts.sessions, session); // its jar is somebody else's now, and nobody wrote that down
      throw error;
    }
    const { id } = accepted.issued;
    if (accepted.standing === 'pass')
      return { send: this.#headersOut(head, id === undefined ? undefined : setCookie(id)) };
    return this.#taken(() => showLoggedIn(accepted));
  }

  #headersOut(head: AnswerHead, own?: string): FlatHeaders {
    const { profile, publicOrigin, scope } = this.#request;
    const out = localRedirects(head, this.#parts.upstreamOrigin, publicOrigin);
    addReadable(out, head.setCookies, profile, scope.onPublicHost);
    if (own !== undefined) out.push('Set-Cookie', own, 'Cache-Control', 'no-store');
    return out;
  }

  async #taken(answer: () => void): Promise<'taken'> {
    // One turn later, so that the forwarder has let go of the response before somebody else writes to it.
    const { res } = this.#request;
    setImmediate(() => {
      if (!res.headersSent && !res.destroyed) answer();
    });
    return 'taken';
  }

  #onFailure(error: UpstreamError): void {
    const { refuse, res, scope } = this.#request;
    if (res.destroyed || res.headersSent) return;
    if (error.code === 'aborted') return refuse('session-ended'); // not by the client, who is still there
    this.#parts.log.warn('upstream_failed', {
      code: error.code,
      path: scope.target.path,
      reason: reasonOf(error.cause),
    });
    refuse(error.code === 'timeout' ? 'upstream-timeout' : 'upstream-unreachable');
  }

  #land(): void {
    if (this.#landed || !this.#isUnsafe || this.#request.session === undefined) return;
    this.#landed = true;
    this.#parts.rechecks.land(this.#request.session);
  }

  #onEnd(): void {
    const { session } = this.#request;
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

/** Redirects that name the application's own address, or ours without TLS, lead to ours instead; nothing else is touched. */
export function localRedirects(head: AnswerHead, upstreamOrigin: string, publicOrigin: string): FlatHeaders {
  const { headers, status } = head;
  if (status !== 201 && (status < 300 || status > 399)) return headers;
  const origins = applicationOrigins(upstreamOrigin, publicOrigin);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'location') continue;
    headers[i + 1] = rewriteLocation(headers[i + 1] ?? '', origins, publicOrigin);
  }
  return headers;
}
