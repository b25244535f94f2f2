/** Proving: budgets before checks, one proof for one login, and no outage that opens anything (I4, I5, I6). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../src/demo/stand-in-authy.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
});
afterEach(() => w.close());

function codesOf(results: readonly ({ ok: true } | { ok: false; code: string })[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const name = result.ok ? 'ok' : result.code;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('the guess budget', () => {
  it('is one for all sessions of an identity: a hundred parallel guesses, five questions', async () => {
    const way = await w.enrolTotp(ALICE);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => w.login(ALICE)));
    const rounds = [1, 2, 3, 4, 5].flatMap(() => sessions);
    const guesses = rounds.map((session) => w.prover.prove(session, way, w.wrong()));
    const results = codesOf(await Promise.all(guesses));
    expect(w.asked).toHaveLength(5);
    expect(results).toEqual({ 'code-wrong': 5, 'guesses-paused': 95 });
    expect(await w.guesses(ALICE)).toBe(5);
  });

  it('is counted before the check, so a guess that is still under way counts already', async () => {
    const way = await w.enrolTotp(ALICE);
    const open: (() => void)[] = [];
    w.inTheGap = () => new Promise((resolve) => open.push(resolve));
    const first = await Promise.all(Array.from({ length: 5 }, () => w.login(ALICE)));
    const running = first.map((session) => w.prover.prove(session, way, w.wrong()));
    await expect.poll(() => w.asked.length).toBe(5);
    expect(await w.prover.prove(await w.login(ALICE), way, w.totp())).toMatchObject({ code: 'guesses-paused' });
    for (const go of open) go();
    expect(codesOf(await Promise.all(running))).toEqual({ 'code-wrong': 5 });
    expect(w.asked).toHaveLength(5);
  });

  it('answers a right code in a pause as a wrong one, without looking at it', async () => {
    const way = await w.enrolTotp(ALICE);
    for (let i = 0; i < 5; i += 1) await w.prover.prove(await w.login(ALICE), way, w.wrong());
    const right = await w.prover.prove(await w.login(ALICE), way, w.totp());
    const wrong = await w.prover.prove(await w.login(ALICE), way, w.wrong());
    expect(right).toEqual(wrong);
    expect(right).toMatchObject({ ok: false, code: 'guesses-paused', until: w.clock.now() + 30_000 });
    expect(w.asked).toHaveLength(5);
    w.clock.advance(30_000);
    expect(await w.prover.prove(await w.login(ALICE), way, w.totp())).toMatchObject({ ok: true });
    expect(await w.guesses(ALICE)).toBe(0);
  });

  it('is not renewed by another factor, another login, a cancel or a text', async () => {
    const totp = await w.enrolTotp(ALICE);
    const { way: authy } = await w.enrolAuthy(ALICE);
    for (let i = 0; i < 5; i += 1) {
      const session = await w.login(ALICE);
      await w.prover.send(session, authy, 'sms', false);
      await w.prover.prove(session, i % 2 === 0 ? totp : authy, '1234567'.slice(0, i % 2 === 0 ? 6 : 7));
      await w.prover.cancel(session);
    }
    expect(w.asked).toHaveLength(5);
    expect(await w.prover.prove(await w.login(ALICE), authy, '1234567')).toMatchObject({ code: 'guesses-paused' });
    expect(w.asked).toHaveLength(5);
  });

  it('belongs to one identity: what one spends, another does not pay, and success frees only its own', async () => {
    const alice = await w.enrolTotp(ALICE);
    const bob = await w.enrolTotp(BOB);
    for (let i = 0; i < 4; i += 1) await w.prover.prove(await w.login(ALICE), alice, w.wrong());
    expect(await w.prover.prove(await w.login(BOB), bob, w.totp())).toMatchObject({ ok: true });
    expect(await w.guesses(ALICE)).toBe(4);
  });

  it('ends in a lock that time does not lift', async () => {
    const way = await w.enrolTotp(ALICE);
    for (let i = 0; i < 60; i += 1) {
      w.clock.advance(61_000);
      await w.prover.prove(await w.login(ALICE), way, w.wrong());
    }
    expect(w.asked).toHaveLength(50);
    w.clock.advance(30 * 86_400_000);
    const session = await w.login(ALICE);
    expect(await w.prover.prove(session, way, w.totp())).toMatchObject({ code: 'locked' });
    expect(await w.prover.prompt(session)).toMatchObject({ code: 'locked' });
    expect(w.asked).toHaveLength(50);
  });

  it('voids the login, not only the guess, after five wrong codes in it', async () => {
    w.limits = { ...w.limits, guesses: { free: 100, pausesMs: [1000], hard: 200 } };
    const way = await w.enrolTotp(ALICE);
    const session = await w.login(ALICE);
    const results = [];
    for (let i = 0; i < 6; i += 1) results.push(await w.prover.prove(session, way, w.wrong()));
    expect(results.map((result) => !result.ok && result.code)).toEqual([
      ...Array<string>(4).fill('code-wrong'),
      'guesses-spent',
      'session-gone',
    ]);
    expect(w.ended.map(({ reason }) => reason)).toEqual(['refused']);
  });

  it('looks at nothing that is no code, and counts none of it', async () => {
    const way = await w.enrolTotp(ALICE);
    const session = await w.login(ALICE);
    for (const code of [undefined, null, '', ' ', true, 123456, ['123456'], {}, 'abcdef', '1234567890123', '12345']) {
      expect(await w.prover.prove(session, way, code)).toMatchObject({ ok: false });
    }
    expect(w.asked).toEqual([]);
    expect(await w.guesses(ALICE)).toBe(0);
  });
});

describe('a code is good for one thing', () => {
  beforeEach(() => {
    w.limits = { ...w.limits, perLogin: 100, guesses: { free: 200, pausesMs: [1000], hard: 400 } };
  });

  it('fifty parallel submissions of the right token in one login make exactly one session', async () => {
    const way = await w.enrolTotp(ALICE);
    const session = await w.login(ALICE);
    const results = await Promise.all(Array.from({ length: 50 }, () => w.prover.prove(session, way, w.totp())));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(await w.sessions.of(ALICE)).toHaveLength(1);
  });

  it('fifty logins with the same token: exactly one gets in', async () => {
    const way = await w.enrolTotp(ALICE);
    const sessions = await Promise.all(Array.from({ length: 50 }, () => w.login(ALICE)));
    const results = codesOf(await Promise.all(sessions.map((session) => w.prover.prove(session, way, w.totp()))));
    expect(results).toEqual({ ok: 1, 'code-replayed': 49 });
    const states = (await w.sessions.of(ALICE)).map(({ session }) => session.state);
    expect(states.filter((state) => state === 'verified')).toHaveLength(1);
  });

  it('a factor that says yes fifty times makes one session all the same', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    w.verdict = async () => ({ ok: true });
    const session = await w.login(ALICE);
    const results = await Promise.all(Array.from({ length: 50 }, () => w.prover.prove(session, way, '1234567')));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(codesOf(results)).toEqual({ ok: 1, 'session-gone': 49 });
    expect(await w.sessions.of(ALICE)).toHaveLength(1);
  });

  it('a token that was used, and every older one, is refused later, also after a clock that went back', async () => {
    const way = await w.enrolTotp(ALICE);
    const older = w.totp();
    w.clock.advance(30_000);
    const used = w.totp();
    expect(await w.prover.prove(await w.login(ALICE), way, used)).toMatchObject({ ok: true });
    for (const code of [used, older]) {
      expect(await w.prover.prove(await w.login(ALICE), way, code)).toMatchObject({ code: 'code-replayed' });
    }
  });

  it('somebody else’s way is unknown, and costs them nothing', async () => {
    await w.enrolTotp(ALICE);
    const bob = await w.enrolTotp(BOB, 'KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU');
    expect(await w.prover.prove(await w.login(ALICE), bob, w.totp())).toMatchObject({ code: 'way-unknown' });
    expect(w.asked).toEqual([]);
  });

  it('a factor that was removed while it was asked proves nothing', async () => {
    const way = await w.enrolTotp(ALICE);
    w.inTheGap = async () => {
      await w.store.users.update(ALICE, (user) => ({
        write: { identity: ALICE, enrolments: [], factorVersion: (user?.factorVersion ?? 0) + 1 },
        result: undefined,
      }));
    };
    const session = await w.login(ALICE);
    expect(await w.prover.prove(session, way, w.totp())).toMatchObject({ code: 'way-unknown' });
    expect(session.session.state).toBe('pending');
  });

  it('a token that comes after the login’s time ends the login', async () => {
    const way = await w.enrolTotp(ALICE);
    const session = await w.login(ALICE);
    w.clock.advance(600_000);
    expect(await w.prover.prove(session, way, w.totp())).toMatchObject({ code: 'login-expired' });
    expect(session.ended).toBe(true);
    expect(w.asked).toEqual([]);
  });

  it('a login that ended while the provider was asked does not come back to life', async () => {
    const way = await w.enrolTotp(ALICE);
    const session = await w.login(ALICE);
    w.inTheGap = () => w.sessions.end(session, 'revoked');
    expect(await w.prover.prove(session, way, w.totp())).toMatchObject({ code: 'session-gone' });
    expect(await w.sessions.of(ALICE)).toEqual([]);
  });

  it('nobody proves anything before a password, or while they only may enrol', async () => {
    const way = await w.enrolTotp(ALICE);
    const anonymous = w.sessions.create().session;
    expect(await w.prover.prove(anonymous, way, w.totp())).toMatchObject({ code: 'session-gone' });
    const enrolling = await w.login(ALICE, 'enrol');
    expect(await w.prover.prove(enrolling, way, w.totp())).toMatchObject({ code: 'session-gone' });
    const passed = await w.login(ALICE, 'pass');
    expect(await w.prover.prove(passed, way, w.totp())).toMatchObject({ code: 'session-gone' });
    expect(w.asked).toEqual([]);
  });
});

describe('an outage', () => {
  const HTML = '<html>down for maintenance</html>';
  const FAILURES: readonly (readonly [string, Failure])[] = [
    ['500', { status: 500, body: { success: 'true', token: 'is valid', message: 'Token is valid.' } }],
    ['503 with a page', { status: 503, body: HTML, contentType: 'text/html' }],
    ['429', { status: 429, body: { success: false, error_code: '60003' } }],
    ['200 with a page', { status: 200, body: HTML, contentType: 'text/html' }],
    ['200 with nothing', { status: 200, body: '' }],
    ['200 with success but no token', { status: 200, body: { success: true } }],
    ['an array', { status: 200, body: [{ success: 'true', token: 'is valid' }] }],
    ['204', { status: 204 }],
    ['302', { status: 302, headers: { location: '/elsewhere' }, body: '' }],
    ['a wrong key', { status: 401, body: { success: false, error_code: '60001', message: 'Invalid API key' } }],
    ['403', { status: 403, body: { success: 'true', token: 'is valid' } }],
    ['an unknown user', { status: 404, body: { success: false, error_code: '60026', message: 'User not found.' } }],
    ['a cut answer', { cut: true }],
    ['a broken connection', { status: 200, body: { success: 'true', token: 'is valid' }, cut: true }],
  ];

  it.each(FAILURES)('never passes and gives the guess back: %s', async (_name, failure) => {
    const { way, authyId } = await w.enrolAuthy(ALICE);
    w.authy.register(authyId);
    const session = await w.login(ALICE);
    for (let i = 0; i < 8; i += 1) {
      w.authy.fail(failure, 'verify');
      const result = await w.prover.prove(session, way, w.authy.appToken(authyId));
      expect(result).toMatchObject({ ok: false });
      expect(result.ok ? '' : result.code).toMatch(/^(provider-|enrolment-gone)/);
      expect(session.session.state).toBe('pending');
      expect(await w.guesses(ALICE)).toBe(0);
    }
    w.clock.advance(20_000); // a token that the service may have seen is not tried again
    expect(await w.prover.prove(session, way, w.authy.appToken(authyId))).toMatchObject({ ok: true });
  });

  it.each<readonly [string, Failure]>([
    ['silence', { hang: true }],
    ['half an answer, then silence', { hang: true, cut: true }],
    ['an answer that comes too late', { delayMs: 5000 }],
  ])('never passes and gives the guess back: %s', async (_name, failure) => {
    const { way, authyId } = await w.enrolAuthy(ALICE);
    w.authy.register(authyId);
    const session = await w.login(ALICE);
    w.authy.fail(failure, 'verify');
    const before = w.authy.requests.length;
    const running = w.prover.prove(session, way, w.authy.appToken(authyId));
    await expect.poll(() => w.authy.requests.length).toBe(before + 1);
    w.clock.advance(1500);
    expect(await running).toMatchObject({ code: 'provider-unavailable' });
    expect(await w.guesses(ALICE)).toBe(0);
    expect(session.session.state).toBe('pending');
  });

  it('never passes and gives the guess back: nobody listens', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    await w.authy.close();
    const session = await w.login(ALICE);
    expect(await w.prover.prove(session, way, '1234567')).toMatchObject({ code: 'provider-unavailable' });
    expect(await w.guesses(ALICE)).toBe(0);
  });

  it('an exception in a factor is an outage', async () => {
    const way = await w.enrolTotp(ALICE);
    w.verdict = () => Promise.reject(new Error('bug'));
    const session = await w.login(ALICE);
    expect(await w.prover.prove(session, way, w.totp())).toMatchObject({ code: 'provider-unavailable' });
    expect(session.session.state).toBe('pending');
    expect(await w.guesses(ALICE)).toBe(0);
  });

  it('does not reset what was guessed before', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    const session = await w.login(ALICE);
    for (let i = 0; i < 3; i += 1) await w.prover.prove(session, way, '1234567');
    w.authy.fail({ status: 500 }, 'verify');
    await w.prover.prove(session, way, '1234567');
    expect(await w.guesses(ALICE)).toBe(3);
  });
});

describe('texts and calls', () => {
  it('are counted per identity over all its logins, before the provider is asked', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => w.login(ALICE)));
    const results = codesOf(await Promise.all(sessions.map((session) => w.prover.send(session, way, 'sms', false))));
    expect(results).toEqual({ ok: 1, 'send-paused': 19 });
    expect(w.authy.texts).toHaveLength(1);
  });

  it('stop after five in an hour, whatever the channel and the login', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    for (let i = 0; i < 12; i += 1) {
      await w.prover.send(await w.login(ALICE), way, i % 2 === 0 ? 'sms' : 'call', i % 3 === 0);
      w.clock.advance(31_000);
    }
    expect(w.authy.texts).toHaveLength(5);
    w.clock.advance(3_600_000);
    expect(await w.prover.send(await w.login(ALICE), way, 'sms', false)).toMatchObject({ ok: true });
  });

  it('are counted per number too, when two accounts share one', async () => {
    const { way: alice } = await w.enrolAuthy(ALICE);
    const { way: bob } = await w.enrolAuthy(BOB);
    expect(await w.prover.send(await w.login(ALICE), alice, 'sms', false)).toMatchObject({ ok: true });
    expect(await w.prover.send(await w.login(BOB), bob, 'sms', false)).toMatchObject({ code: 'send-paused' });
    expect(w.authy.texts).toHaveLength(1);
    // What was refused for the number is not held against the identity.
    w.clock.advance(30_000);
    expect(await w.prover.send(await w.login(BOB), bob, 'sms', false)).toMatchObject({ ok: true });
  });

  it('are not used up by somebody who types the number of another into an account of their own (attack 48)', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    const session = await w.login(BOB, 'pass');
    await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' });
    expect(await w.enroller.begin(session, 'authy')).toEqual({ ok: true });
    let drafts = 0;
    for (let i = 0; i < 8; i += 1) {
      drafts += (await w.enroller.sendToDraft(session, 'sms', true)).ok ? 1 : 0;
      w.clock.advance(30_000);
    }
    expect(drafts, 'as many as one person gets').toBe(5);
    expect(await w.prover.send(await w.login(ALICE), way, 'sms', true)).toMatchObject({ ok: true });
  });

  it('"text me anyway" works at once after the app was asked instead', async () => {
    const { way, authyId } = await w.enrolAuthy(ALICE);
    w.authy.register(authyId);
    const session = await w.login(ALICE);
    expect(await w.prover.send(session, way, 'sms', false)).toMatchObject({ code: 'app-instead' });
    expect(w.authy.texts).toEqual([]);
    expect(await w.prover.send(session, way, 'sms', true)).toMatchObject({ ok: true, ending: '67' });
    expect(w.authy.texts).toHaveLength(1);
    expect(await w.prover.send(session, way, 'sms', true)).toMatchObject({ code: 'send-paused' });
  });

  it('ring the app of a person as seldom as texts would, whoever has the password', async () => {
    const { way, authyId } = await w.enrolAuthy(ALICE);
    w.authy.register(authyId);
    const before = w.authy.requests.length;
    for (let login = 0; login < 10; login++) {
      const session = await w.login(ALICE);
      for (let i = 0; i < 10; i++) await w.prover.send(session, way, 'sms', false);
    }
    expect(w.authy.requests.length - before).toBe(1);
    for (let minute = 0; minute < 59; minute++) {
      w.clock.advance(60_000);
      await w.prover.send(await w.login(ALICE), way, 'sms', false);
    }
    expect(w.authy.requests.length - before).toBe(5);
  });

  it('go to nobody who is locked, anonymous, or asks for another’s way', async () => {
    const { way } = await w.enrolAuthy(ALICE);
    const { way: bob } = await w.enrolAuthy(BOB, '791234568');
    expect(await w.prover.send(w.sessions.create().session, way, 'sms', true)).toMatchObject({ code: 'session-gone' });
    expect(await w.prover.send(await w.login(ALICE), bob, 'sms', true)).toMatchObject({ code: 'way-unknown' });
    w.limits = { ...w.limits, guesses: { free: 1, pausesMs: [0], hard: 1 } };
    await w.prover.prove(await w.login(ALICE), way, '1234567');
    expect(await w.prover.send(await w.login(ALICE), way, 'sms', true)).toMatchObject({ code: 'locked' });
    expect(w.authy.texts).toEqual([]);
  });
});

describe('a fresh proof inside a session', () => {
  it('changes the id, keeps the person, and its cancel keeps the session', async () => {
    const way = await w.enrolTotp(ALICE);
    const session = await w.proved(ALICE);
    await w.prover.stepUp(session, '/_2fa/account' as never);
    await w.prover.cancel(session);
    expect(session.ended).toBe(false);
    await w.prover.stepUp(session, '/_2fa/account' as never);
    w.clock.advance(30_000);
    const done = await w.prover.prove(session, way, w.totp());
    expect(done).toMatchObject({ ok: true, returnTo: '/_2fa/account' });
    expect(session.ended).toBe(true);
    expect(done.ok && done.issued.session.session).toMatchObject({ state: 'verified', identity: ALICE });
  });

  it('that is guessed wrong five times is forgotten; the session goes on without it', async () => {
    const way = await w.enrolTotp(ALICE);
    const session = await w.proved(ALICE);
    await w.prover.stepUp(session, '/_2fa/account' as never);
    for (let i = 0; i < 5; i += 1) await w.prover.prove(session, way, w.wrong());
    expect(session.ended).toBe(false);
    expect(session.session).toMatchObject({ state: 'verified' });
    expect(await w.prover.prove(session, way, w.totp())).toMatchObject({ code: 'session-gone' });
  });
});
