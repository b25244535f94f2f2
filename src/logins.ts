/**
 * The requests that begin and end the application's own session: a login is exchanged, a logout ends ours first. The page of a
 * login by script takes the way of a login, which reads an answer whole.
 */
import type { Counters } from './ceremonies/counters.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import { addReadable } from './login/absorb.ts';
import { type ExchangeParts, exchangeLogin, joinCookies, withWayOn } from './login/exchange.ts';
import { withLoginScript } from './login/script.ts';
import { localRedirects } from './pass.ts';
import { cookiesOfLogin, type Replies } from './replies.ts';
import { redirect } from './request/answers.ts';
import { clientBucket } from './request/client.ts';
import { readBrowserCookie } from './session/browser-cookie.ts';
import { clearOwnCookie, setOwnCookie, wishedFor } from './session/cookie.ts';
import type { Sessions } from './session/sessions.ts';
import type { Framing } from './upstream/request-headers.ts';
import type { Reply, Upstream } from './upstream/upstream.ts';
import { headersFor, pageOf, type Way } from './way.ts';
import type { Web } from './web/web.ts';

export interface LoginParts {
  readonly cookieName: string;
  readonly upstream: Upstream;
  readonly upstreamHost: string;
  readonly upstreamOrigin: string;
  readonly sessions: Sessions;
  readonly counters: Counters;
  readonly exchange: ExchangeParts;
  readonly replies: Replies;
  readonly web: Pick<Web, 'loginScript'>;
  readonly clock: Clock;
  readonly log: Log;
}

export class Logins {
  readonly #parts: LoginParts;

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  async exchange(dropFirst: boolean, way: Way): Promise<void> {
    if (dropFirst && (await this.#handedOver(way))) return;
    return this.#exchange(dropFirst, way, (reply) => reply);
  }

  /**
   * A page whose login goes by script and is answered with a token sends it once more when the factor is proved, and gets what it
   * would have got: nothing is asked of the application.
   */
  async #handedOver(way: Way): Promise<boolean> {
    const { session, settings, route } = way;
    const user = route.login?.user;
    if (session === undefined || user === undefined || settings.profile.tokens === undefined) return false;
    const kept = await this.#parts.exchange.answers.take(session, settings.profile.identify(user));
    if (kept === undefined) return false;
    this.#parts.log.info('login_answer_handed_over', {
      session: session.key.slice(0, 12),
      path: way.scope.target.path,
    });
    this.#parts.replies.release(kept, [], way);
    return true;
  }

  /** A login page that needs our script; whoever turns out to be logged in by it already owes the factor. */
  page(way: Way): Promise<void> {
    return this.#exchange(false, way, (reply) => this.#scripted(reply, way));
  }

  #scripted(reply: Reply, { settings, scope }: Way): Reply {
    const src = `${settings.gatewayPath}${this.#parts.web.loginScript}`;
    const page = withLoginScript(reply, src, settings.publicUrl.origin);
    if (typeof page !== 'string') return page;
    this.#parts.log.warn('login_script_left_out', { path: scope.target.path, status: reply.status, why: page });
    return reply;
  }

  async #exchange(dropFirst: boolean, way: Way, finish: (reply: Reply) => Reply): Promise<void> {
    const { req, res, scope, settings, session, route, start, form } = way;
    const { upstreamHost } = this.#parts;
    if (route.login !== undefined || route.isOracle) {
      // Below the application's own limit per address, which would lock out everybody behind us (security: attack 59).
      const bucket = `login:${clientBucket(scope.client)}`;
      const ruling = await this.#parts.counters.spend(bucket, this.#parts.clock.now(), settings.loginBudgets);
      if (!ruling.allowed) {
        this.#parts.log.warn('excess_rate_limit_exceeded', { client: scope.client, budget: 'logins' });
        const retryAfterMs = Math.max(0, ruling.until - this.#parts.clock.now());
        return this.#parts.replies.refuse(req, res, 'too-many-logins', scope.isNavigation, { retryAfterMs });
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
      headers: (cookie) => headersFor(way, upstreamHost, { cookie, framing, identityEncoding: true }),
      body,
      readableCookies: way.cookies.readable,
      login: route.login,
      isOracle: route.isOracle,
      dropFirst,
      browser: route.login === undefined ? undefined : readBrowserCookie(req.headers.cookie, this.#parts.cookieName),
      wanted: wishedFor(way.cookies.wish),
      page: scope.isNavigation ? undefined : req.headers.referer,
      publicOrigin: settings.publicUrl.origin,
      upstreamOrigin: this.#parts.upstreamOrigin,
    });
    switch (exchanged.is) {
      case 'answer':
        return this.#parts.replies.release(finish(exchanged.reply), this.#issued(exchanged.newId), way);
      case 'withheld':
        return this.#parts.replies.refuse(req, res, exchanged.why, scope.isNavigation, {
          setCookies: [clearOwnCookie(this.#parts.cookieName)],
        });
      case 'login':
        if (exchanged.accepted.standing === 'pass') {
          const { returnTo } = exchanged.accepted;
          const setCookies = cookiesOfLogin(this.#parts.cookieName, exchanged.accepted, way);
          return this.#parts.replies.release(withWayOn(exchanged.reply, returnTo), setCookies, way);
        }
        return this.#parts.replies.loggedIn(exchanged.accepted, way);
      default:
        return exchanged satisfies never;
    }
  }

  #issued(id: string | undefined): string[] {
    return id === undefined ? [] : [setOwnCookie(this.#parts.cookieName, id)];
  }

  /**
   * The application's logout ends our session first; its answer then comes from a jar that nobody has any more.
   * @param alone it ends, and the application is signed out of by a request of ours; this one goes no further
   */
  async logout(alone: boolean, way: Way): Promise<void> {
    const { session, scope, req, res, settings } = way;
    if (session === undefined) return this.#parts.replies.showOrRefuse('login', way);
    const clear = clearOwnCookie(this.#parts.cookieName);
    if (alone || session.confidence.unconfirmed || this.#parts.sessions.isDoubtedElsewhere(session)) {
      // Whose page would the answer be? A logout without its token signs nobody out and shows one (T3).
      await this.#parts.sessions.end(session, 'logout');
      return redirect(res, pageOf('login', settings), [clear]);
    }
    const cookie = session.jar.header(scope.target.path, this.#parts.clock.now());
    await this.#parts.sessions.end(session, 'app-logout');
    const framing: Framing = way.start === undefined ? 'stream' : { length: way.start.bytes.length };
    this.#parts.upstream.forward({
      req,
      res,
      target: scope.target.target,
      headers: headersFor(way, this.#parts.upstreamHost, {
        cookie: joinCookies(cookie, way.cookies.readable),
        bearer: way.token,
        framing,
      }),
      onHead: (head) => {
        const out = localRedirects(head, this.#parts.upstreamOrigin, settings.publicUrl);
        addReadable(out, head.setCookies, settings.profile);
        out.push('Set-Cookie', clear);
        return { send: out };
      },
      onFailure: () => redirect(res, pageOf('login', settings), [clear]),
      onEnd: () => {},
      ...(way.start === undefined ? {} : { bodyRead: way.start.bytes, bodyComplete: way.start.complete }),
    });
  }
}
