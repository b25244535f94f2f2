/** Questions of our own to the application: who is this jar, and please end it. Buffered, bounded, never on behalf of a body. */
import type { Clock } from '../clock.ts';
import type { Identity, Naming } from '../gate/types.ts';
import { type Log, reasonOf } from '../log.ts';
import type { Answer, Profile } from '../profiles/profile.ts';
import type { Jar } from '../session/jar.ts';
import type { LiveSession } from '../session/live.ts';
import { requestHeaders } from '../upstream/request-headers.ts';
import type { Reply, Upstream } from '../upstream/upstream.ts';
import { vaultCookies } from './absorb.ts';

export interface AppParts {
  readonly upstream: Upstream;
  readonly profile: () => Profile;
  readonly publicUrl: () => URL;
  /** Host and port of the application's own address, for `upstreamHost: rewrite`. */
  readonly upstreamHost: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of the address that the application has for a person, where the profile reads it. */
  readonly onEmail: (identity: Identity, email: string | null) => Promise<void>;
}

const WHOAMI_TIMEOUT_MS = 5_000;
const SIGN_OUT_TIMEOUT_MS = 3_000;
const MAX_BYTES = 1_048_576;

export class AppQuestions {
  readonly #parts: AppParts;

  constructor(parts: AppParts) {
    this.#parts = parts;
  }

  /**
   * Who does the application think this jar is (I3)? Any failure is `unknown`, never `nobody` (I6).
   * @param token asked about in the place of the newest one of the jar
   */
  async whoami(session: LiveSession, client: string, token?: string): Promise<Naming | undefined> {
    const { whoami } = this.#parts.profile();
    if (whoami === undefined) return undefined;
    try {
      const naming = whoami.read(await this.#ask('GET', whoami.path, session.jar, client, WHOAMI_TIMEOUT_MS, token));
      if (naming.is === 'named' && naming.email !== undefined) await this.#noteEmail(naming.identity, naming.email);
      return naming;
    } catch (error) {
      return { is: 'unknown', why: reasonOf(error) };
    }
  }

  /** Who somebody is does not depend on where mail goes. */
  async #noteEmail(identity: Identity, email: string | null): Promise<void> {
    try {
      await this.#parts.onEmail(identity, email);
    } catch (error) {
      this.#parts.log.error('event_not_kept', { identity, kind: 'email', reason: reasonOf(error) });
    }
  }

  /** Ends the application's own session, in the ways that the profile knows, until it says nobody. Best effort. */
  async signOut(jar: Jar, client: string): Promise<void> {
    const { signOut, whoami } = this.#parts.profile();
    try {
      for (const way of signOut) {
        let { path } = way;
        if (way.findOn !== undefined && whoami !== undefined) {
          const page = await this.#ask('GET', whoami.path, jar, client, SIGN_OUT_TIMEOUT_MS);
          const found = way.findOn(page);
          if (found === undefined) continue;
          path = found;
        }
        await this.#ask(way.method, path, jar, client, SIGN_OUT_TIMEOUT_MS);
        if (whoami === undefined) return;
        const after = whoami.read(await this.#ask('GET', whoami.path, jar, client, SIGN_OUT_TIMEOUT_MS));
        if (after.is === 'nobody') return;
      }
      if (signOut.length > 0) this.#parts.log.warn('app_sign_out_doubtful');
    } catch (error) {
      this.#parts.log.warn('app_sign_out_failed', { reason: reasonOf(error) });
    }
  }

  async #ask(
    method: string,
    target: string,
    jar: Jar,
    client: string,
    timeoutMs: number,
    token = jar.bearers.newest?.token,
  ): Promise<Answer> {
    const { clock, profile, publicUrl, upstream, upstreamHost } = this.#parts;
    const path = target.split('?', 1)[0] ?? '/';
    const url = publicUrl();
    const headers = requestHeaders(['Accept', 'text/html,application/json;q=0.9,*/*;q=0.8'], {
      host: profile().upstreamHost === 'keep' ? url.host : upstreamHost,
      forwardedFor: client,
      forwardedProto: url.protocol.slice(0, -1),
      forwardedHost: url.host,
      forwardedPort: url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port,
      cookie: jar.header(path, clock.now()),
      bearer: profile().tokens?.withWhoami === true ? token : undefined,
      credentials: false,
      identityEncoding: true,
      framing: method === 'POST' ? { length: 0 } : 'none',
    });
    const reply = await upstream.ask({ method, target, headers, maxBytes: MAX_BYTES, timeoutMs });
    vaultCookies(reply.setCookies, jar, path, clock.now(), profile());
    return toAnswer(reply);
  }
}

export function toAnswer(reply: Reply): Answer {
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < reply.headers.length; i += 2) {
    headers.push([(reply.headers[i] ?? '').toLowerCase(), reply.headers[i + 1] ?? '']);
  }
  for (const line of reply.setCookies) headers.push(['set-cookie', line]);
  return { status: reply.status, headers, body: reply.body };
}
