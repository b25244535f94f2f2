import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCode } from '../../src/factors/code.ts';

const six = { min: 6, max: 6 };
const authy = { min: 6, max: 10 };

describe('what people type is read as they meant it', () => {
  it.each([
    ['123456', '123456'],
    ['012345', '012345'],
    ['000000', '000000'],
    ['  123456  ', '123456'],
    ['123 456', '123456'],
    [' 123-456 ', '123456'],
    ['12 34 56', '123456'],
    ['123\u00a0456', '123456'],
    ['123\u202f456', '123456'],
    ['123\u2011456', '123456'],
    ['123 – 456', '123456'],
    ['123\u200b456', '123456'],
    ['\u202a123456\u202c', '123456'],
    ['Your code is 123 456', '123456'],
    ['Your code is 123 456.', '123456'],
    ['Code: 123456, valid once', '123456'],
    ['123456 is your Lucy security code\n\n@lucy.example.com #123456', '123456'],
    ['Your 2FA code: 123456', '123456'],
    ['G-123456', '123456'],
    ['コード１２３４５６です', '123456'],
    ['０１２３４５', '012345'],
    ['٠١٢٣٤٥', '012345'],
    ['۰۱۲ ۳۴۵', '012345'],
  ])('%j', (input, code) => {
    expect(readCode(input, six)).toEqual({ ok: true, code });
  });

  it('takes what an Authy app shows, seven digits, and up to ten', () => {
    expect(readCode('012 3456', authy)).toEqual({ ok: true, code: '0123456' });
    expect(readCode('1234567890', authy)).toEqual({ ok: true, code: '1234567890' });
  });
});

describe('everything else is refused, with the reason that helps', () => {
  it.each([
    [undefined, 'empty'],
    [null, 'empty'],
    ['', 'empty'],
    [' \u00a0\t\r\n', 'empty'],
    ['-', 'empty'],
    ['12345', 'too-short'],
    ['Your code is 12345', 'too-short'],
    ['1234567', 'too-long'],
    ['123456 7', 'too-long'],
    ['1'.repeat(10_240), 'too-long'],
    [`123456${' '.repeat(10_240)}`, 'too-long'],
    ['abcdef', 'not-digits'],
    ['12a456', 'not-digits'],
    ['123456abc', 'not-digits'],
    ['0x123456', 'not-digits'],
    ['1e5', 'not-digits'],
    ['१२३४५६', 'not-digits'],
    ['½', 'not-digits'],
    ['123456 or 654321', 'not-digits'],
    ['123456\n654321', 'not-digits'],
    ['123456/7654321#', 'not-digits', authy],
    ['123.456', 'not-digits'],
    [['123456'], 'not-digits'],
    [['123456', '654321'], 'not-digits'],
    [{ code: '123456' }, 'not-digits'],
    [123456, 'not-digits'],
    [true, 'not-digits'],
  ])('%j is %s', (input, problem, digits = six) => {
    expect(readCode(input, digits)).toEqual({ ok: false, problem });
  });
});

describe('for any input', () => {
  const lengths = fc
    .integer({ min: 4, max: 10 })
    .chain((min) => fc.record({ min: fc.constant(min), max: fc.integer({ min, max: 12 }) }));

  it('a code that is given back has only ASCII digits and a length that was asked for', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'0123456789 -\u00a0x٣９#/\n') }),
      fc.anything(),
    );
    fc.assert(
      fc.property(anything, lengths, (input, digits) => {
        const read = readCode(input, digits);
        if (!read.ok) return;
        expect(read.code).toMatch(/^[0-9]+$/);
        expect(read.code.length).toBeGreaterThanOrEqual(digits.min);
        expect(read.code.length).toBeLessThanOrEqual(digits.max);
      }),
      { numRuns: 2000 },
    );
  });

  it('gaps, script and words around a code change nothing', () => {
    const zero = fc.constantFrom(0x30, 0x660, 0x6f0, 0xff10);
    const gap = fc.constantFrom('', '', ' ', '-', '\u00a0', '\u2013', ' - ');
    const around = fc.constantFrom('', ' ', 'Your code is ', 'code: ', '«');
    const code = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(
        code,
        fc.array(fc.tuple(zero, gap), { minLength: 6, maxLength: 6 }),
        around,
        (wanted, styles, before) => {
          const typed = styles.map(
            ([start, space], at) => String.fromCharCode(start + Number(wanted[at])) + (at < 5 ? space : ''),
          );
          expect(readCode(before + typed.join(''), six)).toEqual({ ok: true, code: wanted });
        },
      ),
    );
  });

  it('a hostile text does not make it slow', () => {
    const started = performance.now();
    for (const text of [`${'1 '.repeat(128)}x`, '1'.repeat(256), `${'1   '.repeat(64)}`, ' '.repeat(256)])
      readCode(text, six);
    expect(performance.now() - started).toBeLessThan(200);
  });
});
