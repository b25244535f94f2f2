/** The SMS factor over real sockets, against the stand-in gateway: what goes over the wire, and what each failure becomes. */
import { createHmac, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Failure } from '../../../src/demo/stand-in-server.ts';
import { type StandInSms, startStandInSms } from '../../../src/demo/stand-in-sms.ts';
import type { Factor, Person, Sending } from '../../../src/factors/factor.ts';
import { createSms, type SmsOptions } from '../../../src/factors/sms/sms.ts';
import type { Enrolment, Identity, Json } from '../../../src/gate/types.ts';
import { TestClock } from '../../fakes/clock.ts';
import { askedAbout } from '../asked.ts';

const TOKEN = 'tOken-of-the-gateway';
const anna: Person = {
  identity: 'anna@example.com' as Identity,
  phone: { e164: '+41791234567', callingCode: '41', country: 'CH' },
};
const site = { service: 'Lucy', publicUrl: new URL('https://lucy.test:8443/') };
const mac = (label: string, text: string) => createHmac('sha256', 'key').update(`${label}\n${text}`).digest();

let gateway: StandInSms;
let logged: { event: string; facts: { readonly [key: string]: Json } }[];
const opened: Factor[] = [];

function connect(options: Partial<SmsOptions> = {}, clock = systemClock): Factor {
  const whole: SmsOptions = {
    url: `${gateway.url}/messages`,
    method: 'POST',
    headers: { Authorization: 'Bearer {token}' },
    body: { json: { to: '{to}', text: '{text}', ref: '{id}' } },
    secrets: { token: TOKEN },
    success: { json: { '/status': 'queued' } },
    numberRefused: { json: { '/error/code': '21' } },
    provider: 'Example SMS',
    digits: 6,
    lifeMs: 300_000,
    timeoutMs: 2000,
    ...options,
  };
  const log = { warn: (event: string, facts: { readonly [key: string]: Json }) => void logged.push({ event, facts }) };
  const factor = createSms(whole, { clock, log, mac, randomBytes, site });
  opened.push(factor);
  return factor;
}

beforeEach(async () => {
  logged = [];
  gateway = await startStandInSms({ token: TOKEN });
});
afterEach(async () => {
  const text = JSON.stringify(logged);
  expect(text).not.toContain(TOKEN);
  expect(text).not.toMatch(/\d{6,}/);
  await gateway.close();
  await Promise.all(opened.splice(0).map((factor) => factor.close?.()));
});

async function enrol(factor: Factor): Promise<Enrolment> {
  const begun = await factor.begin(anna, 0);
  if (!begun.ok) throw new Error(begun.reason);
  return { id: 'e1', factor: 'sms', data: begun.data, createdAt: 0 };
}

const codeOf = (text = ''): string => /^\d+/.exec(text)?.[0] ?? '';
const stateOf = (sending: Sending): Json => (sending.sent ? (sending.open?.state ?? null) : null);

