/**
 * Proving a factor. The order is the security: whose login (session) → budgets counted → code checked → code used up →
 * session changed by compare-and-set → budgets reset. Every early return is a refusal (I4, I5, I6).
 */
import type { Channel, Verification } from '../factors/factor.ts';
import { awaited, isExpired } from '../gate/session.ts';
import { trustFor } from '../gate/trusted-browsers.ts';
import { GateError, type LoginId, type PendingLogin, type ReturnPath } from '../gate/types.ts';
import { hashedBrowserValue } from '../session/browser-cookie.ts';
import type { LiveSession } from '../session/live.ts';
import { type Issued, SessionGone } from '../session/sessions.ts';
import { type CeremonyParts, ownerOf, personOf, troubleCode } from './accounts.ts';
import type { Prompt, Proved, Prover, Sent, Waiting, Way } from './ceremonies.ts';
import { type Refusal, refusal } from './outcomes.ts';
import { forgivePushes, sendPush, standingOf } from './pushing.ts';
import { sendCode } from './sending.ts';
import { lateCode, type Matter, openQuestion, readAnswer, verifyAnswer, wrongCode } from './verifying.ts';
import { type Chosen, chooseWay, isStillThere, wayOf, waysOf } from './ways.ts';

interface Request {
  readonly login: PendingLogin;
  readonly chosen: Chosen;
  readonly matter: Matter;
}

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
    const isStepUp = session.session.state === 'verified';
    const { browserMs } = this.#parts.policy(login.identity, session.record.from);
    return {
      ok: true,
      identity: login.identity,
      ways: await this.#ways(session, login),
      expiresAt: login.acceptedAt + limits().pendingMs,
      isStepUp,
      ...(lock.until === undefined ? {} : { pausedUntil: lock.until }),
      ...(isStepUp || browserMs === undefined ? {} : { trustMs: browserMs }),
    };
  }

  async send(session: LiveSession, way: string, channel: Channel, insist: boolean): Promise<Sent | Refusal> {
    const login = this.#asked(session);
    if (login === undefined) return refusal('session-gone');
    const chosen = await chooseWay(this.#parts, login, way);
    if (chosen === undefined) return refusal('way-unknown');
    const lock = await this.#parts.counters.lockOf(
      login.identity,
      this.#parts.clock.now(),
      this.#parts.limits().guesses,
    );
    if (lock.lock === 'locked') return refusal('locked'); // a text that nobody could use costs money all the same
    const matter = this.#matter(session, login, chosen);
    return channel === 'push' ? sendPush(this.#parts, matter) : sendCode(this.#parts, matter, channel, insist);
  }

  async prove(session: LiveSession, way: string, input: unknown, trust = false): Promise<Proved | Refusal> {
    const { clock, counters, limits, log } = this.#parts;
    const login = this.#asked(session);
    if (login === undefined) return refusal('session-gone');
    if (isExpired(login, clock.now(), limits().pendingMs)) {
      await this.cancel(session);
      return refusal('login-expired');
    }
    const chosen = await chooseWay(this.#parts, login, way);
    if (chosen === undefined) return refusal('way-unknown');
    const read = readAnswer(chosen.factor, input);
    if (!read.ok) return read;

    const tries = await counters.tryOnce(login.id, login.acceptedAt + limits().pendingMs);
    if (tries > limits().perLogin) return this.#void(session, login);
    // Nobody guesses what a key signs: a pause after wrong codes does not shut its owner out, and a lock does.
    const { guesses } = limits();
    const isGuessable = chosen.factor.answer !== 'assertion';
    const ruling = await counters.guess(
      login.identity,
      clock.now(),
      isGuessable ? guesses : { ...guesses, pausesMs: [] },
    );
    if (!ruling.allowed) {
      await counters.refundTry(login.id);
      log.warn('authn_login_lock', { identity: login.identity, until: ruling.until });
      return ruling.until === 'unlocked' ? refusal('locked') : refusal('guesses-paused', { until: ruling.until });
    }

    const verification = await verifyAnswer(this.#parts, this.#matter(session, login, chosen), read.answer);
    if (!verification.ok) {
      return this.#refuse(session, login, verification.reason, tries, ruling.left, chosen);
    }
    return this.accept(session, login, chosen, verification.enrolment ?? chosen.enrolment.id, trust);
  }

  async look(session: LiveSession, way: string, trust = false): Promise<Proved | Refusal> {
    const { clock, counters, limits, questions } = this.#parts;
    const request = await this.#request(session, way);
    if ('code' in request) return request;
    const { login, chosen, matter } = request;
    const { look, open } = await standingOf(this.#parts, matter);
    if (look.is === 'unknown') return refusal(troubleCode(look.reason));
    if (look.is === 'waiting' || look.is === 'expired') return refusal(`push-${look.is}`);
    const { id } = chosen.enrolment;
    if (open === undefined || !(await questions.use(login.id, id, open.id))) return refusal('push-expired');
    if (look.is === 'denied') {
      await this.#leave(session);
      return refusal('push-denied');
    }
    // Counted like any answer: somebody with the password who asks until the person taps is guessing, too.
    const ruling = await counters.guess(login.identity, clock.now(), { ...limits().guesses, pausesMs: [] });
    if (!ruling.allowed) return refusal('locked');
    const accepted = await this.accept(session, login, chosen, id, trust);
    if (accepted.ok) await forgivePushes(this.#parts, matter);
    return accepted;
  }

  async waiting(session: LiveSession, way: string): Promise<Waiting | Refusal> {
    const request = await this.#request(session, way);
    if ('code' in request) return request;
    const { look, open } = await standingOf(this.#parts, request.matter);
    if (open === undefined || look.is === 'expired') return refusal('push-expired');
    const isAnswered = look.is === 'approved' || look.is === 'denied';
    return {
      ok: true,
      until: open.expiresAt,
      isAnswered,
      ...(open.shown === undefined ? {} : { shown: open.shown }),
    };
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

  async #ways(session: LiveSession, login: PendingLogin): Promise<readonly Way[]> {
    const ways: Way[] = [];
    for (const chosen of await waysOf(this.#parts, login)) {
      const shown = await openQuestion(this.#parts, this.#matter(session, login, chosen));
      ways.push({ ...wayOf(chosen), ...(shown === undefined ? {} : { shown }) });
    }
    return ways;
  }

  /** The way of this login that a request in an app may have been sent for. */
  async #request(session: LiveSession, way: string): Promise<Request | Refusal> {
    const { clock, counters, limits } = this.#parts;
    const login = this.#asked(session);
    if (login === undefined) return refusal('session-gone');
    if (isExpired(login, clock.now(), limits().pendingMs)) {
      await this.cancel(session);
      return refusal('login-expired');
    }
    const chosen = await chooseWay(this.#parts, login, way);
    if (chosen?.factor.look === undefined) return refusal('way-unknown');
    const lock = await counters.lockOf(login.identity, clock.now(), limits().guesses);
    if (lock.lock === 'locked') return refusal('locked');
    return { login, chosen, matter: this.#matter(session, login, chosen) };
  }

  #matter(session: LiveSession, login: PendingLogin, chosen: Chosen): Matter {
    const { enrolment, factor, others, user } = chosen;
    const { from } = session.record;
    return {
      enrolment,
      factor,
      others,
      person: personOf(this.#parts, login.identity, user),
      purpose: session.session.state === 'verified' ? 'step-up' : 'login',
      question: login.id,
      ...(from === undefined ? {} : { from }),
    };
  }

  async #refuse(
    session: LiveSession,
    login: PendingLogin,
    reason: Extract<Verification, { ok: false }>['reason'],
    tries: number,
    left: number,
    { factor }: Chosen,
  ): Promise<Refusal> {
    const { counters, limits, log } = this.#parts;
    if (reason !== 'wrong' && reason !== 'replayed') {
      // The person did nothing wrong: neither the login nor the identity loses a guess.
      await counters.refundTry(login.id);
      await counters.refundGuess(login.identity);
      if (reason === 'expired' || reason === 'superseded') return refusal(lateCode(factor, reason));
      log.error('provider_failed', { identity: login.identity, factor: factor.id, reason });
      return refusal(troubleCode(reason));
    }
    log.warn('authn_login_fail', { identity: login.identity, factor: factor.id, reason, tries });
    if (tries >= limits().perLogin) return this.#void(session, login);
    const facts = { digits: factor.digits, wrongInARow: tries, left: Math.min(left, limits().perLogin - tries) };
    return refusal(wrongCode(factor, reason), facts);
  }

  /** Lets somebody in whose answer was right. @param answered the id of the enrolment that was proved */
  async accept(
    session: LiveSession,
    login: PendingLogin,
    chosen: Chosen,
    answered: string,
    trust = false,
  ): Promise<Proved | Refusal> {
    const { browsers, clock, counters, log, notify, sessions, store } = this.#parts;
    // Read again: while the provider was asked, the factor may have been removed, or switched off.
    const user = await store.users.get(login.identity);
    if (user === undefined || !isStillThere(this.#parts, chosen, user, answered)) return refusal('way-unknown');
    const { factor } = chosen;
    const proof = { loginId: login.id, identity: login.identity, factor: factor.id, at: clock.now() };
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
    const failures = (await counters.forgiveGuesses(login.identity)) - 1; // the right answer was counted as well
    const { from } = session.record;
    if (failures > 0) await notify.tell(login.identity, { kind: 'signed-in-after-failures', failures }, from);
    log.info('authn_login_success', { identity: login.identity, factor: factor.id });
    const proved = { ok: true, issued, returnTo: login.returnTo } as const;
    if (factor.id === 'bypass') {
      await notify.tell(login.identity, { kind: 'bypass-used' }, from);
      return { ...proved, usedBypass: true };
    }
    if (factor.id !== 'recovery') {
      await counters.noteUse(answered, clock.now());
      const policy = this.#parts.policy(login.identity, from);
      const trustMs = trust ? trustFor(policy, factor.id, session.session.state === 'verified') : undefined;
      if (trustMs === undefined || from === undefined) return proved;
      const { factorVersion } = user;
      const browser = await browsers.trust(login.identity, factor.id, trustMs, { factorVersion, policy, from });
      if (await sessions.stands(issued.session)) return { ...proved, browser };
      // Signed out everywhere meanwhile: whoever did so looked for trusted browsers before there was this one.
      const { id } = hashedBrowserValue(browser.value);
      await browsers.forget(login.identity, (one) => one === id);
      return proved;
    }
    const codesLeft = user.recovery?.codes.length ?? 0;
    await notify.tell(login.identity, { kind: 'recovery-used', left: codesLeft }, from);
    return { ...proved, codesLeft };
  }

  /** Too many wrong codes in one login: the password is asked again (the identity's own pauses go on counting). */
  async #void(session: LiveSession, login: PendingLogin): Promise<Refusal> {
    this.#parts.log.warn('authn_login_fail_max', { identity: login.identity });
    await this.#leave(session);
    return refusal('guesses-spent');
  }

  async #leave(session: LiveSession): Promise<void> {
    if (session.session.state === 'verified') await this.cancel(session);
    else await this.#parts.sessions.end(session, 'refused');
  }
}
