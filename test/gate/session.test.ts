/** The only ways between the states of a session, and everything that is no way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  awaited,
  isBoundToNetwork,
  isExpired,
  provedWithin,
  rightsUntil,
  rotates,
  type Session,
  type SessionEvent,
  type Standing,
  transition,
} from '../../src/gate/session.ts';
import { GateError, type LoginId, type PendingLogin } from '../../src/gate/types.ts';
import {
  ALICE,
  anonymous,
  BOB,
  byBrowser,
  byFactor,
  byNetwork,
  byPassword,
  enrolling,
  login,
  PENDING_MS,
  pending,
  proofFor,
  STATES,
} from './samples.ts';

const go = (session: Session, event: SessionEvent, now = 5000): Session => transition(session, event, now, PENDING_MS);

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof GateError) return error.code;
    throw error;
  }
  return undefined;
}

describe('an accepted password', () => {
  it.each(STATES.map((session) => [session.state, session] as const))(
    'replaces whatever was, also from %s',
    (_, from) => {
      const newcomer = login({ id: 'login-2' as LoginId, identity: BOB });
      const accept = (standing: Standing) => go(from, { type: 'login-accepted', login: newcomer, standing });
      expect(accept('challenge')).toEqual({ state: 'pending', login: newcomer });
      expect(accept('enrol')).toEqual({ state: 'enrolling', login: newcomer });
      expect(accept('pass')).toEqual({ state: 'verified', identity: BOB, since: 5000, grounds: { how: 'password' } });
    },
  );
});

describe('trust in the place of a factor', () => {
  it.each([{ how: 'network' }, { how: 'trusted-browser', browser: 'b' }] as const)(
    'lets in by $how, and only where the standing is pass',
    (trust) => {
      const event = { type: 'login-accepted', login: login(), trust } as const;
      const inside = { state: 'verified', identity: ALICE, since: 5000, grounds: trust };
      expect(go(anonymous, { ...event, standing: 'pass' })).toEqual(inside);
      expect(go(anonymous, { ...event, standing: 'challenge' }).state).toBe('pending');
      expect(go(anonymous, { ...event, standing: 'enrol' }).state).toBe('enrolling');
    },
  );

  it('of a network ends with it: the factor is owed, and a proof of that question lets in for good', () => {
    const question = login({ id: 'away' as LoginId, acceptedAt: 4000 });
    const away = go(byNetwork, { type: 'network-left', login: question });
    expect(away).toEqual({ state: 'pending', login: question });
    expect(codeOf(() => go(away, { type: 'factor-proved', proof: proofFor(login()) }))).toBe('foreign-proof');
    const inside = go(away, { type: 'factor-proved', proof: proofFor(question) });
    expect([inside.state, isBoundToNetwork(inside)]).toEqual(['verified', false]);
    expect(STATES.filter(isBoundToNetwork)).toEqual([byNetwork]);
  });

  it.each(STATES.filter((session) => session !== byNetwork))('of a network cannot be left from $state', (from) => {
    expect(codeOf(() => go(from, { type: 'network-left', login: login() }))).toBe('illegal-transition');
  });

  it('of a network is not left for somebody else', () => {
    const foreign = login({ identity: BOB });
    expect(codeOf(() => go(byNetwork, { type: 'network-left', login: foreign }))).toBe('foreign-proof');
  });

  it.each([byNetwork, byBrowser])('is never a fresh proof, before a step-up is answered ($grounds.how)', (session) => {
    expect(provedWithin(session, 1500, Number.MAX_SAFE_INTEGER)).toBe(false);
    const question = login({ id: 'step-up-1' as LoginId, acceptedAt: 4000 });
    const proved = go(go(session, { type: 'step-up-asked', login: question }), {
      type: 'factor-proved',
      proof: proofFor(question),
    });
    expect(provedWithin(proved, 2000, 300_000)).toBe(true);
  });
});

describe('a first factor that is put off', () => {
  const until = 9000;

  it('lets in whoever owes one, until then', () => {
    const grounds = { how: 'password', until } as const;
    const inside = { state: 'verified', identity: ALICE, since: 5000, grounds } as const;
    expect(go(enrolling, { type: 'enrolment-postponed', until })).toEqual(inside);
    expect(rightsUntil(inside)).toBe(until);
    for (const session of STATES) expect(rightsUntil(session)).toBeUndefined();
  });

  it.each([
    ['when the time is over', until],
    ['when the login is over', 1000 + PENDING_MS],
  ])('lets nobody in %s', (_, now) => {
    expect(
      go(enrolling, { type: 'enrolment-postponed', until: Math.max(until, now) + (now === until ? 0 : 1) }, now),
    ).toEqual(anonymous);
  });

  it.each(STATES.filter(({ state }) => state !== 'enrolling').map((session) => [session.state, session] as const))(
    'is illegal while %s: whoever has a factor is asked for it',
    (_, from) => {
      expect(codeOf(() => go(from, { type: 'enrolment-postponed', until }))).toBe('illegal-transition');
    },
  );
});

describe('a proof', () => {
  it('of the pending login verifies it', () => {
    const proof = proofFor(login());
    const grounds = { how: 'factor', proof };
    expect(go(pending, { type: 'factor-proved', proof })).toEqual({
      state: 'verified',
      identity: ALICE,
      since: 5000,
      grounds,
    });
  });

  it.each([
    ['anonymous', anonymous],
    ['enrolling: a password thief must not enrol and pass in one breath (T6)', enrolling],
    ['verified by password without a question', byPassword],
    ['verified by factor without a question', byFactor],
  ])('is illegal while %s', (_, from) => {
    expect(codeOf(() => go(from, { type: 'factor-proved', proof: proofFor(login()) }))).toBe('illegal-transition');
  });

  it.each([
    ['another login of the same identity', { loginId: 'login-9' as LoginId }],
    ['the same login id under another identity', { identity: BOB }],
  ])('of %s is foreign (T3)', (_, over) => {
    const proof = proofFor(login(), over);
    expect(codeOf(() => go(pending, { type: 'factor-proved', proof }))).toBe('foreign-proof');
  });

  it('that comes when the pending login is over finds nobody, to the millisecond', () => {
    const event = { type: 'factor-proved', proof: proofFor(login()) } as const;
    expect(go(pending, event, 1000 + PENDING_MS - 1).state).toBe('verified');
    expect(go(pending, event, 1000 + PENDING_MS)).toEqual(anonymous);
  });
});

describe('a step-up', () => {
  const question = login({ id: 'step-up-1' as LoginId, acceptedAt: 4000 });
  const asked = go(byPassword, { type: 'step-up-asked', login: question });

  it.each([anonymous, pending, enrolling])('cannot be asked while $state', (from) => {
    expect(codeOf(() => go(from, { type: 'step-up-asked', login: question }))).toBe('illegal-transition');
  });

  it('cannot be asked for somebody else', () => {
    const foreign = login({ identity: BOB });
    expect(codeOf(() => go(byPassword, { type: 'step-up-asked', login: foreign }))).toBe('foreign-proof');
  });

  it('is answered by its own proof, keeps the age of the session and replaces its grounds', () => {
    const proof = proofFor(question);
    expect(go(asked, { type: 'factor-proved', proof })).toEqual({
      state: 'verified',
      identity: ALICE,
      since: 1500,
      grounds: { how: 'factor', proof },
    });
    const old = proofFor(login());
    expect(codeOf(() => go(asked, { type: 'factor-proved', proof: old }))).toBe('foreign-proof');
  });

  it('that ran out or was cancelled leaves the session as it was', () => {
    const late = go(asked, { type: 'factor-proved', proof: proofFor(question) }, 4000 + PENDING_MS);
    expect(late).toEqual(byPassword);
    expect(go(asked, { type: 'step-up-cancelled' })).toEqual(byPassword);
    for (const from of [anonymous, pending, enrolling]) expect(go(from, { type: 'step-up-cancelled' })).toEqual(from);
  });
});

it.each(STATES)('dropped from $state is anonymous', (from) => {
  expect(go(from, { type: 'dropped' })).toEqual(anonymous);
});

describe('questions about a session', () => {
  it('only a pending login and a step-up wait for a proof', () => {
    expect(awaited(pending)).toEqual(login());
    for (const session of [anonymous, enrolling, byPassword, byFactor, byNetwork, byBrowser])
      expect(awaited(session)).toBeUndefined();
  });

  it('a proof is fresh only in a session that it verified, and not for long', () => {
    expect(provedWithin(byFactor, 2000 + 299_999, 300_000)).toBe(true);
    expect(provedWithin(byFactor, 2000 + 300_000, 300_000)).toBe(false);
    for (const session of [anonymous, pending, enrolling, byPassword]) {
      expect(provedWithin(session, 2000, 300_000)).toBe(false);
    }
  });

  it('the id changes with each rise of rights and with nothing else', () => {
    expect(rotates({ type: 'login-accepted', login: login(), standing: 'pass' })).toBe(true);
    expect(rotates({ type: 'factor-proved', proof: proofFor(login()) })).toBe(true);
    expect(rotates({ type: 'enrolment-postponed', until: 9000 })).toBe(true);
    expect(rotates({ type: 'network-left', login: login() })).toBe(false);
    expect(rotates({ type: 'dropped' })).toBe(false);
    expect(rotates({ type: 'step-up-asked', login: login() })).toBe(false);
    expect(rotates({ type: 'step-up-cancelled' })).toBe(false);
  });
});

describe('any history of events', () => {
  const identity = fc.constantFrom(ALICE, BOB);
  const someLogin: fc.Arbitrary<PendingLogin> = fc
    .record({
      id: fc.constantFrom('l1', 'l2', 'l3'),
      identity,
      acceptedAt: fc.integer({ min: 0, max: 2 * PENDING_MS }),
    })
    .map(({ id, ...rest }) => login({ ...rest, id: id as LoginId }));
  const someEvent: fc.Arbitrary<SessionEvent> = fc.oneof(
    someLogin.chain((one) =>
      fc
        .constantFrom('pass' as const, 'challenge' as const, 'enrol' as const)
        .map((standing) => ({ type: 'login-accepted' as const, login: one, standing })),
    ),
    someLogin.map((one) => ({ type: 'network-left' as const, login: one })),
    someLogin.map((one) => ({
      type: 'login-accepted' as const,
      login: one,
      standing: 'pass' as const,
      trust: { how: 'network' as const },
    })),
    someLogin.map((one) => ({ type: 'factor-proved' as const, proof: proofFor(one) })),
    someLogin.map((one) => ({ type: 'step-up-asked' as const, login: one })),
    fc.constant({ type: 'step-up-cancelled' as const }),
    fc.constant({ type: 'dropped' as const }),
  );

  it('verifies only whom the last accepted login named, by its own proof or by a policy that let it pass', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(someEvent, fc.integer({ min: 0, max: 3 * PENDING_MS })), { maxLength: 12 }),
        (history) => {
          let session: Session = anonymous;
          let last: { login: PendingLogin; standing: Standing } | undefined;
          let proved = false;
          for (const [event, now] of history) {
            const before = session;
            try {
              session = transition(session, event, now, PENDING_MS);
            } catch (error) {
              expect(error).toBeInstanceOf(GateError);
              continue;
            }
            if (event.type === 'login-accepted') {
              last = event;
              proved = false;
            }
            if (event.type === 'dropped') last = undefined;
            if (event.type === 'network-left') last = { login: event.login, standing: 'challenge' };
            if (event.type === 'factor-proved' && before.state === 'pending') {
              const inTime = !isExpired(before.login, now, PENDING_MS);
              proved =
                inTime && event.proof.loginId === before.login.id && event.proof.identity === before.login.identity;
            }
            if (session.state !== 'verified') continue;
            expect(session.identity).toBe(last?.login.identity);
            expect(last?.standing === 'pass' || proved).toBe(true);
          }
        },
      ),
    );
  });
});
