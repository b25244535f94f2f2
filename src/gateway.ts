/**
 * START HERE: the way of a request, in order. HTTP and upgrades read the same scope, find the same session and ask the same
 * `decide`; what differs is only how an answer is given.
 *
 *   request → scope → own pages → session → body (where it decides) → route → decide → forward | exchange | answer
 *   upgrade → scope →             session →                           route → decide → tunnel  | refuse
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Counters } from './ceremonies/counters.ts';
import type { Clock } from './clock.ts';
import { mayCarryCredentials } from './gate/credentials.ts';
import { type Decision, decide, isSafe } from './gate/decide.ts';
import { ANONYMOUS } from './gate/session.ts';
import { type Log, reasonOf } from './log.ts';
import type { ExchangeParts } from './login/exchange.ts';
import { Logins } from './logins.ts';
import { type PassParts, pass } from './pass.ts';
import { type FormRead, formFields, queryFields } from './profiles/fields.ts';
import type { Profile } from './profiles/profile.ts';
import { Replies } from './replies.ts';
import { refuseUpgrade } from './request/answers.ts';
import { type BodyStart, bodyType, readBodyStart } from './request/body.ts';
import { isActivity, readScope, type Scope } from './request/scope.ts';
import { setOwnCookie } from './session/cookie.ts';
import type { LiveSession } from './session/live.ts';
import type { Sessions } from './session/sessions.ts';
import { StoreError } from './store/store.ts';
import { Upgrades } from './upgrades.ts';
import type { Framing } from './upstream/request-headers.ts';
import type { Upstream } from './upstream/upstream.ts';
import {
  askedOf,
  cookiesOf,
  doubtOf,
  headersFor,
  newRequestId,
  ownPathOf,
  pageOf,
  type Settings,
  scopeRules,
  type Way,
} from './way.ts';
import type { Web } from './web/web.ts';

export type { Settings } from './way.ts';

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
  readonly #replies: Replies;
  readonly #logins: Logins;
  readonly #upgrades: Upgrades;

  constructor(parts: GatewayParts) {
    const { upstreamOrigin, rechecks } = parts.pass;
    this.#parts = parts;
    this.#replies = new Replies({ ...parts, upstreamOrigin });
    this.#logins = new Logins({ ...parts, upstreamOrigin, replies: this.#replies });
    this.#upgrades = new Upgrades({ ...parts, rechecks });
  }

  /** The `request` (and `checkContinue`) listener. */
  readonly onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    this.#serve(req, res).catch((error: unknown) => this.#replies.failed(req, res, error));
  };

  /** The `upgrade` listener. Node takes the socket out of the HTTP machinery, so every refusal must close it. */
  readonly onUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    this.#upgrades.open(req, socket, head).catch((error: unknown) => {
      this.#parts.log.error('upgrade_failed', { reason: reasonOf(error) });
      refuseUpgrade(socket, error instanceof StoreError ? 503 : 500, this.#parts.clock);
    });
  };

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const settings = this.#parts.settings();
    const { profile, gatewayPath } = settings;
    const scope = readScope(req, scopeRules(settings));
    if (typeof scope === 'string') return this.#replies.refuse(req, res, scope, false);
    const cookies = cookiesOf(req, scope, profile, this.#parts.cookieName);
    if (cookies.duplicated) this.#parts.log.warn('session_cookie_duplicated', { client: scope.client });
    const fresh = !isSafe(req.method ?? '') || ownPathOf(scope, gatewayPath) !== undefined;
    const session = await this.#parts.sessions.find(cookies.id, fresh);
    if (session !== undefined && isActivity(req)) this.#parts.sessions.touch(session, this.#parts.clock.now());

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
    const isForbidden = (name: string): boolean => !scope.onPublicHost && profile.isForbiddenInQuery(name);
    if (query.truncated || query.names().some(isForbidden)) {
      return this.#replies.refuse(req, res, 'bad-request', scope.isNavigation);
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
    if (doubt !== undefined) return this.#replies.refuse(req, res, doubt, scope.isNavigation);

    const decision = decide(state, askedOf(req, scope, route, false));
    const queryMayLogIn = mayCarryCredentials(query.names());
    const way = { req, res, scope, settings, cookies, session, route, start, form, queryMayLogIn };
    return this.#act(decision, way);
  }

  #act(decision: Decision, way: Way): Promise<void> | void {
    switch (decision.do) {
      case 'forward':
        return this.#forward(decision, way);
      case 'exchange':
        return this.#logins.exchange(decision.dropFirst, way);
      case 'logout':
        return this.#logins.logout(way);
      case 'show':
        return this.#replies.show(decision.page, way);
      case 'refuse':
        return this.#replies.refuse(
          way.req,
          way.res,
          decision.page === 'login' ? 'not-signed-in' : 'factor-needed',
          false,
          {
            challenge: pageOf(decision.page, way.settings),
          },
        );
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
      queryMayLogIn: way.queryMayLogIn,
      headers: (cookie) =>
        headersFor(way, this.#parts.upstreamHost, { cookie, framing, credentials: decision.credentials }),
      refuse: (page) => this.#replies.refuse(req, res, page, scope.isNavigation),
      showLogin: () => this.#replies.showOrRefuse('login', way),
      showLoggedIn: (accepted) => this.#replies.loggedIn(accepted, way),
      failed: (error) => this.#replies.failed(req, res, error),
      setCookie: (id) => setOwnCookie(this.#parts.cookieName, id),
      ...(start === undefined ? {} : { bodyRead: start.bytes, bodyComplete: start.complete }),
    });
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
}
