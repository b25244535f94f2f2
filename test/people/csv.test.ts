/** Reading CSV: what was written comes back, whatever it holds, and a file that is not quite one is refused with its line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CsvRow, readCsv } from '../../src/people/csv.ts';

const rowsOf = (text: string): readonly (readonly string[])[] => {
  const read = readCsv(text);
  if (!read.ok) throw new Error(`${read.line}: ${read.problem}`);
  return read.rows.map(({ fields }: CsvRow) => fields);
};
const quote = (field: string): string => `"${field.replaceAll('"', '""')}"`;

describe('what was written', () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', ';', '\n', '\r\n', ' ', '\u{1f600}', '') });
  const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });

  it.each([
    [',', '\n'],
    [';', '\r\n'],
  ])('comes back with %j and %j', (separator, end) => {
    fc.assert(
      fc.property(rows, fc.boolean(), fc.boolean(), (written, hasMark, hasEnd) => {
        const all = [['x', 'y'], ...written];
        const lines = all.map((row, at) => row.map((one) => (at === 0 ? one : quote(one))).join(separator));
        const text = (hasMark ? '\ufeff' : '') + lines.join(end) + (hasEnd ? end : '');
        expect(rowsOf(text)).toEqual(all);
      }),
    );
  });

  it('never throws and always ends, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r') }), (text) => void readCsv(text)),
    );
  });

  it('keeps blanks, leaves out empty lines, and knows where each row began', () => {
    expect(readCsv('a,b\n\n" x ",y \n"1\n2",3\nz,\n')).toEqual({
      ok: true,
      rows: [
        { line: 1, fields: ['a', 'b'] },
        { line: 3, fields: [' x ', 'y '] },
        { line: 4, fields: ['1\n2', '3'] },
        { line: 6, fields: ['z', ''] },
      ],
    });
  });
});

it.each([
  ['a,b\n"c,d\ne,f\n', 2, 'never closed'],
  ['a,b\n"c"d,e\n', 2, 'after a closing quote'],
  ['a,b\nx\nc"d",e\n', 3, 'a quote inside'],
  ['a,b\n1,2\r3,4\n', 2, 'CR alone'],
])('%j is refused', (text, line, problem) => {
  expect(readCsv(text)).toEqual({ ok: false, line, problem: expect.stringContaining(problem) });
});
