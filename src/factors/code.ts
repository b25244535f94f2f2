/**
 * Reads the code that a person typed or pasted, as people write codes: in groups, inside a sentence, in other digits.
 * It only says whether there is one code of the right length; it never compares anything and never calls a provider.
 */

export type CodeProblem = 'empty' | 'too-short' | 'too-long' | 'not-digits';

export type ReadCode =
  | { readonly ok: true; readonly code: string }
  | { readonly ok: false; readonly problem: CodeProblem };

export interface CodeLength {
  readonly min: number;
  readonly max: number;
}

/** A pasted text message has at most 160 characters; anything much longer is no answer but an attack on us. */
const LONGEST_INPUT = 256;

/** What stands between the groups of one code: blanks (also the non-breaking and narrow ones), hyphens and dashes. */
const GAP =
  '[\\p{Zs}\\t\\u00AD\\u200B-\\u200F\\u202A-\\u202E\\u2060\\u2066-\\u2069\\uFEFF\\-\\u2010-\\u2015\\u2212\\uFE63\\uFF0D]';
/** Digits with gaps inside. A group that touches a Latin letter is part of a word ("0x12", "1e5", "2FA"), not a code. */
const GROUPS = new RegExp(`(?<![A-Za-z0-9_])\\d+(?:${GAP}{1,3}\\d+)*(?![A-Za-z0-9_])`, 'gu');
const BLANK = new RegExp(`^(?:${GAP}|\\s)*$`, 'u');

/** First characters of the digit ranges that keyboards produce: Arabic-Indic, Persian and Urdu, full-width. */
const ZEROS = [0x0660, 0x06f0, 0xff10];

/**
 * @param input one form field as it was parsed; anything but one string is refused (a repeated field is an array).
 * @param digits length that the factor accepts, in digits.
 */
export function readCode(input: unknown, digits: CodeLength): ReadCode {
  if (input === undefined || input === null) return { ok: false, problem: 'empty' };
  if (typeof input !== 'string') return { ok: false, problem: 'not-digits' };
  if (input.length > LONGEST_INPUT) return { ok: false, problem: 'too-long' };
  if (BLANK.test(input)) return { ok: false, problem: 'empty' };

  const found = new Set([...asciiDigits(input).matchAll(GROUPS)].map(([group]) => group.replace(/\D/g, '')));
  const fitting = [...found].filter((code) => code.length >= digits.min && code.length <= digits.max);
  const [code, second] = fitting;
  // Two different codes in one answer would be two guesses for the price of one.
  if (second !== undefined) return { ok: false, problem: 'not-digits' };
  if (code !== undefined) return { ok: true, code };

  const [only, another] = found;
  if (only === undefined || another !== undefined) return { ok: false, problem: 'not-digits' };
  return { ok: false, problem: only.length < digits.min ? 'too-short' : 'too-long' };
}

function asciiDigits(text: string): string {
  return text.replace(/[\u0660-\u0669\u06F0-\u06F9\uFF10-\uFF19]/g, (digit) => {
    const point = digit.charCodeAt(0);
    const zero = ZEROS.find((start) => point >= start && point <= start + 9) ?? point;
    return String(point - zero);
  });
}
