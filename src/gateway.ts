/**
 * START HERE: the way of a request, in order. HTTP and upgrades read the same scope, find the same session and ask the same
 * `decide`; what differs is only how an answer is given.
 *
 *   request → scope → own pages → session → body (where it decides) → route → decide → forward | exchange | answer
 *   upgrade → scope →             session →                           route → decide → tunnel  | refuse
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Counters } from './ceremonies/counters.ts';
import type { Clock } from './clock.ts';
import type { Budget } from './gate/attempts.ts';
import { type Asked, type Decision, decide, isSafe } from './gate/decide.ts';
import { returnPath } from './gate/redirect.ts';
import { ANONYMOUS } from './gate/session.ts';
import { type Log, reasonOf } from './log.ts';
import { addReadable } from './login/absorb.ts';
import type { Accepted } from './login/accept.ts';
import { type ExchangeParts, exchangeLogin, joinCookies, Superseded, withWayOn } from './login/exchange.ts';
import { localRedirects, type PassParts, pass } from './pass.ts';
import { type FormRead, formFields, queryFields } from './profiles/fields.ts';
import type { Profile, RouteAnswer } from './profiles/profile.ts';
import { redirect, refuseUpgrade, type UpgradeRefusal } from './request/answers.ts';
import { type BodyStart, bodyType, readBodyStart } from './request/body.ts';
import { clientBucket, type Network } from './request/client.ts';
import { isActivity, readScope, type Scope } from './request/scope.ts';
import { clearOwnCookie, readCookies, type SentCookies, setOwnCookie } from './session/cookie.ts';
import type { LiveSession } from './session/live.ts';
import { SessionGone, type Sessions } from './session/sessions.ts';
import { StoreError } from './store/store.ts';
import { type Framing, requestHeaders } from './upstream/request-headers.ts';
import { type FlatHeaders, type Reply, type Upstream, UpstreamError } from './upstream/upstream.ts';
import type { GatePage, Web } from './web/web.ts';

/** What a reload may change; replaced as a whole, never edited. */
export interface Settings {
  readonly profile: Profile;
  readonly publicUrl: URL;
  readonly gatewayPath: string;
  readonly trustedProxies: readonly Network[];
  /** Login attempts per client address (per /64 for IPv6). */
  readonly loginBudgets: readonly Budget[];
}

export interface GatewayParts {
  readonly settings: () => Settings;
  readonly cookieName: string;
  readonly upstream: Upstream;
  /** Host and port of the application's own address. */
  readonly upstreamHost: string;
  readonly sessions: Sessions;
  readonly counters: Counters;
  readonly web: Web;
  readonly exchange: ExchangeParts;
  readonly pass: PassParts;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest body that is read to see whether it is a login, in bytes. */
const MAX_FORM_BYTES = 65_536;
/** How long those first bytes may take, in ms. */
const FORM_TIMEOUT_MS = 30_000;

export class Gateway {
  readonly #parts: GatewayParts;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  /** The `request` (and `checkContinue`) listener. */
  readonly onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    this.#serve(req, res).catch((error: unknown) => this.#answerError(req, res, error));
  };

  /** The `upgrade` listener. Node takes the socket out of the HTTP machinery, so every refusal must close it. */
  readonly onUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    try {
      this.#upgrade(req, socket, head);
    } catch (error) {
      this.#parts.log.error('upgrade_failed', { reason: reasonOf(error) });
      refuseUpgrade(socket, 500, this.#parts.clock);
    }
  };

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const settings = this.#parts.settings();
    const { profile, gatewayPath } = settings;
    const scope = readScope(req, scopeRules(settings));
    if (typeof scope === 'string') return this.#refuse(req, res, scope, false);
    const cookies = this.#cookies(req, scope, profile);
    const session = this.#session(req, cookies);

