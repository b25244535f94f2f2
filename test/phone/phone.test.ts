import { describe, expect, it } from 'vitest';
import { countries, ending, formatPhone, readPhone } from '../../src/phone/phone.ts';

const swiss = { e164: '+41791234567', callingCode: '41', country: 'CH' };

describe('a number that a text can reach is read as it was written', () => {
  it.each([
    ['CH', '079 123 45 67'],
    ['CH', '0791234567'],
    ['CH', '79 123 45 67'],
    ['CH', '079/123.45-67'],
    ['CH', '+41 79 123 45 67'],
    ['CH', '+41 (0)79 123 45 67'],
    ['CH', '+41-79-123-45-67'],
    ['CH', '0041 79 123 45 67'],
    ['CH', '0041791234567'],
    ['CH', '  079 123 45 67\u00a0'],
    ['CH', '\u202a+41\u00a079\u00a0123\u00a045\u00a067\u202c'],
    ['CH', '０７９１２３４５６７'],
    ['CH', '٠٧٩١٢٣٤٥٦٧'],
    // The number decides, not the select.
    ['DE', '+41 79 123 45 67'],
    ['DE', '0041 79 123 45 67'],
    // `00` where the country writes another prefix.
    ['US', '0041 79 123 45 67'],
    ['US', '00 41 79 123 45 67'],
    ['US', '011 41 79 123 45 67'],
    ['', '+41 79 123 45 67'],
    [undefined, '0041 79 123 45 67'],
    ['XX', '＋41 79 123 45 67'],
    [['CH', 'DE'], '+41791234567'],
  ])('%j %s', (country, number) => {
    expect(readPhone({ country, number })).toEqual({ ok: true, phone: swiss, international: '+41 79 123 45 67' });
  });

  it.each([
    ['US', '(212) 555-1234', '+12125551234', '1', 'US'],
    ['DE', '0151 12345678', '+4915112345678', '49', 'DE'],
    ['IT', '320 123 4567', '+393201234567', '39', 'IT'],
    ['GB', '07400 123456', '+447400123456', '44', 'GB'],
    ['RU', '+7 701 123 4567', '+77011234567', '7', 'KZ'],
    ['BR', '(11) 91234-5678', '+5511912345678', '55', 'BR'],
  ])('%s %s', (country, number, e164, callingCode, its) => {
    expect(readPhone({ country, number })).toMatchObject({ ok: true, phone: { e164, callingCode, country: its } });
  });
});

describe('numbers that must not be texted are refused', () => {
  it.each([
    ['fixed line', 'CH', '044 668 18 00'],
    ['premium-rate', 'CH', '0900 123 456'],
    ['shared-cost', 'CH', '0842 123 456'],
    ['toll-free', 'CH', '0800 123 456'],
    ['personal', 'CH', '0878 123 456'],
    ['voicemail', 'CH', '0860 79 123 45 67'],
    ['pager', 'CH', '+41 74 000 00 00'],
    ['pager in Britain', 'GB', '07600 123456'],
    ['personal in Britain', 'GB', '070 1234 5678'],
    ['VoIP', 'GB', '056 1234 5678'],
    ['VoIP in France', 'FR', '09 12 34 56 78'],
    ['VoIP without a country', 'CH', '+878 10 1234567890'],
    ['satellite', 'CH', '+870 773 111 632'],
    ['premium-rate abroad', 'CH', '+1 900 234 5678'],
  ])('%s', (_what, country, number) => {
    expect(readPhone({ country, number })).toEqual({ ok: false, problem: 'not-mobile' });
  });
});

describe('what is no number is refused with the reason', () => {
  it.each([
    ['CH', undefined, 'empty'],
    ['CH', '', 'empty'],
    ['CH', ' \u00a0\u202a ', 'empty'],
    ['', '079 123 45 67', 'country'],
    ['XX', '079 123 45 67', 'country'],
    ['ch', '079 123 45 67', 'country'],
    [['CH'], '079 123 45 67', 'country'],
    ['CH', '079 123 45', 'invalid'],
    ['CH', '079 123 45 67 8', 'invalid'],
    ['CH', '+41 41 79 123 45 67', 'invalid'],
    ['CH', '12', 'invalid'],
    ['CH', 'hello', 'invalid'],
    ['CH', 'call 079 123 45 67', 'invalid'],
    ['CH', '079 123 45 67, 079 123 45 68', 'invalid'],
    ['GB', '+447400123456,+88212345678', 'invalid'],
    ['US', '+1 212 555 1234 ext. 5', 'invalid'],
    ['US', '+1 (212) 555-1234;ext=12', 'invalid'],
    ['CH', 'tel:+41791234567;phone-context=+882', 'invalid'],
    ['CH', '+882 123 456 78', 'invalid'],
    ['CH', ['+41791234567'], 'invalid'],
    ['CH', 41791234567, 'invalid'],
    ['CH', `079 123 45 67${' 0'.repeat(5000)}`, 'invalid'],
  ])('%j %j is %s', (country, number, problem) => {
    expect(readPhone({ country, number })).toEqual({ ok: false, problem });
  });
});

describe('the country list', () => {
  it('names every country once, in the language and order of the page', () => {
    const list = countries('de');
    expect(list.length).toBeGreaterThan(200);
    expect(new Set(list.map(({ code }) => code)).size).toBe(list.length);
    expect(list).toContainEqual({ code: 'CH', name: 'Schweiz', callingCode: '41' });
    const names = list.map(({ name }) => name);
    expect(names).toEqual([...names].sort(new Intl.Collator('de').compare));
    // Ä sorts as A in German, not behind Z.
    expect(names.indexOf('Ägypten')).toBeLessThan(names.indexOf('Belgien'));
  });

  it('follows the language', () => {
    const name = (locale: string) => countries(locale).find(({ code }) => code === 'CH')?.name;
    expect([name('en'), name('fr'), name('it'), name('ar')]).toEqual(['Switzerland', 'Suisse', 'Svizzera', 'سويسرا']);
  });

  it.each(['', 'x', 'not a language', 'zz-ZZ'])('reads the unknown language %j as English', (locale) => {
    expect(countries(locale)).toContainEqual({ code: 'DE', name: 'Germany', callingCode: '49' });
  });
});

it('shows two digits of a number and no more', () => {
  expect(ending(swiss)).toBe('67');
});

it('a stored number fills the form again in both spellings, also one that the rules no longer know', () => {
  expect(formatPhone(swiss)).toEqual({ international: '+41 79 123 45 67', national: '079 123 45 67', country: 'CH' });
  const old = { e164: '+41000', callingCode: '41', country: 'CH' };
  expect(formatPhone(old)).toEqual({ international: '+41000', national: '+41000', country: 'CH' });
});
