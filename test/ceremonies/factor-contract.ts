/**
 * What holds for every kind of factor at the prompt, as one suite that each of them runs: one budget, one proof for one
 * login, nothing that opens by an outage. What only one kind can do wrong has tests beside that kind.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Proved } from '../../src/ceremonies/ceremonies.ts';
import type { Refusal } from '../../src/ceremonies/outcomes.ts';
import type { FactorId, Identity } from '../../src/gate/types.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

export interface FactorUnderContract {
  readonly id: FactorId;
  /** Puts the factor in place. @returns the id of the way */
  enrol(world: CeremonyWorld, identity: Identity): Promise<string>;
  /** What happens before an answer is wanted: a code is sent, the prompt opens a question; nothing for codes of an app. */
  ask?(world: CeremonyWorld, session: LiveSession, way: string): Promise<void>;
  /** The right answer to what was asked last in this session. */
  right(world: CeremonyWorld, session: LiveSession, way: string, identity: Identity): Promise<string> | string;
  /** A well-formed answer that is wrong. */
  wrong(world: CeremonyWorld, session: LiveSession): Promise<string> | string;
  /** Whether an answer is good for the one login that it was asked for; codes of an app are good for any, once. */
  readonly isBound: boolean;
  /** Whether one person can have one open question at a time: asking in another login ends the one before. */
  readonly isAlone?: boolean;
  /** Ways in which the check itself can fail; each is arranged anew before each check. */
  readonly failures?: readonly (readonly [name: string, arrange: (world: CeremonyWorld) => void])[];
}

