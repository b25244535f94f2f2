/**
 * What people see of their own account beside its methods: where they are signed in, which browsers are trusted, and what happened lately. Ending a
 * session needs a fresh proof where there is a factor (ASVS 7.5.2); whoever has only a password may not even look.
 */
import { provedWithin } from '../gate/session.ts';
import { hashedBrowserValue } from '../session/browser-cookie.ts';
import type { LiveSession } from '../session/live.ts';
import { type CeremonyParts, ownerOf } from './accounts.ts';
import type { Occasion, OwnBrowser, OwnSession, SelfService } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';

type Ended = { readonly ok: true; readonly count: number };

export class Overview implements SelfService {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  async sessions(session: LiveSession): Promise<readonly OwnSession[]> {
    if (session.ended || session.session.state !== 'verified') return [];
    const found = await this.#parts.sessions.of(ownerOf(session));
    return found
      .map((one): OwnSession => {
        const { createdAt, from, session: state } = one.record;
        return {
          id: one.key,
          isThis: one.key === session.key,
          isVerified: state.state === 'verified',
          signedInAt: createdAt,
          seenAt: one.seenAt,
          ...(from === undefined ? {} : { from }),
        };
      })
      .toSorted((a, b) => Number(b.isThis) - Number(a.isThis) || b.seenAt - a.seenAt);
  }

  async events(session: LiveSession): Promise<readonly Occasion[]> {
    if (session.ended || session.session.state !== 'verified') return [];
    return this.#parts.notify.recent(ownerOf(session));
  }

  async endSession(session: LiveSession, id: string): Promise<Ended | Refusal> {
    const refused = await this.#refused(session);
    if (refused !== undefined) return refused;
    const { log, sessions } = this.#parts;
    // Looked up among the person's own: whatever else a request names is nobody's (attacks 59, 93).
    const one = (await sessions.of(ownerOf(session))).find(({ key }) => key === id && key !== session.key);
    if (one === undefined) return { ok: true, count: 0 };
    await sessions.end(one, 'revoked');
    log.info('session_signed_out_by_owner', { identity: ownerOf(session), count: 1 });
    return { ok: true, count: 1 };
  }

  async browsers(session: LiveSession, brought: string | undefined): Promise<readonly OwnBrowser[]> {
    if (session.ended || session.session.state !== 'verified') return [];
    const { browsers, policy, store } = this.#parts;
    const identity = ownerOf(session);
    const { factorVersion = 0 } = (await store.users.get(identity)) ?? {};
    const list = await browsers.list(identity, { factorVersion, policy: policy(identity, session.record.from) });
    const own = idOf(brought);
    return list.map(({ createdAt, from, id, until, usedAt }) => ({
      id,
      isThis: id === own,
      trustedAt: createdAt,
      usedAt,
      until,
      from,
    }));
  }

  async forgetBrowsers(
    session: LiveSession,
    id: string | undefined,
    brought: string | undefined,
  ): Promise<(Ended & { readonly isThis: boolean }) | Refusal> {
    const refused = await this.#refused(session);
    if (refused !== undefined) return refused;
    const isMeant = (one: string): boolean => id === undefined || one === id;
    const count = await this.#parts.browsers.forget(ownerOf(session), isMeant);
    const own = idOf(brought);
    return { ok: true, count, isThis: count > 0 && own !== undefined && isMeant(own) };
  }

  async endOthers(session: LiveSession, brought?: string): Promise<Ended | Refusal> {
    const refused = await this.#refused(session);
    if (refused !== undefined) return refused;
    const { browsers, log, sessions } = this.#parts;
    // First, so that none opens another session meanwhile: who is signed out must be asked for everything again.
    const own = idOf(brought);
    const forget = () => browsers.forget(ownerOf(session), (one) => one !== own);
    await forget();
    const count = await sessions.endAll(ownerOf(session), 'revoked', session);
    await forget(); // of a proof that was faster than the end of its session
    log.info('session_signed_out_by_owner', { identity: ownerOf(session), count });
    return { ok: true, count };
  }

  async #refused(session: LiveSession): Promise<Refusal | undefined> {
    const { clock, limits, store } = this.#parts;
    if (session.ended || session.session.state !== 'verified') return refusal('session-gone');
    const user = await store.users.get(ownerOf(session));
    if (user === undefined || user.enrolments.length === 0) return undefined;
    const isFresh = provedWithin(session.session, clock.now(), limits().stepUpMs);
    return isFresh ? undefined : refusal('fresh-proof-needed');
  }
}

/** By what the store knows the browser that brought this. */
function idOf(brought: string | undefined): string | undefined {
  return brought === undefined ? undefined : hashedBrowserValue(brought).id;
}
