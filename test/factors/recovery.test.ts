/** Recovery codes: how they are spelled, what is kept of them, and what one guess costs. */
import { createHook } from 'node:async_hooks';
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRecovery } from '../../src/factors/recovery/recovery.ts';
import { CODE_BYTES, inGroups, readRecoveryCode, writeRecoveryCode } from '../../src/factors/recovery-code.ts';
import type { Enrolment, Identity, Json } from '../../src/gate/types.ts';
import { askedAbout } from './asked.ts';

const mac = (label: string, text: string) => createHmac('sha256', label).update(text).digest();
const recovery = createRecovery({ codes: 4 }, { randomBytes, mac });
const ANNA = 'anna@example.com' as Identity;
const having = (codes: Json): Enrolment => ({ id: 'recovery', factor: 'recovery', data: codes, createdAt: 0 });

describe('a code as people write it', () => {
  it('has sixteen characters of 32, and every byte of the source in it', () => {
    expect(writeRecoveryCode(Buffer.alloc(CODE_BYTES))).toBe('0000000000000000');
    expect(writeRecoveryCode(Buffer.alloc(CODE_BYTES, 255))).toBe('ZZZZZZZZZZZZZZZZ');
    expect(inGroups(writeRecoveryCode(Buffer.from('00443214c74254b635cf', 'hex')))).toBe('0123-4567-89AB-CDEF');
    expect(() => writeRecoveryCode(Buffer.alloc(9))).toThrow(RangeError);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 10, maxLength: 10 }),
        fc.uint8Array({ minLength: 10, maxLength: 10 }),
        (a, b) => {
          const [one, other] = [writeRecoveryCode(Buffer.from(a)), writeRecoveryCode(Buffer.from(b))];
          expect(one).toMatch(/^[0-9A-HJKMNP-TV-Z]{16}$/);
          expect(one === other).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0);
        },
      ),
    );
  });

  it.each([
    ['7K2M-X9QD-4TRA-HW5E', '7K2MX9QD4TRAHW5E'],
    ['7k2m-x9qd-4tra-hw5e', '7K2MX9QD4TRAHW5E'],
    ['  7K2M X9QD 4TRA HW5E\n', '7K2MX9QD4TRAHW5E'],
    ['7K2MX9QD4TRAHW5E', '7K2MX9QD4TRAHW5E'],
    ['7K2M–X9QD—4TRA−HW5E', '7K2MX9QD4TRAHW5E'],
    ['７Ｋ２Ｍ　Ｘ９ＱＤ　４ＴＲＡ　ＨＷ５Ｅ', '7K2MX9QD4TRAHW5E'],
    ['7\u200BK2M\u00A0X9QD\u20114TRA\uFEFFHW5E', '7K2MX9QD4TRAHW5E'],
    ['OoIi-Ll00-0000-1111', '0011110000001111'],
  ])('%j is read', (typed, code) => {
    expect(readRecoveryCode(typed)).toEqual({ ok: true, code });
  });

  it.each([
    [undefined, 'empty'],
    [null, 'empty'],
    ['', 'empty'],
    [' - ', 'empty'],
    ['7K2M-X9QD-4TRA-HW5', 'not-a-code'],
    ['7K2M-X9QD-4TRA-HW5E7', 'not-a-code'],
    ['7K2M-X9QD-4TRA-HW5U', 'not-a-code'],
    ['7K2M_X9QD_4TRA_HW5E', 'not-a-code'],
    ['123456', 'not-a-code'],
    [['7K2M-X9QD-4TRA-HW5E'], 'not-a-code'],
    [7, 'not-a-code'],
    [`7K2M-X9QD-4TRA-HW5E${' '.repeat(300)}`, 'not-a-code'],
  ])('%j is none', (typed, problem) => {
    expect(readRecoveryCode(typed)).toEqual({ ok: false, problem });
  });
});

describe('codes that were made', () => {
  it('are as many as configured, all different, each found and named once', async () => {
    const { shown, kept } = await recovery.make(ANNA);
    expect([shown.length, kept.length, new Set(shown).size]).toEqual([4, 4, 4]);
    for (const [i, code] of shown.entries()) {
      const read = readRecoveryCode(code);
      const answer = read.ok ? read.code : '';
      const asked = askedAbout(having(kept));
      expect(await recovery.verify(asked, answer)).toEqual({ ok: true, spends: kept[i]?.hash });
      const others = askedAbout(having(kept.filter((_, at) => at !== i)));
      expect(await recovery.verify(others, answer)).toEqual({ ok: false, reason: 'wrong' });
    }
  });

  it('are kept as salted hashes only, and are nobody else’s', async () => {
    const { shown, kept } = await recovery.make(ANNA);
    const text = JSON.stringify(kept);
    for (const code of shown) {
      expect(text).not.toContain(code);
      expect(text).not.toContain(code.replaceAll('-', ''));
    }
    expect(new Set(kept.map(({ salt }) => salt)).size).toBe(4);
    const asked = askedAbout(having(kept), { person: { identity: 'bob@example.com' as Identity } });
    expect(await recovery.verify(asked, shown[0]?.replaceAll('-', '') ?? '')).toEqual({ ok: false, reason: 'wrong' });
  });

  it.each([[null], [[]], ['x'], [[5]], [[{ index: 'a' }]], [[{ index: 'a', salt: 'b', hash: '' }]]])(
    'what is stored as %j holds none',
    async (data) => {
      const verified = await recovery.verify(askedAbout(having(data)), '7K2MX9QD4TRAHW5E');
      expect(verified).toEqual({ ok: false, reason: 'gone' });
    },
  );

  it('cost one hash a guess, also where there are none: who waits learns of nobody’s', async () => {
    const { kept } = await recovery.make(ANNA);
    for (const codes of [kept, [], null]) {
      expect(await hashesIn(() => recovery.verify(askedAbout(having(codes)), '7K2MX9QD4TRAHW5E'))).toBe(1);
    }
  });
});

/** How many password hashes something takes. */
async function hashesIn(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'SCRYPTREQUEST') count += 1;
    },
  }).enable();
  await work();
  hook.disable();
  return count;
}
