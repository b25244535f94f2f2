/**
 * Recovery codes as people read, type and paste them: sixteen characters of Crockford's base 32 in groups of four. Only the
 * spelling; whether a code is right is judged elsewhere.
 */

/** Without I, L, O and U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 16;
const GROUP = 4;
/** Bytes that one code is made of: 80 bits (NIST SP 800-63B asks for 64). */
export const CODE_BYTES = 10;
/** Anything much longer than a code with all its blanks is no answer but an attack on us. */
const LONGEST_INPUT = 256;

export type ReadRecoveryCode =
  | { readonly ok: true; readonly code: string }
  | { readonly ok: false; readonly problem: 'empty' | 'not-a-code' };

/** @param bytes {@link CODE_BYTES} of them, from a cryptographic source */
export function writeRecoveryCode(bytes: Buffer): string {
  if (bytes.length !== CODE_BYTES) throw new RangeError('a recovery code is made of ten bytes');
  let bits = BigInt(`0x${bytes.toString('hex')}`);
  let code = '';
  for (let i = 0; i < LENGTH; i += 1) {
    code = `${ALPHABET[Number(bits & 31n)]}${code}`;
    bits >>= 5n;
  }
  return code;
}

/** As it is shown and printed: `7K2M-X9QD-4TRA-HW5E`. */
export function inGroups(code: string): string {
  return code.replace(new RegExp(`(.{${GROUP}})(?=.)`, 'g'), '$1-');
}

/**
 * In any case, with or without blanks and hyphens, O for 0 and I or L for 1 (Crockford).
 * @param input one form field as it was parsed; anything but one string is refused
 */
export function readRecoveryCode(input: unknown): ReadRecoveryCode {
  if (input === undefined || input === null) return { ok: false, problem: 'empty' };
  if (typeof input !== 'string' || input.length > LONGEST_INPUT) return { ok: false, problem: 'not-a-code' };
  const code = input
    .normalize('NFKC')
    .replace(/[\s\p{Zs}\p{Pd}\p{Cf}\u2212]/gu, '')
    .toUpperCase()
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  if (code === '') return { ok: false, problem: 'empty' };
  const isCode = code.length === LENGTH && [...code].every((character) => ALPHABET.includes(character));
  return isCode ? { ok: true, code } : { ok: false, problem: 'not-a-code' };
}
