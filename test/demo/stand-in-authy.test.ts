/** The stand-in speaks as the service was recorded to speak; otherwise tests against it would prove nothing. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StandInAuthy, type StandInText, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { TestClock } from '../fakes/clock.ts';

let service: StandInAuthy;
let clock: TestClock;
let delivered: StandInText[];

beforeEach(async () => {
  clock = new TestClock();
  delivered = [];
  service = await startStandInAuthy({ apiKey: 'key', clock, onText: (text) => void delivered.push(text) });
});
afterEach(() => service.close());

async function ask(method: string, path: string, body?: string | URLSearchParams, contentType?: string, key = 'key') {
  const headers = { 'x-authy-api-key': key, ...(contentType === undefined ? {} : { 'content-type': contentType }) };
  const whole = path.startsWith('/') ? path : `/protected/json/${path}`;
  const answer = await fetch(service.url + whole, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text, json: parsed(text) };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

const form = (fields: Record<string, string> = {}) =>
  new URLSearchParams({
    'user[email]': 'anna@example.com',
    'user[cellphone]': '79 123-45.67',
    'user[country_code]': '41',
    send_install_link_via_sms: 'false',
    ...fields,
  });

async function create(fields: Record<string, string> = {}): Promise<string> {
  const { json } = await ask('POST', 'users/new', form(fields));
  const user = json['user'];
  return user !== null && typeof user === 'object' && 'id' in user ? String(user.id) : '';
}

async function textedToken(id: string): Promise<string> {
  await ask('GET', `sms/${id}?force=true`);
  return /\d{7}/.exec(delivered.at(-1)?.body ?? '')?.[0] ?? '';
}

describe('users', () => {
  it('the phone is the key: same phone, same id, in both body shapes and after a removal', async () => {
    const id = await create();
    expect(await create({ 'user[email]': 'other@example.com' })).toBe(id);
    const nested = {
      user: { email: 'a@example.com', cellphone: '791234567', country_code: 41 },
      send_install_link_via_sms: false,
    };
    const { json } = await ask('POST', 'users/new', JSON.stringify(nested), 'application/json');
    expect(json).toEqual({ message: 'User created successfully.', user: { id: Number(id) }, success: true });
    await ask('POST', `users/${id}/remove`);
    expect(await create()).toBe(id);
    expect(await create({ 'user[cellphone]': '791234568' })).not.toBe(id);
    expect(delivered).toEqual([]);
  });

  it('texts an install link unless it is refused', async () => {
    await create({ send_install_link_via_sms: 'true' });
    const body = form();
    body.delete('send_install_link_via_sms');
    await ask('POST', 'users/new', body);
    expect(delivered).toHaveLength(2);
    expect(delivered[0]?.to).toBe('+41791234567');
  });

  it('refuses bad fields as 60027 with a reason each, twice', async () => {
    const { status, json } = await ask('POST', 'users/new', form({ 'user[cellphone]': 'abc', 'user[email]': '' }));
    expect(status).toBe(400);
    expect(json).toMatchObject({ error_code: '60027', success: false, cellphone: 'is invalid', email: 'is invalid' });
    expect(json['errors']).toMatchObject({ message: 'User was not valid', cellphone: 'is invalid' });
  });

  it.each(['users/ID/remove', 'users/ID/delete', 'users/delete/ID'])('removal as %s', async (path) => {
    const id = await create();
    const token = await textedToken(id);
    expect(await ask('POST', path.replace('ID', id))).toMatchObject({ status: 200, json: { success: true } });
    expect(await ask('GET', `users/${id}/status`)).toMatchObject({ status: 404, json: { error_code: '60026' } });
    expect(await ask('POST', path.replace('ID', id))).toMatchObject({ status: 404 });
    // As with the service, tokens live on for a day.
    expect(await ask('GET', `verify/${token}/${id}?force=true`)).toMatchObject({ status: 200 });
    clock.advance(24 * 3_600_000);
    expect(await ask('GET', `verify/${token}/${id}?force=true`)).toMatchObject({ status: 404 });
  });

  it('status tells who confirmed and who has the app', async () => {
    const id = await create();
    const status = async () => (await ask('GET', `users/${id}/status`)).json['status'];
    expect(await status()).toMatchObject({ authy_id: Number(id), confirmed: false, registered: false, devices: [] });
    service.register(id);
    await ask('GET', `verify/${service.appToken(id)}/${id}?force=true`);
    expect(await status()).toMatchObject({ confirmed: true, registered: true, phone_number: 'XXX-XXX-4567' });
  });
});

describe('tokens', () => {
  it('a texted token is good once', async () => {
    const id = await create();
    const token = await textedToken(id);
    const first = await ask('GET', `verify/${token}/${id}?force=true`);
    expect(first).toMatchObject({
      status: 200,
      json: { success: 'true', token: 'is valid', message: 'Token is valid.' },
    });
    const second = await ask('GET', `verify/${token}/${id}?force=true`);
    expect(second).toMatchObject({ status: 401, json: { error_code: '60019', success: false } });
    expect(second.json).not.toHaveProperty('token');
  });

  it('a wrong one is 60020, an unknown user 404', async () => {
    const id = await create();
    const token = await textedToken(id);
    const other = token === '1111111' ? '2222222' : '1111111';
    expect(await ask('GET', `verify/${other}/${id}?force=true`)).toMatchObject({
      status: 401,
      json: { token: 'is invalid', error_code: '60020', success: false },
    });
    expect(await ask('GET', `verify/${token}/999999?force=true`)).toMatchObject({ status: 404 });
    expect(await ask('GET', `verify/${token}/tony?force=true`)).toMatchObject({ status: 404 });
  });

  it('is not enforced without force, until the person used one or has the app', async () => {
    const id = await create();
    const loose = () => ask('GET', `verify/0000000/${id}`);
    expect(await loose()).toMatchObject({ status: 200, json: { token: 'is valid' } });
    await ask('GET', `verify/${await textedToken(id)}/${id}?force=true`);
    expect(await loose()).toMatchObject({ status: 401 });
    const other = await create({ 'user[cellphone]': '791234599' });
    service.register(other);
    expect(await ask('GET', `verify/0000000/${other}`)).toMatchObject({ status: 401 });
  });

  it('one of another user, or one that is old, is wrong', async () => {
    const id = await create();
    const other = await create({ 'user[cellphone]': '791234599' });
    const token = await textedToken(id);
    expect(await ask('GET', `verify/${token}/${other}?force=true`)).toMatchObject({ status: 401 });
    clock.advance(10 * 60_000);
    expect(await ask('GET', `verify/${token}/${id}?force=true`)).toMatchObject({ status: 401 });
  });

  it('the app’s token has seven digits, moves on, and is good once', async () => {
    const id = await create();
    expect(() => service.appToken(id)).toThrow(RangeError);
    service.register(id);
    const token = service.appToken(id);
    expect(token).toMatch(/^\d{7}$/);
    expect(await ask('GET', `verify/${token}/${id}?force=true`)).toMatchObject({ status: 200 });
    expect(await ask('GET', `verify/${token}/${id}?force=true`)).toMatchObject({ json: { error_code: '60019' } });
    clock.advance(60_000);
    expect(service.appToken(id)).not.toBe(token);
    expect(() => service.register('999999')).toThrow(RangeError);
  });
});

describe('texts and calls', () => {
  it('go out with seven digits, to the whole number, in the language asked for', async () => {
    const id = await create();
    const { json } = await ask('GET', `sms/${id}?locale=pt-BR`);
    expect(json).toEqual({ success: true, message: 'SMS token was sent', cellphone: '+41-XXX-XXX-XX67' });
    await ask('GET', `call/${id}`);
    expect(delivered).toEqual([
      { to: '+41791234567', channel: 'sms', locale: 'pt-BR', body: expect.stringMatching(/^\d{7} is your Lucy/) },
      { to: '+41791234567', channel: 'call', body: expect.stringMatching(/^\d{7} /) },
    ]);
    expect(service.texts).toEqual(delivered);
  });

  it.each(['sms', 'call'])('%s is ignored for who has the app, unless forced', async (channel) => {
    const id = await create();
    service.register(id);
    expect(await ask('GET', `${channel}/${id}`)).toMatchObject({ status: 200, json: { ignored: true, success: true } });
    expect(delivered).toEqual([]);
    expect((await ask('GET', `${channel}/${id}?force=true`)).json).not.toHaveProperty('ignored');
    expect(delivered).toHaveLength(1);
  });

  it('to an unknown user are 404', async () => {
    expect(await ask('GET', 'sms/999999?force=true')).toMatchObject({ status: 404, json: { error_code: '60026' } });
  });
});

describe('the door', () => {
  it('takes one key', async () => {
    expect(await ask('GET', 'app/details')).toMatchObject({
      status: 200,
      json: { app: { name: 'Lucy' }, success: true },
    });
    const refused = await ask('GET', 'app/details', undefined, undefined, 'wrong');
    expect(refused).toMatchObject({ status: 401, json: { error_code: '60001', success: false } });
  });

  it('answers an unknown address in plain text', async () => {
    expect(await ask('GET', 'nothing/here')).toMatchObject({ status: 401, type: 'text/plain' });
    expect(await ask('POST', 'app/details')).toMatchObject({ status: 401, type: 'text/plain' });
  });

  it('keeps what it was asked', async () => {
    await create();
    expect(service.requests).toMatchObject([
      {
        method: 'POST',
        url: '/protected/json/users/new',
        call: 'create',
        headers: { 'x-authy-api-key': 'key' },
        body: form().toString(),
      },
    ]);
  });

  it('refuses a body without end', async () => {
    await expect(ask('POST', 'users/new', 'x'.repeat(100_000))).rejects.toThrow();
    expect(await ask('GET', 'app/details')).toMatchObject({ status: 200 });
  });
});

describe('scripted failures', () => {
  it('happen once each, in order, where they were meant', async () => {
    service.fail({ status: 500, body: 'oops' }, 'details');
    service.fail({ status: 429, body: { error_code: '60003' } });
    service.fail({ status: 200, body: '<html>', contentType: 'text/html' });
    expect(await ask('GET', 'sms/1')).toMatchObject({ status: 429, json: { error_code: '60003' } });
    expect(await ask('GET', 'app/details')).toMatchObject({ status: 500, text: 'oops' });
    expect(await ask('GET', 'app/details')).toMatchObject({ status: 200, text: '<html>', type: 'text/html' });
    expect(await ask('GET', 'app/details')).toMatchObject({ status: 200, json: { success: true } });
  });

  it('cut breaks off in the body; close ends what hangs', async () => {
    service.fail({ cut: true });
    await expect(ask('GET', 'app/details')).rejects.toThrow();
    service.fail({ hang: true });
    const hanging = expect(ask('GET', 'app/details')).rejects.toThrow();
    while (service.requests.length < 2) await new Promise(setImmediate);
    await service.close();
    await hanging;
  });

  it('a late answer comes when its time has come', async () => {
    service.fail({ delayMs: 3000 });
    let answered = false;
    const asking = ask('GET', 'app/details').then((answer) => {
      answered = true;
      return answer;
    });
    while (service.requests.length < 1) await new Promise(setImmediate);
    clock.advance(2999);
    await new Promise(setImmediate);
    expect(answered).toBe(false);
    clock.advance(1);
    expect(await asking).toMatchObject({ status: 200 });
  });
});

describe('requests in the app', () => {
  const request = (id: string, fields: Record<string, string> = {}) =>
    ask(
      'POST',
      `/onetouch/json/users/${id}/approval_requests`,
      new URLSearchParams({ message: 'Sign in?', 'details[Account]': 'anna', seconds_to_expire: '120', ...fields }),
    );
  const status = async (uuid: unknown) => {
    const { json } = await ask('GET', `/onetouch/json/approval_requests/${String(uuid)}`);
    return json['approval_request'];
  };

  it('are for users who have the app, and stand as they were answered, or over', async () => {
    const id = await create();
    expect(await request(id)).toMatchObject({ status: 400, json: { error_code: '60050' } });
    service.register(id);
    for (const _ of [1, 2]) expect(await request(id)).toMatchObject({ status: 200, json: { success: true } });
    const [one, two] = service.pushes;
    expect(one).toMatchObject({ authyId: id, message: 'Sign in?', details: { Account: 'anna' }, secondsToExpire: 120 });
    const record = { uuid: one?.uuid, _authy_id: Number(id), status: 'pending', processed_at: null };
    expect(await status(one?.uuid)).toMatchObject(record);
    service.tap(one?.uuid ?? '', 'denied');
    expect(await status(one?.uuid)).toMatchObject({ status: 'denied', processed_at: expect.any(String) });
    expect(() => service.tap(one?.uuid ?? '', 'approved')).toThrow(RangeError);
    clock.advance(120_000);
    expect(await status(two?.uuid)).toMatchObject({ status: 'expired' });
    expect(() => service.tap(two?.uuid ?? '', 'approved')).toThrow(RangeError);
  });

  it('last a day when nothing is said, and for ever with 0', async () => {
    const id = await create();
    service.register(id);
    await request(id, { seconds_to_expire: '' });
    await ask('POST', `/onetouch/json/users/${id}/approval_requests`, new URLSearchParams({ message: 'Sign in?' }));
    await request(id, { seconds_to_expire: '0' });
    expect(service.pushes.map(({ secondsToExpire }) => secondsToExpire)).toEqual([86_400, 0]);
    clock.advance(86_400_000);
    expect(await status(service.pushes[0]?.uuid)).toMatchObject({ status: 'expired' });
    expect(await status(service.pushes[1]?.uuid)).toMatchObject({ status: 'pending' });
  });

  it.each([
    ['no message', { message: '' }],
    ['a long message', { message: 'x'.repeat(145) }],
    ['a long name of a detail', { [`details[${'x'.repeat(21)}]`]: 'y' }],
  ])('are refused: %s', async (_name, fields) => {
    const id = await create();
    service.register(id);
    expect(await request(id, fields)).toMatchObject({ status: 400, json: { error_code: '60080' } });
  });

  it('are unknown by another name', async () => {
    const answer = await ask('GET', '/onetouch/json/approval_requests/nobody');
    expect(answer).toMatchObject({ status: 404, json: { success: false, errors: {}, error_code: '60049' } });
    expect(await request('99')).toMatchObject({ status: 404, json: { error_code: '60026' } });
  });
});
