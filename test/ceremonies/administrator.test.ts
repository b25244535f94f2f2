/** What an administrator may do: only as one, only freshly proved, only with a reason; and then at once and completely. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveSession } from '../../src/session/live.ts';
import type { Change, SessionRecord } from '../../src/store/store.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  await w.enrolTotp(ADMIN);
  await w.enrolTotp(ALICE);
});
afterEach(() => w.close());

async function expectRefused(session: LiveSession, code: string, reason = 'because'): Promise<void> {
  const before = await w.user(ALICE);
  const alice = await w.login(ALICE);
  for (const call of ['reset', 'unlock', 'endSessions', 'makeTicket', 'makeBypass'] as const) {
    expect(await w.admin[call](session, ALICE, reason), call).toMatchObject({ ok: false, code });
  }
  expect(await w.user(ALICE)).toEqual(before);
  expect(alice.ended).toBe(false);
}

describe('a ticket', () => {
  it('is made for an account without a factor, known here or not, and written into nothing', async () => {
    const session = await w.proved(ADMIN);
    const made = await w.admin.makeTicket(session, ' Bob@Example.com', 'new phone');
    expect(made).toMatchObject({ ok: true, identity: BOB, until: w.clock.now() + 86_400_000 });
    expect(await w.user(BOB)).toBeUndefined();
    expect(await w.admin.makeTicket(session, ALICE, 'new phone')).toMatchObject({ code: 'factor-exists' });
    expect(await w.admin.makeTicket(session, '', 'new phone')).toMatchObject({ code: 'user-unknown' });
  });

  it('from before a reset opens nothing after it', async () => {
    w.policy = { first: { needs: 'ticket' } };
    const session = await w.proved(ADMIN);
    const made = await w.admin.makeTicket(session, BOB, 'new');
    if (!made.ok) throw new Error(made.code);
    await w.enrolTotp(BOB);
    await w.admin.reset(session, BOB, 'lost');
    const bob = await w.login(BOB, 'pass');
    expect(await w.enroller.showTicket(bob, made.ticket)).toMatchObject({ code: 'ticket-wrong' });
    expect(await w.enroller.account(bob)).toMatchObject({ needsTicket: true });
    w.clock.advance(1000);
    const next = await w.admin.makeTicket(session, BOB, 'new');
    if (!next.ok) throw new Error(next.code);
    expect(await w.enroller.showTicket(bob, next.ticket)).toEqual({ ok: true });
    expect(await w.enroller.account(bob)).toMatchObject({ needsTicket: false });
    const rows = await w.admin.users(session, 'bob', 1, 'all');
    expect(rows).toMatchObject({ rows: [{ identity: BOB, needsTicket: true }] });
  });
});

describe('who is refused', () => {
  it('somebody who is on no list, however well proved', async () => {
    const session = await w.proved(ALICE);
    await expectRefused(session, 'not-an-administrator');
    expect(await w.admin.users(session, '', 1, 'all')).toMatchObject({ code: 'not-an-administrator' });
  });

  it('an administrator’s password alone, in every state that it gives', async () => {
    for (const standing of ['challenge', 'enrol', 'pass'] as const) {
      const session = await w.login(ADMIN, standing);
      await expectRefused(session, 'not-an-administrator');
      expect(await w.admin.users(session, '', 1, 'all')).toMatchObject({ code: 'not-an-administrator' });
    }
    const anonymous = w.sessions.create().session;
    expect(w.admin.isAdministrator(anonymous)).toBe(false);
  });

  it('a session of an administrator that has ended', async () => {
    const session = await w.proved(ADMIN);
    await w.sessions.end(session, 'logout');
    await expectRefused(session, 'not-an-administrator');
  });

  it('a proof that is five minutes old: it may look, and change nothing', async () => {
    const session = await w.proved(ADMIN);
    w.clock.advance(300_000);
    await expectRefused(session, 'fresh-proof-needed');
    expect(await w.admin.users(session, '', 1, 'all')).toMatchObject({ ok: true, total: 2 });
  });

  it('a change without a reason, or of nobody', async () => {
    const session = await w.proved(ADMIN);
    await expectRefused(session, 'reason-missing', ' \t\n');
    expect(await w.admin.reset(session, 'nobody@example.com', 'because')).toMatchObject({ code: 'user-unknown' });
    expect(await w.admin.reset(session, '', 'because')).toMatchObject({ code: 'user-unknown' });
  });
});

describe('what is done', () => {
  it('a reset removes factors and drafts, ends every session, and the next login owes nothing old', async () => {
    const session = await w.proved(ADMIN);
    const verified = await w.proved(ALICE);
    const pending = await w.login(ALICE);
    expect(await w.admin.reset(session, ' Alice@Example.com ', 'the phone is lost')).toEqual({ ok: true });
    expect([verified.ended, pending.ended, session.ended]).toEqual([true, true, false]);
    const user = await w.user(ALICE);
    expect(user?.enrolments).toEqual([]);
    expect(user?.factorVersion).toBe(2);
    expect(w.ended.map(({ reason }) => reason)).toEqual(['revoked', 'revoked']);
  });

  it('a reset while somebody proves leaves nobody verified', async () => {
    const session = await w.proved(ADMIN);
    w.clock.advance(30_000);
    const login = await w.login(ALICE);
    w.inTheGap = async () => void (await w.admin.reset(session, ALICE, 'stolen'));
    expect(await w.prover.prove(login, `totp-${ALICE}`, w.totp())).toMatchObject({ ok: false });
    expect(await w.sessions.of(ALICE)).toEqual([]);
  });

  it.each(['reset', 'endSessions'] as const)(
    '%s also ends a session that is between its old id and its new one',
    async (call) => {
      const session = await w.proved(ADMIN);
      w.clock.advance(30_000);
      const login = await w.login(ALICE);
      const { move } = w.store.sessions;
      let ending: Promise<unknown> | undefined;
      const slow: typeof move = async <R>(
        from: string,
        to: string,
        change: (current: SessionRecord | undefined) => Change<SessionRecord, R>,
      ): Promise<R> => {
        const result: R = await move.call<typeof w.store.sessions, [string, string, typeof change], Promise<R>>(
          w.store.sessions,
          from,
          to,
          change,
        );
        // The store has the new id, and nobody here holds a session under it yet.
        if (from === login.key && ending === undefined) {
          ending = w.admin[call](session, ALICE, 'stolen');
          await ending;
        }
        return result;
      };
      Object.assign(w.store.sessions, { move: slow });
      expect(await w.prover.prove(login, `totp-${ALICE}`, w.totp())).toMatchObject({ ok: false, code: 'session-gone' });
      expect(await ending).toMatchObject({ ok: true });
      expect(await w.sessions.of(ALICE)).toEqual([]);
      expect(w.ended.filter(({ session: { session } }) => session.state === 'verified')).toHaveLength(1);
      // Afterwards everybody may sign in again.
      w.clock.advance(30_000);
      Object.assign(w.store.sessions, { move });
      if (call === 'endSessions') {
        expect(await w.prover.prove(await w.login(ALICE), `totp-${ALICE}`, w.totp())).toMatchObject({ ok: true });
      }
    },
  );

  it('an unlock takes the lock off, and only that', async () => {
    w.limits = { ...w.limits, guesses: { free: 1, pausesMs: [0], hard: 2 }, perLogin: 5 };
    const session = await w.proved(ADMIN);
    for (let i = 0; i < 2; i += 1) await w.prover.prove(await w.login(ALICE), `totp-${ALICE}`, w.wrong());
    const login = await w.login(ALICE);
    expect(await w.prover.prove(login, `totp-${ALICE}`, w.totp())).toMatchObject({ code: 'locked' });
    expect(await w.admin.unlock(session, ALICE, 'called back')).toEqual({ ok: true });
    w.clock.advance(30_000);
    expect(await w.prover.prove(login, `totp-${ALICE}`, w.totp())).toMatchObject({ ok: true });
  });

  it('the list shows factors, locks and sessions, and never a secret', async () => {
    const session = await w.proved(ADMIN);
    await w.login(ALICE);
    const list = await w.admin.users(session, 'ALICE', 1, 'all');
    expect(list).toMatchObject({ ok: true, total: 1, rows: [{ identity: ALICE, factors: ['totp'], sessions: 1 }] });
    expect(JSON.stringify(list)).not.toContain('JBSWY3DP');
  });
});
