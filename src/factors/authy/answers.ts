/**
 * From what Authy answered (status and body) to what the gateway makes of it. Pure: no network, no log. A pass is said in
 * exactly one place, and by exactly one word of the service; everything else is some kind of no (I6, T8).
 */
import type { KeyCheck, Look, ProviderTrouble, Sending, Verification } from '../factor.ts';
import { type Meaning, meaningOfCode, meaningOfStatus } from './codes.ts';

/** A JSON object of the service. */
export type Body = Readonly<Record<string, unknown>>;

/** `body` is absent when it was no JSON object, whatever its label said; that may happen at any status. */
export interface Answer {
  readonly status: number;
  readonly body: Body | undefined;
}

/** Ids and tokens as they may stand in a path. Anything else must not get near a URL: `1234567/OTHER_ID#` verified another user. */
export const AUTHY_ID = /^\d{1,20}$/;
export const TOKEN = /^\d{6,10}$/;
export const APPROVAL_ID = /^[A-Za-z0-9-]{8,64}$/;

/** The word, and only the word: a 200, even with `success`, was also the answer to unenforced and to misrouted calls. */
const VALID = 'is valid';

export function readVerification(answer: Answer): Verification {
  const { status, body } = answer;
  if (status === 200 && body !== undefined && body['token'] === VALID && succeeded(body)) return { ok: true };
  return { ok: false, reason: refusal(answer) };
}

function refusal(answer: Answer): 'wrong' | 'replayed' | ProviderTrouble {
  const known = knownMeaning(answer);
  if (known === 'channel-off') return 'misconfigured';
  if (known !== undefined) return known;
  // The service judged the token and did not say the word. It must cost a guess: an answer that refunds one, got by
  // sending a wrong token, would make guessing free (T4).
  const word = answer.body?.['token'];
  if (typeof word === 'string' && word !== VALID && (answer.status === 200 || answer.status === 401)) return 'wrong';
  return meaningOfStatus(answer.status);
}

export type Created =
  | { readonly ok: true; readonly authyId: string }
  | { readonly ok: false; readonly reason: ProviderTrouble };

export function readCreation(answer: Answer): Created {
  const { status, body } = answer;
  if (status === 200 && body !== undefined && succeeded(body)) {
    const authyId = idText(objectAt(body, 'user')?.['id']);
    return authyId === undefined ? { ok: false, reason: 'unavailable' } : { ok: true, authyId };
  }
  if (errorCode(body) === '60027' && onlyTheEmailIsBad(body)) return { ok: false, reason: 'misconfigured' };
  // Nobody is known yet who could be gone: a 404 here means that the base URL is not the service.
  if (knownMeaning(answer) === undefined && status === 404) return { ok: false, reason: 'misconfigured' };
  return { ok: false, reason: trouble(answer) };
}

/** @param ending last two digits that we know, for when the answer does not show any. */
export function readSending(answer: Answer, ending: string): Sending {
  const { status, body } = answer;
  if (status !== 200 || body === undefined || !succeeded(body)) {
    if (knownMeaning(answer) === 'channel-off') return { sent: false, reason: 'channel-off' };
    return { sent: false, reason: trouble(answer) };
  }
  if (body['ignored'] === true || body['ignored'] === 'true') return { sent: false, reason: 'app-instead' };
  // The person may have moved the account to another phone without telling us: the service's ending is the truth.
  return { sent: true, ending: endingOf(body['cellphone']) ?? ending };
}

export type Requested =
  | { readonly ok: true; readonly uuid: string }
  | { readonly ok: false; readonly reason: 'channel-off' | ProviderTrouble };

/** `channel-off`: the person has no app that could show a request. */
export function readRequested(answer: Answer): Requested {
  const { status, body } = answer;
  if (status !== 200 || body === undefined || !succeeded(body)) {
    const code = errorCode(body);
    return { ok: false, reason: code === '60050' || code === '60051' ? 'channel-off' : trouble(answer) };
  }
  const uuid = objectAt(body, 'approval_request')?.['uuid'];
  return typeof uuid === 'string' && APPROVAL_ID.test(uuid) ? { ok: true, uuid } : { ok: false, reason: 'unavailable' };
}

