/**
 * What an administrator vouches with, as people read and type it: five groups of four letters that hold the second they were
 * made and 64 bits that only the key file can give for one account and one use. No store has to know of one, and none can
 * tell it. Whether it was used up already is not asked here: see `ticketsAfter` of the user record.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Identity, Instant } from '../gate/types.ts';

/** HMAC-SHA-256 under a key for this label alone. */
export type Mac = (label: string, text: string) => Buffer;

/** What it is for; one is never the other. */
export type VoucherUse = 'enrolment-ticket' | 'bypass-code';

const SECONDS_BYTES = 4;
const MAC_BYTES = 8;
/** Crockford's: no I, L, O and U, so that it survives being read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LETTERS = 20;
const GROUP = 4;
/** A clock that is a little ahead elsewhere makes none invalid, in ms. */
const AHEAD_MS = 60_000;

/** @returns five groups of four letters, as a person gets it */
export function makeVoucher(mac: Mac, use: VoucherUse, identity: Identity, now: Instant): string {
  const seconds = Math.floor(now / 1000);
  const bytes = Buffer.alloc(SECONDS_BYTES + MAC_BYTES);
  bytes.writeUInt32BE(seconds);
  signature(mac, use, identity, seconds).copy(bytes, SECONDS_BYTES);
  const text = lettersOf(bytes);
  return text.match(new RegExp(`.{${GROUP}}`, 'g'))?.join('-') ?? text;
}

/**
 * @param typed blanks, dashes, small letters and the letters that look like digits do not matter
 * @returns when it was made; `undefined` for what is none for this use and account, or one that is too old
 */
export function readVoucher(
  mac: Mac,
  use: VoucherUse,
  identity: Identity,
  typed: string,
  now: Instant,
  lifeMs: number,
): Instant | undefined {
  const bytes = bytesOf(typed);
  if (bytes === undefined) return undefined;
  const seconds = bytes.readUInt32BE();
  if (!timingSafeEqual(bytes.subarray(SECONDS_BYTES), signature(mac, use, identity, seconds))) return undefined;
  const madeAt = seconds * 1000;
  return madeAt <= now + AHEAD_MS && now < madeAt + lifeMs ? madeAt : undefined;
}

/** Whether this could be one at all, whoever made it for whom. */
export function isVoucher(typed: string): boolean {
  return bytesOf(typed) !== undefined;
}

function signature(mac: Mac, use: VoucherUse, identity: Identity, seconds: number): Buffer {
  return mac(use, JSON.stringify([identity, seconds])).subarray(0, MAC_BYTES);
}

function lettersOf(bytes: Buffer): string {
  // 96 bits in 20 letters of 5: the last four bits are zero.
  let rest = BigInt(`0x${bytes.toString('hex')}`) << 4n;
  let text = '';
  for (let at = 0; at < LETTERS; at += 1) {
    text = `${ALPHABET[Number(rest & 31n)]}${text}`;
    rest >>= 5n;
  }
  return text;
}

function bytesOf(typed: string): Buffer | undefined {
  const text = typed.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  if (text.length !== LETTERS) return undefined;
  let bits = 0n;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) return undefined;
    bits = (bits << 5n) | BigInt(value);
  }
  if ((bits & 15n) !== 0n) return undefined; // each has one spelling
  return Buffer.from((bits >> 4n).toString(16).padStart(2 * (SECONDS_BYTES + MAC_BYTES), '0'), 'hex');
}
