/** The Verify factor over real sockets, against the stand-in: what goes over the wire, and what each failure becomes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Failure } from '../../../src/demo/stand-in-server.ts';
import { type StandInVerify, startStandInVerify } from '../../../src/demo/stand-in-verify.ts';
import type { Factor, Person, Sending } from '../../../src/factors/factor.ts';
import { createVerify, type VerifyOptions } from '../../../src/factors/verify/verify.ts';
import type { Enrolment, Identity, Json } from '../../../src/gate/types.ts';
import { TestClock } from '../../fakes/clock.ts';
import { checkerOf } from '../../fakes/openapi.ts';
import { askedAbout } from '../asked.ts';

const ACCOUNT = {
  accountSid: `SK${'a'.repeat(32)}`,
  authToken: 'tOken-of-the-account',
  serviceSid: `VA${'b'.repeat(32)}`,
};
const anna: Person = {
  identity: 'anna@example.com' as Identity,
  phone: { e164: '+41791234567', callingCode: '41', country: 'CH' },
  email: 'anna@example.com',
};
const problemWith = checkerOf('twilio-verify-v2.json');

let service: StandInVerify;
let logged: { event: string; facts: { readonly [key: string]: Json } }[];
const opened: Factor[] = [];

function connect(options: Partial<VerifyOptions> = {}, clock = systemClock): Factor {
  const log = { warn: (event: string, facts: { readonly [key: string]: Json }) => void logged.push({ event, facts }) };
  const whole: VerifyOptions = {
    ...ACCOUNT,
    baseUrl: service.url,
    channels: ['sms', 'call', 'whatsapp'],
    timeoutMs: 2000,
    ...options,
  };
  const factor = createVerify(whole, { clock, log });
  opened.push(factor);
  return factor;
}

beforeEach(async () => {
  logged = [];
  service = await startStandInVerify({ ...ACCOUNT, problemWith });
});
afterEach(async () => {
  const text = JSON.stringify(logged);
  expect(text).not.toContain(ACCOUNT.authToken);
  expect(text).not.toMatch(/\d{6,}|anna/);
  expect(service.refused).toEqual([]);
  await service.close();
  await Promise.all(opened.splice(0).map((factor) => factor.close?.()));
});

async function enrol(factor: Factor, person = anna): Promise<Enrolment> {
  const begun = await factor.begin(person, 0);
  if (!begun.ok) throw new Error(begun.reason);
  return { id: 'e1', factor: 'verify', data: begun.data, createdAt: 0 };
}

const stateOf = (sending: Sending): Json => (sending.sent ? (sending.open?.state ?? null) : null);
const formOf = (at: number) => Object.fromEntries(new URLSearchParams(service.requests.at(at)?.body));
const problem = (status: number, code: number): Failure => ({ status, body: { code, status, message: 'no' } });

describe('a whole life over the wire', () => {
  it('tells nobody anything before a code is asked for', async () => {
    const verify = connect();
    expect(await verify.begin({ identity: anna.identity }, 0)).toEqual({ ok: false, reason: 'phone-missing' });
    const enrolment = await enrol(verify);
    expect(await verify.instructions(enrolment, anna)).toEqual({ phoneEnding: '67' });
    expect(verify.discloses(anna)).toEqual([{ what: 'phone', value: '+41791234567' }, { what: 'login-time' }]);
    await verify.remove(enrolment);
    expect(service.requests).toEqual([]);
  });

  it.each(['sms', 'call', 'whatsapp'] as const)(
    'sends by %s to the number, and checks by the verification',
    async (channel) => {
      const verify = connect({ locale: 'de' });
      const enrolment = await enrol(verify);
      const sending = await verify.send(askedAbout(enrolment), channel, false);
      expect(sending).toMatchObject({ sent: true, ending: '67', open: { lifeMs: 600_000 } });
      const [message] = service.messages;
      expect(message).toMatchObject({ to: '+41791234567', channel });
      expect(formOf(0)).toEqual({ Status: 'canceled' });
      expect(service.requests[0]?.url).toBe(`/v2/Services/${ACCOUNT.serviceSid}/Verifications/%2B41791234567`);
      expect(formOf(1)).toEqual({ To: '+41791234567', Channel: channel, Locale: 'de' });
      expect(stateOf(sending)).toEqual({ verification: message?.verification });

      const asked = askedAbout(enrolment, { state: stateOf(sending) });
      const wrong = message?.code === '000000' ? '000001' : '000000';
      expect(await verify.verify(asked, wrong)).toEqual({ ok: false, reason: 'wrong' });
      expect(await verify.verify(asked, message?.code ?? '')).toEqual({ ok: true });
      expect(await verify.verify(asked, message?.code ?? '')).toEqual({ ok: false, reason: 'expired' });
      expect(formOf(-1)).toEqual({ VerificationSid: message?.verification, Code: message?.code });
      for (const { body, url } of service.requests) expect(url + body).not.toContain('anna');
      expect(logged).toEqual([]);
    },
  );

  it('asks nobody about a question that is not open', async () => {
    const verify = connect();
    const enrolment = await enrol(verify);
    for (const state of [undefined, null, 'x', {}, { verification: 'VE1' }, { verification: `VE${'a'.repeat(31)}/` }]) {
      const asked = askedAbout(enrolment, state === undefined ? {} : { state });
      expect(await verify.verify(asked, '123456')).toEqual({ ok: false, reason: 'expired' });
    }
    expect(service.requests).toEqual([]);
  });

  it('sends nothing by a channel that is off, nor for data that is none', async () => {
    const verify = connect({ channels: ['sms'] });
    const enrolment = await enrol(verify);
    for (const channel of ['call', 'whatsapp', 'email', 'push'] as const) {
      expect(await verify.send(askedAbout(enrolment), channel, true)).toEqual({ sent: false, reason: 'channel-off' });
    }
    for (const data of [null, 'x', { e164: '41791234567', country: 'CH' }, { email: 'anna@example.com' }]) {
      expect(await verify.send(askedAbout({ ...enrolment, data }), 'sms', false)).toEqual({
        sent: false,
        reason: 'gone',
      });
    }
    expect(service.requests).toEqual([]);
  });

  it('by e-mail, sends to the address that the account has, and to no other', async () => {
    const verify = connect({ channels: ['email'] });
    expect(verify.needs).toBe('email');
    const { email: _, ...nobody } = anna;
    expect(await verify.begin(nobody, 0)).toEqual({ ok: false, reason: 'email-missing' });
    expect(verify.discloses(anna)[0]).toEqual({ what: 'email', value: 'anna@example.com' });
    const enrolment = await enrol(verify);
    expect(enrolment.data).toEqual({ email: 'anna@example.com' });
    const moved = askedAbout(enrolment, { person: { ...anna, email: 'other@example.com' } });
    expect(await verify.send(moved, 'email', false)).toEqual({ sent: false, reason: 'gone' });
    expect(await verify.send(askedAbout(enrolment, { person: nobody }), 'email', false)).toEqual({
      sent: false,
      reason: 'gone',
    });
    expect(service.requests).toEqual([]);
    const sending = await verify.send(askedAbout(enrolment, { person: anna }), 'email', false);
    expect(sending).toEqual({ sent: true, open: { state: stateOf(sending), lifeMs: 600_000 } });
    expect(service.messages).toMatchObject([{ to: 'anna@example.com', channel: 'email' }]);
    expect(service.requests[0]?.url).toMatch(/\/Verifications\/anna%40example\.com$/);
    const asked = askedAbout(enrolment, { person: anna, state: stateOf(sending) });
    expect(await verify.verify(asked, service.messages[0]?.code ?? '')).toEqual({ ok: true });
  });

  it('takes a verification that another login opened meanwhile away from it', async () => {
    const verify = connect();
    const enrolment = await enrol(verify);
    const first = stateOf(await verify.send(askedAbout(enrolment), 'sms', false));
    const second = stateOf(await verify.send(askedAbout(enrolment, { question: 'login-2' }), 'sms', false));
    const third = stateOf(await verify.send(askedAbout(enrolment, { state: first }), 'sms', false));
    expect(new Set([first, second, third].map((state) => JSON.stringify(state))).size).toBe(3);
    const calls = service.requests.map(({ call }) => call);
    expect(calls).toEqual([...['update', 'start'], ...['update', 'start'], ...['start', 'update', 'start']]);
    const code = service.messages.at(-1)?.code ?? '';
    expect(await verify.verify(askedAbout(enrolment, { state: second }), code)).toMatchObject({ ok: false });
    expect(await verify.verify(askedAbout(enrolment, { state: third }), code)).toEqual({ ok: true });
  });

  it('does so also where the service finds no verification by a number', async () => {
    const verify = connect();
    const enrolment = await enrol(verify);
    const first = stateOf(await verify.send(askedAbout(enrolment), 'sms', false));
    service.fail(problem(400, 60200), 'update');
    const second = stateOf(await verify.send(askedAbout(enrolment, { question: 'login-2' }), 'sms', false));
    expect(service.requests.map(({ call }) => call)).toEqual([
      ...['update', 'start'],
      ...['update', 'start', 'update', 'start'],
    ]);
    const code = service.messages.at(-1)?.code ?? '';
    expect(await verify.verify(askedAbout(enrolment, { state: first }), code)).toMatchObject({ ok: false });
    expect(await verify.verify(askedAbout(enrolment, { state: second }), code)).toEqual({ ok: true });
    expect(logged).toMatchObject([{ event: 'verify.refused', facts: { call: 'withdraw', code: 60200 } }]);
  });

  it('gives up where the service does not let go of a verification', async () => {
    const verify = connect();
    const enrolment = await enrol(verify);
    await verify.send(askedAbout(enrolment), 'sms', false);
    for (let i = 0; i < 2; i += 1) service.fail({ status: 200, body: { status: 'canceled' } }, 'update');
    expect(await verify.send(askedAbout(enrolment, { question: 'login-2' }), 'sms', false)).toEqual({
      sent: false,
      reason: 'unavailable',
    });
    expect(service.requests).toHaveLength(6);
  });

  it('keeps a path that an address of the service has', async () => {
    const verify = connect({ baseUrl: `${service.url}/proxy/` });
    const enrolment = await enrol(verify);
    service.fail({ status: 404, body: { code: 20404 } });
    service.fail(problem(404, 20404));
    await verify.send(askedAbout(enrolment), 'sms', false);
    expect(service.requests.map(({ url }) => url)).toEqual([
      `/proxy/v2/Services/${ACCOUNT.serviceSid}/Verifications/%2B41791234567`,
      `/proxy/v2/Services/${ACCOUNT.serviceSid}/Verifications`,
    ]);
  });
});

describe('a service that fails sends nothing, and lets nobody in (attack 50)', () => {
  const approved = { status: 'approved', valid: true };
  const failures: readonly (readonly [string, Failure, string])[] = [
    ['500', { status: 500, body: approved }, 'unavailable'],
    ['503 with a page', { status: 503, body: '<html>down</html>', contentType: 'text/html' }, 'unavailable'],
    ['429', problem(429, 20429), 'unavailable'],
    ['200 that says nothing', { status: 200, body: {} }, 'unavailable'],
    ['201 with a page', { status: 201, body: '<html>approved</html>', contentType: 'text/html' }, 'unavailable'],
    ['200 with nothing', { status: 200, body: '' }, 'unavailable'],
    ['200 with the bare word', { status: 200, body: '"approved"' }, 'unavailable'],
    ['200 with a list', { status: 200, body: [approved] }, 'unavailable'],
    ['approved without a verification', { status: 200, body: approved }, 'unavailable'],
    ['a wrong token', problem(401, 20003), 'misconfigured'],
    ['a page at 401', { status: 401, body: '<html>who?</html>', contentType: 'text/html' }, 'unavailable'],
    ['an account that is closed', problem(403, 20005), 'misconfigured'],
    ['a redirect, which nobody follows', { status: 302, body: approved, headers: { location: '/' } }, 'unavailable'],
    ['a cut answer', { status: 200, body: approved, cut: true }, 'unavailable'],
    ['an answer that is too long', { status: 200, body: `{"status":"approved"${' '.repeat(70_000)}}` }, 'unavailable'],
  ];
  it.each(failures)('%s', async (_name, failure, reason) => {
    const verify = connect();
    const enrolment = await enrol(verify);
    service.fail(failure, 'start');
    expect(await verify.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason });
    expect(service.requests).toHaveLength(2);
    service.fail(failure, 'update');
    expect(await verify.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason });
    expect([service.requests.length, service.messages.length]).toEqual([3, 0]);
    service.fail(failure, 'check');
    const asked = askedAbout(enrolment, { state: { verification: `VE${'d'.repeat(32)}` } });
    expect(await verify.verify(asked, '123456')).toEqual({ ok: false, reason });
    expect(service.requests).toHaveLength(4);
    expect(logged).toHaveLength(3);
  });

  it('says to the operator what only an operator can mend, without a number', async () => {
    const verify = connect({ authToken: 'another-token' });
    await verify.send(askedAbout(await enrol(verify)), 'sms', false);
    const facts = { call: 'withdraw', reason: 'misconfigured', status: 401, code: 20003, json: true };
    expect(logged).toEqual([{ event: 'verify.refused', facts }]);
  });

  it('is quiet about a landline, and not about a parameter that may be ours', async () => {
    const verify = connect();
    const enrolment = await enrol(verify);
    service.landlines.add('+41791234567');
    expect(await verify.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason: 'number' });
    expect(await verify.send(askedAbout(enrolment), 'call', false)).toMatchObject({ sent: true });
    expect(logged).toEqual([]);
    service.fail(problem(400, 60200), 'start');
    await verify.send(askedAbout(enrolment), 'call', false);
    expect(logged).toMatchObject([{ event: 'verify.refused', facts: { code: 60200, reason: 'number' } }]);
  });

  it('silence', async () => {
    const clock = new TestClock();
    const verify = connect({ timeoutMs: 3000 }, clock);
    const asked = askedAbout(await enrol(verify), { state: { verification: `VE${'d'.repeat(32)}` } });
    service.fail({ hang: true });
    const checking = verify.verify(asked, '123456');
    while (service.requests.length === 0) await new Promise(setImmediate);
    clock.advance(3000);
    expect(await checking).toEqual({ ok: false, reason: 'unavailable' });
    expect(logged).toEqual([{ event: 'verify.silent', facts: { call: 'check', why: 'timeout' } }]);
  });

  it('nobody listening, and somebody who does not speak TLS', async () => {
    const tls = connect({ baseUrl: service.url.replace('http:', 'https:') });
    expect(await tls.send(askedAbout(await enrol(tls)), 'sms', false)).toEqual({ sent: false, reason: 'unavailable' });
    const verify = connect();
    const enrolment = await enrol(verify);
    await service.close();
    expect(await verify.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason: 'unavailable' });
    service = await startStandInVerify({ ...ACCOUNT, problemWith });
  });
});
