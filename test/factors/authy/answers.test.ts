import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  readCreation,
  readKeyCheck,
  readRemoval,
  readSending,
  readStatus,
  readVerification,
} from '../../../src/factors/authy/answers.ts';
import { knownCodes } from '../../../src/factors/authy/codes.ts';

const answer = (status: number, body?: Record<string, unknown>): Answer => ({ status, body });
const failure = (status: number, code: unknown, message = 'x', fields: Record<string, unknown> = {}): Answer =>
  answer(status, { message, success: false, ...fields, errors: { message, ...fields }, error_code: code });

describe('verify', () => {
  const good = { message: 'Token is valid.', token: 'is valid', success: 'true' };

  it.each<[string, Answer]>([
    ['success as the word', answer(200, { ...good, device: { id: null, os_type: 'sms', city: null } })],
    ['success as the boolean, no device', answer(200, { ...good, success: true })],
  ])('passes: %s', (_name, given) => {
    expect(readVerification(given)).toEqual({ ok: true });
  });

  it.each<[string, Answer, string]>([
    ['60020', failure(401, '60020', 'Token is invalid', { token: 'is invalid' }), 'wrong'],
    ['60020 as a number', failure(401, 60020, 'Token is invalid'), 'wrong'],
    [
      'the word without a code',
      answer(401, { message: 'Token is invalid', token: 'is invalid', success: false }),
      'wrong',
    ],
    ['60019', failure(401, '60019', 'Token is invalid. Token was used recently.'), 'replayed'],
    ['60001', failure(401, '60001', 'Invalid API key'), 'misconfigured'],
    ['401 without a code', answer(401, { message: 'no', success: false }), 'misconfigured'],
    ['401, text', answer(401), 'misconfigured'],
    ['401 with a code that nobody knows', failure(401, '69999'), 'misconfigured'],
    ['404 60026', failure(404, '60026', 'User not found.'), 'gone'],
    ['404 60016', failure(404, '60016'), 'gone'],
    ['404 without a code', answer(404, { message: "User doesn't exist", success: false }), 'gone'],
    ['404, text', answer(404), 'gone'],
    ['503 60017', failure(503, '60017', 'User has been suspended.'), 'limited'],
    ['429 60003', failure(429, '60003'), 'unavailable'],
    ['429, text', answer(429), 'unavailable'],
    ['503 of the older service', answer(503, { message: 'Rate limit exceeded', success: false }), 'unavailable'],
    ['500', answer(500), 'unavailable'],
    ['403 without a code', answer(403), 'misconfigured'],
    ['redirect', answer(302), 'unavailable'],
    ['418', answer(418, good), 'unavailable'],
  ])('refuses: %s', (_name, given, reason) => {
    expect(readVerification(given)).toEqual({ ok: false, reason });
  });

  it.each<[string, Answer, string]>([
    ['200, not JSON', answer(200), 'unavailable'],
    ['200, empty object', answer(200, {}), 'unavailable'],
    ['success alone', answer(200, { success: true, message: 'Token is valid.' }), 'unavailable'],
    ['the answer of the sms call', answer(200, { success: true, message: 'SMS token was sent' }), 'unavailable'],
    ['another word', answer(200, { ...good, token: 'not enforced' }), 'wrong'],
    ['is invalid with success', answer(200, { ...good, token: 'is invalid' }), 'wrong'],
    ['other case', answer(200, { ...good, token: 'Is valid' }), 'wrong'],
    ['blank around', answer(200, { ...good, token: 'is valid ' }), 'wrong'],
    ['word in a list', answer(200, { ...good, token: ['is valid'] }), 'unavailable'],
    ['token true', answer(200, { ...good, token: true }), 'unavailable'],
    ['success false', answer(200, { ...good, success: false }), 'unavailable'],
    ['success "false"', answer(200, { ...good, success: 'false' }), 'unavailable'],
    ['success 1', answer(200, { ...good, success: 1 }), 'unavailable'],
    ['no success', answer(200, { message: good.message, token: good.token }), 'unavailable'],
    ['all right but 201', answer(201, good), 'unavailable'],
    ['all right but 401', answer(401, good), 'misconfigured'],
    ['all right but 500', answer(500, good), 'unavailable'],
  ])('a 200 or a good word alone is no proof: %s', (_name, given, reason) => {
    expect(readVerification(given)).toEqual({ ok: false, reason });
  });

  it('passes for nothing but HTTP 200 with the word, whatever the body', () => {
    const value = fc.oneof(fc.constantFrom('is valid', 'true', true, 'is invalid', false, null), fc.jsonValue());
    const bodies = fc.option(
      fc.record(
        { token: value, success: value, error_code: value, ignored: value, message: value },
        { requiredKeys: [] },
      ),
      { nil: undefined },
    );
    const statuses = fc.oneof(fc.constantFrom(200, 401), fc.integer({ min: 100, max: 599 }));
    fc.assert(
      fc.property(statuses, bodies, (status, body) => {
        if (!readVerification({ status, body }).ok) return;
        expect(status).toBe(200);
        expect(body?.token).toBe('is valid');
        expect([true, 'true']).toContain(body?.success);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('create', () => {
  it.each<[string, unknown, string]>([
    ['a number', 1635, '1635'],
    ['text', '1635', '1635'],
  ])('reads an id that is %s', (_name, id, authyId) => {
    const body = { message: 'User created successfully.', user: { id }, success: true };
    expect(readCreation(answer(200, body))).toEqual({ ok: true, authyId });
  });

  it.each([[undefined], [null], [0], [-5], [1.5], [2 ** 60], ['12/34'], [''], ['../1'], [[1635]]])(
    'takes no id from %j',
    (id) => {
      expect(readCreation(answer(200, { user: { id }, success: true }))).toEqual({ ok: false, reason: 'unavailable' });
    },
  );

  it.each<[string, Answer, string]>([
    ['bad number', failure(400, '60027', 'User was not valid', { cellphone: 'is invalid' }), 'number'],
    ['country', failure(400, '60027', 'User was not valid', { country_code: 'is not supported' }), 'number'],
    ['number and e-mail', failure(400, '60027', 'x', { cellphone: 'is invalid', email: 'is invalid' }), 'number'],
    [
      'only the e-mail',
      failure(400, '60027', 'User was not valid', { email: "is invalid and can't be blank" }),
      'misconfigured',
    ],
    ['60033', failure(400, '60033'), 'number'],
    ['60078', failure(403, '60078'), 'number'],
    ['60082', failure(403, '60082'), 'number'],
    ['60083', failure(403, '60083'), 'number'],
    ['60013', failure(400, '60013'), 'number'],
    ['60115', failure(400, '60115'), 'number'],
    ['wrong key', failure(401, '60001'), 'misconfigured'],
    ['no such address', answer(404), 'misconfigured'],
    ['success but no user', answer(200, { success: true }), 'unavailable'],
    ['success false', answer(200, { success: false, user: { id: 5 } }), 'unavailable'],
    ['201', answer(201, { success: true, user: { id: 5 } }), 'unavailable'],
    ['HTML', answer(200), 'unavailable'],
    ['errors of a token, out of place', failure(401, '60020'), 'unavailable'],
  ])('refuses: %s', (_name, given, reason) => {
    expect(readCreation(given)).toEqual({ ok: false, reason });
  });
});

describe('text and call', () => {
  it.each<[string, Record<string, unknown>, object]>([
    [
      'sent',
      { success: true, message: 'SMS token was sent', cellphone: '+1-XXX-XXX-XX34' },
      { sent: true, ending: '34' },
    ],
    [
      'call',
      { success: true, message: 'Call started...', cellphone: '+41-XXX-XXX-XX09' },
      { sent: true, ending: '09' },
    ],
    ['no number shown', { success: true, message: 'SMS token was sent' }, { sent: true, ending: '67' }],
    ['masked wholly', { success: true, cellphone: 'XXX' }, { sent: true, ending: '67' }],
    [
      'ignored',
      {
        message: 'Ignored: SMS is not needed.',
        cellphone: '+57-XXX-XXX-XX12',
        device: 'android',
        ignored: true,
        success: true,
      },
      { sent: false, reason: 'app-instead' },
    ],
    ['ignored, no device', { success: true, device: null, ignored: true }, { sent: false, reason: 'app-instead' }],
    ['not ignored', { success: true, ignored: false, cellphone: '+1-XX34' }, { sent: true, ending: '34' }],
    ['no success', { message: 'SMS token was sent' }, { sent: false, reason: 'unavailable' }],
    ['success false', { success: false }, { sent: false, reason: 'unavailable' }],
  ])('200, %s', (_name, body, outcome) => {
    expect(readSending(answer(200, body), '67')).toEqual(outcome);
  });

  it.each<[number, string | undefined, string]>([
    [404, '60026', 'gone'],
    [404, undefined, 'gone'],
    [400, '60007', 'channel-off'],
    [400, '60006', 'channel-off'],
    [400, '60009', 'unavailable'],
    [400, '60010', 'unavailable'],
    [400, '60011', 'unavailable'],
    [400, '60012', 'unavailable'],
    [400, '60013', 'number'],
    [400, '60014', 'unavailable'],
    [400, '60015', 'unavailable'],
    [403, '60082', 'number'],
    [403, '60083', 'number'],
    [400, '60115', 'number'],
    [400, '60120', 'limited'],
    [429, '60003', 'unavailable'],
    [429, undefined, 'unavailable'],
    [503, '60060', 'misconfigured'],
    [503, undefined, 'unavailable'],
    [401, '60001', 'misconfigured'],
    [200, undefined, 'unavailable'],
    [302, undefined, 'unavailable'],
  ])('%s %s is %s', (status, code, reason) => {
    const given = code === undefined ? answer(status) : failure(status, code);
    expect(readSending(given, '67')).toEqual({ sent: false, reason });
  });
});

describe('status, removal, key check', () => {
  it('reads who has the app, and takes every other key as optional', () => {
    const status = { authy_id: 123, confirmed: true, registered: false, devices: [] };
    expect(readStatus(answer(200, { status, message: 'User status.', success: true }))).toEqual({
      ok: true,
      confirmed: true,
      registered: false,
      disabled: false,
    });
    const full = { ...status, registered: true, account_disabled: true };
    expect(readStatus(answer(200, { status: full, success: true }))).toMatchObject({
      registered: true,
      disabled: true,
    });
    expect(readStatus(answer(404))).toEqual({ ok: false, reason: 'gone' });
    expect(readStatus(answer(200))).toEqual({ ok: false, reason: 'unavailable' });
    expect(readStatus(answer(200, { success: true, status: 'x' }))).toEqual({ ok: false, reason: 'unavailable' });
  });

  it.each<[string, Answer, object]>([
    ['PY', answer(200, { message: 'User removed from application', success: true }), { ok: true }],
    ['CL', answer(200, { message: 'User was added to remove.', success: true }), { ok: true }],
    ['RB, contradictory', answer(200, { message: 'User removed from application', success: false }), { ok: true }],
    ['unknown already', failure(404, '60026'), { ok: true }],
    ['60028', failure(400, '60028'), { ok: false, reason: 'unavailable' }],
    ['a page of somebody else', answer(200), { ok: false, reason: 'unavailable' }],
  ])('removal: %s', (_name, given, outcome) => {
    expect(readRemoval(given)).toEqual(outcome);
  });

  it.each<[string, Answer, object]>([
    ['named', answer(200, { app: { name: 'Lucy', app_id: 1 }, success: true }), { ok: true, name: 'Lucy' }],
    ['without a name', answer(200, { app: { name: '' }, success: true }), { ok: true }],
    ['wrong key', failure(401, '60001'), { ok: false, reason: 'misconfigured' }],
    ['no such address', answer(404), { ok: false, reason: 'misconfigured' }],
    ['no JSON', answer(200), { ok: false, reason: 'unavailable' }],
    ['no app', answer(200, { success: true }), { ok: false, reason: 'unavailable' }],
    ['down', answer(503), { ok: false, reason: 'unavailable' }],
  ])('key check: %s', (_name, given, outcome) => {
    expect(readKeyCheck(given)).toEqual(outcome);
  });
});

describe('every code that the service is known to have', () => {
  const meanings: Readonly<Record<string, readonly number[]>> = {
    unavailable: [
      60000, 60003, 60009, 60010, 60011, 60012, 60014, 60015, 60028, 60029, 60032, 60042, 60049, 60050, 60051, 60052,
      60053, 60054, 60055, 60079, 60080, 60122,
    ],
    misconfigured: [
      60001, 60002, 60004, 60005, 60008, 60030, 60031, 60038, 60056, 60057, 60060, 60061, 60063, 60064, 60065, 60066,
    ],
    'channel-off': [60006, 60007],
    number: [60013, 60027, 60033, 60078, 60082, 60083, 60115],
    gone: [60016, 60026, 60127, 60128],
    limited: [60017, 60018, 60106, 60107, 60120],
    // Out of place in a sending, hence:
    'unavailable ': [60019, 60020],
  };

  it('is in the table, and no other', () => {
    expect([...knownCodes].sort()).toEqual(Object.values(meanings).flat().map(String).sort());
  });

  it.each(Object.entries(meanings).flatMap(([meaning, codes]) => codes.map((code) => [code, meaning.trim()] as const)))(
    '%d is %s at any status',
    (code, reason) => {
      for (const status of [400, 401, 403, 404, 429, 500, 503]) {
        expect(readSending(failure(status, String(code)), '67')).toEqual({ sent: false, reason });
      }
    },
  );
});
