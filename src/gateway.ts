/**
 * START HERE: the way of a request, in order. HTTP and upgrades read the same scope, find the same session and ask the same
 * `decide`; what differs is only how an answer is given.
 *
 *   request → scope → own pages → session → body (where it decides) → route → decide → forward | exchange | answer
 *   upgrade → scope →             session →                           route → decide → tunnel  | refuse
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { CalledByProviders } from './called.ts';
import type { Callbacks } from './ceremonies/ceremonies.ts';
import type { Counters } from './ceremonies/counters.ts';
import type { Clock } from './clock.ts';
import { mayCarryCredentials } from './gate/credentials.ts';
import { type Decision, decide, isSafe, mayResume } from './gate/decide.ts';
import { ANONYMOUS } from './gate/session.ts';
import { type Log, reasonOf } from './log.ts';
import { clientFacts } from './login/accept.ts';
import { type ExchangeParts, wayOn } from './login/exchange.ts';
import type { KeptForms, TakenForm } from './login/kept-forms.ts';
import { leaveNetwork } from './login/leave-network.ts';
import { Logins } from './logins.ts';
import { type PassParts, pass } from './pass.ts';
import { formFields, NO_FIELDS, type ParsedFields, queryFields } from './profiles/fields.ts';
import { Replies } from './replies.ts';
import { refuseUpgrade } from './request/answers.ts';
import { type BodyStart, bodyType, readBodyStart } from './request/body.ts';
import { clientBucket } from './request/client.ts';
import { CLIENT_HEADER } from './request/client-credential.ts';
import { isActivity, readScope } from './request/scope.ts';
import { LiveSession } from './session/live.ts';
import { mayBeResumeForm, resumeToken } from './session/resume-form.ts';
import type { Sessions } from './session/sessions.ts';
import { StepUps } from './step-ups.ts';
import { type Collection, StoreError, type UserRecord } from './store/store.ts';
import { Upgrades } from './upgrades.ts';
import type { Upstream } from './upstream/upstream.ts';
import {
  type Arrival,
  askedOf,
  cookiesOf,
  credentialOf,
  demandOf,
  doubtOf,
  type GateTarget,
  newRequestId,
  ownPathOf,
  pageOf,
  type Settings,
  showsUnknownToken,
  type Way,
} from './way.ts';
import type { GatePage, Web } from './web/web.ts';

export type { Settings } from './way.ts';

export interface GatewayParts {
  readonly settings: () => Settings;
  readonly cookieName: string;
  readonly upstream: Upstream;
  /** Host and port of the application's own address. */
  readonly upstreamHost: string;
  readonly sessions: Sessions;
  readonly counters: Counters;
  readonly users: Collection<UserRecord>;
  readonly kept: KeptForms;
  readonly web: Web;
  readonly callbacks: Callbacks;
  readonly exchange: ExchangeParts;
  readonly pass: Omit<PassParts, 'cookieName' | 'upstreamHost' | 'answers' | 'unanswered'>;
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
  readonly #pass: PassParts;
  readonly #logins: Logins;
  readonly #stepUps: StepUps;
  readonly #upgrades: Upgrades;
  readonly #called: CalledByProviders;

  constructor(parts: GatewayParts) {
    const { cookieName, upstreamHost } = parts;
    const { upstreamOrigin, rechecks } = parts.pass;
    this.#parts = parts;
    this.#replies = new Replies({ ...parts, upstreamOrigin });
    this.#stepUps = new StepUps({ ...parts, replies: this.#replies });
    const unanswered: PassParts['unanswered'] = (way, form, error) => this.#stepUps.unanswered(way, form, error);
    this.#pass = { ...parts.pass, cookieName, upstreamHost, answers: this.#replies, unanswered };
    this.#logins = new Logins({ ...parts, upstreamOrigin, replies: this.#replies });
    this.#upgrades = new Upgrades({ ...parts, rechecks });
    this.#called = new CalledByProviders(parts);
  }

  /** The `request` (and `checkContinue`) listener. A promise is made only where something has to be waited for. */
  readonly onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    try {
      const later = this.#serve(req, res);
      if (later instanceof Promise) later.catch((error: unknown) => this.#replies.failed(req, res, error));
    } catch (error) {
      this.#replies.failed(req, res, error);
    }
  };

  /** The `upgrade` listener. Node takes the socket out of the HTTP machinery, so every refusal must close it. */
  readonly onUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    this.#upgrades.open(req, socket, head).catch((error: unknown) => {
      this.#parts.log.error('upgrade_failed', { reason: reasonOf(error) });
      refuseUpgrade(socket, error instanceof StoreError ? 503 : 500, this.#parts.clock);
    });
  };

  #serve(req: IncomingMessage, res: ServerResponse, resumed?: TakenForm): Promise<void> | void {
    const settings = this.#parts.settings();
    const scope = readScope(req, settings.scopeRules);
    if (typeof scope === 'string') return this.#replies.refuse(req, res, scope, false);
    const ownPath = ownPathOf(scope, settings.gatewayPath);
    // A provider is nobody in a browser: whatever cookie comes along is not even read.
    const factor = ownPath === undefined ? undefined : this.#called.factorAt(ownPath);
    if (factor !== undefined) return this.#called.answer({ req, res, scope, settings, factor });
    const cookies = cookiesOf(req, scope, settings.profile, this.#parts.cookieName);
    if (cookies.duplicated) this.#parts.log.warn('session_cookie_duplicated', { client: scope.client });
    // Our own pages are for people.
    const shown = settings.apiClients.read(ownPath === undefined ? req.headers[CLIENT_HEADER] : undefined);
    const apiClient = shown.is === 'client' ? shown.name : undefined;
    const arrival = { req, res, resumed, scope, settings, cookies, apiClient };
    if (shown.is === 'refused') return this.#turnAway(arrival, shown.name);
    const { sessions } = this.#parts;
    let found = sessions.find(cookies.key, ownPath !== undefined || !isSafe(req.method ?? ''));
    // Another process may have handed it out a moment ago, and the news be on their way.
    if (settings.profile.tokens !== undefined && found instanceof LiveSession && showsUnknownToken(req, found))
      found = sessions.find(cookies.key, true);
    if (found instanceof Promise) return found.then((session) => this.#known(arrival, session, ownPath));
    return this.#known(arrival, found, ownPath);
  }

  /** It is known whose request it is. */
  #known(arrival: Arrival, session: LiveSession | undefined, ownPath: string | undefined): Promise<void> | void {
    const { req, res, scope, settings } = arrival;
    const { profile } = settings;
    if (session?.isBoundToNetwork === true && !settings.isTrustedPlace(scope.client)) {
      return this.#leaveNetwork(arrival, session).then(() => this.#known(arrival, session, ownPath));
    }
    if (session !== undefined && isActivity(req)) this.#parts.sessions.touch(session, this.#parts.clock.now());
    if (ownPath !== undefined) {
      const { agent } = clientFacts(scope.client, req);
      const { wish } = arrival.cookies;
      const facts = { requestId: newRequestId(), client: scope.client, agent, wish, session, path: ownPath };
      return this.#parts.web.handle(req, res, facts);
    }

    // A forbidden name in the query carries a session or a login past the cookies and the form (attacks 23, 31).
    const query = queryFields(scope.target.query);
    const isForbidden = (name: string): boolean => !scope.onPublicHost && profile.isForbiddenInQuery(name);
    if (query !== NO_FIELDS && (query.truncated || query.names().some(isForbidden))) {
      return this.#replies.refuse(req, res, 'bad-request', scope.isNavigation);
    }

    const method = req.method ?? 'GET';
    if (method === 'POST' && !scope.onPublicHost && mayBeResumeForm(req.headers)) {
      return this.#resume(arrival, session, query);
    }
    if (profile.readsBody(method, scope.target.path) || this.#mayExchange(arrival, session, query)) {
      return readBodyStart(req, MAX_FORM_BYTES, this.#parts.clock, FORM_TIMEOUT_MS).then(
        (start) => (start === undefined ? undefined : this.#asked(arrival, session, query, start)), // or the client went away
      );
    }
    return this.#ask(arrival, session, query, undefined);
  }

  /** The rights that a network gave do not go with the person: the factor is owed before anything else is looked at. */
  #leaveNetwork({ req, scope, settings }: Arrival, session: LiveSession): Promise<void> {
    const { clock, log, sessions } = this.#parts;
    const { profile, publicUrl } = settings;
    const wanted = scope.isNavigation && req.method === 'GET' ? scope.target.target : undefined;
    const returnTo = wayOn(undefined, { profile, wanted, publicOrigin: publicUrl.origin });
    return leaveNetwork(sessions, log, session, { from: clientFacts(scope.client, req), now: clock.now(), returnTo });
  }

  /** A body may take its time; whose request it is may have changed elsewhere meanwhile, and is asked anew (I6). */
  #asked(
    arrival: Arrival,
    session: LiveSession | undefined,
    query: ParsedFields,
    start: BodyStart,
  ): Promise<void> | void {
    const stands = session !== undefined && this.#parts.sessions.stands(session);
    if (!(stands instanceof Promise)) return this.#ask(arrival, session, query, start);
    return stands.then((still) => this.#ask(arrival, still ? session : undefined, query, start));
  }

  /** A form that goes back to where a form was kept, or one that only looks like it. Never any part of it to the application. */
  async #resume(arrival: Arrival, session: LiveSession | undefined, query: ParsedFields): Promise<void> {
    const { req, res } = arrival;
    const start = await readBodyStart(req, MAX_FORM_BYTES, this.#parts.clock, FORM_TIMEOUT_MS);
    if (start === undefined) return; // the client went away
    const token = resumeToken(start.bytes);
    if (token === undefined) return this.#asked(arrival, session, query, start);
    const again = await this.#stepUps.resume(arrival, session, token);
    return again === undefined ? undefined : this.#serve(again.req, res, again.form);
  }

  /** Everything that the gate wants to know is here. */
  #ask(
    arrival: Arrival,
    session: LiveSession | undefined,
    query: ParsedFields,
    start: BodyStart | undefined,
  ): Promise<void> | void {
    const { req, res, resumed, scope, settings, cookies, apiClient } = arrival;
    const form = start?.complete === true ? formFields(start.bytes, bodyType(req)) : undefined;
    const route = settings.profile.route({
      method: req.method ?? 'GET',
      path: scope.target.path,
      query,
      form: form?.read === 'fields' ? form.fields : undefined,
      onPublicHost: scope.onPublicHost,
      client: scope.client,
      host: scope.hostName,
      apiClient,
    });
    const state = session?.ended === false ? session.session : ANONYMOUS;
    const doubt = doubtOf(route, start, form, state.state === 'verified', settings.profile);
    if (doubt !== undefined) return this.#replies.refuse(req, res, doubt, scope.isNavigation);

    const proof = demandOf(settings, req.method ?? 'GET', scope, this.#parts.clock);
    const { authorization, token } = credentialOf(req, state, session, settings.profile);
    const decision = decide(state, askedOf(arrival, route, { authorization, isUpgrade: false, proof }));
    const queryMayLogIn = mayCarryCredentials(query.names());
    // Field by field: a spread of this many costs each request more than all the rest of the gate.
    const way: Way = {
      req,
      res,
      resumed,
      scope,
      settings,
      cookies,
      apiClient,
      session,
      route,
      start,
      form,
      queryMayLogIn,
      token,
    };
    return this.#act(decision, way);
  }

  #act(decision: Decision, way: Way): Promise<void> | void {
    if (way.resumed !== undefined && !mayResume(decision))
      return this.#replies.refuse(way.req, way.res, 'nothing-kept', true);
    switch (decision.do) {
      case 'forward':
        if (!decision.guarded && decision.jar === 'own' && this.#isScriptedPage(way)) return this.#logins.page(way);
        return pass(this.#pass, way, decision);
      case 'exchange':
        if (way.route.login === undefined && this.#isScriptedPage(way)) return this.#logins.page(way);
        return this.#logins.exchange(decision.dropFirst, way);
      case 'logout':
        return this.#logins.logout(decision.alone === true, way);
      case 'show':
        return decision.page === 'step-up' ? this.#stepUps.ask(way) : this.#replies.show(decision.page, way);
      case 'refuse':
        if (decision.page === 'step-up') return this.#stepUps.refuse(way);
        if (decision.page === 'other-account') {
          return this.#replies.refuse(way.req, way.res, 'other-account', way.scope.isNavigation);
        }
        return this.#replies.refuse(way.req, way.res, this.#refusalFor(decision.page, way), false, {
          challenge: pageOf(decision.page, way.settings),
        });
      default:
        return decision satisfies never;
    }
  }

  /** Words only: who comes with a credential of the application, or of nobody's browser, is told what opens the door to programs. */
  #refusalFor(page: GateTarget, { req }: Way): GatePage {
    if (page !== 'login') return 'factor-needed';
    const { authorization, cookie, origin, referer } = req.headers;
    const isBrowser = [cookie, origin, referer, req.headers['sec-fetch-mode']].some((value) => value !== undefined);
    return authorization !== undefined || !isBrowser ? 'api-client-needed' : 'not-signed-in';
  }

  /** A credential that is not known here. Nobody guesses one, so that a right one from the same address is never kept waiting. */
  async #turnAway({ req, res, scope, settings }: Arrival, name: string | undefined): Promise<void> {
    const { clock, counters, log } = this.#parts;
    log.warn('authn_client_refused', { client: scope.client, name });
    const now = clock.now();
    const ruling = await counters.spend(`client:${clientBucket(scope.client)}`, now, settings.loginBudgets);
    if (ruling.allowed) return this.#replies.refuse(req, res, 'api-client-unknown', false);
    this.#replies.refuse(req, res, 'too-many-logins', false, { retryAfterMs: Math.max(0, ruling.until - now) });
  }

  /** A login page into which our script goes, as a person sees it. */
  #isScriptedPage({ req, scope, settings }: Way): boolean {
    return settings.profile.wantsLoginScript(scope.target.path) && req.method === 'GET' && scope.isNavigation;
  }

  /** An unsafe request of somebody who is not signed in may turn out to be a login, so its body is read before the gate is asked. */
  #mayExchange(
    { req, scope, settings, apiClient }: Arrival,
    session: LiveSession | undefined,
    query: ParsedFields,
  ): boolean {
    const method = req.method ?? '';
    if (isSafe(method) || scope.onPublicHost) return false;
    if ((session?.session.state ?? 'anonymous') !== 'anonymous') return false;
    const bare = { method, path: scope.target.path, query, form: undefined };
    const question = { ...bare, onPublicHost: false, client: scope.client, host: scope.hostName, apiClient };
    return settings.profile.route(question).class === 'login';
  }
}
