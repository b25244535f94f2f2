/**
 * Authy calls the gateway: a denial is heard although nobody waits, an approval is still collected by its own login alone, and
 * whoever else calls is nobody. Two gateways share the store, and the call reaches the one that does not have the login.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StandInPush } from '../../src/demo/stand-in-authy.ts';
import type { Identity } from '../../src/gate/types.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { type CallFacts, callAbout, type SignedCall } from '../fakes/authy-calls.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { type Header, RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { SharedStore } from '../fakes/shared-store.ts';
import { raw } from './attack-steps.ts';
import { ALICE, Harness, type HarnessOptions } from './harness.ts';
import { expectNothingLeaked } from './witness.ts';

const KEY = 'test-key-of-the-stand-in';
const PUSH = '/_2fa/challenge/push';
const HERE = '/_2fa/callbacks/authy';
const MINUTE = 60_000;
const WAY = 'a-alice';
const GATEWAY_FIRST = {
  mode: 'gateway-first',
  login: null,
  whoami: null,
  logout: [{ path: '/admin/logout' }],
  routes: [{ class: 'static', path: '/favicon.ico' }],
};
let h: Harness;
let writes: string[];
let earlier: number;
/** Beginning of keys that the store does not take. */
let unwritable: string | undefined;

beforeEach(() => start());
afterEach(() => h.close());

async function start(options: HarnessOptions = {}): Promise<void> {
  h = await Harness.start({
    pushCallback: true,
    trustedProxies: ['127.0.0.1'],
    stores: (clock) => {
      const shared = new SharedStore(clock);
      return [watched(shared.member()), watched(shared.member())];
    },
    ...options,
  });
  writes = [];
  earlier = 0;
  unwritable = undefined;
}

/** Notes what is written to the counters. */
function watched(store: Store): Store {
  const { counters } = store;
  const update: typeof counters.update = (key, change) =>
    counters.update(key, (current) => {
      if (unwritable !== undefined && key.startsWith(unwritable))
        throw new StoreError('unwritable', 'the disk is full');
      const made = change(current);
      if (made.write !== undefined) writes.push(key);
      return made;
    });
  return Object.create(store, {
    counters: { value: { get: (key: string) => counters.get(key), entries: () => counters.entries(), update } },
  });
}

/** Puts Authy in place, with the app on the phone, and has somebody with the password ask for a request in it. */
async function asked(): Promise<{ browser: FakeBrowser; waiting: Page; push: StandInPush }> {
  const created = await fetch(`${h.authy.url}/protected/json/users/new`, {
    method: 'POST',
    headers: { 'x-authy-api-key': KEY },
    body: new URLSearchParams({
      'user[email]': ALICE.email,
      'user[cellphone]': '791234567',
      'user[country_code]': '41',
    }),
  });
  const { user } = (await created.json()) as { user: { id: number } };
  const data = { authyId: String(user.id), phoneEnding: '67' };
  h.authy.register(data.authyId);
  await h.store.users.update(ALICE.email, () => ({
    write: {
      identity: ALICE.email as Identity,
      enrolments: [{ id: WAY, factor: 'authy', data, createdAt: h.clock.now() }],
      factorVersion: 1,
    },
    result: undefined,
  }));
  const browser = h.browser();
  const waiting = await browser.submit(await h.logIn(browser, ALICE), { channel: 'push' });
  expect(waiting.url.pathname).toBe(PUSH);
  const push = h.authy.pushes.at(-1);
  if (push === undefined) throw new Error('no request was sent');
  writes = [];
  earlier = allPolls();
  return { browser, waiting, push };
}

/** `hasBody`: a GET with one. */
type Sent = SignedCall & { readonly hasBody?: boolean };

function signed(push: StandInPush, facts: Partial<CallFacts> = {}): SignedCall {
  return callAbout(push, { key: KEY, url: `${h.origin}${HERE}`, at: h.clock.now(), ...facts });
}

