/**
 * The way in where the factor comes before the application (`mode: gateway-first`): a name and a code, or a name and a key, from
 * anybody who can reach the page. So the address is counted, not the account: nobody locks an owner out (attack 48). A name
 * that is known here and one that is not go the same way and get the same words. In any other mode nobody gets in by it.
 */
import type { Factor, Judge } from '../factors/factor.ts';
import type { Budget } from '../gate/attempts.ts';
import type { Enrolment, Identity, Json, LoginId, PendingLogin } from '../gate/types.ts';
import { clientBucket } from '../request/client.ts';
import type { LiveSession } from '../session/live.ts';
import { type Issued, SessionGone } from '../session/sessions.ts';
import { type CeremonyParts, emptyUser, personOf } from './accounts.ts';
import type { Arriving, Entrance, Proved, Spare } from './ceremonies.ts';
import { isTicketFor, showTicket } from './first-method.ts';
import { type Refusal, refusal } from './outcomes.ts';
import type { FactorProver } from './prover.ts';
import { type Matter, openQuestion, readAnswer, verifyAnswer } from './verifying.ts';
import { type Chosen, waysOf } from './ways.ts';

export interface EntranceRules {
  readonly isOpen: () => boolean;
  /** Attempts per client address, of whatever kind. */
  readonly budgets: () => readonly Budget[];
}

/** Somebody before the door whose attempt was counted. */
interface Counted {
  readonly identity: Identity;
  readonly bucket: string;
}

interface Answered {
  readonly kind: Judge;
  readonly answer: string;
}

const DAY_MS = 86_400_000;
/** Begins what stands for an account that nobody can have: names hold no such character. */
const NOBODY = 'nobody\0';

export class FactorEntrance implements Entrance {
  readonly #parts: CeremonyParts;
  readonly #prover: Pick<FactorProver, 'accept'>;
  readonly #rules: EntranceRules;

  constructor(parts: CeremonyParts, prover: Pick<FactorProver, 'accept'>, rules: EntranceRules) {
    this.#parts = parts;
    this.#prover = prover;
    this.#rules = rules;
  }

  isOpen(): boolean {
    return this.#rules.isOpen();
  }

  spares(): readonly Spare[] {
    const { bypass, recovery } = this.#parts;
    return [
      ...(recovery() === undefined ? [] : (['recovery-code'] as const)),
      ...(bypass() === undefined ? [] : (['bypass-code'] as const)),
    ];
  }

  async enter(session: LiveSession, who: Arriving, code: unknown): Promise<Proved | Refusal> {
    const [meant, first] = this.#read(code);
    if (meant === undefined) return first;
    const counted = await this.#count(session, who);
    if ('code' in counted) return counted;
    // Strangers may use up what can be guessed, and not what an owner has left then: a code on paper, or of an administrator.
    const held = meant.kind.answer === 'digits' ? await this.#countGuess(counted) : undefined;
    if (held !== undefined) return held;
    return this.#attempt(session, who, counted, meant);
  }

