/**
 * Reads a phone number as people write it and says whether a text can reach a person there. The rules are the ones of
 * libphonenumber (with types, hence its full data); nothing here keeps, sends or prints a number.
 */
import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  isSupportedCountry,
  type NumberType,
  type PhoneNumber,
  default as parse,
} from 'libphonenumber-js/max';
import type { Phone } from '../gate/types.ts';

/** `country`: a national number without a country that we know. `not-mobile`: real, but no text reaches a person there. */
export type PhoneProblem = 'empty' | 'invalid' | 'country' | 'not-mobile';

export type ReadPhone =
  | { readonly ok: true; readonly phone: Phone; readonly international: string }
  | { readonly ok: false; readonly problem: PhoneProblem };

/** Form fields as they were parsed: the country select (ISO 3166-1 alpha-2) and what was typed. */
export interface TypedPhone {
  readonly country: unknown;
  readonly number: unknown;
}

/** E.164 has at most 15 digits; the rest is room for blanks, brackets and an international prefix. */
const LONGEST_INPUT = 50;

/**
 * An allow-list on purpose: premium-rate, shared-cost, VoIP, pager, voicemail, personal, toll-free, company and
 * fixed-line numbers, and types to come, are refused (toll fraud; NIST: VoIP does not prove a device).
 * North America does not tell mobile from fixed, so both together must pass.
 */
const REACHABLE: ReadonlySet<NumberType> = new Set<NumberType>(['MOBILE', 'FIXED_LINE_OR_MOBILE']);

/**
 * Accepts national and international form, `00` for `+`, and digits of other scripts. A number in international form
 * decides its country itself, whatever the select says.
 */
export function readPhone(typed: TypedPhone): ReadPhone {
  if (typed.number === undefined || typed.number === null) return { ok: false, problem: 'empty' };
  if (typeof typed.number !== 'string') return { ok: false, problem: 'invalid' };
  if (typed.number.length > LONGEST_INPUT) return { ok: false, problem: 'invalid' };
  // Invisible marks come along when a number is copied from an address book, wide signs from a Japanese keyboard.
  const text = typed.number
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .trim();
  if (text === '') return { ok: false, problem: 'empty' };

  const country = typed.country;
  const known = typeof country === 'string' && isSupportedCountry(country) ? country : undefined;
  if (known === undefined && !/^(?:\+|00)/.test(text)) return { ok: false, problem: 'country' };

  const number = parsed(text, known);
  if (number === undefined) return { ok: false, problem: 'invalid' };
  const type = number.getType();
  // Satellite and "international" networks have no country; they are as dear as premium-rate numbers.
  if (type === undefined || !REACHABLE.has(type) || number.country === undefined) {
    return { ok: false, problem: 'not-mobile' };
  }
  return {
    ok: true,
    phone: { e164: number.number, callingCode: number.countryCallingCode, country: number.country },
    international: number.formatInternational(),
  };
}

/** A valid number without extension, or nothing. */
function parsed(text: string, country: CountryCode | undefined): PhoneNumber | undefined {
  const first = valid(text, country);
  if (first !== undefined || !text.startsWith('00')) return first;
  // `00` is not the international prefix of every country in the list, but it is what many people write.
  return valid(`+${text.slice(2).trimStart()}`, country);
}

function valid(text: string, country: CountryCode | undefined): PhoneNumber | undefined {
  const number = parse(text, country === undefined ? { extract: false } : { defaultCountry: country, extract: false });
  return number?.isValid() && number.ext === undefined ? number : undefined;
}

export interface Country {
  /** ISO 3166-1 alpha-2, the value of the select. */
  readonly code: string;
  /** In the language of the page. */
  readonly name: string;
  /** Digits only. */
  readonly callingCode: string;
}

/** All countries that have phone numbers, sorted as the language sorts. @param locale BCP 47; an unknown one reads as English. */
export function countries(locale: string): readonly Country[] {
  const language = usable(locale);
  if (listed?.language !== language) listed = { language, countries: listCountries(language) };
  return listed.countries;
}

/** The last list: to make one takes a millisecond, as long as the page that it stands on. */
let listed: { readonly language: string; readonly countries: readonly Country[] } | undefined;

function listCountries(language: string): readonly Country[] {
  const names = new Intl.DisplayNames([language, 'en'], { type: 'region', fallback: 'code' });
  const order = new Intl.Collator([language, 'en']);
  return getCountries()
    .map((code) => ({ code, name: names.of(code) ?? code, callingCode: String(getCountryCallingCode(code)) }))
    .sort((one, other) => order.compare(one.name, other.name));
}

function usable(locale: string): string {
  try {
    return Intl.DisplayNames.supportedLocalesOf(locale)[0] ?? 'en';
  } catch {
    return 'en'; // not a language tag at all
  }
}

/** Last two digits: the most of a number that a page or a log may show. */
export function ending(phone: Phone): string {
  return phone.e164.slice(-2);
}

/** The three spellings that pages need: to check by eye, and to fill the form again. */
export function formatPhone(phone: Phone): { international: string; national: string; country: string } {
  const number = valid(phone.e164, undefined);
  return {
    international: number?.formatInternational() ?? phone.e164,
    national: number?.formatNational() ?? phone.e164,
    country: phone.country,
  };
}