    const ownPath = ownPathOf(scope, gatewayPath);
    if (ownPath !== undefined) {
      return this.#parts.web.handle(req, res, {
        requestId: newRequestId(),
        client: scope.client,
        session,
        path: ownPath,
      });
    }

    // A forbidden name in the query carries a session or a login past the cookies and the form (attacks 23, 31).
    const query = queryFields(scope.target.query);
    if (!scope.onPublicHost && query.names().some((name) => profile.isForbiddenInQuery(name))) {
      return this.#refuse(req, res, 'bad-request', scope.isNavigation);
    }

    const method = req.method ?? 'GET';
    let start: BodyStart | undefined;
    let form: FormRead | undefined;
    if (profile.readsBody(method, scope.target.path) || this.#mayExchange(session, scope, profile, method)) {
      start = await readBodyStart(req, MAX_FORM_BYTES, this.#parts.clock, FORM_TIMEOUT_MS);
      if (start === undefined) return; // the client went away
      if (start.complete) form = formFields(start.bytes, bodyType(req));
    }
    const state = session?.ended === false ? session.session : ANONYMOUS;
    const question = {
      method,
      path: scope.target.path,
      query,
      form: form?.read === 'fields' ? form.fields : undefined,
      onPublicHost: scope.onPublicHost,
      client: scope.client,
      host: scope.hostName,
    };
    const route = profile.route(question);
    const doubt = doubtOf(route, start, form, state.state === 'verified', profile);
    if (doubt !== undefined) return this.#refuse(req, res, doubt, scope.isNavigation);

    const decision = decide(state, askedOf(req, scope, route, false));
    const way = { req, res, scope, settings, cookies, session, route, start, form };
    return this.#act(decision, way);
  }

  #act(decision: Decision, way: Way): Promise<void> | void {
    switch (decision.do) {
      case 'forward':
        return this.#forward(decision, way);
      case 'exchange':
        return this.#exchange(decision.dropFirst, way);
      case 'logout':
        return this.#logout(way);
      case 'show':
        return this.#show(decision.page, way);
      case 'refuse':
        return this.#refuse(way.req, way.res, decision.page === 'login' ? 'not-signed-in' : 'factor-needed', false, {
          challenge: this.#pageOf(decision.page, way.settings),
        });
      default:
        return decision satisfies never;
    }
  }

  #forward(decision: Extract<Decision, { do: 'forward' }>, way: Way): void {
    const { req, res, scope, settings, session, start } = way;
    const framing: Framing =
      start?.complete === true && start.bytes.length > 0 ? { length: start.bytes.length } : 'stream';
    pass(this.#parts.pass, {
      req,
      res,
      scope,
      profile: settings.profile,
      publicOrigin: settings.publicUrl.origin,
      session,
      decision,
      readableCookies: way.cookies.readable,
      headers: (cookie) => this.#headers(way, cookie, decision.credentials, false, framing),
      refuse: (page) => this.#refuse(req, res, page, scope.isNavigation),
      showLogin: () => this.#showOrRefuse('login', way),
      showLoggedIn: (accepted) => this.#loggedIn(accepted, way),
      setCookie: (id) => setOwnCookie(this.#parts.cookieName, id),
      ...(start === undefined ? {} : { bodyRead: start.bytes, bodyComplete: start.complete }),
    });
  }

  async #exchange(dropFirst: boolean, way: Way): Promise<void> {
    const { req, res, scope, settings, session, route, start, form } = way;
    if (route.login !== undefined || route.isOracle) {
      // Below the application's own limit per address, which would lock out everybody behind us (security: attack 59).
      const bucket = `login:${clientBucket(scope.client)}`;
      const ruling = await this.#parts.counters.spend(bucket, this.#parts.clock.now(), settings.loginBudgets);
      if (!ruling.allowed) {
        this.#parts.log.warn('excess_rate_limit_exceeded', { client: scope.client, budget: 'logins' });
        const retryAfterMs = Math.max(0, ruling.until - this.#parts.clock.now());
        return this.#refuse(req, res, 'too-many-logins', scope.isNavigation, { retryAfterMs });
      }
    }
    // What is forwarded is what was parsed, so the application cannot find another user in it (attacks 28 to 31).
    const rebuilt = form?.read === 'fields' && route.login !== undefined ? form.body : undefined;
    const body = rebuilt ?? start?.bytes;
    const framing: Framing = body === undefined ? 'none' : { length: body.length };
    const exchanged = await exchangeLogin(this.#parts.exchange, {
      req,
      profile: settings.profile,
      session,
      client: scope.client,
      path: scope.target.path,
      target: scope.target.target,
      headers: (cookie) => this.#headers(way, cookie, false, true, framing),
      body,
      readableCookies: way.cookies.readable,
      login: route.login,
      isOracle: route.isOracle,
      dropFirst,
      publicOrigin: settings.publicUrl.origin,
      upstreamOrigin: this.#parts.pass.upstreamOrigin,
    });
    switch (exchanged.is) {
      case 'answer':
        return this.#release(exchanged.reply, exchanged.newId, way);
      case 'withheld':
        return this.#refuse(req, res, exchanged.why, scope.isNavigation, {
          setCookie: clearOwnCookie(this.#parts.cookieName),
        });
      case 'login':
        if (exchanged.accepted.standing === 'pass') {
          const { issued, returnTo } = exchanged.accepted;
          return this.#release(withWayOn(exchanged.reply, returnTo), issued.id, way);
        }
        return this.#loggedIn(exchanged.accepted, way);
      default:
        return exchanged satisfies never;
    }
  }

  /** The application's logout ends our session first; its answer then comes from a jar that nobody has any more. */
  async #logout(way: Way): Promise<void> {
    const { session, scope, req, res, settings } = way;
    if (session === undefined) return this.#showOrRefuse('login', way);
    const cookie = session.jar.header(scope.target.path, this.#parts.clock.now());
    await this.#parts.sessions.end(session, 'app-logout');
    const clear = clearOwnCookie(this.#parts.cookieName);
    const framing: Framing = way.start === undefined ? 'stream' : { length: way.start.bytes.length };
    this.#parts.upstream.forward({
      req,
      res,
      target: scope.target.target,
      headers: this.#headers(way, joinCookies(cookie, way.cookies.readable), false, false, framing),
      onHead: (head) => {
        const out = localRedirects(head, this.#parts.pass.upstreamOrigin, settings.publicUrl.origin);
        addReadable(out, head.setCookies, settings.profile);
        out.push('Set-Cookie', clear);
        return { send: out };
      },
      onFailure: () => redirect(res, settings.profile.loginPage, clear),
      onEnd: () => {},
      ...(way.start === undefined ? {} : { bodyRead: way.start.bytes, bodyComplete: way.start.complete }),
    });
  }

  /** An answer of the exchange that may go out: buffered, its vaulted cookies already in the jar. */
  #release(reply: Reply, newId: string | undefined, way: Way): void {
    const { res, settings } = way;
    if (res.destroyed) return;
    const out = localRedirects(reply, this.#parts.pass.upstreamOrigin, settings.publicUrl.origin);
    addReadable(out, reply.setCookies, settings.profile);
    if (newId !== undefined) out.push('Set-Cookie', setOwnCookie(this.#parts.cookieName, newId));
    res.writeHead(reply.status, reply.message, withLength(out, reply));
    res.end(reply.body);
  }

  #loggedIn(accepted: Accepted, way: Way): void {
    const { issued, standing } = accepted;
    const setCookie = issued.id === undefined ? undefined : setOwnCookie(this.#parts.cookieName, issued.id);
    const page = this.#pageOf(standing === 'enrol' ? 'enrol' : 'challenge', way.settings);
    if (way.scope.isNavigation) return redirect(way.res, page, setCookie);
    const facts = setCookie === undefined ? {} : { setCookie };
    return this.#refuse(way.req, way.res, 'factor-needed', false, { challenge: page, ...facts });
  }

  #showOrRefuse(page: 'login' | 'challenge' | 'enrol', way: Way): void {
    if (way.scope.isNavigation) return this.#show(page, way);
    return this.#refuse(way.req, way.res, 'not-signed-in', false, { challenge: this.#pageOf(page, way.settings) });
  }

  /** Sends a person to a page, and remembers where they wanted to go when that is the login page. */
  #show(page: 'login' | 'challenge' | 'enrol', way: Way): void {
    const { req, res, scope, session, settings } = way;
    // Nobody signs in on a public host; a redirect to its login page would only lead here again.
    if (scope.onPublicHost) return this.#refuse(req, res, 'not-signed-in', true);
    if (page !== 'login') return redirect(res, this.#pageOf(page, settings));
    const isGet = req.method === 'GET';
    const wanted = isGet ? returnPath(scope.target.target, settings.publicUrl.origin) : undefined;
    if (wanted === undefined || wanted === settings.profile.home) return redirect(res, settings.profile.loginPage);
    if (session?.ended === false) {
      this.#parts.sessions.setWanted(session, wanted);
      return redirect(res, settings.profile.loginPage);
    }
    const { id } = this.#parts.sessions.create(wanted);
    return redirect(
      res,
      settings.profile.loginPage,
      id === undefined ? undefined : setOwnCookie(this.#parts.cookieName, id),
    );
  }

  #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const settings = this.#parts.settings();
    const { profile, publicUrl } = settings;
    const scope = readScope(req, scopeRules(settings));
    if (typeof scope === 'string') return refuseUpgrade(socket, statusOf(scope), this.#parts.clock);
    // Browsers send cookies with sockets from any site; only pages of our own origin may open one (attack 76, RFC 6455 10.2).
    const { origin } = req.headers;
    if (origin !== undefined && origin !== publicUrl.origin) return refuseUpgrade(socket, 403, this.#parts.clock);
    const cookies = this.#cookies(req, scope, profile);
    const session = this.#session(req, cookies);
    const query = queryFields(scope.target.query);
    if (query.names().some((name) => profile.isForbiddenInQuery(name)))
      return refuseUpgrade(socket, 400, this.#parts.clock);
    const { path } = scope.target;
    const route = profile.route({
      method: 'GET',
      path,
      query,
      form: undefined,
      onPublicHost: scope.onPublicHost,
      client: scope.client,
      host: scope.hostName,
    });
    const decision = decide(session?.session ?? ANONYMOUS, askedOf(req, scope, route, true));
    if (decision.do !== 'forward' || session === undefined || ownPathOf(scope, settings.gatewayPath) !== undefined) {
      return refuseUpgrade(socket, 401, this.#parts.clock, this.#pageOf('login', settings));
    }
    // An upgrade has no judge of logins, and an application that ignores the header answers it as a plain GET.
    if (route.login !== undefined || route.isOracle) return refuseUpgrade(socket, 400, this.#parts.clock);
    const open = (): void => {
      const { doubts } = session.confidence;
      const cookie = joinCookies(session.jar.header(path, this.#parts.clock.now()), cookies.readable);
      const running = this.#parts.upstream.tunnel({
        req,
        socket,
        head,
        target: scope.target.target,
        headers: this.#headers({ req, scope, settings }, cookie, false, false, 'none'),
        onHead: (answer) => {
          // What could have put somebody else into the jar left or came back meanwhile: whose socket is it (T3)?
          if (session.confidence.doubts !== doubts) throw new SessionGone();
          return addReadable([...answer.headers], answer.setCookies, profile);
        },
        onEnd: () => this.#parts.sessions.detach(session, running),
      });
      this.#parts.sessions.attach(session, running);
    };
    if (session.confidence.unconfirmed) void this.#confirmThen(open, session, scope.client, socket);
    else open();
  }

  /** A socket cannot be held back like an answer, so while the jar is in doubt it is not even asked for (T3). Never rejects. */
  async #confirmThen(open: () => void, session: LiveSession, client: string, socket: Duplex): Promise<void> {
    const { version } = session.record;
    try {
      await this.#parts.pass.rechecks.confirm(session, client);
      if (session.stillVerified(version) && !session.confidence.unconfirmed) return open();
      refuseUpgrade(socket, 503, this.#parts.clock);
    } catch (error) {
      this.#parts.log.error('upgrade_failed', { reason: reasonOf(error) });
      refuseUpgrade(socket, 500, this.#parts.clock);
    }
  }

  #cookies(req: IncomingMessage, scope: Scope, profile: Profile): SentCookies {
    const isReadable = scope.onPublicHost ? () => true : profile.isReadable;
    const cookies = readCookies(req.headers.cookie, this.#parts.cookieName, isReadable);
    if (cookies.duplicated) this.#parts.log.warn('session_cookie_duplicated', { client: scope.client });
    // A public host is another site to the browser; a session of ours has no business there.
    return scope.onPublicHost ? { ...cookies, id: undefined } : cookies;
  }

  #session(req: IncomingMessage, cookies: SentCookies): LiveSession | undefined {
    const session = this.#parts.sessions.find(cookies.id);
    if (session !== undefined && isActivity(req)) this.#parts.sessions.touch(session, this.#parts.clock.now());
    return session;
  }

  /** An unsafe request of somebody who is not signed in may turn out to be a login, so its body is read before the gate is asked. */
  #mayExchange(session: LiveSession | undefined, scope: Scope, profile: Profile, method: string): boolean {
    if (isSafe(method) || scope.onPublicHost) return false;
    const state = session?.session.state ?? 'anonymous';
    if (state !== 'anonymous') return false;
    const bare = { method, path: scope.target.path, query: queryFields(scope.target.query), form: undefined };
    const route = profile.route({ ...bare, onPublicHost: false, client: scope.client, host: scope.hostName });
    return route.class === 'login';
  }

  #headers(
    way: Pick<Way, 'req' | 'scope' | 'settings'>,
    cookie: string | undefined,
    credentials: boolean,
    identityEncoding: boolean,
    framing: Framing,
  ): FlatHeaders {
    const { req, scope, settings } = way;
    return requestHeaders(req.rawHeaders, {
      host: settings.profile.upstreamHost === 'keep' ? scope.host : this.#parts.upstreamHost,
      forwardedFor: scope.client,
      forwardedProto: scope.proto,
      forwardedHost: scope.host,
      forwardedPort: scope.port,
      cookie,
      credentials,
      identityEncoding,
      framing,
    });
  }

  #pageOf(page: 'login' | 'challenge' | 'enrol', settings: Settings): string {
    if (page === 'login') return settings.profile.loginPage;
    return `${settings.gatewayPath}/${page === 'challenge' ? 'challenge' : 'account'}`;
  }

  #refuse(
    req: IncomingMessage,
    res: ServerResponse,
    page: GatePage,
    asPage: boolean,
    facts: { challenge?: string; retryAfterMs?: number; setCookie?: string } = {},
  ): void {
    if (res.headersSent || res.destroyed) {
      res.destroy();
      return;
    }
    const requestId = newRequestId();
    this.#parts.log.info('request_refused', { requestId, page, path: req.url?.split('?', 1)[0] });
    this.#parts.web.refuse(req, res, page, { requestId, asPage, ...facts });
  }

  /** The last resort: whatever went wrong, nothing of the application goes out (I6). */
  #answerError(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const asPage = req.headers['sec-fetch-mode'] === 'navigate' || req.headers.accept?.includes('text/html') === true;
    if (error instanceof UpstreamError) {
      this.#parts.log.warn('upstream_failed', { code: error.code, reason: reasonOf(error) });
      return this.#refuse(req, res, error.code === 'timeout' ? 'upstream-timeout' : 'upstream-unreachable', asPage);
    }
    if (error instanceof SessionGone || error instanceof Superseded)
      return this.#refuse(req, res, 'session-ended', asPage);
    this.#parts.log.error('request_failed', { reason: reasonOf(error) });
    return this.#refuse(req, res, error instanceof StoreError ? 'store-unavailable' : 'internal', asPage);
  }
}

