/** The Authy factor over real sockets, against the stand-in: what goes over the wire, and what each way of failing becomes. */
import { createServer, type Server } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import {
  type Failure,
  type StandInAuthy,
  type StandInCall,
  startStandInAuthy,
} from '../../../src/demo/stand-in-authy.ts';
import { type AuthyFactor, checkAuthyKey, createAuthy } from '../../../src/factors/authy/authy.ts';
import type { AuthyOptions } from '../../../src/factors/authy/options.ts';
import type { Person } from '../../../src/factors/factor.ts';
import type { Enrolment, Identity, Json } from '../../../src/gate/types.ts';
import { TestClock } from '../../fakes/clock.ts';
import { askedAbout } from '../asked.ts';

const KEY = 'kEy-0123456789abcdefABCDEF';
const anna: Person = {
  identity: 'anna@example.com' as Identity,
  phone: { e164: '+41791234567', callingCode: '41', country: 'CH' },
};

let service: StandInAuthy;
let authy: AuthyFactor;
let logged: { event: string; facts: { readonly [key: string]: Json } }[];
const opened: AuthyFactor[] = [];

const log = { warn: (event: string, facts: { readonly [key: string]: Json }) => void logged.push({ event, facts }) };

function connect(options: Partial<AuthyOptions> = {}, clock = systemClock): AuthyFactor {
  const whole = { apiKey: KEY, baseUrl: service.url, timeoutMs: 2000, emailDomain: 'example.com', ...options };
  const factor = createAuthy(whole, { clock, log });
  opened.push(factor);
  return factor;
}

beforeEach(async () => {
  logged = [];
  service = await startStandInAuthy({ apiKey: KEY });
  authy = connect();
});

afterEach(async () => {
  const text = JSON.stringify(logged);
  expect(text).not.toContain(KEY);
  expect(text).not.toMatch(/\d{6,}/);
  await service.close();
  await Promise.all(opened.splice(0).map((factor) => factor.close()));
});

async function enrol(factor = authy, person = anna): Promise<Enrolment> {
  const begun = await factor.begin(person, 0);
  if (!begun.ok) throw new Error(begun.reason);
  return { id: 'e1', factor: 'authy', data: begun.data, createdAt: 0 };
}

const idOf = (enrolment: Enrolment): string => {
  const data = enrolment.data;
  return data !== null && typeof data === 'object' && 'authyId' in data ? String(data.authyId) : '';
};

async function texted(enrolment: Enrolment): Promise<string> {
  expect(await authy.send(askedAbout(enrolment), 'sms', true)).toMatchObject({ sent: true });
  return /\d{7}/.exec(service.texts.at(-1)?.body ?? '')?.[0] ?? '';
}

describe('a whole life over the wire', () => {
  it('begins, texts, verifies once, and forgets', async () => {
    const enrolment = await enrol();
    expect(enrolment.data).toEqual({ authyId: idOf(enrolment), phoneEnding: '67' });
    expect(await authy.instructions(enrolment, anna)).toEqual({ phoneEnding: '67' });

    expect(await authy.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: true, ending: '67' });
    const token = await texted(enrolment);
    const wrong = token === '0000000' ? '0000001' : '0000000';
    expect(await authy.verify(askedAbout(enrolment), wrong)).toEqual({ ok: false, reason: 'wrong' });
    expect(await authy.verify(askedAbout(enrolment), token)).toEqual({ ok: true });
    expect(await authy.verify(askedAbout(enrolment), token)).toEqual({ ok: false, reason: 'replayed' });
    expect(await authy.status(enrolment)).toEqual({ ok: true, confirmed: true, registered: false, disabled: false });

    await authy.remove(enrolment);
    expect(await authy.send(askedAbout(enrolment), 'sms', true)).toEqual({ sent: false, reason: 'gone' });
    expect(logged.map(({ facts }) => facts['reason'])).toEqual(['gone']);
  });

  it('takes the app, and texts a person who has it only when told to insist', async () => {
    const enrolment = await enrol();
    service.register(idOf(enrolment));
    expect(await authy.send(askedAbout(enrolment), 'sms', false)).toEqual({ sent: false, reason: 'app-instead' });
    expect(await authy.send(askedAbout(enrolment), 'call', false)).toEqual({ sent: false, reason: 'app-instead' });
    expect(service.texts).toEqual([]);
    expect(service.requests.some(({ url }) => url.includes('force'))).toBe(false);
    expect(await authy.send(askedAbout(enrolment), 'call', true)).toEqual({ sent: true, ending: '67' });
    expect(service.texts).toMatchObject([{ to: '+41791234567', channel: 'call' }]);
    expect(await authy.verify(askedAbout(enrolment), service.appToken(idOf(enrolment)))).toEqual({ ok: true });
  });

  it('two people at once do not get each other’s answer', async () => {
    const many = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        enrol(authy, {
          ...anna,
          phone: { e164: `+417912345${String(n).padStart(2, '0')}`, callingCode: '41', country: 'CH' },
        }),
      ),
    );
    expect(new Set(many.map(idOf)).size).toBe(30);
    expect(many.map(({ data }) => data)).toMatchObject(
      many.map((_, n) => ({ phoneEnding: String(n).padStart(2, '0') })),
    );
  });
});