/** @param from the address of the caller, as the proxy in front says it */
async function call(
  { method, target, headers, body, hasBody = false }: Sent,
  more: readonly Header[] = [],
  from = '192.0.2.9',
) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const sent = method === 'POST' || hasBody ? bytes : undefined;
  return raw(h, method, target, [...headers, ['X-Forwarded-For', from], ...more], sent);
}

/** How often the service was asked since somebody waits. */
const polls = () => allPolls() - earlier;
const allPolls = () => h.authy.requests.filter(({ call: made }) => made === 'poll').length;
const refusals = () =>
  h.logged.filter((line) => line.includes('callback_refused')).map((line) => JSON.parse(line).reason);
async function stateOfAccount() {
  const guesses = (await h.store.counters.get(`guess:${ALICE.email}`))?.['count'] ?? 0;
  const events = (await h.store.counters.get(`events:${ALICE.email}`))?.['events'];
  const kinds = JSON.stringify(events ?? []).match(/push-denied/g)?.length ?? 0;
  return { guesses, told: kinds };
}
async function askAgain(): Promise<Page> {
  const browser = h.browser();
  return browser.submit(await h.logIn(browser, ALICE), { channel: 'push' });
}

describe('a denial', () => {
  it.each(['POST', 'GET'] as const)(
    'counts at once although nobody waits, and stops requests for an hour: %s',
    async (method) => {
      const { push } = await asked();
      h.authy.tap(push.uuid, 'denied');
      const answer = await call(signed(push, { method }));
      expect([answer.status, answer.body.length, answer.setCookie]).toEqual([204, 0, []]);
      expect(await stateOfAccount()).toEqual({ guesses: 1, told: 1 });
      expect(polls()).toBe(1);
      h.clock.advance(59 * MINUTE);
      expect((await askAgain()).html).toContain('No more requests are sent to your app');
      expect([polls(), h.authy.pushes.length]).toEqual([1, 1]);
      h.clock.advance(MINUTE);
      expect((await askAgain()).url.pathname).toBe(PUSH);
      expect(await stateOfAccount()).toEqual({ guesses: 1, told: 1 });
    },
  );

  it('tells the person which browser asked', async () => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    expect((await call(signed(push))).status).toBe(204);
    const events = JSON.stringify((await h.store.counters.get(`events:${ALICE.email}`))?.['events']);
    expect(events).toContain('"address":"127.0.0.1"');
    expect(events).not.toContain('192.0.2.9');
  });

  it('ends the login of whoever waits, and counts once', async () => {
    const { browser, waiting, push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    const told = await call(signed(push));
    expect(told.status).toBe(204);
    expect((await browser.get(`${PUSH}/state?way=${WAY}`, { as: 'fetch' })).html).toBe('{"wait":false}');
    const stopped = await browser.post(PUSH, { csrf: waiting.hidden['csrf'] ?? '', way: WAY });
    expect([stopped.status, stopped.html]).toEqual([403, expect.stringContaining('Signing in was stopped')]);
    expect([await stateOfAccount(), polls()]).toEqual([{ guesses: 1, told: 1 }, 1]);
    expectNothingLeaked(h, browser);
  });

  it('is heard as well when it comes after the request has ended', async () => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    h.clock.advance(130_000);
    expect((await call(signed(push))).status).toBe(204);
    expect(await stateOfAccount()).toEqual({ guesses: 1, told: 1 });
  });
});