  async question(session: LiveSession, who: Arriving): Promise<{ readonly ok: true; readonly shown: Json } | Refusal> {
    const key = this.#parts.factor('passkey');
    if (key === undefined) return refusal('way-unknown');
    const counted = await this.#count(session, who);
    if ('code' in counted) return counted;
    const { chosen } = await this.#choose(counted.identity, key);
    const matter = amongMany(key, counted.identity, this.#matter(who, chosen, questionOf(session)));
    const shown = await openQuestion(this.#parts, matter);
    return shown === undefined ? refusal('provider-unavailable') : { ok: true, shown };
  }

  async enterWithKey(session: LiveSession, who: Arriving, response: unknown): Promise<Proved | Refusal> {
    const key = this.#parts.factor('passkey');
    if (key === undefined) return refusal('way-unknown');
    const read = readAnswer(key, response);
    if (!read.ok) return read;
    const counted = await this.#count(session, who);
    if ('code' in counted) return counted;
    return this.#attempt(session, who, counted, { kind: key, answer: read.answer });
  }

  /** With a ticket for an account without a factor, up to where its first one is set up. */
  async showTicket(
    session: LiveSession,
    who: Arriving,
    ticket: string,
  ): Promise<{ readonly ok: true; readonly issued: Issued } | Refusal> {
    const { log, sessions, store } = this.#parts;
    const counted = await this.#count(session, who);
    if ('code' in counted) return counted;
    const { identity } = counted;
    const user = (await store.users.get(identity)) ?? emptyUser(identity);
    if (!isTicketFor(this.#parts, user, ticket)) {
      log.warn('authn_ticket_refused', { identity });
      return refusal('ticket-wrong');
    }
    const issued = await this.#begin(session, this.#login(who, identity), user.factorVersion, 'enrol', who);
    if (issued === undefined) return refusal('session-gone');
    const shown = await showTicket(this.#parts, issued.session, ticket);
    if (shown.ok) return { ok: true, issued };
    await sessions.end(issued.session, 'refused'); // somebody else was faster
    return shown;
  }

  /** By what a code looks like. Nothing is sent to anybody, nor asked of a provider: strangers stand here. */
  #read(code: unknown): readonly [Answered] | readonly [undefined, Refusal] {
    const { bypass, factor, recovery } = this.#parts;
    let problem: Refusal | undefined;
    for (const kind of [factor('totp'), recovery(), bypass()]) {
      if (kind === undefined) continue;
      const read = readAnswer(kind, code);
      if (read.ok) return [{ kind, answer: read.answer }];
      problem ??= read;
    }
    return [undefined, problem ?? refusal('way-unknown')];
  }

  async #count(session: LiveSession, { name, from }: Arriving): Promise<Counted | Refusal> {
    const { clock, counters, identify, log } = this.#parts;
    if (!this.isOpen() || session.ended || session.session.state !== 'anonymous') return refusal('session-gone');
    if (name.trim() === '') return refusal('account-missing');
    const bucket = clientBucket(from.address);
    const ruling = await counters.spend(`entrance:${bucket}`, clock.now(), this.#rules.budgets());
    if (!ruling.allowed) {
      log.warn('excess_rate_limit_exceeded', { client: from.address, budget: 'entrance' });
      return refusal('entrance-busy', { until: ruling.until });
    }
    const identity = identify(name);
    return identity === undefined ? refusal('entrance-refused') : { identity, bucket };
  }

  /**
   * Guesses at one name from one address make a pause there. From addresses where its owner never got in they are counted
   * together as well, so that many addresses guess no more than one; where the owner is known, and with a key, that shuts nobody out.
   */
  async #countGuess({ identity, bucket }: Counted): Promise<Refusal | undefined> {
    const { clock, counters, limits, log } = this.#parts;
    const { guesses } = limits();
    const now = clock.now();
    const ruling = await counters.guessFrom(identity, bucket, now, guesses);
    if (!ruling.allowed) {
      log.warn('authn_login_lock', { identity, until: ruling.until });
      return refusal('guesses-paused', ruling.until === 'unlocked' ? {} : { until: ruling.until });
    }
    if (await counters.isKnownFrom(identity, bucket, now)) return undefined;
    const strangers = await counters.spend(`strangers:${identity}`, now, [{ max: guesses.hard, perMs: DAY_MS }]);
    if (strangers.allowed) return undefined;
    log.warn('excess_rate_limit_exceeded', { identity, budget: 'strangers' });
    return refusal('entrance-shut', { until: strangers.until });
  }

  async #attempt(
    session: LiveSession,
    who: Arriving,
    { identity, bucket }: Counted,
    { kind, answer }: Answered,
  ): Promise<Proved | Refusal> {
    const { clock, counters, limits, log } = this.#parts;
    const login = this.#login(who, identity);
    const isLocked = (await counters.lockOf(identity, clock.now(), limits().guesses)).lock === 'locked';
    // Judged all the same, so that the time tells nothing, but as nobody's: a code is not used up on a locked door.
    const isSpent = kind.answer !== 'assertion';
    const { chosen, isDecoy } = isLocked && isSpent ? this.#nobody(identity, kind) : await this.#choose(identity, kind);
    const question = kind.answer === 'assertion' ? questionOf(session) : login.id;
    const verification = await verifyAnswer(this.#parts, this.#matter(who, chosen, question), answer);
    if (isDecoy || isLocked || !verification.ok) {
      log.warn('authn_login_fail', { identity, factor: kind.id });
      if (kind.answer !== 'assertion') return refusal('entrance-refused');
      const isLate = !verification.ok && verification.reason === 'expired';
      return refusal(isLate ? 'assertion-expired' : 'assertion-refused');
    }
    const issued = await this.#begin(session, login, chosen.user.factorVersion, 'challenge', who);
    if (issued === undefined) return refusal('session-gone');
    const { enrolment = chosen.enrolment.id } = verification;
    const proved = await this.#prover.accept(issued.session, login, chosen, enrolment);
    if (!proved.ok) {
      await this.#parts.sessions.end(issued.session, 'refused');
      return proved;
    }
    await counters.knowFrom(identity, bucket, clock.now());
    return proved;
  }

  #login({ returnTo }: Arriving, identity: Identity): PendingLogin {
    const { clock, randomId } = this.#parts;
    return { id: randomId() as LoginId, identity, acceptedAt: clock.now(), returnTo };
  }

  /** The states are those of every login; what a factor opens begins as pending, and a ticket opens no more than enrolment. */
  async #begin(
    session: LiveSession,
    login: PendingLogin,
    factorVersion: number,
    standing: 'challenge' | 'enrol',
    { from }: Arriving,
  ): Promise<Issued | undefined> {
    const { sessions, store } = this.#parts;
    try {
      const event = { type: 'login-accepted', login, standing } as const;
      const issued = await sessions.transition(session, event, { factorVersion, from });
      // Whoever changed the factors meanwhile looked for sessions of this account before there was this one.
      const now = await store.users.get(login.identity);
      if ((now?.factorVersion ?? 0) === factorVersion) return issued;
      await sessions.end(issued.session, 'replaced');
    } catch (error) {
      if (!(error instanceof SessionGone)) throw error;
    }
    return undefined;
  }

