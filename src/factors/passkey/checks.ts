/**
 * Whether an answer of a browser is the one that was asked for, line by line as a relying party must check it (WebAuthn
 * level 3, 7.1 and 7.2). Signatures and the lines that the library has are the library's; this file adds the lines that it
 * leaves out, and makes one refusal of every way in which it fails. It never says which line it was: that would help nobody
 * but an attacker.
 */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { Credential, Opened } from './data.ts';

/** Whom a key must belong to. From the configuration, never from a request (the Host header least of all). */
export interface RelyingParty {
  readonly id: string;
  readonly origin: string;
  readonly requiresUserVerification: boolean;
}

export interface Checked {
  readonly credential: Credential;
  /** The signature counter; zero when the authenticator has none. */
  readonly counter: number;
}

/** COSE names of EdDSA, ES256 and RS256, the three that every browser knows. */
export const ALGORITHMS = [-8, -7, -257];
/** Bytes of a credential id (WebAuthn 7.1, 25). */
const LONGEST_ID = 1023;
const TRANSPORTS = new Set(['usb', 'nfc', 'ble', 'smart-card', 'hybrid', 'internal', 'cable']);

/** Reads the library before it is needed, which takes a second, so that no request pays for it. */
export async function prepare(): Promise<void> {
  await import('@simplewebauthn/server');
}

/** @returns `undefined` for every answer that is not the right one. */
export async function checkRegistration(
  party: RelyingParty,
  opened: Opened,
  answer: string,
): Promise<Checked | undefined> {
  const response = read(answer, ['clientDataJSON', 'attestationObject']) as RegistrationResponseJSON | undefined;
  if (response === undefined || isEmbedded(response.response.clientDataJSON)) return undefined;
  try {
    if (!(await isUncertified(response.response.attestationObject))) return undefined;
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const { verified, registrationInfo: info } = await verifyRegistrationResponse({
      response,
      ...expected(party, opened),
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified || info.credential.id !== response.id) return undefined;
    const { credential, credentialDeviceType } = info;
    return {
      credential: {
        credentialId: credential.id,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        transports: transportsOf(response.response.transports),
        user: opened.user,
        isSynced: credentialDeviceType === 'multiDevice',
      },
      counter: credential.counter,
    };
  } catch {
    return undefined; // the library throws for what does not hold, and for what it cannot read
  }
}

/** @param credentials those of the person, and nobody else's. */
export async function checkAssertion(
  party: RelyingParty,
  opened: Opened,
  answer: string,
  credentials: readonly Credential[],
): Promise<Checked | undefined> {
  const names = ['clientDataJSON', 'authenticatorData', 'signature'] as const;
  const response = read(answer, names) as AuthenticationResponseJSON | undefined;
  if (response === undefined || isEmbedded(response.response.clientDataJSON)) return undefined;
  const credential = credentials.find((one) => one.credentialId === response.id);
  if (credential === undefined) return undefined;
  const { userHandle } = response.response;
  if (userHandle !== undefined && userHandle !== null && userHandle !== credential.user) return undefined;
  try {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
      response,
      ...expected(party, opened),
      // The library would judge the counter before the signature; whoever keeps the last one judges it.
      credential: { id: credential.credentialId, publicKey: bytesOf(credential.publicKey), counter: 0 },
    });
    if (!verified || (info.credentialDeviceType === 'multiDevice') !== credential.isSynced) return undefined;
    return { credential, counter: info.newCounter };
  } catch {
    return undefined; // as above
  }
}

function expected(party: RelyingParty, opened: Opened) {
  return {
    expectedChallenge: opened.challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    requireUserVerification: party.requiresUserVerification,
  };
}

/** @returns `undefined` when it is not even the outline of an answer. */
function read(answer: string, texts: readonly string[]): unknown {
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value['response'])) return undefined;
  const { id, response } = value;
  if (typeof id !== 'string' || Buffer.from(id, 'base64url').length > LONGEST_ID) return undefined;
  return texts.every((name) => typeof response[name] === 'string') ? value : undefined;
}

/** Whether another page had ours in a frame, which the library looks at in part. */
function isEmbedded(clientDataJSON: string): boolean {
  try {
    const client: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8'));
    if (!isRecord(client)) return true;
    return (client['crossOrigin'] ?? false) !== false || client['topOrigin'] !== undefined;
  } catch {
    return true;
  }
}

/**
 * No attestation was asked for, and none with certificates is looked at: about these the library would ask the revocation
 * lists that they name, and nothing may leave (I8).
 */
async function isUncertified(attestationObject: string): Promise<boolean> {
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers');
  const object = decodeAttestationObject(bytesOf(attestationObject));
  const fmt = object.get('fmt');
  return fmt === 'none' || (fmt === 'packed' && object.get('attStmt').get('x5c') === undefined);
}

function transportsOf(given: unknown): readonly string[] {
  return Array.isArray(given) ? [...new Set(given)].filter((one) => TRANSPORTS.has(one)) : [];
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64url, 'base64url'));
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
