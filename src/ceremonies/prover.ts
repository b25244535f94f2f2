/**
 * Proving a factor. The order is the security: whose login (session) → budgets counted → code checked → code used up →
 * session changed by compare-and-set → budgets reset. Every early return is a refusal (I4, I5, I6).
 */
import { readCode } from '../factors/code.ts';
import type { Channel, Factor, Verification } from '../factors/factor.ts';
import { awaited, isExpired } from '../gate/session.ts';
import type { Enrolment, Identity, LoginId, PendingLogin, ReturnPath } from '../gate/types.ts';
import { FACTOR_IDS, GateError } from '../gate/types.ts';
import type { LiveSession } from '../session/live.ts';
import { type Issued, SessionGone } from '../session/sessions.ts';
import { type CeremonyParts, endingOf, ownerOf, troubleCode, wayOf } from './accounts.ts';
import type { Prompt, Proved, Prover, Sent, Way } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { sendCode } from './sending.ts';
import { verifyCode } from './verifying.ts';

export class FactorProver implements Prover {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  async prompt(session: LiveSession): Promise<({ readonly ok: true } & Prompt) | Refusal> {
    const login = this.#asked(session);
    if (login === undefined) return refusal('session-gone');
    const { clock, counters, limits } = this.#parts;
    const lock = await counters.lockOf(login.identity, clock.now(), limits().guesses);
    if (lock.lock === 'locked') return refusal('locked');
    return {
      ok: true,
      identity: login.identity,
      ways: await this.#ways(login.identity),
      expiresAt: login.acceptedAt + limits().pendingMs,
      isStepUp: session.session.state === 'verified',
      ...(lock.until === undefined ? {} : { pausedUntil: lock.until }),
    };
  }

  async send(session: LiveSession, way: string, channel: Channel, insist: boolean): Promise<Sent | Refusal> {
    const login = this.#asked(session);
    if (login === undefined) return refusal('session-gone');
    const chosen = await this.#choose(login.identity, way);
    if (chosen === undefined) return refusal('way-unknown');
    const lock = await this.#parts.counters.lockOf(
      login.identity,
      this.#parts.clock.now(),
      this.#parts.limits().guesses,
    );
    if (lock.lock === 'locked') return refusal('locked'); // a text that nobody could use costs money all the same
    return sendCode(this.#parts, { identity: login.identity, ...chosen }, channel, insist);
  }

  async prove(session: LiveSession, way: string, input: unknown): Promise<Proved | Refusal> {
    const { clock, counters, limits, log } = this.#parts;
    const login = this.#asked(session);
    if (login === undefined) return refusal('session-gone');
    if (isExpired(login, clock.now(), limits().pendingMs)) {
      await this.cancel(session);
      return refusal('login-expired');
    }
    const chosen = await this.#choose(login.identity, way);
    if (chosen === undefined) return refusal('way-unknown');
    const { digits } = chosen.factor;
    const code = readCode(input, digits);
    if (!code.ok) return refusal(`code-${code.problem}`, { digits });

    const tries = await counters.tryOnce(login.id, login.acceptedAt + limits().pendingMs);
    if (tries > limits().perLogin) return this.#void(session, login);
    const ruling = await counters.guess(login.identity, clock.now(), limits().guesses);
    if (!ruling.allowed) {
      await counters.refundTry(login.id);
      log.warn('authn_login_lock', { identity: login.identity, until: ruling.until });
      return ruling.until === 'unlocked' ? refusal('locked') : refusal('guesses-paused', { until: ruling.until });
    }

    const verification = await verifyCode(this.#parts, chosen.factor, chosen.enrolment, code.code);
    if (!verification.ok) {
      return this.#refuse(session, login, verification.reason, tries, ruling.left, chosen.factor);
    }
    return this.#accept(session, login, chosen.enrolment);
  }

  async stepUp(session: LiveSession, returnTo: ReturnPath): Promise<Issued> {
    const login: PendingLogin = {
      id: this.#parts.randomId() as LoginId,
      identity: ownerOf(session),
      acceptedAt: this.#parts.clock.now(),
      returnTo,
    };
    return this.#parts.sessions.transition(session, { type: 'step-up-asked', login });
  }

  async cancel(session: LiveSession): Promise<void> {
    if (session.session.state === 'verified') {
      await this.#parts.sessions.transition(session, { type: 'step-up-cancelled' });
      return;
    }
    this.#parts.log.info('authn_login_cancelled', { identity: ownerOf(session) });
    await this.#parts.sessions.end(session, 'cancelled');
  }

  async signOut(session: LiveSession): Promise<void> {
    await this.#parts.sessions.end(session, 'logout');
  }

  #asked(session: LiveSession): PendingLogin | undefined {
    return session.ended ? undefined : awaited(session.session);
  }

