/**
 * The answer of an application to a login, kept until the factor is proved: the page's script needs it, with a token of ours in
 * the place of the application's. Sealed like everything in the store, under the handle of a token that one session alone has,
 * and given out once. No token is in it: ours is made when it goes out.
 */
import { randomBytes as cryptoRandomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { type AnswerOwner, mayHave } from '../gate/bearer.ts';
import type { Identity } from '../gate/types.ts';
import type { FoundToken } from '../profiles/profile.ts';
import { handleOf, newToken } from '../session/bearers.ts';
import type { LiveSession } from '../session/live.ts';
import type { Sessions } from '../session/sessions.ts';
import type { Collection, CounterRecord } from '../store/store.ts';
import type { FlatHeaders, Reply } from '../upstream/upstream.ts';
import { withOurs } from './new-token.ts';

/** From the password on: a prompt may be open for ten minutes, and then the login is sent again. */
const LIFE_MS = 900_000;

export interface KeptAnswersParts {
  readonly store: Collection<CounterRecord>;
  readonly sessions: Sessions;
  readonly clock: Clock;
}

export class KeptAnswers {
  readonly #parts: KeptAnswersParts;

  constructor(parts: KeptAnswersParts) {
    this.#parts = parts;
  }

  /** Into the vault, in the place of all before it. @returns what it is known by there, which nobody's token leads to */
  vault(session: LiveSession, { token }: FoundToken): string {
    const handle = cryptoRandomBytes(32).toString('base64url');
    session.jar.changeBearers({ forget: 'all' });
    session.jar.changeBearers({ keep: handle, token });
    return handle;
  }

  /** @throws StoreError */
  async keep(
    handle: string,
    reply: Reply,
    found: FoundToken,
    owner: Pick<AnswerOwner, 'identity' | 'user'>,
  ): Promise<void> {
    const expiresAt = this.#parts.clock.now() + LIFE_MS;
    const body = found.putIn(handle).toString('base64');
    const write = { ...owner, status: reply.status, type: typeOf(reply.headers), body, expiresAt };
    await this.#parts.store.update(keyOf(handle), () => ({ write, result: undefined }));
  }

  /**
   * The kept answer with a new token of ours, for the session that it was kept for; to exactly one caller.
   * @param user who the login that is sent now names
   * @throws StoreError
   */
  async take(session: LiveSession, user: Identity | undefined): Promise<Reply | undefined> {
    const { clock, sessions, store } = this.#parts;
    const { version } = session.record;
    const handle = session.jar.bearers.newest?.handle;
    if (handle === undefined) return undefined;
    const now = clock.now();
    const kept = await store.update<Kept | undefined>(keyOf(handle), (current) => {
      const found = asKept(current);
      if (found === undefined || !mayHave(session.session, user, found, now)) return { result: undefined };
      return { write: null, result: found };
    });
    if (kept === undefined) return undefined;
    // Rights may have ended, or the token been replaced, while the store was busy.
    if (!session.stillVerified(version) || session.jar.bearers.newest?.handle !== handle) return undefined;
    const ours = newToken(cryptoRandomBytes);
    await this.#rename(session, sessions, handle, ours);
    const body = Buffer.from(kept.body.toString('utf8').replaceAll(handle, ours));
    const headers = [...(kept.type === '' ? [] : ['Content-Type', kept.type]), 'Cache-Control', 'no-store'];
    return { status: kept.status, message: '', headers, setCookies: [], body };
  }

  /** The answer to a login that needs no proof, as the browser may have it. @throws StoreError */
  async exchange(session: LiveSession, handle: string, reply: Reply, found: FoundToken): Promise<Reply> {
    const ours = newToken(cryptoRandomBytes);
    await this.#rename(session, this.#parts.sessions, handle, ours);
    return withOurs(reply, found, ours, () => true); // what is for the vault is there already
  }

  async #rename(session: LiveSession, sessions: Sessions, handle: string, ours: string): Promise<void> {
    session.jar.changeBearers({ rename: handle, to: handleOf(ours) });
    sessions.save(session);
    await sessions.settled(session); // the next request may reach another process
  }
}

type Kept = AnswerOwner & { readonly status: number; readonly type: string; readonly body: Buffer };

function keyOf(handle: string): string {
  return `answer:${handle}`;
}

/** A record that is no answer is none (I6). */
function asKept(record: CounterRecord | undefined): Kept | undefined {
  if (record === undefined) return undefined;
  const { identity, user, status, type, body, expiresAt } = record;
  if (typeof identity !== 'string' || typeof user !== 'string' || typeof status !== 'number') return undefined;
  if (typeof type !== 'string' || typeof body !== 'string') return undefined;
  const owner = { identity: identity as Identity, user: user as Identity, expiresAt };
  return { ...owner, status, type, body: Buffer.from(body, 'base64') };
}

function typeOf(headers: FlatHeaders): string {
  const at = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'content-type');
  return at < 0 ? '' : (headers[at + 1] ?? '');
}
