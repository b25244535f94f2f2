/** Requests in the Authy app, against the stand-in over the wire: who is let in by which tap, and how many a phone must bear. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Refusal } from '../../src/ceremonies/outcomes.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

const MINUTE = 60_000;
let w: CeremonyWorld;
let way: string;
let authyId: string;

beforeEach(async () => {
  w = await CeremonyWorld.start();
  ({ way, authyId } = await w.enrolAuthy(ALICE));
  w.authy.register(authyId);
});
afterEach(() => w.close());

const ask = (session: LiveSession, of = way) => w.prover.send(session, of, 'push', false);
const look = (session: LiveSession, of = way) => w.prover.look(session, of);
const last = () => w.authy.pushes.at(-1)?.uuid ?? '';
const polls = () => w.authy.requests.filter(({ call }) => call === 'poll').length;
const verified = async () => (await w.sessions.of(ALICE)).filter(({ session }) => session.state === 'verified').length;
/** A login whose request is on the phone, with the time gone by that another look takes. */
async function asked(): Promise<LiveSession> {
  const session = await w.login(ALICE);
  expect(await ask(session)).toMatchObject({ ok: true, channel: 'push' });
  return session;
}
const code = (result: { ok: true } | Refusal) => (result.ok ? 'let in' : result.code);

describe('a request that is approved', () => {
  it('lets its login in once, by a form and not by looking, and counts no guess', async () => {
    const session = await asked();
    expect(await look(session)).toMatchObject({ code: 'push-waiting' });
    w.authy.tap(last(), 'approved');
    w.clock.advance(2000);
    expect(await w.prover.waiting(session, way)).toMatchObject({ ok: true, isAnswered: true });
    expect([session.session.state, await verified()]).toEqual(['pending', 0]);

    const [one, two] = await Promise.all([look(session), look(session)]);
    expect([code(one), code(two)].sort()).toEqual(['let in', 'push-expired']);
    expect(await verified()).toBe(1);
    const state = (await w.sessions.of(ALICE)).find(({ session }) => session.state === 'verified')?.session;
    expect(state).toMatchObject({ grounds: { how: 'factor', proof: { factor: 'authy' } } });
    expect(await w.guesses(ALICE)).toBe(0);
  });

  it('is shown the word that the app shows, with who asks from where, and ends by itself', async () => {
    const session = await asked();
    const waiting = await w.prover.waiting(session, way);
    const [push] = w.authy.pushes;
    expect(waiting).toMatchObject({ ok: true, shown: { word: push?.details['Your screen shows'] }, isAnswered: false });
    expect(push).toMatchObject({ secondsToExpire: 120, authyId, details: { Account: ALICE } });
    w.clock.advance(120_000);
    expect(await w.prover.waiting(session, way)).toMatchObject({ code: 'push-expired' });
    expect(await look(session)).toMatchObject({ code: 'push-expired' });
  });

  it('can be collected after a restart, and for a minute by somebody who has to click', async () => {
    const session = await asked();
    w.clock.advance(119_000);
    w.authy.tap(last(), 'approved');
    expect(await w.prover.waiting(session, way)).toMatchObject({ isAnswered: true });
    w.reload();
    w.clock.advance(59_000);
    expect(await look(session)).toMatchObject({ ok: true });
  });

  it('comes too late after its end', async () => {
    const session = await asked();
    w.authy.tap(last(), 'approved');
    w.clock.advance(120_000);
    expect(await look(session)).toMatchObject({ code: 'push-expired' });
    expect(await verified()).toBe(0);
  });

  it('is worth nothing once the factor was removed, or push is switched off', async () => {
    const session = await asked();
    w.authy.tap(last(), 'approved');
    w.off.add('authy');
    expect(await look(session)).toMatchObject({ code: 'way-unknown' });
    w.off.clear();
    await w.store.users.update(ALICE, (user) => ({
      write: { identity: ALICE, enrolments: [], factorVersion: (user?.factorVersion ?? 0) + 1 },
      result: undefined,
    }));
    expect(await look(session)).toMatchObject({ code: 'way-unknown' });
    expect(await verified()).toBe(0);
  });

  it('leaves a code good from the first second', async () => {
    const session = await asked();
    expect(await w.prover.prove(session, way, w.authy.appToken(authyId))).toMatchObject({ ok: true });
  });
});