describe('an approval', () => {
  it('is collected once, by the form of its own login, and needs no further question', async () => {
    const { browser, waiting, push } = await asked();
    h.authy.tap(push.uuid, 'approved');
    expect((await call(signed(push, { status: 'approved' }))).status).toBe(204);
    expect(polls()).toBe(1);
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    expect((await browser.get(`${PUSH}/state?way=${WAY}`, { as: 'fetch' })).html).toBe('{"wait":false}');
    const csrf = waiting.hidden['csrf'] ?? '';
    const [one, two] = await Promise.all([
      browser.post(PUSH, { csrf, way: WAY }),
      browser.post(PUSH, { csrf, way: WAY }),
    ]);
    const inside = [one, two].filter(({ html }) => html.includes(h.app.secretOf(ALICE.email)));
    expect([inside.length, polls()]).toEqual([1, 1]);
  });

  it('that only the call tells of lets nobody in', async () => {
    const { browser, waiting, push } = await asked();
    expect((await call(signed(push, { status: 'approved' }))).status).toBe(204);
    expect((await browser.get(`${PUSH}/state?way=${WAY}`, { as: 'fetch' })).html).toBe('{"wait":true}');
    const still = await browser.post(PUSH, { csrf: waiting.hidden['csrf'] ?? '', way: WAY });
    expect(still.url.pathname).toBe(PUSH);
    expectNothingLeaked(h, browser);
  });

  it('in the name of somebody else, or of a request that nobody knows, asks nobody and looks like any other', async () => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    expect((await call(signed(push, { authyId: '99' }))).status).toBe(204);
    expect((await call(signed(push, { uuid: '00000000-0000-0000-0000-000000000000' }))).status).toBe(204);
    expect([polls(), await stateOfAccount()]).toEqual([0, { guesses: 0, told: 0 }]);
  });

  it('that was heard is not asked about again, however often the call is signed anew', async () => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'approved');
    for (let i = 0; i < 3; i += 1) {
      expect((await call(signed(push))).status).toBe(204);
      h.clock.advance(1000);
    }
    expect(polls()).toBe(1);
  });

  it('of a request that another has followed asks about neither', async () => {
    const { browser, push } = await asked();
    h.clock.advance(130_000);
    const prompt = await browser.get(`/_2fa/challenge?way=${WAY}`);
    expect((await browser.submit(prompt, { channel: 'push' })).url.pathname).toBe(PUSH);
    expect(h.authy.pushes).toHaveLength(2);
    earlier = allPolls();
    expect([(await call(signed(push))).status, polls()]).toEqual([204, 0]);
  });

  it('after the method was removed asks nobody', async () => {
    const { push } = await asked();
    await h.store.users.update(ALICE.email, (user) => ({
      write: { ...user, identity: ALICE.email as Identity, enrolments: [], factorVersion: 2 },
      result: undefined,
    }));
    expect([(await call(signed(push))).status, polls()]).toEqual([204, 0]);
  });
});