  async #choose(identity: Identity, kind: Judge): Promise<{ readonly chosen: Chosen; readonly isDecoy: boolean }> {
    const ways = await waysOf(this.#parts, { identity });
    const way = ways.find(({ factor }) => factor.id === kind.id);
    return way === undefined ? this.#nobody(identity, kind) : { chosen: way, isDecoy: false };
  }

  #nobody(identity: Identity, kind: Judge): { readonly chosen: Chosen; readonly isDecoy: boolean } {
    const data = this.#parts.factor(kind.id)?.decoy?.(identity) ?? [];
    // Of its own for each name: a question that is open for one must not come back for another, which no real one does.
    const nobody = `${NOBODY}${identity}` as Identity;
    const enrolment: Enrolment = { id: nobody, factor: kind.id, data, createdAt: 0 };
    return { chosen: { factor: kind, enrolment, others: [], user: emptyUser(nobody) }, isDecoy: true };
  }

  #matter({ from }: Arriving, chosen: Chosen, question: string): Matter {
    const { enrolment, factor, others, user } = chosen;
    const person = personOf(this.#parts, user.identity, user);
    return { enrolment, factor, others, person, purpose: 'login', question, from };
  }
}

/** How many keys there are, and which, is told to nobody: an answer is judged by those of the account alone. */
function amongMany(factor: Factor, identity: Identity, matter: Matter): Matter {
  const { enrolment, others } = matter;
  const own = [enrolment, ...others].map(({ data }) => data);
  const [first, ...rest] = factor.crowd?.(identity, own) ?? own;
  if (first === undefined) return matter;
  return { ...matter, enrolment: { ...enrolment, data: first }, others: rest.map((data) => ({ ...enrolment, data })) };
}

/** A key answers what was asked of this very session, which has no login yet that could be named. */
function questionOf(session: LiveSession): string {
  return `entrance:${session.key}`;
}