describe('what is sent', () => {
  it('has the key in one header and nowhere else', async () => {
    const enrolment = await enrol();
    await authy.verify(askedAbout(enrolment), '0000000');
    await authy.send(askedAbout(enrolment), 'sms', true);
    await authy.send(askedAbout(enrolment), 'call', true);
    await authy.status(enrolment);
    await authy.checkKey();
    await authy.remove(enrolment);
    expect(service.requests.map(({ call }) => call)).toEqual([
      'create',
      'verify',
      'sms',
      'call',
      'status',
      'details',
      'remove',
    ]);
    for (const { url, headers, body } of service.requests) {
      expect(headers['x-authy-api-key']).toBe(KEY);
      expect(url + body).not.toContain(KEY);
      expect(url).not.toContain('api_key');
      expect(Object.values(headers).filter((value) => String(value).includes(KEY))).toHaveLength(1);
    }
  });

  it('refuses the install link at the top level, in a form with bracket names', async () => {
    await enrol();
    const [request] = service.requests;
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect([...new URLSearchParams(request?.body)]).toEqual([
      ['user[email]', 'anna@example.com'],
      ['user[cellphone]', '791234567'],
      ['user[country_code]', '41'],
      ['send_install_link_via_sms', 'false'],
    ]);
    expect(service.texts).toEqual([]);
  });

  it('is exactly what was disclosed', async () => {
    const otto = { ...anna, identity: 'Otto Müller' as Identity };
    const values = authy.discloses(otto);
    await enrol(authy, otto);
    const form = new URLSearchParams(service.requests[0]?.body);
    expect(values).toEqual([
      { what: 'email', value: form.get('user[email]') },
      { what: 'phone', value: `+${form.get('user[country_code]')}${form.get('user[cellphone]')}` },
      { what: 'login-time' },
    ]);
    expect(form.get('user[email]')).toBe('Otto.Muller@example.com');
  });

  it('always asks for the token to be enforced, so a new person cannot pass with any code', async () => {
    const enrolment = await enrol();
    expect(await authy.verify(askedAbout(enrolment), '1234567')).toEqual({ ok: false, reason: 'wrong' });
    expect(service.requests.at(-1)?.url).toBe(`/protected/json/verify/1234567/${idOf(enrolment)}?force=true`);
    // The stand-in does let it through when it is not told to enforce: the test above is one.
    const bare = `${service.url}/protected/json/verify/1234567/${idOf(enrolment)}`;
    const answer = await fetch(bare, { headers: { 'x-authy-api-key': KEY } });
    expect([answer.status, await answer.json()]).toMatchObject([200, { token: 'is valid' }]);
  });

  it('carries the language of texts when there is one, and a base path', async () => {
    const other = connect({ locale: 'pt-BR', baseUrl: `${service.url}/somewhere/` });
    const enrolment = await enrol();
    await other.send(askedAbout(enrolment), 'sms', true);
    expect(service.requests.at(-1)?.url).toBe(
      `/somewhere/protected/json/sms/${idOf(enrolment)}?force=true&locale=pt-BR`,
    );
    expect(service.requests.at(-1)?.method).toBe('GET');
  });

  it('is nothing without a phone number, or for a channel that is off', async () => {
    expect(await authy.begin({ identity: anna.identity }, 0)).toEqual({ ok: false, reason: 'phone-missing' });
    const torn = { e164: '+49791234567', callingCode: '41', country: 'CH' };
    expect(await authy.begin({ ...anna, phone: torn }, 0)).toEqual({ ok: false, reason: 'number' });
    const enrolment: Enrolment = { id: 'e', factor: 'authy', data: { authyId: '5', phoneEnding: '67' }, createdAt: 0 };
    const mute = connect({ channels: ['call'] });
    expect(mute.channels).toEqual(['call']);
    expect(await mute.send(askedAbout(enrolment), 'sms', true)).toEqual({ sent: false, reason: 'channel-off' });
    expect(service.requests).toEqual([]);
  });
});

