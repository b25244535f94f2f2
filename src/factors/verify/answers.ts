/**
 * From what Twilio Verify answered (status and body) to what the gateway makes of it. Pure: no network, no log. The service
 * answers 2xx to a wrong code as well, so a pass is said in one place, by one word, about the verification that was asked
 * about; everything else is some kind of no (I6, T8).
 */
import type { ProviderTrouble, Verification } from '../factor.ts';
import { type Meaning, meaningOfCode, meaningOfStatus } from './codes.ts';

/** A JSON object of the service. */
export type Body = Readonly<Record<string, unknown>>;

/** `body` is absent when it was no JSON object, whatever its label said; that may happen at any status. */
export interface Answer {
  readonly status: number;
  readonly body: Body | undefined;
}

/** As a verification may stand in a path and in the store. */
export const VERIFICATION_SID = /^VE[0-9a-fA-F]{32}$/;

export type Started =
  /** `isNew`: no message had been sent for it before. Otherwise it has the code that was sent then. */
  | { readonly ok: true; readonly verification: string; readonly isNew: boolean }
  | { readonly ok: false; readonly reason: 'channel-off' | ProviderTrouble };

/** A message is on its way when the service says `pending`, and only then. */
export function readStart(answer: Answer): Started {
  const { body } = answer;
  if (!isDone(answer) || body === undefined) return { ok: false, reason: reasonForStart(answer) };
  const { sid, status, send_code_attempts: sent } = body;
  if (typeof sid !== 'string' || !VERIFICATION_SID.test(sid) || status !== 'pending') {
    return { ok: false, reason: 'unavailable' };
  }
  return { ok: true, verification: sid, isNew: Array.isArray(sent) && sent.length <= 1 };
}

/** @param mine the verification that was asked about */
export function readCheck(answer: Answer, mine: string): Verification {
  const { body } = answer;
  if (!isDone(answer) || body === undefined) return { ok: false, reason: reasonForCheck(answer) };
  const { sid, status } = body;
  if (status === 'approved') return sid === mine ? { ok: true } : { ok: false, reason: 'unavailable' };
  // The service judged the code and did not say the word, whatever `valid` says. It must cost a guess: an answer that refunds
  // one, got by sending a wrong code, would make guessing free (T4).
  return { ok: false, reason: typeof status === 'string' ? 'wrong' : 'unavailable' };
}

export type Withdrawn =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'channel-off' | ProviderTrouble };

/** Nothing that was pending is as good as withdrawn. */
export function readWithdrawal(answer: Answer): Withdrawn {
  if (isDone(answer) && answer.body?.['status'] === 'canceled') return { ok: true };
  if (answer.status === 404 && errorCode(answer.body) === 20404) return { ok: true };
  if (isDone(answer)) return { ok: false, reason: 'unavailable' };
  return { ok: false, reason: reasonForStart(answer) };
}

/** The number of the service's error, or nothing; for the log as well. */
export function errorCode(body: Body | undefined): number | undefined {
  const code = body?.['code'];
  return typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 99_999 ? code : undefined;
}

/** What is asked for at a start is the service itself: without it, the address or its name is wrong. */
function reasonForStart(answer: Answer): 'channel-off' | ProviderTrouble {
  const meaning = meaningOf(answer);
  return meaning === 'expired' || meaning === 'wrong' ? 'misconfigured' : meaning;
}

function reasonForCheck(answer: Answer): 'wrong' | 'expired' | ProviderTrouble {
  const meaning = meaningOf(answer);
  // Neither has to do with a code.
  return meaning === 'number' || meaning === 'channel-off' ? 'misconfigured' : meaning;
}

/** What is no JSON object did not come from the service, whatever the status. */
function meaningOf({ status, body }: Answer): Meaning {
  if (body === undefined || isDone({ status })) return 'unavailable';
  const code = errorCode(body);
  const known = code === undefined ? undefined : meaningOfCode(code);
  // A number that stands in a body at another status is not what the code is documented for.
  if (known === 'expired' && status !== 404) return meaningOfStatus(status);
  return known ?? meaningOfStatus(status);
}

function isDone({ status }: Pick<Answer, 'status'>): boolean {
  return status >= 200 && status <= 299;
}
