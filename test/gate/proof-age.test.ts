/** What a route may demand beside a verified session, in every state and at every age, and when a form that was kept may leave. */
import { describe, expect, it } from 'vitest';
import { type Asked, decide, mayResume } from '../../src/gate/decide.ts';
import { isAwaited, type KeptFor, mayLeave, owesProof, proofPage } from '../../src/gate/proof-age.ts';
import type { Session } from '../../src/gate/session.ts';
import type { LoginId, RouteClass } from '../../src/gate/types.ts';
import { ALICE, anonymous, BOB, byFactor, byPassword, enrolling, login, pending, proofFor, STATES } from './samples.ts';

/** The proof of {@link byFactor} is of 2000. */
const FRESH = { withinMs: 500, now: 2499 };
const STALE = { withinMs: 500, now: 2500 };
const EVER = { withinMs: Infinity, now: 9_999_999_999 };

describe('a proof is owed', () => {
  it.each([
    ['by nobody where none is demanded', byPassword, undefined, false],
    ['within the time', byFactor, FRESH, false],
    ['from the end of the time on, to the millisecond', byFactor, STALE, true],
    ['never again where any proof of the session will do', byFactor, EVER, false],
    ['by whoever has a password only, whatever the level', byPassword, EVER, true],
    [
      'by whoever was let in for a while',
      { ...byPassword, grounds: { how: 'password', until: 9e12 } } as Session,
      EVER,
      true,
    ],
    [
      'by whoever is in because of a browser that is trusted',
      { ...byPassword, grounds: { how: 'trusted-browser', browser: 'b' } } as Session,
      EVER,
      true,
    ],
    [
      'by whoever is in because of a network that is trusted',
      { ...byPassword, grounds: { how: 'network' } } as Session,
      EVER,
      true,
    ],
    ['by no other state: those are refused anyway', anonymous, EVER, false],
    ['nor by a pending login', pending, EVER, false],
    ['nor by an enrolment', enrolling, EVER, false],
  ] as const)('%s', (_name, session, proof, owes) => expect(owesProof(session, proof)).toBe(owes));

  it('by a recovery code as by a factor: it is a fresh proof elsewhere too', () => {
    const grounds = { how: 'factor', proof: proofFor(login(), { factor: 'recovery' }) } as const;
    expect(owesProof({ ...byFactor, grounds } as Session, FRESH)).toBe(false);
  });

  it('and can be given by whoever has a factor only', () => {
    expect([proofPage(true), proofPage(false)]).toEqual(['challenge', 'enrol']);
  });
});

describe('whoever owes a proof', () => {
  const CLASSES: readonly RouteClass[] = ['login', 'static', 'public', 'protected', 'service'];
  const asked = (over: Partial<Asked>): Asked => ({
    route: 'protected',
    method: 'GET',
    isLogin: false,
    isLogout: false,
    isNavigation: true,
    isUpgrade: false,
    authorization: 'dropped',
    proof: STALE,
    ...over,
  });

  it('has no jar attached anywhere: no class of route, no method, no password and no socket makes up for it', () => {
    for (const route of CLASSES) {
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
        for (const isLogin of [false, true]) {
          for (const isUpgrade of [false, true]) {
            const decision = decide(byFactor, asked({ route, method, isLogin, isUpgrade }));
            if (decision.do === 'forward') expect([route, decision.jar]).toEqual(['service', 'none']);
            else expect(decision).toMatchObject({ page: 'step-up' });
          }
        }
      }
    }
  });

  it('is shown the prompt on the way to a page, and told of it everywhere else', () => {
    expect(decide(byFactor, asked({}))).toEqual({ do: 'show', page: 'step-up' });
    expect(decide(byFactor, asked({ isNavigation: false }))).toEqual({ do: 'refuse', status: 401, page: 'step-up' });
    expect(decide(byFactor, asked({ isUpgrade: true }))).toEqual({ do: 'refuse', status: 401, page: 'step-up' });
  });

  it('may leave; the request that says so goes no further', () => {
    expect(decide(byFactor, asked({ isLogout: true }))).toEqual({ do: 'logout', alone: true });
    expect(decide(byFactor, asked({ isLogout: true, proof: FRESH }))).toEqual({ do: 'logout' });
  });

  it('a demand opens nothing: whoever is not verified is where they were without it', () => {
    for (const session of STATES.filter(({ state }) => state !== 'verified')) {
      for (const route of CLASSES) {
        for (const method of ['GET', 'POST']) {
          const { proof: _none, ...plain } = asked({ route, method });
          expect(decide(session, asked({ route, method }))).toEqual(decide(session, plain));
        }
      }
    }
  });

  it('a proof in time changes nothing at all', () => {
    for (const route of CLASSES) {
      const { proof: _none, ...plain } = asked({ route });
      expect(decide(byFactor, asked({ route, proof: FRESH }))).toEqual(decide(byFactor, plain));
    }
  });
});

describe('a form that was kept', () => {
  const kept: KeptFor = { question: 'login-1' as LoginId, identity: ALICE, expiresAt: 5000 };
  const other = 'login-2' as LoginId;

  it.each([
    ['leaves after the proof that it waited for', byFactor, kept, 4999, true],
    ['not from its end on', byFactor, kept, 5000, false],
    ['not for the proof of another question', byFactor, { ...kept, question: other }, 3000, false],
    ['not for another person', byFactor, { ...kept, identity: BOB }, 3000, false],
    ['not without a proof', byPassword, kept, 3000, false],
    ['not while the question is open', { ...byPassword, stepUp: login() } as Session, kept, 3000, false],
    ['not in any other state', pending, kept, 3000, false],
  ] as const)('%s', (_name, session, one, now, may) => expect(mayLeave(session, one, now)).toBe(may));

  it('comes to the application as a verified session, or to the prompt once more, and to nothing else', () => {
    const forward = { do: 'forward', credentials: false } as const;
    expect(mayResume({ ...forward, jar: 'own', guarded: true })).toBe(true);
    expect(mayResume({ do: 'show', page: 'step-up' })).toBe(true);
    expect(mayResume({ ...forward, jar: 'none', guarded: false })).toBe(false);
    expect(mayResume({ ...forward, jar: 'own', guarded: false })).toBe(false);
    expect(mayResume({ do: 'exchange', dropFirst: true })).toBe(false);
    expect(mayResume({ do: 'logout' })).toBe(false);
    for (const page of ['login', 'challenge', 'enrol'] as const) expect(mayResume({ do: 'show', page })).toBe(false);
    expect(mayResume({ do: 'refuse', status: 401, page: 'step-up' })).toBe(false);
  });

  it('waits for its own question, its own person, and not for ever', () => {
    const waiting = { ...byFactor, stepUp: login() } as Session;
    expect(isAwaited(waiting, kept, 4999)).toBe(true);
    expect(isAwaited(waiting, kept, 5000)).toBe(false);
    expect(isAwaited(waiting, { ...kept, question: other }, 3000)).toBe(false);
    expect(isAwaited(waiting, { ...kept, identity: BOB }, 3000)).toBe(false);
    for (const session of [byFactor, pending]) expect(isAwaited(session, kept, 3000)).toBe(false);
  });
});