/** Everything that is known of one request when the gate has decided. */
interface Way {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly scope: Scope;
  readonly settings: Settings;
  readonly cookies: SentCookies;
  readonly session: LiveSession | undefined;
  readonly route: RouteAnswer;
  readonly start: BodyStart | undefined;
  readonly form: FormRead | undefined;
}

/** Whether a body that may hold a login can be judged at all; if not, it is refused, not guessed at (I7). */
function doubtOf(
  route: RouteAnswer,
  start: BodyStart | undefined,
  form: FormRead | undefined,
  isVerified: boolean,
  profile: Profile,
): GatePage | undefined {
  const rechecked = isVerified && profile.whoami?.recheck === 'unsafe';
  if (route.login?.unreadable === true && !rechecked)
    return start?.complete === false ? 'body-too-large' : 'unsupported-type';
  if (route.login !== undefined && route.login.unreadable !== true && route.login.ambiguous) return 'bad-request';
  if (isVerified) return undefined;
  if (form?.read === 'refused' && route.class === 'login') return 'bad-request';
  return start?.complete === false && route.class === 'login' ? 'body-too-large' : undefined;
}

function askedOf(req: IncomingMessage, scope: Scope, route: RouteAnswer, isUpgrade: boolean): Asked {
  return {
    route: route.class,
    method: req.method ?? 'GET',
    isLogin: (route.login !== undefined && route.login.unreadable !== true) || route.isOracle,
    isLogout: route.isLogout,
    isNavigation: scope.isNavigation,
    isUpgrade,
  };
}

