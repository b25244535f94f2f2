/** Where a person is signed in, and signing out from there: the person's own sessions, with a fresh proof, and nobody else's. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LoginId, ReturnPath } from '../../src/gate/types.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
});
afterEach(() => w.close());

const ended = () => w.ended.map(({ session, reason }) => [session.key, reason]);

async function aliceTwice(): Promise<readonly [here: LiveSession, there: LiveSession]> {
  await w.enrolTotp(ALICE);
  const there = await w.proved(ALICE);
  return [await w.proved(ALICE), there];
}

it('lists the person’s own sessions, this one first, and whoever has only given the password', async () => {
  const [here, there] = await aliceTwice();
  const waiting = await w.login(ALICE);
  await w.enrolTotp(BOB);
  await w.proved(BOB);
  const list = await w.overview.sessions(here);
  expect(list.map(({ id, isThis, isVerified }) => [id, isThis, isVerified])).toEqual([
    [here.key, true, true],
    [waiting.key, false, false],
    [there.key, false, true],
  ]);
});

it('shows nothing to a session that is not verified, or has ended', async () => {
  const [here] = await aliceTwice();
  await w.occasions.tell(ALICE, { kind: 'number-changed' });
  for (const standing of ['challenge', 'enrol'] as const) {
    const session = await w.login(ALICE, standing);
    expect([await w.overview.sessions(session), await w.overview.events(session)]).toEqual([[], []]);
    expect(await w.overview.endOthers(session)).toMatchObject({ code: 'session-gone' });
    expect(await w.overview.endSession(session, here.key)).toMatchObject({ code: 'session-gone' });
  }
  expect(await w.overview.events(here)).toMatchObject([{ happening: { kind: 'number-changed' } }]);
  await w.sessions.end(here, 'logout');
  expect(await w.overview.sessions(here)).toEqual([]);
});

it('ends the one that is named, and only among the person’s own', async () => {
  const [here, there] = await aliceTwice();
  await w.enrolTotp(BOB);
  const bob = await w.proved(BOB);
  for (const id of [bob.key, here.key, '', '__proto__', 'x']) {
    expect(await w.overview.endSession(here, id)).toEqual({ ok: true, count: 0 });
  }
  expect(w.ended).toEqual([]);
  expect(await w.overview.endSession(here, there.key)).toEqual({ ok: true, count: 1 });
  expect(ended()).toEqual([[there.key, 'revoked']]);
  expect([here.ended, bob.ended]).toEqual([false, false]);
});

it('ends all others, those under way too, and never this one or somebody else’s', async () => {
  const [here, there] = await aliceTwice();
  const waiting = await w.login(ALICE);
  const bob = await w.login(BOB, 'pass');
  expect(await w.overview.endOthers(here)).toEqual({ ok: true, count: 2 });
  expect([there.ended, waiting.ended, here.ended, bob.ended]).toEqual([true, true, false, false]);
});

it('asks for a fresh proof where there is a factor, and for none where there is nothing to prove', async () => {
  const [here, there] = await aliceTwice();
  w.clock.advance(300_000);
  expect(await w.overview.endOthers(here)).toMatchObject({ code: 'fresh-proof-needed' });
  expect(await w.overview.endSession(here, there.key)).toMatchObject({ code: 'fresh-proof-needed' });
  expect(w.ended).toEqual([]);
  await w.login(BOB, 'pass');
  expect(await w.overview.endOthers(await w.login(BOB, 'pass'))).toEqual({ ok: true, count: 1 });
});

it.each(['the person', 'an administrator'])(
  '%s ends the trust too that a proof asks for at that very moment',
  async (who) => {
    w.policy = { browserMs: 86_400_000 };
    const [here] = await aliceTwice();
    await w.enrolTotp(ADMIN);
    const admin = await w.proved(ADMIN);
    w.clock.advance(30_000);
    const from = { address: '192.0.2.66', agent: 'thief' };
    const login = { id: 'x' as LoginId, identity: ALICE, acceptedAt: w.clock.now(), returnTo: '/' as ReturnPath };
    const event = { type: 'login-accepted', login, standing: 'challenge' } as const;
    const waiting = await w.sessions.transition(w.sessions.create().session, event, { from });
    const endAll = () =>
      who === 'the person' ? w.overview.endOthers(here) : w.admin.endSessions(admin, ALICE, 'stolen');
    const forgive = w.counters.forgiveGuesses.bind(w.counters);
    vi.spyOn(w.counters, 'forgiveGuesses').mockImplementationOnce(async (identity) => {
      expect(await endAll()).toMatchObject({ ok: true });
      return forgive(identity);
    });
    const proved = await w.prover.prove(waiting.session, `totp-${ALICE}`, w.totp(), true);
    expect(proved.ok && proved.issued.session.ended).toBe(true);
    expect(await w.overview.browsers(await w.proved(ALICE), undefined)).toEqual([]);
  },
);
