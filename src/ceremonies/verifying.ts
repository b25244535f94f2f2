/**
 * Opens a question and checks one answer with its factor, for logins and enrolments alike; what was used is used up before
 * anybody hears of it. An exception is an outage, never a pass (I6).
 */
import { readCode } from '../factors/code.ts';
import type { Asked, Judge, Look, Person, Purpose, Verification } from '../factors/factor.ts';
import { readRecoveryCode } from '../factors/recovery-code.ts';
import { isVoucher } from '../factors/voucher.ts';
import type { ClientFacts, Enrolment, Json } from '../gate/types.ts';
import { reasonOf } from '../log.ts';
import type { CeremonyParts } from './accounts.ts';
import { spendBypass } from './bypass.ts';
import { type Refusal, type RefusalCode, refusal } from './outcomes.ts';
import type { OpenQuestion } from './questions.ts';
import { spendCode } from './recovery.ts';

/** What is asked of whom, and for what. */
export interface Matter {
  readonly factor: Judge;
  readonly enrolment: Enrolment;
  readonly others: readonly Enrolment[];
  readonly person: Person;
  readonly purpose: Purpose;
  readonly question: string;
  readonly from?: ClientFacts;
}

type VerifyParts = Pick<CeremonyParts, 'clock' | 'counters' | 'health' | 'log' | 'questions' | 'store'>;

/** Longest code of an administrator with all its blanks, in characters. */
const LONGEST_VOUCHER = 256;
/** Longest answer that is no code, in characters. */
const LONGEST_ANSWER = 12_288;
/** A question that is shown again must leave a person this long, in ms. */
const ENOUGH_MS = 60_000;
/** What is noted of a question that its provider does not know any more. */
const FORGOTTEN = 'forgotten';

/** An answer of the right shape; anything else is looked at by nobody and costs nothing. */
export function readAnswer(factor: Judge, input: unknown): { readonly ok: true; readonly answer: string } | Refusal {
  const { digits } = factor;
  if (factor.answer === 'digits') {
    const read = readCode(input, digits);
    return read.ok ? { ok: true, answer: read.code } : refusal(`code-${read.problem}`, { digits });
  }
  if (factor.answer === 'recovery-code') {
    const read = readRecoveryCode(input);
    if (read.ok) return { ok: true, answer: read.code };
    return refusal(read.problem === 'empty' ? 'code-empty' : 'recovery-wrong');
  }
  if (factor.answer === 'bypass-code') {
    if (input === undefined || input === null || input === '') return refusal('code-empty');
    const isOne = typeof input === 'string' && input.length <= LONGEST_VOUCHER && isVoucher(input);
    return isOne ? { ok: true, answer: input } : refusal('bypass-wrong');
  }
  if (input === '') return refusal('assertion-cancelled');
  const isText = typeof input === 'string' && input.length <= LONGEST_ANSWER;
  return isText ? { ok: true, answer: input } : refusal('assertion-refused');
}

