/**
 * What is kept of a passkey, and what is kept between a question and its answer. Public keys are no secret, and yet they stay
 * here: nothing of this goes to a page but the credential's id, which the browser needs to find the key. Judges nothing.
 */
import type { Json } from '../../gate/types.ts';

export interface Credential {
  /** Base64url, as WebAuthn names the key. */
  readonly credentialId: string;
  /** COSE_Key (RFC 9052), base64url. */
  readonly publicKey: string;
  /** How the browser reaches the authenticator: a hint for the next time, believed by nobody. */
  readonly transports: readonly string[];
  /** The user handle under which the key was made, base64url; no personal data. */
  readonly user: string;
  /** Whether it may be copied to other devices (the flag BE); never changes in the life of a key. */
  readonly isSynced: boolean;
}

/** @returns `undefined` for a draft, and for anything damaged: such an enrolment proves nothing (I6). */
export function credentialOf(data: Json): Credential | undefined {
  if (!isRecord(data)) return undefined;
  const { credentialId, publicKey, transports, user, isSynced } = data;
  if (typeof credentialId !== 'string' || typeof publicKey !== 'string' || typeof user !== 'string') return undefined;
  if (typeof isSynced !== 'boolean' || !isTexts(transports)) return undefined;
  return { credentialId, publicKey, transports, user, isSynced };
}

/** What an answer is judged by. */
export interface Opened {
  /** 32 random bytes, base64url. */
  readonly challenge: string;
  /** The user handle that a new key gets. */
  readonly user: string;
}

export function openedOf(state: Json | undefined): Opened | undefined {
  if (state === undefined || !isRecord(state)) return undefined;
  const { challenge, user } = state;
  return typeof challenge === 'string' && typeof user === 'string' ? { challenge, user } : undefined;
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isTexts(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
