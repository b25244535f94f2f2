import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Secret } from 'otpauth';
import { MockAgent } from 'undici';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { AuthyOptionError } from '../../src/factors/authy/options.ts';
import { buildFactors } from '../../src/factors/registry.ts';
import { codeAt, stepAt } from '../../src/factors/totp/steps.ts';
import type { Enrolment, Identity } from '../../src/gate/types.ts';
import { askedAbout } from './asked.ts';

const open = vi.fn(() => new MockAgent().get('https://api.authy.com'));
const site = { service: 'Lucy', publicUrl: new URL('https://lucy.test') };
const mac = () => randomBytes(32);
const needs = { clock: systemClock, log: { warn: () => undefined }, randomBytes, open, mac, site };
const authy = { apiKey: 'key', baseUrl: 'https://api.authy.com', emailDomain: 'example.com' };
const connections: unknown[] = [];
const note = (message: unknown) => void connections.push(message);

beforeEach(() => {
  open.mockClear();
  connections.length = 0;
  for (const name of ['undici:client:beforeConnect', 'undici:request:create', 'net.client.socket'])
    subscribe(name, note);
});
afterEach(() => {
  for (const name of ['undici:client:beforeConnect', 'undici:request:create', 'net.client.socket'])
    unsubscribe(name, note);
});

it('without a configured provider nothing is opened and nothing leaves (I8)', async () => {
  const factors = buildFactors({ totp: { issuer: 'Lucy' } }, needs);
  const totp = factors.get('totp');
  if (totp === undefined) throw new Error('totp is off');
  const person = {
    identity: 'anna@example.com' as Identity,
    phone: { e164: '+41791234567', callingCode: '41', country: 'CH' },
  };
  const begun = await totp.begin(person, 0);
  if (!begun.ok) throw new Error(begun.reason);
  const enrolment: Enrolment = { id: 'e', factor: 'totp', data: begun.data, createdAt: 0 };
  const shown = await totp.instructions(enrolment, person);
  const code = codeAt(Secret.fromBase32(shown.totp?.secret ?? ''), stepAt(1e12), 6);
  expect(await totp.verify(askedAbout(enrolment, { now: 1e12 }), code)).toEqual({ ok: true, step: stepAt(1e12) });
  await totp.send(askedAbout(enrolment), 'sms', true);
  await totp.remove(enrolment);
  await factors.close();

  expect(factors.get('authy')).toBeUndefined();
  expect(factors.list()).toEqual([totp]);
  expect(open).not.toHaveBeenCalled();
  expect(connections).toEqual([]);
});

it('a provider that is configured is not called before somebody needs it', async () => {
  const { open: _pretend, ...real } = needs;
  const factors = buildFactors({ totp: { issuer: 'Lucy' }, authy }, real);
  expect(factors.list().map(({ id }) => id)).toEqual(['totp', 'authy']);
  expect(factors.get('authy')?.provider).toContain('Authy');
  await factors.close();
  expect(connections).toEqual([]);

  // What listens above would hear a call: here is one, to a port of this machine where nobody is.
  const alone = buildFactors({ authy: { ...authy, baseUrl: 'http://127.0.0.1:9' } }, real);
  expect(await alone.get('authy')?.checkKey?.()).toEqual({ ok: false, reason: 'unavailable' });
  await alone.close();
  expect(connections).not.toEqual([]);
});

it('each factor is on only when its options are there', async () => {
  const onlyAuthy = buildFactors({ authy }, needs);
  expect(onlyAuthy.list().map(({ id }) => id)).toEqual(['authy']);
  expect(onlyAuthy.get('totp')).toBeUndefined();
  expect(open).toHaveBeenCalledExactlyOnceWith('https://api.authy.com', 5000);
  expect(buildFactors({}, needs).list()).toEqual([]);
});

it('an unsafe option stops the building, with nothing opened', () => {
  expect(() => buildFactors({ authy: { ...authy, baseUrl: 'http://api.authy.com' } }, needs)).toThrow(AuthyOptionError);
  expect(open).not.toHaveBeenCalled();
});

it('an address that is known is reached by what the operator has: a provider of his own first', async () => {
  const { open: _pretend, ...real } = needs;
  const account = { accountSid: 'AC', authToken: 'a', serviceSid: 'VA', baseUrl: 'https://verify.test', timeoutMs: 1 };
  const request = { url: 'https://sms.test', method: 'POST', headers: {}, secrets: {}, success: {} } as const;
  const sms = { ...request, provider: 'SMS', digits: 6, lifeMs: 1, timeoutMs: 1 };
  const reach = (options: Parameters<typeof buildFactors>[0]) => {
    const { email, sms: text } = buildFactors(options, real).reach;
    return [email?.id, text?.id];
  };
  const texts = { ...account, channels: ['call', 'sms'] } as const;
  expect(reach({ authy })).toEqual([undefined, undefined]);
  expect(reach({ verify: texts })).toEqual([undefined, 'verify']);
  expect(reach({ verify: { ...account, channels: ['email'] } })).toEqual(['verify', undefined]);
  expect(reach({ verify: texts, sms })).toEqual([undefined, 'sms']);
});
