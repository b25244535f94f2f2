/**
 * What the gate answers instead of the application: a redirect to a page, a refusal, or an answer of the login exchange that
 * may go out after all. Nothing here decides, and no answer here needs the store.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { returnPath } from './gate/redirect.ts';
import { type Log, reasonOf } from './log.ts';
import { addReadable } from './login/absorb.ts';
import type { Accepted } from './login/accept.ts';
import { Superseded } from './login/exchange.ts';
import { localRedirects, pageOfFailure, withLength } from './pass.ts';
import { redirect } from './request/answers.ts';
import { browserCookieLine } from './session/browser-cookie.ts';
import { loginCookies, rememberWish } from './session/cookie.ts';
import { SessionGone } from './session/sessions.ts';
import { StoreError } from './store/store.ts';
import { type Reply, UpstreamError } from './upstream/upstream.ts';
import { type GateTarget, newRequestId, pageOf, type Way } from './way.ts';
import type { GatePage, Web } from './web/web.ts';

export interface ReplyParts {
  readonly cookieName: string;
  readonly upstreamOrigin: string;
  readonly web: Web;
  readonly log: Log;
}

export class Replies {
  readonly #parts: ReplyParts;

  constructor(parts: ReplyParts) {
    this.#parts = parts;
  }

  refuse(
    req: IncomingMessage,
    res: ServerResponse,
    page: GatePage,
    asPage: boolean,
    facts: { challenge?: string; retryAfterMs?: number; setCookies?: readonly string[] } = {},
  ): void {
    if (res.headersSent || res.destroyed) {
      res.destroy();
      return;
    }
    const requestId = newRequestId();
    this.#parts.log.info('request_refused', { requestId, page, path: req.url?.split('?', 1)[0] });
    this.#parts.web.refuse(req, res, page, { requestId, asPage, ...facts });
  }

  showOrRefuse(page: GateTarget, way: Way): void {
    if (way.scope.isNavigation) return this.show(page, way);
    return this.refuse(way.req, way.res, 'not-signed-in', false, { challenge: pageOf(page, way.settings) });
  }

  /** Sends a person to a page, and lets the browser remember where they wanted to go when that is the login page. */
  show(page: GateTarget, way: Way): void {
    const { req, res, scope, settings } = way;
    // Nobody signs in on a public host; a redirect to its login page would only lead here again.
    if (scope.onPublicHost) return this.refuse(req, res, 'not-signed-in', true);
    if (page !== 'login') return redirect(res, pageOf(page, settings));
    const { home } = settings.profile;
    const signIn = pageOf('login', settings);
    const wanted = req.method === 'GET' ? returnPath(scope.target.target, settings.publicUrl.origin) : undefined;
    if (wanted === undefined || wanted === home) return redirect(res, signIn);
    redirect(res, signIn, [rememberWish(this.#parts.cookieName, wanted)]);
  }

  loggedIn(accepted: Accepted, way: Way): void {
    const { standing } = accepted;
    const setCookies = cookiesOfLogin(this.#parts.cookieName, accepted, way);
    const page = pageOf(standing === 'enrol' ? 'enrol' : 'challenge', way.settings);
    if (way.scope.isNavigation) return redirect(way.res, page, setCookies);
    return this.refuse(way.req, way.res, 'factor-needed', false, { challenge: page, setCookies });
  }

  /**
   * An answer of the exchange that may go out: buffered, its vaulted cookies already in the jar.
   * @param setCookies of ours
   */
  release(reply: Reply, setCookies: readonly string[], way: Way): void {
    const { res, settings } = way;
    if (res.destroyed) return;
    const out = localRedirects(reply, this.#parts.upstreamOrigin, settings.publicUrl);
    addReadable(out, reply.setCookies, settings.profile);
    for (const line of setCookies) out.push('Set-Cookie', line);
    res.writeHead(reply.status, reply.message, withLength(out, reply));
    res.end(reply.body);
  }

  /** The last resort: whatever went wrong, nothing of the application goes out (I6). */
  failed(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const asPage = req.headers['sec-fetch-mode'] === 'navigate' || req.headers.accept?.includes('text/html') === true;
    if (error instanceof UpstreamError) {
      this.#parts.log.warn('upstream_failed', { code: error.code, reason: reasonOf(error) });
      return this.refuse(req, res, pageOfFailure(error), asPage);
    }
    if (error instanceof SessionGone || error instanceof Superseded)
      return this.refuse(req, res, 'session-ended', asPage);
    this.#parts.log.error('request_failed', { reason: reasonOf(error) });
    return this.refuse(req, res, error instanceof StoreError ? 'store-unavailable' : 'internal', asPage);
  }
}

/** Everything of ours that a login sets: the new id, the end of a wish, and what a trusted browser gets. */
export function cookiesOfLogin(ownName: string, { browser, issued }: Accepted, way: Way): readonly string[] {
  const lines = loginCookies(ownName, issued.id, way.cookies.wish);
  if (browser !== undefined) lines.push(browserCookieLine(ownName, browser === 'misused' ? undefined : browser));
  return lines;
}