describe('a whole life over the wire', () => {
  it('tells nobody anything before a text is asked for', async () => {
    const sms = connect();
    expect(await sms.begin({ identity: anna.identity }, 0)).toEqual({ ok: false, reason: 'phone-missing' });
    const enrolment = await enrol(sms);
    expect(await sms.instructions(enrolment, anna)).toEqual({ phoneEnding: '67' });
    expect(sms.discloses(anna)).toEqual([{ what: 'phone', value: '+41791234567' }, { what: 'login-time' }]);
    await sms.remove(enrolment);
    expect(gateway.requests).toEqual([]);
  });

  it('sends the text that was agreed on, and judges its code here', async () => {
    const sms = connect();
    const enrolment = await enrol(sms);
    const sending = await sms.send(askedAbout(enrolment), 'sms', false);
    expect(sending).toMatchObject({ sent: true, ending: '67', open: { lifeMs: 300_000 } });
    const [text] = gateway.texts;
    const code = codeOf(text?.body);
    expect(text).toEqual({ to: '+41791234567', body: `${code} is your Lucy security code\n\n@lucy.test #${code}` });
    expect(JSON.stringify(sending)).not.toContain(code);

    const asked = askedAbout(enrolment, { state: stateOf(sending) });
    const wrong = code === '000000' ? '000001' : '000000';
    expect(await sms.verify(asked, wrong)).toEqual({ ok: false, reason: 'wrong' });
    expect(await sms.verify(askedAbout(enrolment), code)).toEqual({ ok: false, reason: 'expired' });
    expect(await sms.verify({ ...asked, question: 'login-2' }, code)).toEqual({ ok: false, reason: 'wrong' });
    expect(await sms.verify({ ...asked, purpose: 'enrol' }, code)).toEqual({ ok: false, reason: 'wrong' });
    expect(await sms.verify(asked, code)).toEqual({ ok: true });
    expect(gateway.requests).toHaveLength(1);
  });

  it('knows an earlier code, and gives each message an id of its own', async () => {
    const sms = connect();
    const enrolment = await enrol(sms);
    const first = await sms.send(askedAbout(enrolment), 'sms', false);
    const second = await sms.send(askedAbout(enrolment, { state: stateOf(first) }), 'sms', false);
    const asked = askedAbout(enrolment, { state: stateOf(second) });
    const [one, two] = gateway.texts.map(({ body }) => codeOf(body));
    expect(await sms.verify(asked, one ?? '')).toEqual({ ok: false, reason: 'superseded' });
    expect(await sms.verify(asked, two ?? '')).toEqual({ ok: true });
    const ids = gateway.requests.map(({ body }) => String(JSON.parse(body).ref));
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('speaks to gateways of the older kind, too', async () => {
    const sms = connect({
      url: `${gateway.url}/send?token={token}&to={to}&text={text}`,
      method: 'GET',
      headers: {},
      body: {},
    });
    const enrolment = await enrol(sms);
    expect(await sms.send(askedAbout(enrolment), 'sms', false)).toMatchObject({ sent: true });
    expect(gateway.requests[0]).toMatchObject({ method: 'GET', body: '' });
    expect(gateway.texts[0]?.body).toContain('\n\n@lucy.test #');
  });

  it('sends nothing by another channel, nor for data that is none', async () => {
    const sms = connect();
    const enrolment = await enrol(sms);
    expect(await sms.send(askedAbout(enrolment), 'call', true)).toEqual({ sent: false, reason: 'channel-off' });
    for (const data of [null, 'x', { e164: '41791234567', country: 'CH' }, { e164: '+41 79', country: 'CH' }]) {
      expect(await sms.send(askedAbout({ ...enrolment, data }), 'sms', false)).toEqual({ sent: false, reason: 'gone' });
    }
    expect(gateway.requests).toEqual([]);
  });
});

describe('a gateway that fails sends nothing, and no code is open then (attack 50)', () => {
  const failures: readonly (readonly [string, Failure, string])[] = [
    ['500', { status: 500, body: { status: 'queued' } }, 'unavailable'],
    ['503 with a page', { status: 503, body: '<html>down</html>', contentType: 'text/html' }, 'unavailable'],
    ['429', { status: 429, body: { status: 'queued' } }, 'unavailable'],
    ['200 that says no', { status: 200, body: { status: 'no credit' } }, 'unavailable'],
    ['200 with a page', { status: 200, body: '<html>queued</html>', contentType: 'text/html' }, 'unavailable'],
    ['200 with nothing', { status: 200, body: '' }, 'unavailable'],
    ['401', { status: 401, body: { status: 'refused' } }, 'misconfigured'],
    ['404', { status: 404, body: 'no such page' }, 'misconfigured'],
    ['a redirect, which nobody follows', { status: 302, headers: { location: '/messages' } }, 'misconfigured'],
    ['a cut answer', { status: 200, body: { status: 'queued' }, cut: true }, 'unavailable'],
    ['an answer that is too long', { status: 200, body: `{"status":"queued"${' '.repeat(70_000)}}` }, 'unavailable'],
    ['a number at fault', { status: 200, body: { status: 'rejected', error: { code: 21 } } }, 'number'],
  ];
  it.each(failures)('%s', async (_name, failure, reason) => {
    const sms = connect();
    const enrolment = await enrol(sms);
    gateway.fail(failure);
    expect(await sms.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason });
    expect(gateway.requests).toHaveLength(1);
    expect(logged).toHaveLength(reason === 'number' ? 0 : 1);
  });

  it('silence', async () => {
    const clock = new TestClock();
    const sms = connect({ timeoutMs: 3000 }, clock);
    const enrolment = await enrol(sms);
    gateway.fail({ hang: true });
    const sending = sms.send(askedAbout(enrolment), 'sms', false);
    while (gateway.requests.length === 0) await new Promise(setImmediate);
    clock.advance(3000);
    expect(await sending).toEqual({ sent: false, reason: 'unavailable' });
    expect(logged).toEqual([{ event: 'sms.silent', facts: { why: 'timeout' } }]);
  });

  it('nobody listening', async () => {
    const sms = connect();
    const enrolment = await enrol(sms);
    await gateway.close();
    expect(await sms.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason: 'unavailable' });
    gateway = await startStandInSms({ token: TOKEN });
  });
});
