/** Codes of Twilio Verify over the wire, under the contract of every factor, and what only they can meet. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../src/demo/stand-in-server.ts';
import { type StandInVerify, startStandInVerify } from '../../src/demo/stand-in-verify.ts';
import type { Factor } from '../../src/factors/factor.ts';
import { createVerify } from '../../src/factors/verify/verify.ts';
import type { Identity } from '../../src/gate/types.ts';
import { silentLog } from '../../src/log.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { checkerOf } from '../fakes/openapi.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';
import { factorContract } from './factor-contract.ts';

const ACCOUNT = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'token', serviceSid: `VA${'b'.repeat(32)}` };
const problemWith = checkerOf('twilio-verify-v2.json');

let service: StandInVerify;
let factor: Factor | undefined;
let now = () => 0;
const codes = new Map<LiveSession, string>();

beforeEach(async () => {
  const clock = { now: () => now(), after: () => () => undefined };
  service = await startStandInVerify({ ...ACCOUNT, clock, problemWith });
});
afterEach(async () => {
  await factor?.close?.();
  await service.close();
  codes.clear();
  expect(service.refused).toEqual([]);
});

async function enrol(world: CeremonyWorld, identity: Identity, number = '+41791234567'): Promise<string> {
  now = () => world.clock.now();
  if (!world.extra.some(({ id }) => id === 'verify')) {
    factor = createVerify(
      { ...ACCOUNT, baseUrl: service.url, channels: ['sms', 'call'], timeoutMs: 2000 },
      { clock: world.clock, log: silentLog },
    );
    world.extra.push(factor);
  }
  const e164 = identity === BOB ? '+41791234568' : number;
  const id = `verify-${identity}`;
  const data = { e164, country: 'CH', phoneEnding: e164.slice(-2) };
  await world.enrol(identity, { id, factor: 'verify', data, createdAt: world.clock.now() });
  return id;
}

async function ask(world: CeremonyWorld, session: LiveSession, way: string): Promise<void> {
  const before = service.messages.length;
  const sent = await world.prover.send(session, way, 'sms', false);
  // The service sends five messages for one verification; the one that was sent before is good all the same.
  if (!sent.ok && sent.code !== 'locked' && sent.code !== 'provider-limited') throw new Error(sent.code);
  if (service.messages.length === before + 1) codes.set(session, service.messages.at(-1)?.code ?? '');
}

const right = (session: LiveSession): string => codes.get(session) ?? 'none';
const wrong = (): string => {
  const taken = new Set(codes.values());
  return ['000000', '111111', '222222', '333333'].find((code) => !taken.has(code)) ?? '444444';
};

const fail = (failure: Failure) => () => service.fail(failure, 'check');
const problem = (status: number, code: number): Failure => ({ status, body: { code, status, message: 'no' } });

factorContract('verify', () => ({
  id: 'verify',
  isBound: true,
  isAlone: true,
  enrol,
  ask,
  right: (_world, session) => right(session),
  wrong,
  failures: [
    ['500', fail({ status: 500, body: { status: 'approved' } })],
    ['429', fail(problem(429, 20429))],
    ['checks used up', fail(problem(429, 60202))],
    ['a page', fail({ status: 200, body: '<html>approved</html>', contentType: 'text/html' })],
    ['approved without a verification', fail({ status: 200, body: { status: 'approved', valid: true } })],
    ['approved of another one', fail({ status: 200, body: { status: 'approved', sid: `VE${'c'.repeat(32)}` } })],
    ['no status', fail({ status: 201, body: { valid: true } })],
    ['a wrong token', fail(problem(401, 20003))],
    ['a verification that is gone', fail(problem(404, 20404))],
    ['a cut answer', fail({ status: 200, body: { status: 'approved' }, cut: true })],
  ],
}));

describe('a verification belongs to the login that opened it (attacks 43, 46)', () => {
  let world: CeremonyWorld;
  let way: string;
  beforeEach(async () => {
    world = await CeremonyWorld.start();
    world.limits = { ...world.limits, sends: [{ max: 1000, perMs: 3_600_000 }] };
    way = await enrol(world, ALICE);
  });
  afterEach(() => world.close());

  it('a second login within ten minutes gets a code of its own, and the first one’s is void', async () => {
    const [thief, owner] = [await world.login(ALICE), await world.login(ALICE)];
    await ask(world, thief, way);
    await ask(world, owner, way);
    const sids = service.messages.map(({ verification }) => verification);
    expect(new Set(sids).size).toBe(2);
    // The code that the owner reads lets the owner's login in, and no other.
    expect(await world.prover.prove(thief, way, right(owner))).toMatchObject({ ok: false, code: 'code-expired' });
    expect(await world.prover.prove(owner, way, right(thief))).toMatchObject({ ok: false, code: 'code-wrong' });
    expect(await world.prover.prove(owner, way, right(owner))).toMatchObject({ ok: true });
    expect(await world.prover.prove(thief, way, right(owner))).toMatchObject({ ok: false });
  });

  it('the same login gets the same code again, by whatever channel', async () => {
    const session = await world.login(ALICE);
    await ask(world, session, way);
    expect(await world.prover.send(session, way, 'call', false)).toMatchObject({ ok: true, ending: '67' });
    const [text, call] = service.messages;
    expect([call?.code, call?.channel]).toEqual([text?.code, 'call']);
    expect(service.requests.map(({ call: name }) => name)).toEqual(['update', 'start', 'start']);
    expect(await world.prover.prove(session, way, right(session))).toMatchObject({ ok: true });
  });

  it('two people with one phone do not answer for each other', async () => {
    const bobs = `verify-${BOB}`;
    const data = { e164: '+41791234567', country: 'CH', phoneEnding: '67' };
    await world.enrol(BOB, { id: bobs, factor: 'verify', data, createdAt: 0 });
    const [alice, bob] = [await world.login(ALICE), await world.login(BOB)];
    await ask(world, alice, way);
    await ask(world, bob, bobs);
    expect(await world.prover.prove(alice, way, right(bob))).toMatchObject({ ok: false });
    expect(await world.prover.prove(bob, bobs, right(bob))).toMatchObject({ ok: true });
  });

  it('logins that ask at the same moment never share a code', async () => {
    const sessions = await Promise.all(Array.from({ length: 4 }, () => world.login(ALICE)));
    await Promise.all(sessions.map((session) => world.prover.send(session, way, 'sms', false)));
    const code = service.messages.at(-1)?.code ?? '';
    const proved = await Promise.all(sessions.map((session) => world.prover.prove(session, way, code)));
    expect(proved.filter(({ ok }) => ok).length).toBeLessThanOrEqual(1);
    for (const session of sessions) {
      expect((await world.prover.prove(session, way, code)).ok).toBe(false);
    }
  });

  it('checks by the verification, and by nothing that a request could name', async () => {
    const session = await world.login(ALICE);
    await ask(world, session, way);
    await world.prover.prove(session, way, wrong());
    const check = service.requests.find(({ call }) => call === 'check');
    const verification = service.messages[0]?.verification;
    expect(Object.fromEntries(new URLSearchParams(check?.body))).toEqual({
      VerificationSid: verification,
      Code: wrong(),
    });
  });

  it('what the service has forgotten is asked about once, and costs no guess', async () => {
    const session = await world.login(ALICE);
    await ask(world, session, way);
    service.fail(problem(404, 20404), 'check');
    for (let i = 0; i < 8; i += 1) {
      expect(await world.prover.prove(session, way, wrong())).toMatchObject({ code: 'code-expired' });
    }
    expect(await world.guesses(ALICE)).toBe(0);
    expect(service.requests.filter(({ call }) => call === 'check')).toHaveLength(1);
    await ask(world, session, way);
    expect(await world.prover.prove(session, way, right(session))).toMatchObject({ ok: true });
  });

  it('a code of ten minutes ago is gone at the service as well', async () => {
    world.limits = { ...world.limits, pendingMs: 3_600_000 };
    const session = await world.login(ALICE);
    await ask(world, session, way);
    world.clock.advance(600_000);
    expect(await world.prover.prove(session, way, right(session))).toMatchObject({ code: 'code-expired' });
  });
});

describe('while the service fails nobody gets in, nobody loses an attempt, and other ways are there (attack 50)', () => {
  const refusals: readonly (readonly [string, Failure, string])[] = [
    ['500', { status: 500 }, 'provider-unavailable'],
    ['a page', { status: 201, body: '<html>pending</html>', contentType: 'text/html' }, 'provider-unavailable'],
    ['a wrong token', problem(401, 20003), 'provider-misconfigured'],
    ['a wrong service', problem(404, 20404), 'provider-misconfigured'],
    ['a cut answer', { status: 201, body: { status: 'pending' }, cut: true }, 'provider-unavailable'],
    ['a landline', problem(403, 60205), 'number-unusable'],
    ['too many messages', problem(429, 60203), 'provider-limited'],
    ['a channel that is off', problem(403, 60223), 'channel-off'],
  ];
  it.each(refusals)('%s', async (_name, failure, code) => {
    const world = await CeremonyWorld.start();
    const totp = await world.enrolTotp(ALICE);
    const way = await enrol(world, ALICE);
    const session = await world.login(ALICE);
    service.fail(failure, 'start');
    expect(await world.prover.send(session, way, 'sms', false)).toMatchObject({ ok: false, code });
    for (let i = 0; i < 6; i += 1) {
      expect(await world.prover.prove(session, way, wrong())).toMatchObject({ code: 'code-expired' });
    }
    expect([await world.guesses(ALICE), service.messages]).toEqual([0, []]);
    const prompt = await world.prover.prompt(session);
    expect(prompt.ok && prompt.ways.map(({ factor: id }) => id)).toEqual(['totp', 'verify']);
    expect(await world.prover.prove(session, totp, world.totp())).toMatchObject({ ok: true });
    await world.close();
  });

  it('when the service lets a number rest after five wrong codes, other ways are there meanwhile', async () => {
    const world = await CeremonyWorld.start();
    const totp = await world.enrolTotp(ALICE);
    const way = await enrol(world, ALICE);
    const thief = await world.login(ALICE);
    await ask(world, thief, way);
    for (let i = 0; i < 5; i += 1) await world.prover.prove(thief, way, wrong());
    expect(thief.ended).toBe(true);
    world.clock.advance(31_000);
    const owner = await world.login(ALICE);
    expect(await world.prover.send(owner, way, 'sms', false)).toMatchObject({ code: 'provider-limited' });
    expect(await world.prover.prove(owner, totp, world.totp())).toMatchObject({ ok: true });
    world.clock.advance(600_000);
    expect(await world.prover.send(await world.login(ALICE), way, 'sms', false)).toMatchObject({ ok: true });
    await world.close();
  });

  it('nothing is sent when what was pending cannot be withdrawn', async () => {
    const world = await CeremonyWorld.start();
    const way = await enrol(world, ALICE);
    const session = await world.login(ALICE);
    service.fail({ status: 503 }, 'update');
    expect(await world.prover.send(session, way, 'sms', false)).toMatchObject({ code: 'provider-unavailable' });
    expect(service.messages).toEqual([]);
    await world.close();
  });
});

describe('by e-mail', () => {
  it('is set up and used with the address that the account has, within the budgets of all messages', async () => {
    const world = await CeremonyWorld.start();
    now = () => world.clock.now();
    factor = createVerify(
      { ...ACCOUNT, baseUrl: service.url, channels: ['email'], timeoutMs: 2000 },
      { clock: world.clock, log: silentLog },
    );
    world.extra.push(factor);
    const code = () => service.messages.at(-1)?.code ?? '';

    const session = await world.login(ALICE, 'pass');
    expect(await world.enroller.begin(session, 'verify')).toEqual({ ok: true });
    expect(await world.enroller.sendToDraft(session, 'sms', false)).toMatchObject({ code: 'channel-off' });
    expect(await world.enroller.sendToDraft(session, 'email', false)).toMatchObject({ ok: true, channel: 'email' });
    expect(service.messages).toMatchObject([{ to: ALICE, channel: 'email' }]);
    expect(await world.enroller.sendToDraft(session, 'email', false)).toMatchObject({ code: 'send-paused' });
    expect(await world.enroller.confirm(session, code())).toMatchObject({ ok: true, factor: 'verify' });

    const login = await world.login(ALICE);
    const prompt = await world.prover.prompt(login);
    const way = prompt.ok ? (prompt.ways[0]?.id ?? '') : '';
    world.clock.advance(31_000);
    expect(await world.prover.send(login, way, 'email', false)).toMatchObject({ ok: true });
    expect(await world.prover.prove(login, way, code())).toMatchObject({ ok: true });

    const next = await world.login(ALICE);
    const sent = service.requests.length;
    // What was enrolled is not what the account is known by any more: nothing is sent to an address of the past.
    await world.store.users.update(ALICE, (user) => {
      if (user === undefined) throw new Error('nobody');
      const moved = user.enrolments.map((one) => ({ ...one, data: { email: 'before@example.com' } }));
      return { write: { ...user, enrolments: moved }, result: undefined };
    });
    world.clock.advance(31_000);
    expect(await world.prover.send(next, way, 'email', false)).toMatchObject({ code: 'enrolment-gone' });
    expect(service.requests).toHaveLength(sent);
    await world.close();
  });
});