describe('one login is not let in by the tap for another (attack 46)', () => {
  it('neither the attacker’s by the person’s own approval, nor one without a request', async () => {
    const attacker = await w.login(ALICE);
    const person = await asked();
    w.authy.tap(last(), 'approved');
    expect(await ask(attacker)).toMatchObject({ code: 'push-off' });
    expect(await look(attacker)).toMatchObject({ code: 'push-expired' });
    expect(await look(person)).toMatchObject({ ok: true });
    w.clock.advance(3000);
    expect(await look(attacker)).toMatchObject({ code: 'push-expired' });
    expect(await verified()).toBe(1);
  });

  it('nor somebody else’s way', async () => {
    const bobs = await w.enrolAuthy(BOB, '791234568');
    w.authy.register(bobs.authyId);
    const session = await asked();
    w.authy.tap(last(), 'approved');
    const bob = await w.login(BOB);
    expect(await look(bob, way)).toMatchObject({ code: 'way-unknown' });
    expect(await look(bob, bobs.way)).toMatchObject({ code: 'push-expired' });
    expect(await look(session, bobs.way)).toMatchObject({ code: 'way-unknown' });
  });

  it.each([
    ['another person’s request', { _authy_id: 99, status: 'approved' }],
    ['another request', { uuid: '00000000-0000-0000-0000-000000000000', status: 'approved' }],
    ['an unknown word', { status: 'APPROVED' }],
    ['a list of words', { status: ['approved'] }],
    ['a boolean', { status: true }],
  ])('nor by an answer about %s', async (_name, fields) => {
    const session = await asked();
    const mine = { uuid: last(), _authy_id: Number(authyId) };
    w.authy.fail({ status: 200, body: { success: true, approval_request: { ...mine, ...fields } } }, 'poll');
    expect(await look(session)).toMatchObject({ code: 'provider-unavailable' });
    expect([await verified(), await w.guesses(ALICE)]).toEqual([0, 0]);
  });

  it.each([
    ['500', { status: 500, body: {} }],
    ['approved with 500', { status: 500, body: { success: true, approval_request: { status: 'approved' } } }],
    ['a page', { status: 200, body: '<html>approved</html>', contentType: 'text/html' }],
    ['a wrong key', { status: 401, body: { success: false, error_code: '60001' } }],
    ['an unknown user', { status: 404, body: { success: false, error_code: '60026' } }],
    ['silence', { hang: true }],
  ])('nor by an outage, which costs no guess: %s', async (_name, failure) => {
    const session = await asked();
    w.authy.fail(failure, 'poll');
    const looking = look(session);
    if ('hang' in failure) {
      while (polls() === 0) await new Promise((resolve) => setImmediate(resolve));
      w.clock.advance(1000);
    }
    expect(code(await looking)).toMatch(/^provider-/);
    expect([await verified(), await w.guesses(ALICE), session.session.state]).toEqual([0, 0, 'pending']);
  });
});

