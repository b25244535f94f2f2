/**
 * Whether what was read from a file is a record at all. Sealed text that opens was written by us, so these checks catch a
 * file of another version rather than an attacker; a record that is not understood is never taken for none (I6).
 */
import type { CounterRecord, SessionRecord, UserRecord } from './store.ts';

export type IsRecord<T> = (key: string, value: unknown) => value is T;

export function isUserRecord(key: string, value: unknown): value is UserRecord {
  if (!isObject(value) || value['identity'] !== key || typeof value['factorVersion'] !== 'number') return false;
  const { email, enrolments, draft, phone, recovery, ticket, ticketsAfter } = value;
  if (!Array.isArray(enrolments) || !enrolments.every(isEnrolment)) return false;
  if (draft !== undefined && !(isObject(draft) && isEnrolment(draft['enrolment']) && isNumber(draft['expiresAt']))) {
    return false;
  }
  if (recovery !== undefined && !isRecovery(recovery)) return false;
  if (email !== undefined && typeof email !== 'string') return false;
  if (
    ticket !== undefined &&
    !(isObject(ticket) && typeof ticket['session'] === 'string' && isNumber(ticket['until']))
  ) {
    return false;
  }
  if (ticketsAfter !== undefined && !isNumber(ticketsAfter)) return false;
  return phone === undefined || (isObject(phone) && typeof phone['e164'] === 'string');
}

export function isSessionRecord(_key: string, value: unknown): value is SessionRecord {
  if (!isObject(value) || !isNumber(value['version']) || typeof value['csrf'] !== 'string') return false;
  if (!isNumber(value['createdAt']) || !isNumber(value['lastSeenAt']) || value['jar'] === undefined) return false;
  return isObject(value['session']) && typeof value['session']['state'] === 'string';
}

export function isCounterRecord(_key: string, value: unknown): value is CounterRecord {
  return isObject(value) && isNumber(value['expiresAt']);
}

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEnrolment(value: unknown): boolean {
  if (!isObject(value) || typeof value['id'] !== 'string' || typeof value['factor'] !== 'string') return false;
  return value['data'] !== undefined && isNumber(value['createdAt']);
}

function isRecovery(value: unknown): boolean {
  if (!isObject(value) || !isNumber(value['madeAt']) || !Array.isArray(value['codes'])) return false;
  return value['codes'].every(
    (code) => isObject(code) && [code['index'], code['salt'], code['hash']].every((part) => typeof part === 'string'),
  );
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}
