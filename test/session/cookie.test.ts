/** Reading the Cookie header: our id or none, listed names, and nothing else in any spelling. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clearOwnCookie,
  cookieNameFor,
  isOwnCookie,
  loginCookies,
  readCookies,
  rememberWish,
  sessionKey,
  setOwnCookie,
  wishedFor,
} from '../../src/session/cookie.ts';

const OWN = '__Host-lucy2fa';
const ID = 'A'.repeat(43);
const OTHER = 'B'.repeat(43);
const isReadable = (name: string) => name === 'lang' || name === 'csrf';
const read = (header: string | undefined) => readCookies(header, OWN, isReadable);

describe('our id', () => {
  it.each<[string | undefined, string | undefined]>([
    [undefined, undefined],
    ['', undefined],
    [`${OWN}=${ID}`, ID],
    [`lang=en; ${OWN}=${ID}; PHPSESSID=x`, ID],
    [`${OWN}=`, undefined],
    [`${OWN}`, undefined],
    [`${OWN}=%`, undefined],
    [`${OWN}=${ID}x`, undefined],
    [`${OWN}=${ID.slice(1)}`, undefined],
    [`${OWN}="${ID}"`, undefined],
    [`${OWN}=${ID} `, undefined],
    [`${OWN}=${'='.repeat(43)}`, undefined],
    [`${OWN}=${'x'.repeat(8000)}`, undefined],
    [`__host-lucy2fa=${ID}`, undefined],
    [`  ${OWN}=${ID}`, undefined],
    [`\t${OWN}=${ID}`, undefined],
    [`\u2000${OWN}=${ID}`, undefined],
    [`${OWN} =${ID}`, undefined],
    [`lucy2fa=${ID}`, undefined],
    [`x=1,${OWN}=${ID}`, undefined],
  ])('%j', (header, id) => {
    expect(read(header)).toMatchObject({ key: id === undefined ? undefined : sessionKey(id), duplicated: false });
  });

  it.each([
    `${OWN}=${ID}; ${OWN}=${ID}`,
    `${OWN}=${ID}; ${OWN}=${OTHER}`,
    `${OWN}=bad; ${OWN}=${ID}`,
    `${OWN}=${ID}; lang=en; ${OWN}=`,
  ])('sent twice is none: %s (attack 21)', (header) => {
    expect(read(header)).toMatchObject({ key: undefined, duplicated: true });
  });
});

describe('what is handed on', () => {
  it.each<[string, string | undefined]>([
    ['lang=en', 'lang=en'],
    ['lang=en;csrf=x', 'lang=en; csrf=x'],
    ['lang=a=b; PHPSESSID=1; csrf="q"', 'lang=a=b; csrf="q"'],
    ['lang=1; lang=2', 'lang=1'],
    ['lang', undefined],
    ['LANG=en', undefined],
    ['  lang=en', undefined],
    ['\tlang=en', undefined],
    ['lang =en', undefined],
    ['lang[]=en', undefined],
    ['l%61ng=en', undefined],
    ['PHPSESSID=x; PHP.SESSID=y', undefined],
    [';;;=;==;', undefined],
  ])('%j → %j', (header, readable) => expect(read(header).readable).toBe(readable));

  it('our own name in no spelling, even when every name is readable (attack 27)', () => {
    const all = (header: string) => readCookies(header, OWN, () => true).readable;
    for (const name of [
      OWN,
      'lucy2fa',
      '__Secure-lucy2fa',
      '__host-Lucy2FA',
      'lucy2fa.sig',
      ' __Host-lucy2fa',
      '__Host-lucy2fa[x]',
    ]) {
      expect(all(`${name}=${ID}`), name).toBeUndefined();
      expect(isOwnCookie(name), name).toBe(true);
    }
    expect(all('mylucy2fa=1')).toBe('mylucy2fa=1');
  });

  it('nothing but pairs of listed names comes out of any header', () => {
    const piece = fc.constantFrom('lang', 'csrf', OWN, 'PHPSESSID', '=', ';', '; ', ' ', '\t', 'x', '"', '%3b');
    const anything = fc.oneof(
      fc.string(),
      fc.array(piece).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(anything, (header) => {
        const { key, readable } = read(header);
        if (key !== undefined) expect(header).toMatch(/__Host-lucy2fa=[A-Za-z0-9_-]{43}(;|$)/);
        for (const pair of readable?.split('; ') ?? []) expect(pair).toMatch(/^(lang|csrf)=[^;]*$/s);
        expect((readable?.match(/(^|; )lang=/g) ?? []).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a wish', () => {
  it('comes back as it was, whatever stands in the path', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
        (path) => {
          const [pair = '', ...attributes] = rememberWish(OWN, `/${path}`).split('; ');
          expect(attributes).toEqual(['Path=/', 'HttpOnly', 'SameSite=Lax', 'Secure', 'Max-Age=1800']);
          const { key, readable, wish } = read(`lang=en; ${pair}`);
          expect(wishedFor(wish)).toBe(`/${path}`);
          expect({ key, readable }).toEqual({ key: undefined, readable: 'lang=en' });
        },
      ),
    );
  });

  it('is never handed on, nor taken from another name', () => {
    const pair = `${OWN}-wish=L2E`;
    expect(readCookies(pair, OWN, () => true)).toMatchObject({ wish: 'L2E', readable: undefined });
    expect(isOwnCookie(`${OWN}-wish`)).toBe(true);
    for (const other of ['lucy2fa-wish=L2E', `x${pair}`, `__host-lucy2fa-wish=L2E`, '-wish=L2E']) {
      expect(readCookies(other, OWN, () => true).wish, other).toBeUndefined();
    }
  });

  it('ends with the login, and only when there is one', () => {
    expect(loginCookies(OWN, ID, undefined)).toEqual([setOwnCookie(OWN, ID)]);
    expect(loginCookies(OWN, undefined, undefined)).toEqual([]);
    expect(loginCookies(OWN, ID, 'x')).toEqual([
      setOwnCookie(OWN, ID),
      `${OWN}-wish=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0`,
    ]);
  });
});

describe('our Set-Cookie', () => {
  it('has the __Host- prefix and its conditions wherever there is TLS', () => {
    expect(cookieNameFor('https://lucy.example.com')).toBe(OWN);
    expect(setOwnCookie(OWN, ID)).toBe(`${OWN}=${ID}; Path=/; HttpOnly; SameSite=Lax; Secure`);
    expect(clearOwnCookie(OWN)).toBe(`${OWN}=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0`);
    expect(cookieNameFor('http://127.0.0.1:8080')).toBe('lucy2fa');
    expect(setOwnCookie('lucy2fa', ID)).toBe(`lucy2fa=${ID}; Path=/; HttpOnly; SameSite=Lax`);
  });

  it('the store never learns the id', () => {
    expect(sessionKey(ID)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(sessionKey(ID)).not.toContain(ID.slice(0, 8));
    expect(sessionKey(ID)).not.toBe(sessionKey(OTHER));
  });
});
