/** Requests in the Authy app, over real sockets against the stand-in: what is sent, and which answers are a yes. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { type StandInAuthy, startStandInAuthy } from '../../../src/demo/stand-in-authy.ts';
import { type Answer, readApproval, readRequested } from '../../../src/factors/authy/answers.ts';
import { type AuthyFactor, createAuthy } from '../../../src/factors/authy/authy.ts';
import type { Asked, SentQuestion } from '../../../src/factors/factor.ts';
import type { Enrolment, Identity, Json } from '../../../src/gate/types.ts';
import { askedAbout } from '../asked.ts';

const KEY = 'kEy-0123456789abcdefABCDEF';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const EDGE = 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0';
const from = { address: '192.0.2.7', agent: FIREFOX };
const logged: string[] = [];
let service: StandInAuthy;
let authy: AuthyFactor;
let enrolment: Enrolment;

function connect(options: { push?: boolean; service?: string } = {}): AuthyFactor {
  return createAuthy(
    { apiKey: KEY, baseUrl: service.url, timeoutMs: 2000, emailDomain: 'example.com', push: options.push ?? true },
    {
      clock: systemClock,
      log: { warn: (event, facts) => void logged.push(JSON.stringify([event, facts])) },
      site: { service: options.service ?? 'Lucy' },
    },
  );
}

beforeEach(async () => {
  service = await startStandInAuthy({ apiKey: KEY });
  authy = connect();
  const phone = { e164: '+41791234567', callingCode: '41', country: 'CH' };
  const begun = await authy.begin({ identity: 'anna@example.com' as Identity, phone }, 0);
  if (!begun.ok) throw new Error(begun.reason);
  enrolment = { id: 'e1', factor: 'authy', data: begun.data, createdAt: 0 };
  service.register(authyId());
});
afterEach(async () => {
  expect(logged.join()).not.toContain(KEY);
  logged.length = 0;
  await authy.close();
  await service.close();
});

const authyId = (): string => (enrolment.data as { authyId: string }).authyId;

async function sent(facts: Partial<Asked> = {}): Promise<SentQuestion> {
  const sending = await authy.send(askedAbout(enrolment, { from, ...facts }), 'push', false);
  if (!sending.sent || sending.open === undefined) throw new Error('nothing was sent');
  return sending.open;
}
const look = (state: Json) => authy.look?.(askedAbout(enrolment, { state }));

describe('what is sent', () => {
  it('says who asks for what, from where and when, and the word that the page shows', async () => {
    const { shown } = await sent({ now: Date.UTC(2026, 4, 4, 12, 30) });
    const word = (shown as { word: string }).word;
    expect(word).toMatch(/^[a-z]+ \d\d$/);
    expect(service.pushes).toEqual([
      {
        uuid: expect.any(String),
        authyId: authyId(),
        message: `Sign in to Lucy? Approve only if your screen shows: ${word}`,
        details: {
          'Your screen shows': word,
          Account: 'anna@example.com',
          Time: '2026-05-04 12:30 UTC',
          Address: '192.0.2.7',
          Browser: 'Firefox on Linux',
        },
        secondsToExpire: 120,
      },
    ]);
    await sent({ from: { address: '192.0.2.7', agent: EDGE } });
    expect(service.pushes[1]?.details['Browser']).toBe('Edge on Windows');
  });

  it('stays within what the service takes, whatever a browser or an operator says', async () => {
    await authy.close();
    authy = connect({ service: 'A very long name of a service '.repeat(10) });
    await sent({ from: { address: '2001:db8::1', agent: 'x\r\ny'.repeat(50) } });
    const [push] = service.pushes;
    expect(push?.message.length).toBeLessThanOrEqual(144);
    expect(push?.message).toContain(push?.details['Your screen shows']);
    expect(Object.keys(push?.details ?? {}).every((key) => key.length <= 20)).toBe(true);
    expect(push?.details['Browser']).toBe('unknown');
  });

  it('says before enrolment that address and browser will go along, and offers nothing where it is off', async () => {
    const person = { identity: 'anna@example.com' as Identity };
    expect(authy.discloses(person).map(({ what }) => what)).toEqual([
      'email',
      'phone',
      'login-time',
      'address',
      'browser',
    ]);
    expect([authy.channels, typeof authy.look]).toEqual([['sms', 'call', 'push'], 'function']);
    await authy.close();
    authy = connect({ push: false });
    expect([authy.channels, typeof authy.look]).toEqual([['sms', 'call'], 'undefined']);
    expect(await authy.send(askedAbout(enrolment), 'push', false)).toEqual({ sent: false, reason: 'channel-off' });
    expect(service.pushes).toEqual([]);
  });
});

describe('how it stands', () => {
  it.each(['approved', 'denied'] as const)('waits, and then is %s', async (tap) => {
    const { state } = await sent();
    expect(await look(state)).toEqual({ is: 'waiting' });
    service.tap(service.pushes[0]?.uuid ?? '', tap);
    expect(await look(state)).toEqual({ is: tap });
  });

  it('is over for the service when it does not know it, and is not asked about a state that is not ours', async () => {
    expect(await look({ uuid: '00000000-0000-0000-0000-000000000000' })).toEqual({ is: 'expired' });
    const before = service.requests.length;
    for (const state of [null, 'approved', {}, { uuid: '../users/1' }, { uuid: 1 }, []]) {
      expect(await look(state)).toEqual({ is: 'expired' });
    }
    expect(service.requests).toHaveLength(before);
  });

  it('is the business of the person whose request it is', async () => {
    const { state } = await sent();
    service.tap(service.pushes[0]?.uuid ?? '', 'approved');
    const other: Enrolment = { ...enrolment, data: { authyId: '99', phoneEnding: '67' } };
    expect(await authy.look?.(askedAbout(other, { state }))).toMatchObject({ is: 'unknown' });
  });
});

describe('an answer', () => {
  const mine = { uuid: '8d0303c0-0f4e-0134-ae6e-0242ac110002', authyId: '28894864' };
  const answer = (status: number, fields: Record<string, unknown>, success: unknown = true): Answer => ({
    status,
    body: { success, approval_request: { uuid: mine.uuid, _authy_id: 28_894_864, ...fields } },
  });

  it.each<[string, Answer]>([
    ['the id as a number', answer(200, { status: 'approved' })],
    ['the id as text', answer(200, { status: 'approved', _authy_id: '28894864' })],
  ])('is a yes: %s', (_name, given) => {
    expect(readApproval(given, mine)).toEqual({ is: 'approved' });
  });

  it.each<[string, Answer]>([
    ['success "false"', answer(200, { status: 'approved' }, 'false')],
    ['no success', answer(200, { status: 'approved' }, null)],
    ['201', answer(201, { status: 'approved' })],
    ['401', answer(401, { status: 'approved' })],
    ['another user', answer(200, { status: 'approved', _authy_id: 28_894_865 })],
    ['no user', answer(200, { status: 'approved', _authy_id: undefined })],
    ['a list with the user', answer(200, { status: 'approved', _authy_id: ['28894864'] })],
    ['another request', answer(200, { status: 'approved', uuid: 'x' })],
    ['the request in capitals', answer(200, { status: 'approved', uuid: mine.uuid.toUpperCase() })],
    ['the word at another place', { status: 200, body: { success: true, status: 'approved', approval_request: {} } }],
    ['no body', { status: 200, body: undefined }],
  ])('is no yes: %s', (_name, given) => {
    expect(readApproval(given, mine)).toMatchObject({ is: 'unknown' });
  });

  it('is a yes for one word only', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (status) => {
        fc.pre(status !== 'approved');
        expect(readApproval(answer(200, { status }), mine).is).not.toBe('approved');
      }),
    );
  });

  it.each<[string, Answer, string]>([
    ['no app', { status: 400, body: { success: false, error_code: '60050' } }, 'channel-off'],
    [
      'not switched on for our application',
      { status: 403, body: { success: false, error_code: '60065' } },
      'misconfigured',
    ],
    ['an unknown user', { status: 404, body: { success: false, error_code: '60026' } }, 'gone'],
    [
      'a name that fits no path',
      { status: 200, body: { success: true, approval_request: { uuid: '../a' } } },
      'unavailable',
    ],
    ['no name', { status: 200, body: { success: true } }, 'unavailable'],
  ])('to a new request is a refusal: %s', (_name, given, reason) => {
    expect(readRequested(given)).toEqual({ ok: false, reason });
  });
});
