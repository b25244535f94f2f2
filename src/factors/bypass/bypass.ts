/**
 * Codes that an administrator gives to somebody who lost every method: for one account, for a short time. Only making and
 * judging; that one works once, and only beside a factor, is the caller's to hold.
 */
import type { Asked, BypassCodes, Sending, Verification } from '../factor.ts';
import { type Mac, makeVoucher, readVoucher } from '../voucher.ts';

export interface BypassOptions {
  /** How long a code is good, in ms. */
  readonly life: number;
}

export function createBypass({ life }: BypassOptions, { mac }: { readonly mac: Mac }): BypassCodes {
  return {
    id: 'bypass',
    answer: 'bypass-code',
    digits: { min: 0, max: 0 },
    channels: [],
    singleUse: 'none',

    make(identity, now) {
      const madeAt = Math.floor(now / 1000) * 1000;
      return { code: makeVoucher(mac, 'bypass-code', identity, madeAt), madeAt, until: madeAt + life };
    },

    async verify({ person, now }: Asked, answer: string): Promise<Verification> {
      const vouchedAt = readVoucher(mac, 'bypass-code', person.identity, answer, now, life);
      return vouchedAt === undefined ? { ok: false, reason: 'wrong' } : { ok: true, vouchedAt };
    },

    async send(): Promise<Sending> {
      return { sent: false, reason: 'channel-off' };
    },
  };
}