  async #ways(identity: Identity): Promise<readonly Way[]> {
    const user = await this.#parts.store.users.get(identity);
    const ways: Way[] = [];
    for (const enrolment of user?.enrolments ?? []) {
      const factor = this.#parts.factor(enrolment.factor);
      if (factor !== undefined) ways.push(wayOf(enrolment, factor, endingOf(enrolment)));
    }
    return ways.sort((a, b) => FACTOR_IDS.indexOf(a.factor) - FACTOR_IDS.indexOf(b.factor));
  }

  /** The named way, among those of this identity and of the configuration; whatever else a request names is unknown. */
  async #choose(identity: Identity, way: string): Promise<{ enrolment: Enrolment; factor: Factor } | undefined> {
    const user = await this.#parts.store.users.get(identity);
    const enrolment = user?.enrolments.find((candidate) => candidate.id === way);
    const factor = enrolment === undefined ? undefined : this.#parts.factor(enrolment.factor);
    return enrolment === undefined || factor === undefined ? undefined : { enrolment, factor };
  }

  async #refuse(
    session: LiveSession,
    login: PendingLogin,
    reason: Extract<Verification, { ok: false }>['reason'],
    tries: number,
    left: number,
    factor: Factor,
  ): Promise<Refusal> {
    const { counters, limits, log } = this.#parts;
    if (reason !== 'wrong' && reason !== 'replayed') {
      // The person did nothing wrong: neither the login nor the identity loses a guess.
      await counters.refundTry(login.id);
      await counters.refundGuess(login.identity);
      log.error('provider_failed', { identity: login.identity, factor: factor.id, reason });
      return refusal(troubleCode(reason));
    }
    log.warn('authn_login_fail', { identity: login.identity, factor: factor.id, reason, tries });
    if (tries >= limits().perLogin) return this.#void(session, login);
    const facts = { digits: factor.digits, wrongInARow: tries, left: Math.min(left, limits().perLogin - tries) };
    return refusal(reason === 'wrong' ? 'code-wrong' : 'code-replayed', facts);
  }

  async #accept(session: LiveSession, login: PendingLogin, enrolment: Enrolment): Promise<Proved | Refusal> {
    const { clock, counters, log, sessions, store } = this.#parts;
    // Read again: while the provider was asked, the factor may have been removed.
    const user = await store.users.get(login.identity);
    if (user?.enrolments.some((candidate) => candidate.id === enrolment.id) !== true) return refusal('way-unknown');
    const proof = { loginId: login.id, identity: login.identity, factor: enrolment.factor, at: clock.now() };
    let issued: Issued;
    try {
      issued = await sessions.transition(
        session,
        { type: 'factor-proved', proof },
        { factorVersion: user.factorVersion },
      );
    } catch (error) {
      if (error instanceof SessionGone || error instanceof GateError) return refusal('session-gone');
      throw error;
    }
    if (issued.session.session.state !== 'verified') {
      await sessions.end(issued.session, 'pending-expired');
      return refusal('login-expired');
    }
    await counters.forgiveGuesses(login.identity);
    await counters.noteUse(enrolment.id, clock.now());
    log.info('authn_login_success', { identity: login.identity, factor: enrolment.factor });
    return { ok: true, issued, returnTo: login.returnTo };
  }

  /** Too many wrong codes in one login: the password is asked again (the identity's own pauses go on counting). */
  async #void(session: LiveSession, login: PendingLogin): Promise<Refusal> {
    this.#parts.log.warn('authn_login_fail_max', { identity: login.identity });
    if (session.session.state === 'verified') await this.cancel(session);
    else await this.#parts.sessions.end(session, 'refused');
    return refusal('guesses-spent');
  }
}