/** @throws StoreError when what was used cannot be written: an answer that may be used twice is none (RFC 6238 5.2). */
export async function verifyAnswer(parts: VerifyParts, matter: Matter, answer: string): Promise<Verification> {
  const { factor, enrolment, others, question } = matter;
  const { clock, counters, questions } = parts;
  const isOpened = factor.singleUse !== 'none';
  const open = isOpened ? await questions.get(question, enrolment.id, clock.now()) : undefined;
  if (isOpened && (open === undefined || open.seen === FORGOTTEN)) return { ok: false, reason: 'expired' };
  const use = async (): Promise<boolean> => open === undefined || questions.use(question, enrolment.id, open.id);
  if (factor.singleUse === 'answer' && !(await use())) return { ok: false, reason: 'replayed' };

  const verification = await asking(parts, factor, () => factor.verify(askedOf(parts, matter, open), answer));
  // Only a service that judges codes was asked; all others judge here.
  if (factor.provider !== undefined && factor.singleUse === 'none') noteHealth(parts, factor, verification);
  if (verification === undefined) return { ok: false, reason: 'unavailable' };
  if (!verification.ok) {
    // A provider has forgotten what it was asked about. It costs no guess, so it is asked about that no more.
    const isForgotten = open !== undefined && verification.reason === 'expired';
    if (isForgotten) await questions.note(question, enrolment.id, { ...open, seen: FORGOTTEN });
    return verification;
  }
  const answered = verification.enrolment ?? enrolment.id;
  if (![enrolment, ...others].some(({ id }) => id === answered)) return { ok: false, reason: 'wrong' };
  if (factor.singleUse === 'success' && !(await use())) return { ok: false, reason: 'replayed' };
  if (verification.spends !== undefined) {
    const isSpent = await spendCode(parts.store.users, matter.person.identity, verification.spends);
    if (!isSpent) return { ok: false, reason: 'replayed' };
  }
  if (verification.vouchedAt !== undefined) {
    const { identity } = matter.person;
    const isUsed = await spendBypass(parts.store.users, identity, verification.vouchedAt, clock.now());
    if (!isUsed) return { ok: false, reason: 'replayed' };
  }
  if (verification.step === undefined) return verification;
  const fresh = await counters.useStep(answered, verification.step, clock.now());
  return fresh ? verification : { ok: false, reason: 'replayed' };
}

/** What the page shows of a question that a key answers; the one that is open already, so that another tab goes on working. */
export async function openQuestion(parts: VerifyParts, matter: Matter): Promise<Json | undefined> {
  const { factor, enrolment, question } = matter;
  if (factor.open === undefined) return undefined;
  const now = parts.clock.now();
  const earlier = await parts.questions.get(question, enrolment.id, now);
  if (earlier?.shown !== undefined && earlier.expiresAt - now >= ENOUGH_MS) return earlier.shown;
  const opened = await asking(parts, factor, async () => factor.open?.(askedOf(parts, matter, undefined)));
  if (opened?.ok !== true) return undefined;
  const { state, shown, lifeMs } = opened;
  await parts.questions.put(question, enrolment.id, { state, shown }, now + lifeMs);
  return shown;
}

/** How a request in an app stands. */
export async function lookAt(parts: VerifyParts, matter: Matter, open: OpenQuestion): Promise<Look> {
  const { factor } = matter;
  const look = await asking(parts, factor, async () => factor.look?.(askedOf(parts, matter, open)));
  return look ?? { is: 'unknown', reason: 'unavailable' };
}

/** What a wrong answer is called. */
export function wrongCode(factor: Judge, reason: 'wrong' | 'replayed'): RefusalCode {
  if (factor.answer === 'assertion') return 'assertion-refused';
  if (factor.answer === 'recovery-code') return 'recovery-wrong';
  if (factor.answer === 'bypass-code') return 'bypass-wrong';
  return reason === 'wrong' ? 'code-wrong' : 'code-replayed';
}

/** What an answer to no open question is called; it costs no guess. */
export function lateCode(factor: Judge, reason: 'expired' | 'superseded'): RefusalCode {
  return factor.answer === 'assertion' ? 'assertion-expired' : `code-${reason}`;
}

export function askedOf(
  { clock }: Pick<CeremonyParts, 'clock'>,
  matter: Matter,
  open: OpenQuestion | undefined,
): Asked {
  const { enrolment, others, person, purpose, question, from } = matter;
  return {
    enrolment,
    others,
    person,
    purpose,
    question,
    now: clock.now(),
    ...(from === undefined ? {} : { from }),
    ...(open === undefined ? {} : { state: open.state }),
  };
}

/** Writes down how an outside service answered. */
export function noteHealth(
  { clock, health }: Pick<CeremonyParts, 'clock' | 'health'>,
  factor: Judge,
  answer: object | undefined,
): void {
  const reason = answer === undefined ? 'unavailable' : 'reason' in answer ? String(answer.reason) : undefined;
  health.note(factor.id, reason, clock.now());
}

/** @returns `undefined` when the factor threw. */
export async function asking<T>(
  { log }: Pick<CeremonyParts, 'log'>,
  factor: Judge,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    log.error('provider_failed', { factor: factor.id, reason: reasonOf(error) });
    return undefined;
  }
}
