/**
 * The form with which a person sends what was kept. It is posted to the very address that was asked for, so that the answer of
 * the application stands where it belongs; so it has one shape and one length, and the request path can tell it by its head.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** Its only field, with the token of the session. */
export const RESUME_FIELD = 'lucy2fa-resume';

const START = `${RESUME_FIELD}=`;
/** A token is 24 bytes in base64url; see sessions.ts. */
const LENGTH = String(START.length + 32);
const TYPE = /^application\/x-www-form-urlencoded(?:;|$)/i;

/** Whether the head of a POST is that of this form; its body must be read then. */
export function mayBeResumeForm(headers: IncomingHttpHeaders): boolean {
  return headers['content-length'] === LENGTH && TYPE.test(headers['content-type'] ?? '');
}

/** @returns the token that it carries, whatever that is; `undefined` for any other form. */
export function resumeToken(body: Buffer): string | undefined {
  const text = body.toString('latin1');
  return text.startsWith(START) ? text.slice(START.length) : undefined;
}
