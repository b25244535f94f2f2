/** WebSocket upgrades: the same scope, session, route and decision as any request; only the answer is a socket (T9). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from './clock.ts';
import { decide } from './gate/decide.ts';
import { ANONYMOUS } from './gate/session.ts';
import { type Log, reasonOf } from './log.ts';
import { addReadable } from './login/absorb.ts';
import { joinCookies } from './login/exchange.ts';
import type { Rechecks } from './login/recheck.ts';
import { queryFields } from './profiles/fields.ts';
import { refuseUpgrade, type UpgradeRefusal } from './request/answers.ts';
import { readScope } from './request/scope.ts';
import type { LiveSession } from './session/live.ts';
import { SessionGone, type Sessions } from './session/sessions.ts';
import type { Upstream } from './upstream/upstream.ts';
import { askedOf, cookiesOf, headersFor, ownPathOf, pageOf, type Settings, scopeRules } from './way.ts';

export interface UpgradeParts {
  readonly settings: () => Settings;
  readonly cookieName: string;
  readonly upstream: Upstream;
  readonly upstreamHost: string;
  readonly sessions: Sessions;
  readonly rechecks: Rechecks;
  readonly clock: Clock;
  readonly log: Log;
}

export class Upgrades {
  readonly #parts: UpgradeParts;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  open(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const settings = this.#parts.settings();
    const { profile, publicUrl } = settings;
    const scope = readScope(req, scopeRules(settings));
    if (typeof scope === 'string') return refuseUpgrade(socket, statusOf(scope), this.#parts.clock);
    // Browsers send cookies with sockets from any site; only pages of our own origin may open one (attack 76, RFC 6455 10.2).
    const { origin } = req.headers;
    if (origin !== undefined && origin !== publicUrl.origin) return refuseUpgrade(socket, 403, this.#parts.clock);
    const cookies = cookiesOf(req, scope, profile, this.#parts.cookieName);
    const session = this.#parts.sessions.find(cookies.id); // an upgrade is no activity: it stays open by itself
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
    const decision = decide(session?.session ?? ANONYMOUS, askedOf(req, scope, route, true));
    if (decision.do !== 'forward' || session === undefined || ownPathOf(scope, settings.gatewayPath) !== undefined) {
      return refuseUpgrade(socket, 401, this.#parts.clock, pageOf('login', settings));
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
        headers: headersFor({ req, scope, settings }, this.#parts.upstreamHost, { cookie, framing: 'none' }),
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
      await this.#parts.rechecks.confirm(session, client);
      if (session.stillVerified(version) && !session.confidence.unconfirmed) return open();
      refuseUpgrade(socket, 503, this.#parts.clock);
    } catch (error) {
      this.#parts.log.error('upgrade_failed', { reason: reasonOf(error) });
      refuseUpgrade(socket, 500, this.#parts.clock);
    }
  }
}

function statusOf(refusal: 'bad-request' | 'wrong-host' | 'method-not-allowed'): UpgradeRefusal {
  if (refusal === 'wrong-host') return 421;
  return refusal === 'bad-request' ? 400 : 405;
}