describe('a call that is refused', () => {
  it('comes a second time, at either gateway, also at the same moment', async () => {
    const { push } = await asked();
    const one = signed(push);
    const statuses = (await Promise.all(Array.from({ length: 6 }, () => call(one)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([204, 403, 403, 403, 403, 403]);
    h.clock.advance(5 * MINUTE);
    expect((await call(one)).status).toBe(403);
    expect([polls(), new Set(refusals())]).toEqual([1, new Set(['replayed'])]);
  });

  it.each<[string, (push: StandInPush) => Sent, string]>([
    ['is five minutes old', (push) => signed(push, { at: h.clock.now() - 5 * MINUTE - 1000 }), 'old'],
    ['is of the future', (push) => signed(push, { at: h.clock.now() + MINUTE + 1000 }), 'early'],
    ['has no signature', (push) => ({ ...signed(push), headers: [['Content-Type', 'application/json']] }), 'signature'],
    ['is signed with another key', (push) => signed(push, { key: `${KEY}x` }), 'signature'],
    ['was changed', (push) => changed(signed(push), '"status":"denied"', '"status":"approved"'), 'signature'],
    ['was signed for another address', (push) => signed(push, { url: `https://evil.test${HERE}` }), 'signature'],
    ['has two signatures', (push) => twice(signed(push), 'X-Authy-Signature'), 'signature'],
    ['has two nonces', (push) => twice(signed(push), 'X-Authy-Signature-Nonce'), 'signature'],
    [
      'says a name twice',
      (push) => changed(signed(push), '"status":"denied"', '"status":"x","status":"denied"'),
      'malformed',
    ],
    ['is no JSON', (push) => ({ ...signed(push), body: '{' }), 'malformed'],
    [
      'is no UTF-8',
      (push) => ({ ...signed(push), body: Buffer.from(String(signed(push).body), 'latin1') }),
      'malformed',
    ],
    ['goes deep', (push) => ({ ...signed(push), body: `${'{"a":'.repeat(40)}1${'}'.repeat(40)}` }), 'malformed'],
    ['has many fields', (push) => ({ ...signed(push), body: JSON.stringify({ a: Array(300).fill(1) }) }), 'malformed'],
    ['has a query too', (push) => ({ ...signed(push), target: `${HERE}?a=1` }), 'malformed'],
    [
      'has a body with its query',
      (push) => ({ ...signed(push, { method: 'GET' }), hasBody: true, body: 'x' }),
      'malformed',
    ],
    [
      'has a field of its query twice',
      (push) => withQuery(signed(push, { method: 'GET' }), '&status=denied'),
      'malformed',
    ],
    ['has more in its query', (push) => withQuery(signed(push, { method: 'GET' }), '&x=1'), 'signature'],
  ])('%s', async (_name, made, reason) => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    const answer = await call(made(push));
    expect([answer.status, answer.body.length, answer.setCookie]).toEqual([403, 0, []]);
    expect([polls(), writes, refusals()]).toEqual([0, [], [reason]]);
    expect(await stateOfAccount()).toEqual({ guesses: 0, told: 0 });
    expect(h.logged.join()).not.toContain(push.uuid);
  });

  it('believes no header about its address', async () => {
    const { push } = await asked();
    const forged = signed(push, { url: `https://evil.test${HERE}` });
    const headers: Header[] = [
      ['X-Forwarded-Host', 'evil.test'],
      ['X-Forwarded-Proto', 'https'],
    ];
    expect([(await call(forged, headers)).status, polls()]).toEqual([403, 0]);
  });

  it('has another method, type or length', async () => {
    const { push } = await asked();
    const one = signed(push);
    const statusOf = async (made: SignedCall, more: readonly Header[] = []) => (await call(made, more)).status;
    const withType = (type: string): SignedCall => ({
      ...one,
      headers: one.headers.map(([name, value]) => [name, name === 'Content-Type' ? type : value]),
    });
    const put = await raw(h, 'PUT', HERE, [['Content-Length', '0']]);
    expect([put.status, put.header('allow')]).toEqual([405, 'GET, POST']);
    expect((await raw(h, 'OPTIONS', HERE)).status).toBe(405);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-7']) {
      expect(await statusOf(withType(type))).toBe(415);
    }
    expect(await statusOf(one, [['Content-Encoding', 'gzip']])).toBe(415);
    expect(await statusOf({ ...one, body: `${one.body}${' '.repeat(16_384)}` })).toBe(413);
    const chunked = await raw(
      h,
      'POST',
      HERE,
      [...one.headers, ['Transfer-Encoding', 'chunked']],
      `5000\r\n${' '.repeat(0x5000)}\r\n0\r\n\r\n`,
    );
    expect([chunked.status, chunked.header('connection')]).toEqual([413, 'close']);
    expect(polls()).toBe(0);
    expect(await statusOf(withType('application/json; charset=utf-8'))).toBe(204);
  });
});

it('a call that never ends is cut off', async () => {
  const { push } = await asked();
  const { headers, body } = signed(push);
  const after = vi.spyOn(h.clock, 'after');
  const caller = await RawConnection.open(h.port);
  const framing: Header[] = [
    ['Host', new URL(h.origin).host],
    ['Content-Length', '15000'],
  ];
  caller.send(rawBytes('POST', HERE, [...headers, ...framing], body));
  while (!after.mock.calls.some(([ms]) => ms === 10_000)) await new Promise((resolve) => setImmediate(resolve));
  h.clock.advance(10_000);
  await caller.waitForClose();
  expect([caller.isClosed, caller.received.length, polls()]).toEqual([true, 0, 0]);
});

describe('while the service cannot be asked', () => {
  it.each([
    ['503', { status: 503, body: {} }],
    ['a wrong key', { status: 401, body: { success: false, error_code: '60001' } }],
    [
      'an answer about another request',
      { status: 200, body: { success: true, approval_request: { status: 'denied' } } },
    ],
  ])('nothing changes, and the same call may come again: %s', async (_name, failure) => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    const one = signed(push);
    h.authy.fail(failure, 'poll');
    expect((await call(one)).status).toBe(503);
    expect(await stateOfAccount()).toEqual({ guesses: 0, told: 0 });
    expect(writes.filter((key) => !key.startsWith('called:'))).toEqual([]);
    expect((await call(one)).status).toBe(204);
    expect(await stateOfAccount()).toEqual({ guesses: 1, told: 1 });
    expect((await call(one)).status).toBe(403);
  });

  it.each(['called:', 'question:'])('nor the store: %s', async (prefix) => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    const one = signed(push);
    unwritable = prefix;
    expect((await call(one)).status).toBe(503);
    unwritable = undefined;
    expect(await stateOfAccount()).toEqual({ guesses: 0, told: 0 });
    expect([(await call(one)).status, await stateOfAccount()]).toEqual([204, { guesses: 1, told: 1 }]);
  });
});

