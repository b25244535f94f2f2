/**
 * Recovery codes: made once, kept as a password hash with a salt each (fewer than 112 bits, ASVS 6.5.2), judged here. That a
 * code is used once, and that codes alone are no second factor, is the caller's to hold.
 */
import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { Identity, Json, RecoveryCode } from '../../gate/types.ts';
import type { Asked, MadeCodes, RecoveryCodes, Sending, Verification } from '../factor.ts';
import { CODE_BYTES, inGroups, writeRecoveryCode } from '../recovery-code.ts';

export interface RecoveryOptions {
  /** How many a person gets. */
  readonly codes: number;
}

export interface RecoveryNeeds {
  readonly randomBytes: (count: number) => Buffer;
  readonly mac: (label: string, text: string) => Buffer;
}

/** 16 MB and some 50 ms for each guess, away from the one thread that everything else runs on. */
const COST: ScryptOptions = { N: 2 ** 14, r: 8, p: 1 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** Of a keyed hash: enough to find the one code that may be meant, far too little to check one by. */
const INDEX_BYTES = 2;

export function createRecovery(options: RecoveryOptions, needs: RecoveryNeeds): RecoveryCodes {
  const indexOf = (identity: Identity, code: string): string =>
    needs.mac('recovery-index', `${identity}\0${code}`).subarray(0, INDEX_BYTES).toString('hex');

  return {
    id: 'recovery',
    answer: 'recovery-code',
    digits: { min: 0, max: 0 },
    channels: [],
    singleUse: 'none',

    async make(identity: Identity): Promise<MadeCodes> {
      const shown: string[] = [];
      const kept: RecoveryCode[] = [];
      while (kept.length < options.codes) {
        const code = writeRecoveryCode(needs.randomBytes(CODE_BYTES));
        const index = indexOf(identity, code);
        if (kept.some((one) => one.index === index)) continue; // two for one guess would be two hashes for one guess
        const salt = needs.randomBytes(SALT_BYTES);
        kept.push({ index, salt: salt.toString('base64url'), hash: (await hashOf(code, salt)).toString('base64url') });
        shown.push(inGroups(code));
      }
      return { shown, kept };
    },

    /** One hash for each guess, whether or not there is a code that it could be: the time tells nothing. */
    async verify({ enrolment, person }: Asked, answer: string): Promise<Verification> {
      const kept = codesIn(enrolment.data);
      const index = indexOf(person.identity, answer);
      const meant = kept.find((one) => one.index === index);
      const salt = meant === undefined ? Buffer.alloc(SALT_BYTES) : Buffer.from(meant.salt, 'base64url');
      const given = await hashOf(answer, salt);
      if (kept.length === 0) return { ok: false, reason: 'gone' };
      const hash = meant === undefined ? Buffer.alloc(HASH_BYTES) : Buffer.from(meant.hash, 'base64url');
      const isRight = meant !== undefined && hash.length === given.length && timingSafeEqual(hash, given);
      return isRight ? { ok: true, spends: meant.hash } : { ok: false, reason: 'wrong' };
    },

    async send(): Promise<Sending> {
      return { sent: false, reason: 'channel-off' };
    },
  };
}

function hashOf(code: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(code, salt, HASH_BYTES, COST, (error, hash) => (error === null ? resolve(hash) : reject(error))),
  );
}

/** Stored data is checked like any other input: what is damaged is no code (I6). */
function codesIn(data: Json): readonly RecoveryCode[] {
  if (!Array.isArray(data)) return [];
  return data.flatMap((one: Json) => {
    if (one === null || typeof one !== 'object' || !('hash' in one)) return [];
    const { index, salt, hash } = one;
    const isWhole = typeof index === 'string' && typeof salt === 'string' && typeof hash === 'string' && hash !== '';
    return isWhole ? [{ index, salt, hash }] : [];
  });
}
