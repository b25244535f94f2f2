/**
 * Codes from an authenticator app, checked here: the factor that needs no outside service. The secret lives in the
 * enrolment's data and nowhere else; that a step is used once is the caller's to hold, with the `step` of a verification.
 */

import { Secret, TOTP } from 'otpauth';
import QRCode from 'qrcode';
import type { Enrolment, Json } from '../../gate/types.ts';
import type { Asked, Begun, Factor, Instructions, Person, Sending, Verification } from '../factor.ts';
import { ALGORITHM, matchingStep, PERIOD_S, type Skew, type TotpDigits } from './steps.ts';

export interface TotpOptions {
  /** Name of the service as the app lists it. */
  readonly issuer: string;
  /** Default 6, the only length that every app knows. */
  readonly digits?: TotpDigits;
  /** Steps accepted on each side of now; default 1. */
  readonly skew?: Skew;
}

export type RandomBytes = (count: number) => Buffer;

/** RFC 4226 R6: 160 bits recommended. */
const SECRET_BYTES = 20;
/** The quiet zone that ISO/IEC 18004 asks for, in modules. */
const QUIET_ZONE = 4;
/** Longest issuer and account name, in characters: more only makes the QR code too dense to scan. */
const LONGEST_NAME = 100;

/** @param randomBytes a cryptographic source, `randomBytes` of node:crypto outside tests. */
export function createTotp(options: TotpOptions, randomBytes: RandomBytes): Factor {
  const digits = options.digits ?? 6;
  const skew = options.skew ?? 1;
  const decoy = newSecret();

  function newSecret(): Json {
    return { secret: new Secret({ buffer: exactBuffer(randomBytes(SECRET_BYTES)) }).base32 };
  }

  return {
    id: 'totp',
    digits: { min: digits, max: digits },
    channels: [],
    answer: 'digits',
    needs: 'nothing',
    several: false,
    singleUse: 'none',

    discloses: () => [],

    async begin(): Promise<Begun> {
      return { ok: true, data: newSecret() };
    },

    async instructions(enrolment: Enrolment, person: Person): Promise<Instructions> {
      const secret = secretOf(enrolment.data);
      if (secret === undefined) return {};
      const names = { issuer: nameInApp(options.issuer), label: nameInApp(person.identity) };
      const uri = new TOTP({ ...names, secret, algorithm: ALGORITHM, digits, period: PERIOD_S }).toString();
      return { totp: { uri, secret: inGroups(secret.base32), qrSvg: await qrSvg(uri) } };
    },

    async verify({ enrolment, now }: Asked, code: string): Promise<Verification> {
      const secret = secretOf(enrolment.data);
      if (secret === undefined) return { ok: false, reason: 'gone' };
      const step = matchingStep(secret, code, now, { digits, skew });
      return step === undefined ? { ok: false, reason: 'wrong' } : { ok: true, step };
    },

    async send(): Promise<Sending> {
      return { sent: false, reason: 'channel-off' };
    },

    decoy: () => decoy,

    async remove(): Promise<void> {},
  };
}

/** A damaged or shortened secret is no secret: such an enrolment proves nothing (I6). */
function secretOf(data: Json): Secret | undefined {
  if (data === null || typeof data !== 'object' || !('secret' in data)) return undefined;
  const text = data.secret;
  if (typeof text !== 'string' || !/^[A-Z2-7]{32,}$/.test(text)) return undefined;
  return Secret.fromBase32(text);
}

/** Small buffers of Node are windows on a shared pool, and otpauth takes the whole pool for the secret. */
function exactBuffer(bytes: Buffer): ArrayBuffer {
  if (bytes.length !== SECRET_BYTES) throw new RangeError('the random source gave too few bytes');
  return new Uint8Array(bytes).buffer;
}

/**
 * A colon parts issuer and account in the label, so neither may have one: apps split at it even when it is encoded.
 * Half of a surrogate pair cannot be URL-encoded at all.
 */
function nameInApp(name: string): string {
  return [...name.replace(/\p{Surrogate}/gu, '').replaceAll(':', '-')].slice(0, LONGEST_NAME).join('');
}

function inGroups(base32: string): string {
  return base32.replace(/(.{4})(?=.)/g, '$1 ');
}

/** Dark on white also in dark mode, and only presentation attributes: the pages' CSP allows no inline style. */
async function qrSvg(uri: string): Promise<string> {
  const svg = await QRCode.toString(uri, {
    type: 'svg',
    errorCorrectionLevel: 'M',
    margin: QUIET_ZONE,
    color: { dark: '#000000', light: '#ffffff' },
  });
  return svg.trim();
}
