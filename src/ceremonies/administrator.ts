/** What an administrator may do to other accounts. Each call checks the right by itself; changes need a fresh proof and a reason. */
import { isAllowed, mayWaitUntil, type PolicyFor } from '../gate/policy.ts';
import { identityOf } from '../gate/session.ts';
import type { FactorId, Identity } from '../gate/types.ts';
import type { LiveSession } from '../session/live.ts';
import type { UserRecord } from '../store/store.ts';
import { type CeremonyParts, emptyUser, ownerOf } from './accounts.ts';
import { isAdministrator, LONGEST_REASON, mayAdminister } from './administering.ts';
import type { Deed } from './audit.ts';
import { voidEarlier } from './bypass.ts';
import type { Administration, UserFilter, UserRow } from './ceremonies.ts';
import { dependantsOn } from './leaving.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { forgetAtProvider } from './provider-removal.ts';
import { withoutCodes } from './recovery.ts';
import { makeTicket } from './tickets.ts';

const PAGE_SIZE = 25;
/** What a password thief with a hold of the mailbox or the number has as well. */
const WEAK: ReadonlySet<FactorId> = new Set<FactorId>(['sms', 'email', 'verify']);

type Done = { readonly ok: true };
const DONE: Done = { ok: true };

export class Administrator implements Administration {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  isAdministrator(session: LiveSession): boolean {
    return isAdministrator(this.#parts, session);
  }

  mayProve(session: LiveSession): boolean {
    const state = session.session;
    if (session.ended || state.state !== 'verified') return false;
    const { how } = state.grounds;
    return (how === 'trusted-browser' || how === 'network') && this.#parts.isAdmin(state.identity);
  }

