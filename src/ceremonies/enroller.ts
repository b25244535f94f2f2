/**
 * Adding, replacing and removing factors. Open to somebody without a factor, otherwise only to a fresh proof, and asked
 * again inside the store's atomic update (T6; attacks "enrol instead of verify", "change without a fresh factor").
 */
import type { Begun, Channel, Factor, Person, Verification } from '../factors/factor.ts';
import { isAllowed, mayKeepOnly } from '../gate/policy.ts';
import type { Enrolment, FactorId, Identity } from '../gate/types.ts';
import { readPhone } from '../phone/phone.ts';
import type { LiveSession } from '../session/live.ts';
import type { Draft, UserRecord } from '../store/store.ts';
import { accountOf } from './account-view.ts';
import { type CeremonyParts, emptyUser, ownerOf, personOf, troubleCode } from './accounts.ts';
import type { Account, Confirmed, DraftView, Enroller, KnownChannel, Proved, Sent } from './ceremonies.ts';
import { mayChange, postpone, showTicket } from './first-method.ts';
import { proveKnown, sendToKnown } from './known.ts';
import type { Happening } from './notifying.ts';
import { type Refusal, type RefusalCode, refusal } from './outcomes.ts';
import { forgetAtProvider } from './provider-removal.ts';
import { withoutCodes } from './recovery.ts';
import { sendCode } from './sending.ts';
import { mayReach } from './spending.ts';
import { asking, lateCode, type Matter, openQuestion, readAnswer, verifyAnswer, wrongCode } from './verifying.ts';

/** Wrong codes that end a draft. */
const DRAFT_TRIES = 10;
/** Begun enrolments per identity: each one may be a request to a provider. Numbers that are saved: each may be a mail. */
const BEGIN_BUDGET = [{ max: 10, perMs: 3_600_000 }];
const LONGEST_INPUT = 100;
/** Enrolments of one kind, where a person may have several. */
const MOST_OF_A_KIND = 10;
/** Characters of a name that a person gives. */
const LONGEST_NAME = 40;

type Done = { readonly ok: true };
const DONE: Done = { ok: true };

export class FactorEnroller implements Enroller {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  async account(session: LiveSession): Promise<Account> {
    const identity = ownerOf(session);
    const user = await this.#parts.store.users.get(identity);
    return accountOf(this.#parts, identity, user, session, this.#draftOf(user, session));
  }

