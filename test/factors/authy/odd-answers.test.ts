/** Answers that no server of ours can give: bytes and headers as they come out of undici, with the network off. */
import { MockAgent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthy } from '../../../src/factors/authy/authy.ts';
import { createClient } from '../../../src/factors/authy/client.ts';
import { jsonObject, LONGEST_ANSWER } from '../../../src/factors/exchange.ts';
import type { Enrolment } from '../../../src/gate/types.ts';
import { TestClock } from '../../fakes/clock.ts';
import { askedAbout } from '../asked.ts';

const ORIGIN = 'https://api.authy.com';
const enrolment: Enrolment = { id: 'e', factor: 'authy', data: { authyId: '123', phoneEnding: '67' }, createdAt: 0 };
let agent: MockAgent;

beforeEach(() => {
  agent = new MockAgent();
  agent.disableNetConnect();
});
afterEach(async () => {
  agent.assertNoPendingInterceptors();
  await agent.close();
});

function authy() {
  return createAuthy(
    { apiKey: 'key', baseUrl: ORIGIN, emailDomain: 'example.com' },
    { clock: new TestClock(), log: { warn: () => undefined }, open: (origin) => agent.get(origin) },
  );
}

function onVerify() {
  return agent.get(ORIGIN).intercept({
    path: '/protected/json/verify/0012345/123',
    query: { force: 'true' },
    headers: { 'x-authy-api-key': 'key' },
  });
}

describe('verify', () => {
  it('asks the real service, with leading zeros kept', async () => {
    onVerify().reply(200, { message: 'Token is valid.', token: 'is valid', success: 'true' });
    expect(await authy().verify(askedAbout(enrolment), '0012345')).toEqual({ ok: true });
  });

  it.each<[string, number, string | Buffer, string]>([
    ['a byte order mark', 401, '\ufeff{"error_code":"60020","success":false}', 'wrong'],
    ['bytes that are no UTF-8', 200, Buffer.from([0xff, 0xfe, 0x7b]), 'unavailable'],
    ['JSON of a string', 200, '"is valid"', 'unavailable'],
    ['JSON null', 200, 'null', 'unavailable'],
    ['JSON true', 200, 'true', 'unavailable'],
    [
      'a key twice, the last one wins and it is no',
      200,
      '{"token":"is valid","token":"is invalid","success":"true"}',
      'wrong',
    ],
    ['a prototype that says yes', 200, '{"__proto__":{"token":"is valid","success":"true"}}', 'unavailable'],
    ['plain text of an unknown address', 401, 'Requested URL was not found.', 'misconfigured'],
    ['half of a JSON text', 200, '{"token":"is valid","success":"true"', 'unavailable'],
    ['deep nesting', 200, '['.repeat(60_000), 'unavailable'],
  ])('is no pass: %s', async (_name, status, body, reason) => {
    onVerify().reply(status, body);
    expect(await authy().verify(askedAbout(enrolment), '0012345')).toEqual({ ok: false, reason });
  });

  it('an error of the transport is no pass and says nothing of the request', async () => {
    onVerify().replyWithError(new Error('key 0012345'));
    expect(await authy().verify(askedAbout(enrolment), '0012345')).toEqual({ ok: false, reason: 'unavailable' });
  });
});

describe('the longest answer', () => {
  const ask = async (length: number) => {
    const client = createClient({ apiKey: 'key', basePath: '', timeoutMs: 5000 }, agent.get(ORIGIN), new TestClock());
    agent
      .get(ORIGIN)
      .intercept({ path: '/protected/json/app/details' })
      .reply(200, `{"a":"${'x'.repeat(length - 8)}"}`);
    return client.call({ method: 'GET', path: 'app/details' });
  };

  it('is read', async () => {
    expect(await ask(LONGEST_ANSWER)).toMatchObject({ ok: true, answer: { status: 200, body: {} } });
  });

  it('one byte more is not', async () => {
    expect(await ask(LONGEST_ANSWER + 1)).toEqual({ ok: false, why: 'too-large' });
  });
});

it('a body is a JSON object or nothing', () => {
  expect(jsonObject(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
  for (const text of ['', ' ', '[]', '1', '{"a":1}x', '<html>']) expect(jsonObject(Buffer.from(text))).toBeUndefined();
});
