/** WebSocket upgrades: the same scope, session, route and decision as any request; only the answer is a socket (T9). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from './clock.ts';
import { mayCarryCredentials } from './gate/credentials.ts';
import { decide } from './gate/decide.ts';
import { ANONYMOUS } from './gate/session.ts';
import { addReadable, vaultCookies } from './login/absorb.ts';
import { joinCookies } from './login/exchange.ts';
import type { Rechecks } from './login/recheck.ts';
import { queryFields } from './profiles/fields.ts';
import { refuseUpgrade, type UpgradeRefusal } from './request/answers.ts';
import { readScope, type Scope } from './request/scope.ts';
import type { LiveSession } from './session/live.ts';
import { SessionGone, type Sessions } from './session/sessions.ts';
import type { AnswerHead, FlatHeaders, Running, Upstream } from './upstream/upstream.ts';
import {
  askedOf,
  cookiesOf,
  credentialOf,
  demandOf,
  headersFor,
  ownPathOf,
  pageOf,
  type Settings,
  stepUpPath,
} from './way.ts';

export interface UpgradeParts {
  readonly settings: () => Settings;
  readonly cookieName: string;
  readonly upstream: Upstream;
  readonly upstreamHost: string;
  readonly sessions: Sessions;
  readonly rechecks: Rechecks;
  readonly clock: Clock;
}

export class Upgrades {
  readonly #parts: UpgradeParts;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  /** @throws StoreError when a shared store cannot be asked whose session this is: refused then (I6). */
  async open(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const settings = this.#parts.settings();
    const { profile, publicUrl } = settings;
    const scope = readScope(req, settings.scopeRules);
    if (typeof scope === 'string') return refuseUpgrade(socket, statusOf(scope), this.#parts.clock);
    // Browsers send cookies with sockets from any site; only pages of our own origin may open one (attack 76, RFC 6455 10.2).
    const { origin } = req.headers;
    if (origin !== undefined && origin !== publicUrl.origin) return refuseUpgrade(socket, 403, this.#parts.clock);
    const cookies = cookiesOf(req, scope, profile, this.#parts.cookieName);
    // Asked for anew where others could have ended it, since it stays open; and no activity, for the same reason.
    const session = await this.#parts.sessions.find(cookies.key, true);
    if (socket.destroyed) return;
    if (session?.isBoundToNetwork === true && !settings.isTrustedPlace(scope.client))
      return refuseUpgrade(socket, 401, this.#parts.clock, pageOf('login', settings));
    const query = queryFields(scope.target.query);
    if (query.truncated || query.names().some((name) => profile.isForbiddenInQuery(name)))
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
    const state = session?.session ?? ANONYMOUS;
    const proof = demandOf(settings, 'GET', scope, this.#parts.clock);
    const { authorization, token } = credentialOf(req, state, session, profile);
    const decision = decide(state, askedOf({ req, scope }, route, { authorization, isUpgrade: true, proof }));
    if (decision.do === 'refuse' && decision.page === 'step-up') {
      return refuseUpgrade(socket, 401, this.#parts.clock, stepUpPath(settings, profile.home));
    }
    if (decision.do !== 'forward' || session === undefined || ownPathOf(scope, settings.gatewayPath) !== undefined) {
      return refuseUpgrade(socket, 401, this.#parts.clock, pageOf('login', settings));
    }
    // An upgrade has no judge of logins, and an application that ignores the header answers it as a plain GET.
    if (route.login !== undefined || route.isOracle || route.givesToken !== undefined)
      return refuseUpgrade(socket, 400, this.#parts.clock);
    const socketOf = new SocketAnswer(this.#parts, session, settings, scope, mayCarryCredentials(query.names()));
    const cookie = joinCookies(session.jar.header(path, this.#parts.clock.now()), cookies.readable);
    if (!(await socketOf.depart())) return refuseUpgrade(socket, 401, this.#parts.clock, pageOf('login', settings));
    const running = this.#parts.upstream.tunnel({
      req,
      socket,
      head,
      target: scope.target.target,
      headers: headersFor({ req, scope, settings }, this.#parts.upstreamHost, {
        cookie,
        framing: 'none',
        credentials: decision.credentials,
        bearer: decision.bearer === true ? token : undefined,
      }),
      onHead: (answer) => socketOf.onHead(answer),
      onEnd: () => socketOf.onEnd(),
    });
    socketOf.attach(running);
  }
}

/**
 * The application's answer to an upgrade, a socket or a page: judged like any answer of a verified session. Nothing of it goes
 * out before it is known that the session still is that session and the person still is that person (T3, T9).
 */
class SocketAnswer {
  readonly #parts: UpgradeParts;
  readonly #session: LiveSession;
  readonly #settings: Settings;
  readonly #scope: Scope;
  readonly #version: number;
  /** The query could log somebody in, so the application may change its mind while it answers. */
  readonly #departed: boolean;
  #landed = false;
  #running: Running | undefined;

  constructor(parts: UpgradeParts, session: LiveSession, settings: Settings, scope: Scope, queryMayLogIn: boolean) {
    this.#parts = parts;
    this.#session = session;
    this.#settings = settings;
    this.#scope = scope;
    this.#version = session.record.version;
    this.#departed = queryMayLogIn && settings.profile.whoami?.recheck === 'unsafe';
  }

  /**
   * Before the question leaves. @returns whether it still may: telling the other processes takes a while
   * @throws StoreError when they could not be told
   */
  async depart(): Promise<boolean> {
    let may = false;
    try {
      if (this.#departed) await this.#parts.rechecks.depart(this.#session);
      may = this.#session.stillVerified(this.#version);
    } catch (error) {
      if (!(error instanceof SessionGone)) throw error;
    } finally {
      if (!may) this.onEnd();
    }
    return may;
  }

  /** Ends the socket with the session. */
  attach(running: Running): void {
    this.#running = running;
    this.#parts.sessions.attach(this.#session, running);
  }

  /** @throws SessionGone, or rejects with it: the forwarder refuses the client then. */
  onHead(answer: AnswerHead): FlatHeaders | Promise<FlatHeaders> {
    this.#land();
    const stands = this.#parts.sessions.stands(this.#session);
    return stands instanceof Promise ? stands.then(() => this.#judged(answer)) : this.#judged(answer);
  }

  #judged(answer: AnswerHead): FlatHeaders | Promise<FlatHeaders> {
    const { rechecks, sessions, clock } = this.#parts;
    const { profile } = this.#settings;
    const session = this.#session;
    if (!session.stillVerified(this.#version)) throw new SessionGone();
    if (vaultCookies(answer.setCookies, session.jar, this.#scope.target.path, clock.now(), profile)) {
      rechecks.doubt(session);
      sessions.save(session);
    }
    if (rechecks.isDoubtful(session)) return this.#confirmed(answer);
    const settled = sessions.settled(session);
    return settled === undefined ? this.#headersOut(answer) : settled.then(() => this.#headersOut(answer));
  }

  onEnd(): void {
    this.#detach();
    if (!this.#departed || this.#landed) return;
    this.#landed = true;
    this.#parts.rechecks.stray(this.#session);
  }

  async #confirmed(answer: AnswerHead): Promise<FlatHeaders> {
    const session = this.#session;
    const found = await this.#parts.rechecks.confirm(session, this.#scope.client);
    if (found.is === 'same') await this.#parts.sessions.settled(session);
    if (found.is === 'same' && session.stillVerified(this.#version)) return this.#headersOut(answer);
    // A socket cannot be sent to the prompt. Whoever it is now begins anew, in the application too.
    this.#detach(); // so that the refusal reaches the client
    if (found.is === 'changed' || found.is === 'left') await this.#parts.sessions.end(session, 'refused');
    throw new SessionGone();
  }

  #headersOut(answer: AnswerHead): FlatHeaders {
    return addReadable([...answer.headers], answer.setCookies, this.#settings.profile);
  }

  #detach(): void {
    if (this.#running !== undefined) this.#parts.sessions.detach(this.#session, this.#running);
  }

  #land(): void {
    if (!this.#departed || this.#landed) return;
    this.#landed = true;
    this.#parts.rechecks.land(this.#session);
  }
}

function statusOf(refusal: 'bad-request' | 'wrong-host' | 'method-not-allowed'): UpgradeRefusal {
  if (refusal === 'wrong-host') return 421;
  return refusal === 'bad-request' ? 400 : 405;
}
