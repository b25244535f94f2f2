/** Templates: what is filled in stays where it was put, in every kind of place. And rules: what counts as sent. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { originOf, type RequestTemplate, requestFor } from '../../../src/factors/sms/request.ts';
import { type AnswerRule, fits } from '../../../src/factors/sms/rule.ts';

const NASTY = [
  '"}',
  '&to=+1900',
  '<to>',
  '\r\nX-Other: 1',
  '{to}{token}',
  '../..',
  '?a=b#c',
  "'; --",
  'ü€😀',
  '%0d%0a',
];
const base: RequestTemplate = { url: 'https://sms.example/send', method: 'POST', headers: {} };
const values = (text: string) => ({ to: '+41791234567', number: '41791234567', text, id: 'a1', token: 's3cret' });

describe('a request', () => {
  it.each(NASTY)('keeps a value inside its field: %j', (text) => {
    const fill = (template: Partial<RequestTemplate>) => requestFor({ ...base, ...template }, values(text));

    const form = fill({ body: { form: { to: '{to}', msg: '[{text}]', from: 'Lucy' } } });
    expect([...new URLSearchParams(form.body)]).toEqual([
      ['to', '+41791234567'],
      ['msg', `[${text}]`],
      ['from', 'Lucy'],
    ]);
    expect(form.headers['content-type']).toBe('application/x-www-form-urlencoded');

    const json = fill({ body: { json: { messages: [{ to: '{number}', text: '{text}', flash: false, n: 1 }] } } });
    expect(JSON.parse(json.body ?? '')).toEqual({ messages: [{ to: '41791234567', text, flash: false, n: 1 }] });

    const xml = fill({ body: { xml: '<sms to="{to}"><text>{text}</text></sms>' } }).body ?? '';
    expect(xml.match(/[<>]/g)).toHaveLength(8);
    expect(xml.match(/"/g)).toHaveLength(2);

    const url = new URL(fill({ url: 'https://sms.example/v1/{token}/send?to={to}&text={text}' }).path, 'https://x');
    expect([...url.searchParams]).toEqual([
      ['to', '+41791234567'],
      ['text', text],
    ]);
    expect([url.pathname, url.hash]).toEqual(['/v1/s3cret/send', '']);
  });

  it('keeps any value inside its field', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const { path, body } = requestFor(
          { ...base, url: 'https://sms.example/send?text={text}', body: { form: { text: '{text}' } } },
          values(text),
        );
        expect([...new URL(path, 'https://x').searchParams]).toEqual([['text', text]]);
        expect([...new URLSearchParams(body)]).toEqual([['text', text]]);
      }),
    );
  });

  it('lets no value end a header, and the operator’s own type wins', () => {
    const headers = { Authorization: 'Bearer {token}', 'Content-Type': 'application/vnd.sms+json' };
    const call = requestFor({ ...base, headers, body: { json: { t: '{text}' } } }, values('x'));
    expect(call.headers).toMatchObject({ authorization: 'Bearer s3cret', 'content-type': 'application/vnd.sms+json' });
    const two = { ...values('x'), token: 'a\r\nX-Other: 1' };
    expect(() => requestFor({ ...base, headers }, two)).toThrow(RangeError);
  });

  it('is not made with a hole in it, nor to another host', () => {
    expect(() => requestFor({ ...base, body: { form: { to: '{too}' } } }, values('x'))).toThrow(RangeError);
    expect(() => requestFor({ ...base, body: { form: { to: '{constructor}' } } }, values('x'))).toThrow(RangeError);
    const elsewhere = { ...base, url: 'https://sms.example{text}/send' };
    expect(() => requestFor(elsewhere, values('@evil.example'))).toThrow();
    expect(originOf({ url: 'https://sms.example:8443/{token}?t={text}' })).toBe('https://sms.example:8443');
  });
});

describe('an answer counts as sent', () => {
  const answer = (status: number, body: unknown = '') => ({
    status,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
  const table: readonly (readonly [string, AnswerRule, ReturnType<typeof answer>, boolean])[] = [
    ['the status that was named', { status: [202] }, answer(202), true],
    ['another status', { status: [202] }, answer(200), false],
    ['a word in JSON', { json: { '/status': 'queued' } }, answer(200, { status: 'queued' }), true],
    ['one of several words', { json: { '/status': ['sent', 'queued'] } }, answer(201, { status: 'queued' }), true],
    [
      'a number and a truth value, as text',
      { json: { '/a/0': '0', '/b': 'true' } },
      answer(200, { a: [0], b: true }),
      true,
    ],
    ['a name with a slash', { json: { '/a~1b/~0': 'x' } }, answer(200, { 'a/b': { '~': 'x' } }), true],
    ['another word', { json: { '/status': 'queued' } }, answer(200, { status: 'rejected' }), false],
    ['nothing there', { json: { '/status': 'queued' } }, answer(200, {}), false],
    ['nothing of its own there', { json: { '/constructor/name': 'Object' } }, answer(200, {}), false],
    ['an object there', { json: { '/status': '[object Object]' } }, answer(200, { status: {} }), false],
    ['no JSON at all', { json: { '/status': 'queued' } }, answer(200, 'status: queued'), false],
    ['the right word at the wrong status', { json: { '/status': 'queued' } }, answer(500, { status: 'queued' }), false],
    ['the right beginning', { text: 'OK' }, answer(200, ' OK: 12\n'), true],
    ['the word later', { text: 'OK' }, answer(200, 'NOT OK'), false],
    ['one rule of two', { text: '{', json: { '/s': '1' } }, answer(200, { s: 2 }), false],
  ];
  it.each(table)('%s', (_name, rule, given, expected) => {
    expect(fits(rule, given)).toBe(expected);
  });
});