describe('nothing that is no id and no token gets into an address', () => {
  it.each([
    '../sms',
    '1234567/9#',
    '%2e%2e',
    '12345',
    '12345678901',
    '1234567?x',
    '',
    ' 1234567',
    '1234567\n',
    '１２３４５６７',
  ])('token %j', async (token) => {
    const enrolment = await enrol();
    const before = service.requests.length;
    expect(await authy.verify(askedAbout(enrolment), token)).toEqual({ ok: false, reason: 'wrong' });
    expect(service.requests.length).toBe(before);
  });

  it.each([['1/../2'], ['5#'], ['5?force=false'], [''], ['-5'], ['five'], [5], [null]])('id %j', async (authyId) => {
    const enrolment: Enrolment = { id: 'e', factor: 'authy', data: { authyId, phoneEnding: '67' }, createdAt: 0 };
    expect(await authy.verify(askedAbout(enrolment), '1234567')).toEqual({ ok: false, reason: 'gone' });
    expect(await authy.send(askedAbout(enrolment), 'sms', true)).toEqual({ sent: false, reason: 'gone' });
    expect(await authy.status(enrolment)).toEqual({ ok: false, reason: 'gone' });
    await authy.remove(enrolment);
    expect(service.requests).toEqual([]);
  });
});

describe('when the service fails, nobody passes and nothing is asked twice', () => {
  const good = { message: 'Token is valid.', token: 'is valid', success: 'true' };
  const page = '<html><body>is valid {"token":"is valid","success":true}</body></html>';
  const big = { ...good, filler: 'x'.repeat(70_000) };

  it.each<[string, Failure]>([
    ['500', { status: 500, body: 'Internal Server Error' }],
    ['500 with a good body', { status: 500, body: good }],
    ['429', { status: 429, body: { error_code: '60003', success: false, message: 'x' } }],
    ['503', { status: 503, body: { message: 'Rate limit exceeded', success: false } }],
    ['HTML with 200', { status: 200, body: page, contentType: 'text/html' }],
    ['HTML labelled as JSON', { status: 200, body: page, contentType: 'application/json' }],
    ['an empty 200', { status: 200, body: '' }],
    ['a JSON list', { status: 200, body: [good] }],
    ['success alone', { status: 200, body: { success: true } }],
    ['a redirect', { status: 302, body: good, headers: { location: '/protected/json/app/details' } }],
    ['an answer that is too long', { status: 200, body: big }],
    ['an answer cut in its middle', { cut: true }],
    [
      'an answer cut in its middle that seems whole',
      { status: 200, body: `${JSON.stringify(good)}${' '.repeat(500)}`, cut: true },
    ],
  ])('%s', async (_name, failure) => {
    const enrolment = await enrol();
    const token = await texted(enrolment);
    const before = service.requests.length;
    service.fail(failure, 'verify');
    expect(await authy.verify(askedAbout(enrolment), token)).toEqual({ ok: false, reason: 'unavailable' });
    service.fail(failure, 'sms');
    if (!('body' in failure) || failure.status !== 200) {
      expect(await authy.send(askedAbout(enrolment), 'sms', true)).toEqual({ sent: false, reason: 'unavailable' });
      expect(service.requests.length).toBe(before + 2);
    }
    expect(logged.length).toBeGreaterThan(0);
    expect(service.requests.some(({ call }) => call === 'details')).toBe(false);
  });

  it('a good answer that is labelled as HTML is a good answer', async () => {
    const enrolment = await enrol();
    service.fail({ contentType: 'text/html' }, 'verify');
    expect(await authy.verify(askedAbout(enrolment), await texted(enrolment))).toEqual({ ok: true });
  });

  it.each<[string, Failure]>([
    ['never answers', { hang: true }],
    ['stops in the middle', { hang: true, cut: true }],
    ['answers too late', { delayMs: 5000 }],
  ])('a service that %s costs the time limit and no more', async (_name, failure) => {
    const enrolment = await enrol();
    const hasty = connect({ timeoutMs: 80 });
    const calls: readonly [StandInCall, () => Promise<unknown>, unknown][] = [
      ['verify', () => hasty.verify(askedAbout(enrolment), '1234567'), { ok: false, reason: 'unavailable' }],
      ['sms', () => hasty.send(askedAbout(enrolment), 'sms', true), { sent: false, reason: 'unavailable' }],
      ['create', () => hasty.begin(anna, 0), { ok: false, reason: 'unavailable' }],
      ['details', () => hasty.checkKey(), { ok: false, reason: 'unavailable' }],
      ['remove', () => hasty.remove(enrolment), undefined],
    ];
    for (const [call, ask, outcome] of calls) {
      service.fail(failure, call);
      const started = performance.now();
      expect(await ask()).toEqual(outcome);
      expect(performance.now() - started).toBeLessThan(1500);
      expect(service.requests.filter((request) => request.call === call).length).toBe(call === 'create' ? 2 : 1);
    }
    expect(logged).toEqual(calls.map(([call]) => ({ event: 'authy.silent', facts: { call, why: 'timeout' } })));
  });

  it('the time limit is one for the whole call, on the clock that was passed in', async () => {
    const clock = new TestClock();
    const patient = connect({ timeoutMs: 5000 }, clock);
    const enrolment = await enrol();
    service.fail({ hang: true, cut: true }, 'verify');
    let outcome: unknown;
    const verifying = patient.verify(askedAbout(enrolment), '1234567').then((verified) => {
      outcome = verified;
    });
    while (!service.requests.some(({ call }) => call === 'verify')) await wait(5);
    clock.advance(4999);
    // A whole other exchange: whatever was about to happen has happened.
    expect(await patient.checkKey()).toMatchObject({ ok: true });
    expect(outcome).toBeUndefined();
    clock.advance(1);
    await verifying;
    expect(outcome).toEqual({ ok: false, reason: 'unavailable' });
  });

  it('calls that wait for a free connection have the same limit', async () => {
    const enrolment = await enrol();
    const hasty = connect({ timeoutMs: 150 });
    for (let n = 0; n < 8; n++) service.fail({ hang: true }, 'verify');
    const started = performance.now();
    const all = await Promise.all(Array.from({ length: 20 }, () => hasty.verify(askedAbout(enrolment), '1234567')));
    expect(performance.now() - started).toBeLessThan(2000);
    expect(all.filter((verified) => !verified.ok && verified.reason === 'unavailable').length).toBeGreaterThanOrEqual(
      8,
    );
    expect(all.some(({ ok }) => ok)).toBe(false);
  });

  it('a service that is away, or no HTTP at all, is unavailable', async () => {
    const enrolment: Enrolment = { id: 'e', factor: 'authy', data: { authyId: '5', phoneEnding: '67' }, createdAt: 0 };
    const noise = await listen((socket) => socket.resume().end('220 mail.example.com ESMTP\r\n'));
    expect(await connect({ baseUrl: noise.url }).verify(askedAbout(enrolment), '1234567')).toEqual({
      ok: false,
      reason: 'unavailable',
    });
    await noise.close();
    expect(await connect({ baseUrl: noise.url }).verify(askedAbout(enrolment), '1234567')).toEqual({
      ok: false,
      reason: 'unavailable',
    });
    expect(logged.map(({ facts }) => facts)).toEqual(Array(2).fill({ call: 'verify', why: 'unreachable' }));
  });

  it('a removal that fails throws nothing', async () => {
    const enrolment = await enrol();
    service.fail({ status: 500, body: 'x' }, 'remove');
    await expect(authy.remove(enrolment)).resolves.toBeUndefined();
  });

  it('works again after it failed, also over connections that died', async () => {
    const enrolment = await enrol();
    service.fail({ cut: true }, 'verify');
    await authy.verify(askedAbout(enrolment), '0000000');
    expect(await authy.verify(askedAbout(enrolment), await texted(enrolment))).toEqual({ ok: true });
  });
});

