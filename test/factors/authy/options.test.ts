import { describe, expect, it } from 'vitest';
import { AuthyOptionError, checkOptions, emailFor } from '../../../src/factors/authy/options.ts';

const options = { apiKey: 'abcDEF123', baseUrl: 'https://api.authy.com', emailDomain: 'example.com' };

describe('options that would be unsafe are refused before anything is opened', () => {
  it.each([
    ['api-key', { apiKey: '' }],
    ['api-key', { apiKey: 'two words' }],
    ['api-key', { apiKey: 'line\r\nX-Other: header' }],
    ['api-key', { apiKey: 'schlüssel' }],
    ['base-url', { baseUrl: '' }],
    ['base-url', { baseUrl: 'api.authy.com' }],
    ['base-url', { baseUrl: 'ftp://api.authy.com' }],
    ['base-url', { baseUrl: 'http://api.authy.com' }],
    ['base-url', { baseUrl: 'http://127.0.0.1.example.com' }],
    ['base-url', { baseUrl: 'http://localhost.example.com' }],
    ['base-url', { baseUrl: 'https://user:pw@api.authy.com' }],
    ['base-url', { baseUrl: 'https://api.authy.com/?a=b' }],
    ['email-domain', { emailDomain: '' }],
    ['email-domain', { emailDomain: 'a@b.example' }],
  ] as const)('%s %j', (code, wrong) => {
    const check = () => checkOptions({ ...options, ...wrong });
    expect(check).toThrow(AuthyOptionError);
    expect(check).toThrow(expect.objectContaining({ code }));
    if ('apiKey' in wrong && wrong.apiKey !== '') expect(check).not.toThrow(wrong.apiKey);
  });

  it.each([
    ['https://api.authy.com', { origin: 'https://api.authy.com', path: '' }],
    ['https://api.authy.com/', { origin: 'https://api.authy.com', path: '' }],
    ['https://proxy.example.com/authy/', { origin: 'https://proxy.example.com', path: '/authy' }],
    ['http://127.0.0.1:8099', { origin: 'http://127.0.0.1:8099', path: '' }],
    ['http://localhost:8099', { origin: 'http://localhost:8099', path: '' }],
    ['http://[::1]:8099', { origin: 'http://[::1]:8099', path: '' }],
  ])('%s is taken', (baseUrl, base) => {
    expect(checkOptions({ ...options, baseUrl })).toEqual(base);
  });
});

describe('the e-mail address that Authy gets', () => {
  it.each([
    ['anna@example.org', 'anna@example.org'],
    ['anna', 'anna@example.com'],
    ['Otto Müller', 'Otto.Muller@example.com'],
    ['CORP\\anna', 'CORP.anna@example.com'],
    ['.a..b.', 'a.b@example.com'],
    ['日本', 'user@example.com'],
    ['a@b', 'a.b@example.com'],
    ['x@y.example\r\nBcc: z@y.example', 'x.y.example.Bcc.z.y.example@example.com'],
    ['"a b"@example.org', 'a.b.example.org@example.com'],
    ['n'.repeat(300), `${'n'.repeat(64)}@example.com`],
  ])('of %j is %s', (identity, email) => {
    expect(emailFor(identity, 'example.com')).toBe(email);
  });
});