  async users(
    session: LiveSession,
    search: string,
    page: number,
    only: UserFilter,
  ): Promise<{ readonly ok: true; readonly rows: readonly UserRow[]; readonly total: number } | Refusal> {
    if (!this.isAdministrator(session)) return refusal('not-an-administrator');
    const found = await this.#find(search.trim().toLowerCase(), only);
    const first = Math.max(0, page - 1) * PAGE_SIZE;
    const counts = await this.#sessionCounts();
    const rows: UserRow[] = [];
    for (const user of found.slice(first, first + PAGE_SIZE)) {
      rows.push(await this.#row(user, counts.get(user.identity) ?? 0));
    }
    return { ok: true, rows, total: found.length };
  }

  async dependants(
    session: LiveSession,
    factor: FactorId,
    search: string,
    page: number,
  ): ReturnType<Administration['dependants']> {
    if (!this.isAdministrator(session)) return refusal('not-an-administrator');
    return dependantsOn(this.#parts, factor, search, page);
  }

  async #find(wanted: string, only: UserFilter): Promise<readonly UserRecord[]> {
    const found = new Map<Identity, UserRecord>();
    for await (const [, user] of this.#parts.store.users.entries()) found.set(user.identity, user);
    if (only === 'none') {
      // Who never saved anything here has no record.
      for (const identity of await this.#parts.counters.withoutFactor()) {
        if (!found.has(identity)) found.set(identity, emptyUser(identity));
      }
    }
    const fitting: UserRecord[] = [];
    for (const user of found.values()) {
      if (user.identity.toLowerCase().includes(wanted) && (await this.#fits(user, only))) fitting.push(user);
    }
    return fitting.toSorted((a, b) => (a.identity < b.identity ? -1 : 1));
  }

  async #fits(user: UserRecord, only: UserFilter): Promise<boolean> {
    const factors = user.enrolments.map(({ factor }) => factor);
    switch (only) {
      case 'all':
        return true;
      case 'none':
        return factors.length === 0;
      case 'weak':
        return factors.length > 0 && factors.every((factor) => WEAK.has(factor));
      case 'no-codes':
        return this.#codesLeft(user, this.#parts.policy(user.identity)) === 0;
      case 'locked':
        return (await this.#lockOf(user)).lock !== 'none';
      default:
        return only satisfies never;
    }
  }

  async #row(user: UserRecord, sessions: number): Promise<UserRow> {
    const { lock, until } = await this.#lockOf(user);
    const policy = this.#parts.policy(user.identity);
    const hasFactor = user.enrolments.length > 0;
    const codesLeft = this.#codesLeft(user, policy);
    const mayWait = mayWaitUntil(policy, hasFactor, this.#parts.clock.now());
    const { factorVersion, identity } = user;
    const browsers = await this.#parts.browsers.list(identity, { factorVersion, policy });
    return {
      identity: user.identity,
      factors: user.enrolments.map((enrolment) => enrolment.factor),
      level: policy.level,
      needsTicket: !hasFactor && policy.first.needs !== 'nothing',
      mayBypass: hasFactor && this.#bypass(policy) !== undefined,
      sessions,
      lock,
      ...(browsers.length === 0 ? {} : { browsers: browsers.length }),
      ...(codesLeft === undefined ? {} : { codesLeft }),
      ...(mayWait === undefined ? {} : { mayWaitUntil: mayWait }),
      ...(until === undefined ? {} : { pausedUntil: until }),
    };
  }

  #codesLeft(user: UserRecord, policy: PolicyFor): number | undefined {
    if (user.enrolments.length === 0 || this.#parts.recovery() === undefined) return undefined;
    return isAllowed(policy, 'recovery') ? (user.recovery?.codes.length ?? 0) : undefined;
  }

  #lockOf({ identity }: UserRecord): ReturnType<CeremonyParts['counters']['lockOf']> {
    return this.#parts.counters.lockOf(identity, this.#parts.clock.now(), this.#parts.limits().guesses);
  }

  async reset(session: LiveSession, name: string, reason: string): Promise<Done | Refusal> {
    const target = await this.#target(session, name, reason);
    if (!target.ok) return target;
    const removed = await this.#parts.store.users.update(target.identity, (user) => {
      if (user === undefined) return { result: [] };
      const { draft: _draft, ticket: _ticket, ...rest } = withoutCodes(user);
      return {
        write: {
          ...rest,
          enrolments: [],
          ticketsAfter: this.#parts.clock.now(),
          factorVersion: user.factorVersion + 1,
        },
        result: user.enrolments,
      };
    });
    await this.#parts.sessions.endAll(target.identity, 'revoked');
    await this.#parts.browsers.forget(target.identity);
    await forgetAtProvider(this.#parts, removed);
    await this.#parts.notify.tell(target.identity, { kind: 'reset-by-administrator' });
    await this.#note(session, 'admin_factors_reset', target.identity, reason);
    return DONE;
  }

  async makeTicket(session: LiveSession, name: string, reason: string): ReturnType<Administration['makeTicket']> {
    const refused = mayAdminister(this.#parts, session, reason);
    if (refused !== undefined) return refused;
    const { clock, limits, store } = this.#parts;
    const identity = this.#parts.identify(name);
    if (identity === undefined) return refusal('user-unknown');
    const user = await store.users.get(identity);
    if ((user?.enrolments.length ?? 0) > 0) return refusal('factor-exists'); // it would open nothing
    const now = clock.now();
    const ticket = makeTicket((label, text) => store.mac(label, text), identity, now);
    await this.#note(session, 'admin_ticket_made', identity, reason);
    return { ok: true, identity, ticket, until: now + limits().ticketMs };
  }

  async makeBypass(session: LiveSession, name: string, reason: string): ReturnType<Administration['makeBypass']> {
    const target = await this.#target(session, name, reason);
    if (!target.ok) return target;
    const { clock, notify, policy, store } = this.#parts;
    const { identity } = target;
    const bypass = this.#bypass(policy(identity));
    if (bypass === undefined) return refusal('factor-off');
    if (((await store.users.get(identity))?.enrolments.length ?? 0) === 0) return refusal('user-without-method');
    const made = bypass.make(identity, clock.now());
    await voidEarlier(store.users, identity, made.madeAt);
    await this.#note(session, 'admin_bypass_made', identity, reason);
    await notify.tell(identity, { kind: 'bypass-made' });
    return { ok: true, identity, code: made.code, until: made.until };
  }

  async unlock(session: LiveSession, name: string, reason: string): Promise<Done | Refusal> {
    const target = await this.#target(session, name, reason);
    if (!target.ok) return target;
    await this.#parts.counters.forgiveGuesses(target.identity);
    await this.#note(session, 'admin_unlocked', target.identity, reason);
    return DONE;
  }

  async endSessions(
    session: LiveSession,
    name: string,
    reason: string,
  ): Promise<{ readonly ok: true; readonly count: number } | Refusal> {
    const target = await this.#target(session, name, reason);
    if (!target.ok) return target;
    await this.#parts.browsers.forget(target.identity); // first, so that none opens another session meanwhile
    const count = await this.#parts.sessions.endAll(target.identity, 'revoked');
    await this.#parts.browsers.forget(target.identity); // of a proof that was faster than the end of its session
    await this.#note(session, 'admin_sessions_ended', target.identity, reason);
    return { ok: true, count };
  }

  /** Where codes of an administrator count. */
  #bypass(policy: PolicyFor): ReturnType<CeremonyParts['bypass']> {
    return isAllowed(policy, 'bypass') ? this.#parts.bypass() : undefined;
  }

  async #target(
    session: LiveSession,
    name: string,
    reason: string,
  ): Promise<{ readonly ok: true; readonly identity: Identity } | Refusal> {
    const refused = mayAdminister(this.#parts, session, reason);
    if (refused !== undefined) return refused;
    const identity = this.#parts.identify(name);
    const user = identity === undefined ? undefined : await this.#parts.store.users.get(identity);
    return identity === undefined || user === undefined ? refusal('user-unknown') : { ok: true, identity };
  }

  async #sessionCounts(): Promise<Map<Identity, number>> {
    const counts = new Map<Identity, number>();
    for await (const [, record] of this.#parts.store.sessions.entries()) {
      const identity = identityOf(record.session);
      if (identity !== undefined) counts.set(identity, (counts.get(identity) ?? 0) + 1);
    }
    return counts;
  }

  async #note(session: LiveSession, deed: Deed, identity: Identity, reason: string): Promise<void> {
    const said = reason.trim().slice(0, LONGEST_REASON);
    this.#parts.log.warn(deed, { actor: ownerOf(session), identity, reason: said });
    await this.#parts.audit.done(deed, ownerOf(session), said, identity);
  }
}