describe('a phone bears few requests (attack 45)', () => {
  it('shows one of thirty logins, and the others are told to use a code', async () => {
    const sessions = await Promise.all(Array.from({ length: 30 }, () => w.login(ALICE)));
    const results = await Promise.all(sessions.map((session) => ask(session)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter((result) => !result.ok && result.code === 'push-off')).toHaveLength(29);
    expect(w.authy.pushes).toHaveLength(1);
  });

  it('makes no second one for a login that waits', async () => {
    const session = await asked();
    expect(await ask(session)).toMatchObject({ ok: true });
    expect(w.authy.pushes).toHaveLength(1);
  });

  it('is let alone after three in ten minutes, and after ten in a day', async () => {
    const answers: string[] = [];
    for (let i = 0; i < 150; i += 1) {
      answers.push(code(await ask(await w.login(ALICE))));
      w.clock.advance(2.5 * MINUTE);
      if (i === 3) expect(answers).toEqual(['let in', 'let in', 'let in', 'push-off']);
    }
    expect(w.authy.pushes).toHaveLength(10);
    w.clock.advance(24 * 60 * MINUTE);
    expect(await ask(await w.login(ALICE))).toMatchObject({ ok: true });
  });

  it('counts two accounts on one phone together', async () => {
    const bobs = await w.enrolAuthy(BOB);
    expect(bobs.authyId).toBe(authyId);
    await asked();
    expect(await ask(await w.login(BOB), bobs.way)).toMatchObject({ code: 'push-off' });
  });

  it('counts anew after an approval', async () => {
    for (let i = 0; i < 12; i += 1) {
      const session = await asked();
      w.authy.tap(last(), 'approved');
      expect(await look(session)).toMatchObject({ ok: true });
    }
  });

  it('asks the service every two seconds at most, over all tabs', async () => {
    const session = await asked();
    for (let i = 0; i < 40; i += 1) {
      await Promise.all([w.prover.waiting(session, way), w.prover.waiting(session, way), look(session)]);
      w.clock.advance(250);
    }
    expect(polls()).toBe(5);
  });

  it('sends none for an enrolment', async () => {
    const session = await w.login(BOB, 'enrol');
    await w.enroller.savePhone(session, { country: 'CH', number: '079 123 45 68' });
    expect(await w.enroller.begin(session, 'authy')).toMatchObject({ ok: true });
    expect(await w.enroller.sendToDraft(session, 'push', false)).toMatchObject({ code: 'channel-off' });
    expect(w.authy.pushes).toEqual([]);
  });

  it('sends none to a locked account, or where it is off', async () => {
    const session = await w.login(ALICE);
    w.limits = { ...w.limits, guesses: { free: 1, pausesMs: [1000], hard: 1 } };
    await w.prover.prove(session, way, '1234567');
    expect(await ask(session)).toMatchObject({ code: 'locked' });
    const totp = await w.enrolTotp(BOB);
    expect(await ask(await w.login(BOB), totp)).toMatchObject({ code: 'channel-off' });
    expect(w.authy.pushes).toEqual([]);
  });

  it('gives the try back to a person without the app, and keeps it when nobody knows whether it arrived', async () => {
    const bobs = await w.enrolAuthy(BOB, '791234568');
    for (let i = 0; i < 5; i += 1) {
      expect(await ask(await w.login(BOB), bobs.way)).toMatchObject({ code: 'channel-off' });
    }
    w.authy.fail({ status: 500 }, 'push');
    expect(await ask(await w.login(ALICE))).toMatchObject({ code: 'provider-unavailable' });
    expect(await ask(await w.login(ALICE))).toMatchObject({ code: 'push-off' });
  });
});

describe('a request that is denied', () => {
  const told = async () =>
    (await w.occasions.recent(ALICE)).filter(({ happening }) => happening.kind === 'push-denied');

  it('ends the login, counts a guess, tells the person, and stops requests for an hour', async () => {
    const session = await asked();
    w.authy.tap(last(), 'denied');
    expect(await look(session)).toMatchObject({ code: 'push-denied' });
    expect(session.ended).toBe(true);
    expect([await w.guesses(ALICE), (await told()).length, await verified()]).toEqual([1, 1, 0]);
    w.clock.advance(59 * MINUTE);
    expect(await ask(await w.login(ALICE))).toMatchObject({ code: 'push-off' });
    w.clock.advance(MINUTE);
    expect(await ask(await w.login(ALICE))).toMatchObject({ ok: true });
  });

  it('counts once, at the first look, whoever collects it', async () => {
    const session = await asked();
    w.authy.tap(last(), 'denied');
    expect(await w.prover.waiting(session, way)).toMatchObject({ isAnswered: true });
    expect([await w.guesses(ALICE), (await told()).length]).toEqual([1, 1]);
    expect(await ask(await w.login(ALICE))).toMatchObject({ code: 'push-off' });
    expect(await look(session)).toMatchObject({ code: 'push-denied' });
    expect([await w.guesses(ALICE), (await told()).length]).toEqual([1, 1]);
  });

  it('counts before another is sent, when whoever asked never came back for it', async () => {
    await asked();
    w.authy.tap(last(), 'denied');
    w.clock.advance(5 * MINUTE);
    expect(await ask(await w.login(ALICE))).toMatchObject({ code: 'push-off' });
    expect(await ask(await w.login(ALICE))).toMatchObject({ code: 'push-off' });
    expect([w.authy.pushes.length, await w.guesses(ALICE), (await told()).length]).toEqual([1, 1, 1]);
  });

  it('takes a fresh proof back, and leaves the session', async () => {
    const first = await asked();
    w.authy.tap(last(), 'approved');
    const proved = await look(first);
    if (!proved.ok) throw new Error(proved.code);
    const { session } = await w.prover.stepUp(proved.issued.session, proved.returnTo);
    expect(await ask(session)).toMatchObject({ ok: true });
    w.authy.tap(last(), 'denied');
    expect(await look(session)).toMatchObject({ code: 'push-denied' });
    const [left] = await w.sessions.of(ALICE);
    expect(left?.session).toMatchObject({ state: 'verified' });
    expect(await look(session)).toMatchObject({ code: 'session-gone' });
  });
});
