/** What each answer of Twilio Verify becomes. The service answers 2xx to wrong codes, so most of these look like a pass. */
import { describe, expect, it } from 'vitest';
import { errorCode, readCheck, readStart, readWithdrawal } from '../../../src/factors/verify/answers.ts';
import { knownCodes } from '../../../src/factors/verify/codes.ts';

const MINE = `VE${'a'.repeat(32)}`;
const OTHER = `VE${'b'.repeat(32)}`;
const about = { sid: MINE, to: '+41791234567', channel: 'sms' };
const sent = [{ channel: 'sms', attempt_sid: `VL${'a'.repeat(32)}` }];

describe('a check', () => {
  it.each([200, 201])('passes with %i, approved, and the verification that was asked about', (status) => {
    expect(readCheck({ status, body: { ...about, status: 'approved', valid: true } }, MINE)).toEqual({ ok: true });
    // The word decides; `valid` was seen with either value beside it.
    expect(readCheck({ status, body: { ...about, status: 'approved', valid: false } }, MINE)).toEqual({ ok: true });
  });

  it.each<readonly [string, number, Record<string, unknown> | undefined, string]>([
    ['pending', 200, { ...about, status: 'pending', valid: false }, 'wrong'],
    ['pending, and valid all the same', 200, { ...about, status: 'pending', valid: true }, 'wrong'],
    ['canceled', 200, { ...about, status: 'canceled', valid: true }, 'wrong'],
    ['max_attempts_reached', 200, { ...about, status: 'max_attempts_reached' }, 'wrong'],
    ['a word that nobody knows', 201, { ...about, status: 'Approved' }, 'wrong'],
    ['valid without a status', 200, { ...about, valid: true }, 'unavailable'],
    ['a status that is no text', 200, { ...about, status: true }, 'unavailable'],
    ['a list of statuses', 200, { ...about, status: ['approved'] }, 'unavailable'],
    ['approved of another verification', 200, { ...about, sid: OTHER, status: 'approved' }, 'unavailable'],
    ['approved of none', 200, { status: 'approved', valid: true }, 'unavailable'],
    ['nothing', 200, {}, 'unavailable'],
    ['no JSON', 200, undefined, 'unavailable'],
    ['approved at 202, which is fine, without a body', 202, undefined, 'unavailable'],
    ['approved at 302', 302, { ...about, status: 'approved' }, 'unavailable'],
    ['approved at 401', 401, { ...about, status: 'approved' }, 'misconfigured'],
    ['approved at 500', 500, { ...about, status: 'approved' }, 'unavailable'],
    ['gone', 404, { code: 20404, status: 404 }, 'expired'],
    ['a page at 404', 404, undefined, 'unavailable'],
    ['another 404', 404, { code: 12345 }, 'misconfigured'],
    ['20404 at another status', 500, { code: 20404 }, 'unavailable'],
    ['checks used up', 429, { code: 60202 }, 'limited'],
    ['too many requests', 429, { code: 20429 }, 'unavailable'],
    ['429 without a code', 429, {}, 'unavailable'],
    ['a wrong token', 401, { code: 20003 }, 'misconfigured'],
    ['a page at 401', 401, undefined, 'unavailable'],
    ['a parameter at fault', 400, { code: 60200 }, 'misconfigured'],
    ['a code that is text', 404, { code: '20404' }, 'misconfigured'],
  ])('%s is no pass', (_name, status, body, reason) => {
    expect(readCheck({ status, body }, MINE)).toEqual({ ok: false, reason });
  });

  it('is passed by no code of the service, at any status', () => {
    for (const code of [...knownCodes, 1, 99_999]) {
      for (const status of [400, 401, 403, 404, 429, 500, 503]) {
        const check = readCheck({ status, body: { ...about, code, status: 'approved', valid: true } }, MINE);
        expect([code, status, check.ok]).toEqual([code, status, false]);
      }
    }
  });

  it('costs a guess only for a word about a code', () => {
    const free = knownCodes.map((code) => readCheck({ status: 400, body: { code } }, MINE));
    expect(free.filter((check) => !check.ok && check.reason === 'wrong')).toEqual([]);
  });
});

describe('a start', () => {
  it('says whether the verification is a new one', () => {
    const body = { ...about, status: 'pending', send_code_attempts: sent };
    expect(readStart({ status: 201, body })).toEqual({ ok: true, verification: MINE, isNew: true });
    const again = { ...body, send_code_attempts: [...sent, ...sent] };
    expect(readStart({ status: 201, body: again })).toEqual({ ok: true, verification: MINE, isNew: false });
    const unsaid = { ...body, send_code_attempts: null };
    expect(readStart({ status: 201, body: unsaid })).toEqual({ ok: true, verification: MINE, isNew: false });
  });

  it.each<readonly [string, number, Record<string, unknown> | undefined, string]>([
    ['an id that could leave its path', 201, { ...about, sid: 'VE../../Services', status: 'pending' }, 'unavailable'],
    ['approved before anything was entered', 201, { ...about, status: 'approved' }, 'unavailable'],
    ['no status', 201, about, 'unavailable'],
    ['a page', 201, undefined, 'unavailable'],
    ['no such service', 404, { code: 20404 }, 'misconfigured'],
    ['a wrong token', 401, { code: 20003 }, 'misconfigured'],
    ['a number that is none', 400, { code: 60200 }, 'number'],
    ['a landline', 403, { code: 60205 }, 'number'],
    ['a blocked prefix', 403, { code: 60410 }, 'number'],
    ['a country that is not served', 403, { code: 60605 }, 'number'],
    ['messages used up', 429, { code: 60203 }, 'limited'],
    ['checks used up', 429, { code: 60202 }, 'limited'],
    ['two at once', 429, { code: 60212 }, 'limited'],
    ['a channel that is off', 403, { code: 60223 }, 'channel-off'],
    ['too many requests', 429, { code: 20429 }, 'unavailable'],
    ['a code that nobody knows', 400, { code: 61_234 }, 'misconfigured'],
    ['a failure', 503, { code: 20503 }, 'unavailable'],
  ])('%s sends nothing', (_name, status, body, reason) => {
    expect(readStart({ status, body })).toEqual({ ok: false, reason });
  });
});

describe('a withdrawal', () => {
  it('is done when it is said to be, or when nothing was pending', () => {
    expect(readWithdrawal({ status: 200, body: { ...about, status: 'canceled' } })).toEqual({ ok: true });
    expect(readWithdrawal({ status: 404, body: { code: 20404 } })).toEqual({ ok: true });
  });

  it.each<readonly [string, number, Record<string, unknown> | undefined, string]>([
    ['still pending', 200, { ...about, status: 'pending' }, 'unavailable'],
    ['a page', 404, undefined, 'unavailable'],
    ['a wrong token', 401, { code: 20003 }, 'misconfigured'],
    ['a failure', 500, { code: 20404 }, 'unavailable'],
  ])('%s is none', (_name, status, body, reason) => {
    expect(readWithdrawal({ status, body })).toEqual({ ok: false, reason });
  });
});

it('codes are numbers of the service', () => {
  expect([20404, 1.5, -1, 100_000, '20404', null].map((code) => errorCode({ code }))).toEqual([
    20404,
    ...[undefined, undefined, undefined, undefined, undefined],
  ]);
});