function scopeRules(settings: Settings): Parameters<typeof readScope>[1] {
  const { publicUrl, trustedProxies, profile } = settings;
  return { publicUrl, trustedProxies, isPublicHost: profile.isPublicHost };
}

/** Path below the reserved prefix, on our own host; `undefined` for everything that is the application's. */
function ownPathOf(scope: Scope, gatewayPath: string): string | undefined {
  const { path } = scope.target;
  if (scope.onPublicHost || !path.startsWith(gatewayPath)) return undefined;
  if (path.length === gatewayPath.length) return '/';
  return path.charCodeAt(gatewayPath.length) === 47 ? path.slice(gatewayPath.length) : undefined;
}

/** The framing of a buffered answer is ours: the body may have been decoded on the way. */
function withLength(headers: FlatHeaders, reply: Reply): FlatHeaders {
  const out: FlatHeaders = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'content-length') out.push(headers[i] ?? '', headers[i + 1] ?? '');
  }
  if (reply.status !== 204 && reply.status !== 304) out.push('Content-Length', String(reply.body.length));
  return out;
}

function statusOf(refusal: 'bad-request' | 'wrong-host' | 'method-not-allowed'): UpgradeRefusal {
  if (refusal === 'wrong-host') return 421;
  return refusal === 'bad-request' ? 400 : 405;
}

function newRequestId(): string {
  return randomBytes(9).toString('base64url');
}