describe('a wrong key', () => {
  it('is told apart from a wrong code, and told to the operator', async () => {
    const enrolment = await enrol();
    const other = connect({ apiKey: 'another-key' });
    expect(await other.verify(askedAbout(enrolment), '1234567')).toEqual({ ok: false, reason: 'misconfigured' });
    expect(await other.send(askedAbout(enrolment), 'sms', true)).toEqual({ sent: false, reason: 'misconfigured' });
    expect(await other.begin(anna, 0)).toEqual({ ok: false, reason: 'misconfigured' });
    expect(await other.checkKey()).toEqual({ ok: false, reason: 'misconfigured' });
    expect(logged[0]).toEqual({
      event: 'authy.refused',
      facts: { call: 'verify', reason: 'misconfigured', status: 401, code: '60001', json: true },
    });
    expect(logged).toHaveLength(4);
  });

  it('can be found before it is saved', async () => {
    const options = { apiKey: KEY, baseUrl: service.url, emailDomain: 'example.com' };
    const needs = { clock: systemClock, log };
    expect(await checkAuthyKey(options, needs)).toEqual({ ok: true, name: 'Lucy' });
    expect(await checkAuthyKey({ ...options, apiKey: 'wrong' }, needs)).toEqual({ ok: false, reason: 'misconfigured' });
  });

  it('wrong codes and replays are no news to the operator', async () => {
    const enrolment = await enrol();
    await authy.verify(askedAbout(enrolment), '1234567');
    expect(logged).toEqual([]);
  });
});

async function listen(onSocket: Parameters<typeof createServer>[1]) {
  const server: Server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
