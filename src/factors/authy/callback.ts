/**
 * Reads what Authy calls us with when somebody answered a request. What it says of the answer is not even looked at: only which
 * request it is about, and in whose name, once the signature is right.
 */
import type { Callback, Called } from '../factor.ts';
import { APPROVAL_ID, AUTHY_ID } from './answers.ts';
import { bodyFields, type Field, isSigned, queryFields } from './signature.ts';

/** The Unix time, in seconds, in every call that was ever recorded. */
const NONCE = /^[1-9]\d{8,10}$/;

export function readCallback(apiKey: string, callback: Callback): Called {
  const nonce = only(callback.header('x-authy-signature-nonce'));
  const signature = only(callback.header('x-authy-signature'));
  if (nonce === undefined || signature === undefined || !NONCE.test(nonce)) return { ok: false, reason: 'signature' };
  const fields = callback.method === 'GET' ? queryFields(callback.query) : bodyFields(callback.json);
  if (fields === undefined) return { ok: false, reason: 'malformed' };
  const { method, url } = callback;
  if (!isSigned({ nonce, method, url, fields }, signature, apiKey)) return { ok: false, reason: 'signature' };
  const [uuid, authyId] = [textOf(fields, 'uuid'), textOf(fields, 'authy_id')];
  const isAbout = uuid !== undefined && authyId !== undefined && APPROVAL_ID.test(uuid) && AUTHY_ID.test(authyId);
  return {
    ok: true,
    signedAt: Number(nonce) * 1000,
    signature,
    ...(isAbout ? { about: nameOfCall(uuid, authyId) } : {}),
  };
}

/** A request and whose it is: a call in the name of somebody else is about a request that nobody knows. */
export function nameOfCall(uuid: string, authyId: string): string {
  return `${uuid}:${authyId}`;
}

function only(values: readonly string[]): string | undefined {
  return values.length === 1 ? values[0] : undefined;
}

function textOf(fields: readonly Field[], name: string): string | undefined {
  return fields.find(([one]) => one === name)?.[1];
}