export function factorContract(name: string, make: () => FactorUnderContract): void {
  describe(`${name} keeps the contract of a factor`, () => {
    let w: CeremonyWorld;
    let f: FactorUnderContract;
    beforeEach(async () => {
      f = make();
      w = await CeremonyWorld.start();
      w.limits = {
        ...w.limits,
        guesses: { free: 5, pausesMs: [30_000], hard: 5 },
        sends: [{ max: 1000, perMs: 3_600_000 }],
      };
    });
    afterEach(() => w.close());

    const login = async (way: string, identity: Identity = ALICE): Promise<LiveSession> => {
      const session = await w.login(identity);
      await f.ask?.(w, session, way);
      return session;
    };
    const right = (session: LiveSession, way: string, identity: Identity = ALICE) => f.right(w, session, way, identity);
    async function guess(session: LiveSession, way: string): Promise<Proved | Refusal> {
      const answer = await f.wrong(w, session);
      return w.prover.prove(session, way, answer);
    }
    const verified = async (identity: Identity = ALICE) =>
      (await w.sessions.of(identity)).filter(({ session }) => session.state === 'verified').length;
    /** Another factor of the same person. */
    const another = async (): Promise<readonly [way: string, wrong: string]> =>
      f.id === 'totp' ? [(await w.enrolAuthy(ALICE)).way, '1234567'] : [await w.enrolTotp(ALICE), w.wrong()];

    it('lets the right answer in, and says how', async () => {
      const way = await f.enrol(w, ALICE);
      const session = await login(way);
      const proved = await w.prover.prove(session, way, await right(session, way));
      expect(proved).toMatchObject({ ok: true, returnTo: '/admin' });
      const state = proved.ok ? proved.issued.session.session : undefined;
      expect(state).toMatchObject({ state: 'verified', grounds: { how: 'factor', proof: { factor: f.id } } });
      expect(await w.guesses(ALICE)).toBe(0);
    });

    it('spends one budget over all logins, however many guess at once (attacks 36, 37)', async () => {
      const way = await f.enrol(w, ALICE);
      w.limits = { ...w.limits, perLogin: 100 };
      const only = f.isAlone === true ? await login(way) : undefined;
      const sessions = await Promise.all(Array.from({ length: 20 }, () => only ?? login(way)));
      const results = await Promise.all(sessions.map((session) => guess(session, way)));
      expect(w.asked).toHaveLength(5);
      expect(results.filter((result) => !result.ok && result.code === 'locked')).toHaveLength(15);
      expect(await w.guesses(ALICE)).toBe(5);
    });

    it('shares its budget with the other factors of the person (attack 38)', async () => {
      const way = await f.enrol(w, ALICE);
      const [other, wrong] = await another();
      for (let i = 0; i < 3; i += 1) {
        await guess(await login(way), way);
      }
      for (let i = 0; i < 2; i += 1) {
        await w.prover.prove(await w.login(ALICE), other, wrong);
      }
      expect(await guess(await login(way), way)).toMatchObject({ code: 'locked' });
      expect(await w.prover.prove(await w.login(ALICE), other, wrong)).toMatchObject({ code: 'locked' });
      expect(w.asked).toHaveLength(5);
    });

    it('answers a locked person alike, right or wrong, and looks at neither', async () => {
      const way = await f.enrol(w, ALICE);
      const session = await login(way);
      const answer = await right(session, way);
      for (let i = 0; i < 5; i += 1) {
        await guess(await login(way), way);
      }
      const wrong = await guess(await login(way), way);
      expect(await w.prover.prove(session, way, answer)).toEqual(wrong);
      expect(wrong).toMatchObject({ code: 'locked' });
      expect(w.asked).toHaveLength(5);
    });

    it('takes a right answer once (attack 43)', async () => {
      const way = await f.enrol(w, ALICE);
      const first = await login(way);
      const answer = await right(first, way);
      expect(await w.prover.prove(first, way, answer)).toMatchObject({ ok: true });
      expect(await w.prover.prove(await login(way), way, answer)).toMatchObject({ ok: false });
      w.reload();
      expect(await w.prover.prove(await login(way), way, answer)).toMatchObject({ ok: false });
      expect(await verified()).toBe(1);
    });

    it('makes one session of thirty right answers at once (attack 42)', async () => {
      const way = await f.enrol(w, ALICE);
      w.limits = { ...w.limits, perLogin: 100, guesses: { free: 100, pausesMs: [1000], hard: 100 } };
      const session = await login(way);
      const answer = await right(session, way);
      const results = await Promise.all(Array.from({ length: 30 }, () => w.prover.prove(session, way, answer)));
      expect(results.filter((result) => result.ok)).toHaveLength(1);
      expect(await verified()).toBe(1);
    });

    it('judges after a restart what was asked before it', async () => {
      const way = await f.enrol(w, ALICE);
      const session = await login(way);
      const answer = await right(session, way);
      w.reload();
      expect(await w.prover.prove(session, way, answer)).toMatchObject({ ok: true });
    });

    it('takes nobody else’s answer, and no other login’s where it is bound to one (attacks 43, 46)', async () => {
      const way = await f.enrol(w, ALICE);
      const bobs = await f.enrol(w, BOB);
      const bob = await login(bobs, BOB);
      const alice = await login(way);
      expect(await w.prover.prove(alice, way, await right(bob, bobs, BOB))).toMatchObject({ ok: false });
      if (bobs !== way) {
        const wrong = await f.wrong(w, alice);
        expect(await w.prover.prove(await login(way), bobs, wrong)).toMatchObject({ code: 'way-unknown' });
      }
      if (f.isBound) {
        const [one, two] = [await login(way), await login(way)];
        expect(await w.prover.prove(two, way, await right(one, way))).toMatchObject({ ok: false });
      }
      expect(await verified()).toBe(0);
    });

    it('proves nothing when it was removed, or switched off, while it was asked', async () => {
      const way = await f.enrol(w, ALICE);
      const session = await login(way);
      const answer = await right(session, way);
      w.inTheGap = async () => void w.off.add(f.id);
      expect(await w.prover.prove(session, way, answer)).toMatchObject({ ok: false });
      expect(await w.prover.prove(session, way, answer)).toMatchObject({ code: 'way-unknown' });
      w.off.clear();
      w.inTheGap = async () => {
        await w.store.users.update(ALICE, (user) => ({
          write: { identity: ALICE, enrolments: [], factorVersion: (user?.factorVersion ?? 0) + 1 },
          result: undefined,
        }));
      };
      w.clock.advance(60_000);
      const later = await login(way);
      expect(await w.prover.prove(later, way, await right(later, way))).toMatchObject({ ok: false });
      expect(await verified()).toBe(0);
    });

    it('never passes and gives the guess back when the check breaks (attack 50)', async () => {
      const way = await f.enrol(w, ALICE);
      const session = await login(way);
      w.verdict = () => Promise.reject(new Error('bug'));
      for (let i = 0; i < 6; i += 1) {
        expect(await w.prover.prove(session, way, await f.wrong(w, session))).toMatchObject({ ok: false });
        await f.ask?.(w, session, way);
      }
      expect([await w.guesses(ALICE), session.session.state]).toEqual([0, 'pending']);
    });

    const failures = make().failures ?? [];
    it.skipIf(failures.length === 0).each(failures)(
      'never passes and gives the guess back (attack 50): %s',
      async (_name, arrange) => {
        const way = await f.enrol(w, ALICE);
        const session = await login(way);
        for (let i = 0; i < 6; i += 1) {
          const answer = await right(session, way);
          arrange(w);
          const result = await w.prover.prove(session, way, answer);
          expect(result.ok ? 'let in' : result.code).toMatch(/^(provider-|enrolment-gone|code-expired)/);
          expect([await w.guesses(ALICE), session.session.state]).toEqual([0, 'pending']);
        }
      },
    );
  });
}
