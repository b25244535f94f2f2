/**
 * Enrolment tickets: proof that an administrator lets this person set up the first factor of this account (T6, attack 53). A
 * ticket is the second it was made and 64 bits that only the key file can give it, so that no store has to know of it and none
 * can tell it. Whether it was used up already is not asked here: see `ticketsAfter` of the user record.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Identity, Instant } from '../gate/types.ts';

/** HMAC-SHA-256 under a key for this label alone. */
export type Mac = (label: string, text: string) => Buffer;

const LABEL = 'enrolment-ticket';
const SECONDS_BYTES = 4;
const MAC_BYTES = 8;
/** Crockford's: no I, L, O and U, so that a ticket survives being read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LETTERS = 20;
const GROUP = 4;
/** A clock that is a little ahead elsewhere makes no ticket invalid, in ms. */
const AHEAD_MS = 60_000;

/** @returns five groups of four letters, as a person gets it */
export function makeTicket(mac: Mac, identity: Identity, now: Instant): string {
  const seconds = Math.floor(now / 1000);
  const bytes = Buffer.alloc(SECONDS_BYTES + MAC_BYTES);
  bytes.writeUInt32BE(seconds);
  signature(mac, identity, seconds).copy(bytes, SECONDS_BYTES);
  const text = lettersOf(bytes);
  return text.match(new RegExp(`.{${GROUP}}`, 'g'))?.join('-') ?? text;
}

/**
 * @param typed blanks, dashes, small letters and the letters that look like digits do not matter
 * @returns when it was made; `undefined` for what is no ticket of this account, or one that is too old
 */
export function readTicket(
  mac: Mac,
  identity: Identity,
  typed: string,
  now: Instant,
  lifeMs: number,
): Instant | undefined {
  const bytes = bytesOf(typed);
  if (bytes === undefined) return undefined;
  const seconds = bytes.readUInt32BE();
  if (!timingSafeEqual(bytes.subarray(SECONDS_BYTES), signature(mac, identity, seconds))) return undefined;
  const madeAt = seconds * 1000;
  return madeAt <= now + AHEAD_MS && now < madeAt + lifeMs ? madeAt : undefined;
}

function signature(mac: Mac, identity: Identity, seconds: number): Buffer {
  return mac(LABEL, JSON.stringify([identity, seconds])).subarray(0, MAC_BYTES);
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
  if ((bits & 15n) !== 0n) return undefined; // one ticket has one spelling
  return Buffer.from((bits >> 4n).toString(16).padStart(2 * (SECONDS_BYTES + MAC_BYTES), '0'), 'hex');
}