describe('junk', () => {
  it('of one address is written nowhere and stops being logged, and keeps no right call waiting', async () => {
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    const junk = signed(push, { key: 'guessed' });
    const statuses: number[] = [];
    for (let i = 0; i < 60; i += 1) statuses.push((await call(junk)).status);
    // Each of the two gateways counts by itself.
    expect([statuses.filter((status) => status === 403).length, statuses.slice(40)]).toEqual([40, Array(20).fill(429)]);
    expect([writes, refusals().length]).toEqual([[], 40]);
    const late = await call(junk);
    expect([late.status, late.header('retry-after')]).toEqual([429, '600']);
    expect((await call(junk, [], '192.0.2.10')).status).toBe(403);
    expect((await call(signed(push))).status).toBe(204);
    expect(await stateOfAccount()).toEqual({ guesses: 1, told: 1 });
  });
});

describe('the address', () => {
  it('reads no session, whatever cookie comes along', async () => {
    const { push, browser } = await asked();
    const id = browser.cookie('lucy2fa') ?? '';
    const two: Header = ['Cookie', `lucy2fa=${id}; lucy2fa=other`];
    expect(
      (await call(signed(push), [two, ['Origin', 'https://evil.test'], ['Sec-Fetch-Site', 'cross-site']])).status,
    ).toBe(204);
    expect(h.logged.join()).not.toContain('session_cookie_duplicated');
  });

  it('is nothing where it is off, and nothing of the application either', async () => {
    await h.close();
    await start({ pushCallback: false });
    const { push } = await asked();
    h.authy.tap(push.uuid, 'denied');
    for (const method of ['POST', 'GET'] as const) expect((await call(signed(push, { method }))).status).toBe(404);
    expect([polls(), refusals()]).toEqual([0, []]);
    await h.close();
    await start();
    for (const path of [
      '/_2fa/callbacks/totp',
      '/_2fa/callbacks/',
      '/_2fa/callbacks/authy/',
      '/_2fa/callbacks/Authy',
    ]) {
      expect((await raw(h, 'GET', path)).status).toBe(404);
    }
  });

  it('is there before the factor where that comes first', async () => {
    await h.close();
    await start({ profile: GATEWAY_FIRST });
    const push = { uuid: '8d03ef10-bdbe-0134', authyId: '1', message: 'x', details: {}, secondsToExpire: 120 };
    expect((await call(signed(push))).status).toBe(204);
    expect((await call(signed(push, { key: 'other' }))).status).toBe(403);
  });
});

function changed(call: SignedCall, text: string, by: string): SignedCall {
  const body = String(call.body);
  expect(body).toContain(text);
  return { ...call, body: body.replace(text, by) };
}

function twice(call: SignedCall, name: string): SignedCall {
  return { ...call, headers: [...call.headers, ...call.headers.filter(([one]) => one === name)] };
}

function withQuery(call: SignedCall, more: string): SignedCall {
  return { ...call, target: `${call.target}${more}` };
}