/** Approved is said by one word, of the request that was made for this login, in the name of its person; nothing else is. */
export function readApproval(answer: Answer, mine: { readonly uuid: string; readonly authyId: string }): Look {
  const { status, body } = answer;
  if (status !== 200 || body === undefined || !succeeded(body)) {
    // Gone after its end, as far as anybody knows; whether a person is known is not asked here.
    if (errorCode(body) === '60049') return { is: 'expired' };
    const reason = trouble(answer);
    return { is: 'unknown', reason: reason === 'gone' ? 'unavailable' : reason };
  }
  const request = objectAt(body, 'approval_request');
  const isMine = request?.['uuid'] === mine.uuid && idText(request['_authy_id']) === mine.authyId;
  if (!isMine) return { is: 'unknown', reason: 'unavailable' };
  switch (request['status']) {
    case 'approved':
    case 'denied':
    case 'expired':
      return { is: request['status'] };
    case 'pending':
      return { is: 'waiting' };
    default:
      return { is: 'unknown', reason: 'unavailable' };
  }
}

/** `registered`: has the Authy app. `confirmed`: a code was right before. */
export type UserStatus =
  | { readonly ok: true; readonly confirmed: boolean; readonly registered: boolean; readonly disabled: boolean }
  | { readonly ok: false; readonly reason: ProviderTrouble };

export function readStatus(answer: Answer): UserStatus {
  const user = answer.body === undefined ? undefined : objectAt(answer.body, 'status');
  if (answer.status !== 200 || answer.body === undefined || user === undefined || !succeeded(answer.body)) {
    return { ok: false, reason: trouble(answer) };
  }
  return {
    ok: true,
    confirmed: user['confirmed'] === true,
    registered: user['registered'] === true,
    disabled: user['account_disabled'] === true,
  };
}

export type Removal = { readonly ok: true } | { readonly ok: false; readonly reason: ProviderTrouble };

/** The status is the truth here; a body that contradicts a 200 was recorded. Unknown to the service is as good as removed. */
export function readRemoval(answer: Answer): Removal {
  if (answer.status === 200 && answer.body !== undefined) return { ok: true };
  const reason = trouble(answer);
  return reason === 'gone' ? { ok: true } : { ok: false, reason };
}

export function readKeyCheck(answer: Answer): KeyCheck {
  const app = answer.body === undefined ? undefined : objectAt(answer.body, 'app');
  if (answer.status === 200 && answer.body !== undefined && app !== undefined && succeeded(answer.body)) {
    const name = app['name'];
    return typeof name === 'string' && name !== '' ? { ok: true, name: name.slice(0, 200) } : { ok: true };
  }
  const reason = trouble(answer);
  return { ok: false, reason: reason === 'gone' ? 'misconfigured' : reason };
}

/** Five digits of the service, or nothing; for the log as well. Recorded as text, a number is taken too. */
export function errorCode(body: Body | undefined): string | undefined {
  const code = body?.['error_code'];
  const text = typeof code === 'number' ? String(code) : code;
  return typeof text === 'string' && /^\d{5}$/.test(text) ? text : undefined;
}

function knownMeaning(answer: Answer): Meaning | undefined {
  const code = errorCode(answer.body);
  return code === undefined ? undefined : meaningOfCode(code);
}

/** For calls that no token takes part in. */
function trouble(answer: Answer): ProviderTrouble {
  const known = knownMeaning(answer);
  if (known === 'wrong' || known === 'replayed') return 'unavailable';
  if (known === 'channel-off') return 'misconfigured';
  return known ?? meaningOfStatus(answer.status);
}

/** The boolean, or for verify the word; `"false"` is truthy, hence no shortcut. */
function succeeded(body: Body): boolean {
  return body['success'] === true || body['success'] === 'true';
}

/** The reasons stand beside the message, at the top and in `errors`. */
function onlyTheEmailIsBad(body: Body | undefined): boolean {
  const fields = { ...body, ...(body === undefined ? undefined : objectAt(body, 'errors')) };
  return 'email' in fields && !('cellphone' in fields) && !('country_code' in fields);
}

function objectAt(body: Body, key: string): Body | undefined {
  const value = body[key];
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : undefined;
}

function idText(id: unknown): string | undefined {
  if (typeof id === 'number') return Number.isSafeInteger(id) && id > 0 ? String(id) : undefined;
  return typeof id === 'string' && AUTHY_ID.test(id) ? id : undefined;
}

function endingOf(masked: unknown): string | undefined {
  return typeof masked === 'string' ? /\d{2}$/.exec(masked)?.[0] : undefined;
}