  async savePhone(session: LiveSession, input: { country: string; number: string }): Promise<Done | Refusal> {
    const read = readPhone({ country: input.country, number: input.number.slice(0, LONGEST_INPUT) });
    if (!read.ok) return refusal(`phone-${read.problem}`);
    if (!mayReach(read.phone.country, this.#parts.limits().outlay)) return refusal('number-country');
    const { clock, counters, log, store } = this.#parts;
    const identity = ownerOf(session);
    const may = mayChange(this.#parts, session, await store.users.get(identity));
    if (may !== 'yes') return refusal(may); // judged again below; whoever may not uses nothing up
    const budget = await counters.spend(`number:${identity}`, clock.now(), BEGIN_BUDGET);
    if (!budget.allowed) {
      log.warn('excess_rate_limit_exceeded', { identity, budget: 'number' });
      return refusal('number-paused', { until: budget.until });
    }
    let before: string | undefined;
    const saved = await this.#change(session, (user) => {
      before = user.phone?.e164;
      return { ...user, phone: read.phone };
    });
    // A first number, and the same one again, change nothing for anybody.
    const isOther = before !== undefined && before !== read.phone.e164;
    if (saved.ok && isOther) {
      log.info('authn_number_changed', { identity });
      await this.#tell(session, { kind: 'number-changed' });
    }
    return saved;
  }

  async begin(session: LiveSession, id: FactorId): Promise<Done | Refusal> {
    const { clock, counters, limits, randomId, store } = this.#parts;
    const identity = ownerOf(session);
    const factor = this.#parts.factor(id);
    if (factor === undefined || !isAllowed(this.#parts.policy(identity), id)) return refusal('factor-off');
    const user = await store.users.get(identity);
    const may = mayChange(this.#parts, session, user);
    if (may !== 'yes') return refusal(may);
    const person = personOf(this.#parts, identity, user);
    if (factor.needs !== 'nothing' && person[factor.needs] === undefined) return refusal(`${factor.needs}-missing`);
    // Saved before the list was made: nothing is told of it to anybody.
    const country = factor.needs === 'phone' ? person.phone?.country : undefined;
    if (country !== undefined && !mayReach(country, limits().outlay)) return refusal('number-country');
    if (isFull(factor, user)) return refusal('too-many-of-kind');
    const now = clock.now();
    const budget = await counters.spend(`begin:${identity}`, now, BEGIN_BUDGET);
    if (!budget.allowed) return refusal('send-paused', { until: budget.until });

    const begun = await this.#begin(factor, person);
    if (!begun.ok) return refusal(troubleCode(begun.reason));
    const enrolment: Enrolment = { id: randomId(), factor: id, data: begun.data, createdAt: now };
    const draft: Draft = { enrolment, session: session.key, expiresAt: now + limits().draftMs };
    this.#parts.log.info('authn_enrolment_started', { identity, factor: id });
    return this.#change(session, (current) => ({ ...current, draft }));
  }

  async draft(session: LiveSession): Promise<DraftView | undefined> {
    const identity = ownerOf(session);
    const user = await this.#parts.store.users.get(identity);
    const draft = this.#draftOf(user, session);
    const factor = draft === undefined ? undefined : this.#parts.factor(draft.enrolment.factor);
    if (draft === undefined || factor === undefined) return undefined;
    const matter = this.#matter(session, user, draft, factor);
    const shown = await openQuestion(this.#parts, matter);
    return {
      factor: factor.id,
      answer: factor.answer,
      digits: factor.digits,
      channels: factor.channels,
      instructions: await factor.instructions(draft.enrolment, matter.person),
      ...(shown === undefined ? {} : { shown }),
      ...(factor.provider === undefined ? {} : { provider: factor.provider }),
    };
  }

  async sendToDraft(session: LiveSession, channel: Channel, insist: boolean): Promise<Sent | Refusal> {
    const identity = ownerOf(session);
    const user = await this.#parts.store.users.get(identity);
    const draft = this.#draftOf(user, session);
    const factor = draft === undefined ? undefined : this.#parts.factor(draft.enrolment.factor);
    if (draft === undefined || factor === undefined) return refusal('draft-missing');
    return sendCode(this.#parts, this.#matter(session, user, draft, factor), channel, insist);
  }

  async confirm(session: LiveSession, input: unknown, called = ''): Promise<Confirmed | Refusal> {
    const { clock, counters, log, sessions, store } = this.#parts;
    const identity = ownerOf(session);
    const user = await store.users.get(identity);
    const draft = this.#draftOf(user, session);
    const factor = draft === undefined ? undefined : this.#parts.factor(draft.enrolment.factor);
    if (draft === undefined || factor === undefined) return refusal('draft-missing');
    if (!isAllowed(this.#parts.policy(identity), factor.id)) return refusal('factor-off');
    const may = mayChange(this.#parts, session, user);
    if (may !== 'yes') return refusal(may);
    const name = readName(called);
    if (name === undefined) return refusal('name-invalid');
    const read = readAnswer(factor, input);
    if (!read.ok) return read;

    const tries = await counters.tryOnce(draft.enrolment.id, draft.expiresAt);
    if (tries > triesOf(factor)) return this.#spent(session, identity);
    const matter = this.#matter(session, user, draft, factor);
    const verification = await verifyAnswer(this.#parts, matter, read.answer);
    if (!verification.ok) return this.#refuse(session, draft, factor, verification.reason, tries);

    const enrolment: Enrolment = {
      ...draft.enrolment,
      ...(verification.data === undefined ? {} : { data: verification.data }),
      ...(name === '' ? {} : { name }),
    };
    if (await isTaken(this.#parts, factor, enrolment)) return refusal('assertion-taken');
    const isReplaced = (one: Enrolment): boolean => one.factor === factor.id && !factor.several;
    const replaced = user?.enrolments.filter(isReplaced) ?? [];
    // In the same write as the factor, so that nobody is told of codes that were never kept (I9).
    const made = user?.recovery === undefined ? await this.#recovery(identity)?.make(identity) : undefined;
    let codes: readonly string[] | undefined;
    const saved = await this.#change(session, (current) => {
      if (current.draft?.enrolment.id !== draft.enrolment.id) return 'draft-missing';
      const { draft: _draft, ticket: _ticket, ...rest } = current;
      if (isFull(factor, current)) return 'too-many-of-kind';
      const kept = current.enrolments.filter((one) => !isReplaced(one));
      codes = current.recovery === undefined ? made?.shown : undefined;
      return {
        ...rest,
        enrolments: [...kept, enrolment],
        ...(codes === undefined || made === undefined ? {} : { recovery: { codes: made.kept, madeAt: clock.now() } }),
        ticketsAfter: clock.now(),
        factorVersion: current.factorVersion + 1,
      };
    });
    if (!saved.ok) return saved;
    log.info('authn_enrolment_finished', { identity, factor: factor.id });
    // From now on the factor is asked for everywhere: nothing that only knew the password goes on.
    await sessions.endAll(identity, 'replaced');
    await this.#tell(session, { kind: 'factor-added', factor: factor.id });
    await forgetAtProvider(this.#parts, replaced);
    return { ok: true, factor: factor.id, ...(codes === undefined ? {} : { codes }) };
  }

  async discard(session: LiveSession): Promise<void> {
    await this.#parts.store.users.update(ownerOf(session), (user) => {
      if (user?.draft?.session !== session.key) return { result: undefined };
      const { draft: _draft, ...rest } = user;
      return { write: rest, result: undefined };
    });
  }

  async makeCodes(session: LiveSession): Promise<(Done & { readonly codes: readonly string[] }) | Refusal> {
    const { clock, counters, log, store } = this.#parts;
    const identity = ownerOf(session);
    const recovery = this.#recovery(identity);
    const user = await store.users.get(identity);
    if (recovery === undefined || user === undefined || user.enrolments.length === 0) return refusal('factor-off');
    const may = mayChange(this.#parts, session, user);
    if (may !== 'yes') return refusal(may);
    const budget = await counters.spend(`codes:${identity}`, clock.now(), BEGIN_BUDGET);
    if (!budget.allowed) return refusal('send-paused', { until: budget.until });
    const made = await recovery.make(identity);
    const saved = await this.#change(session, (current) =>
      current.enrolments.length === 0
        ? 'factor-off'
        : { ...current, recovery: { codes: made.kept, madeAt: clock.now() } },
    );
    if (!saved.ok) return saved;
    log.info('authn_recovery_codes_made', { identity });
    await this.#tell(session, { kind: 'recovery-made' });
    return { ok: true, codes: made.shown };
  }

  async remove(session: LiveSession, id: string): Promise<Done | Refusal> {
    const { log, sessions, store } = this.#parts;
    const identity = ownerOf(session);
    const user = await store.users.get(identity);
    const enrolment = user?.enrolments.find((candidate) => candidate.id === id);
    if (user === undefined || enrolment === undefined) return refusal('way-unknown');
    const policy = this.#parts.policy(identity);
    const removed = await this.#change(session, (current) => {
      const kept = current.enrolments.filter((candidate) => candidate.id !== id);
      if (kept.length === current.enrolments.length) return 'way-unknown';
      const left = kept.map(({ factor }) => factor);
      if (!mayKeepOnly(policy, left)) return 'factor-required'; // judged here: two tabs may remove one each
      const rest = kept.length === 0 ? withoutCodes(current) : current;
      return { ...rest, enrolments: kept, factorVersion: current.factorVersion + 1 };
    });
    if (!removed.ok) return removed;
    log.info('authn_factor_removed', { identity, factor: enrolment.factor });
    await sessions.endAll(identity, 'replaced', session);
    await this.#tell(session, { kind: 'factor-removed', factor: enrolment.factor });
    await forgetAtProvider(this.#parts, [enrolment]);
    return DONE;
  }

  async rename(session: LiveSession, id: string, called: string): Promise<Done | Refusal> {
    const name = readName(called);
    if (name === undefined) return refusal('name-invalid');
    return this.#change(session, (current) => {
      const one = current.enrolments.find((candidate) => candidate.id === id);
      if (one === undefined || this.#parts.factor(one.factor)?.several !== true) return 'way-unknown';
      const { name: _name, ...rest } = one;
      const renamed = name === '' ? rest : { ...rest, name };
      return { ...current, enrolments: current.enrolments.map((other) => (other === one ? renamed : other)) };
    });
  }

  async showTicket(session: LiveSession, typed: string): Promise<Done | Refusal> {
    return showTicket(this.#parts, session, typed.slice(0, LONGEST_INPUT));
  }

  async sendToKnown(session: LiveSession, channel: KnownChannel): Promise<Sent | Refusal> {
    return sendToKnown(this.#parts, session, channel);
  }

  async proveKnown(session: LiveSession, channel: KnownChannel, answer: unknown): Promise<Done | Refusal> {
    return proveKnown(this.#parts, session, channel, answer);
  }

  async postpone(session: LiveSession): Promise<Proved | Refusal> {
    return postpone(this.#parts, session);
  }

  /** Where recovery codes count for this identity. */
  #recovery(identity: Identity): ReturnType<CeremonyParts['recovery']> {
    return isAllowed(this.#parts.policy(identity), 'recovery') ? this.#parts.recovery() : undefined;
  }

  /** Changes the account if this session may, judged on the record as it is at the moment of writing. */
  async #change(session: LiveSession, change: (user: UserRecord) => UserRecord | RefusalCode): Promise<Done | Refusal> {
    const identity = ownerOf(session);
    // A provider may have taken its time; the session may have been ended elsewhere meanwhile.
    if (!(await this.#parts.sessions.stands(session))) return refusal('session-gone');
    return this.#parts.store.users.update<Done | Refusal>(identity, (current) => {
      if (session.ended) return { result: refusal('session-gone') };
      const may = mayChange(this.#parts, session, current);
      if (may !== 'yes') return { result: refusal(may) };
      const next = change(current ?? emptyUser(identity));
      return typeof next === 'string' ? { result: refusal(next) } : { write: next, result: DONE };
    });
  }

  #draftOf(user: UserRecord | undefined, session: LiveSession): Draft | undefined {
    const draft = user?.draft;
    if (draft === undefined || draft.session !== session.key) return undefined;
    return this.#parts.clock.now() < draft.expiresAt ? draft : undefined;
  }

  #tell(session: LiveSession, happening: Happening): Promise<void> {
    return this.#parts.notify.tell(ownerOf(session), happening, session.record.from);
  }

  #matter(session: LiveSession, user: UserRecord | undefined, draft: Draft, factor: Factor): Matter {
    const { from } = session.record;
    return {
      factor,
      enrolment: draft.enrolment,
      others: user?.enrolments.filter((one) => one.factor === factor.id) ?? [],
      person: personOf(this.#parts, ownerOf(session), user),
      purpose: 'enrol',
      question: draft.enrolment.id,
      ...(from === undefined ? {} : { from }),
    };
  }

  async #begin(factor: Factor, person: Person): Promise<Begun> {
    const begun = await asking(this.#parts, factor, () => factor.begin(person, this.#parts.clock.now()));
    return begun ?? { ok: false, reason: 'unavailable' };
  }

  async #spent(session: LiveSession, identity: Identity): Promise<Refusal> {
    this.#parts.log.warn('authn_enrolment_fail_max', { identity });
    await this.discard(session);
    return refusal('draft-spent');
  }

  async #refuse(
    session: LiveSession,
    draft: Draft,
    factor: Factor,
    reason: Extract<Verification, { ok: false }>['reason'],
    tries: number,
  ): Promise<Refusal> {
    const digits = factor.digits;
    if (reason === 'wrong') {
      const left = triesOf(factor) - tries;
      if (left <= 0) return this.#spent(session, ownerOf(session));
      return refusal(wrongCode(factor, reason), { digits, wrongInARow: tries, left });
    }
    if (reason === 'replayed') return refusal(wrongCode(factor, reason), { digits });
    await this.#parts.counters.refundTry(draft.enrolment.id);
    if (reason === 'expired' || reason === 'superseded') return refusal(lateCode(factor, reason));
    return refusal(troubleCode(reason));
  }
}

/** Whoever typed the number of somebody else must not use up what the provider allows that number. */
function triesOf({ checksPerAddress }: Factor): number {
  return checksPerAddress === undefined ? DRAFT_TRIES : Math.min(DRAFT_TRIES, checksPerAddress - 1);
}

function isFull(factor: Factor, user: UserRecord | undefined): boolean {
  const ofKind = user?.enrolments.filter((one) => one.factor === factor.id) ?? [];
  return factor.several && ofKind.length >= MOST_OF_A_KIND;
}

/** Whether somebody has this very key, the person included. Every account is looked at: it is asked at enrolments only. */
async function isTaken({ store }: CeremonyParts, factor: Factor, made: Enrolment): Promise<boolean> {
  if (factor.isSame === undefined) return false;
  for await (const [, user] of store.users.entries()) {
    for (const one of user.enrolments) {
      if (one.factor === factor.id && factor.isSame(one.data, made.data)) return true;
    }
  }
  return false;
}

/** A name as it is kept and shown: one line. @returns `undefined` when it cannot be one, the empty text when there is none. */
function readName(called: string): string | undefined {
  const name = called.trim().replace(/\s+/gu, ' ');
  return [...name].length > LONGEST_NAME || /\p{C}/u.test(name) ? undefined : name;
}
