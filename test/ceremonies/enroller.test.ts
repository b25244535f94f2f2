/** Adding and removing factors: only where none is, or with a fresh proof, judged again at the moment of writing (T6, I9). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveSession } from '../../src/session/live.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { SharedStore } from '../fakes/shared-store.ts';
import { ALICE, BOB, CeremonyWorld, SECRET } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
});
afterEach(() => w.close());

async function draftSecret(session: LiveSession): Promise<string> {
  const draft = await w.enroller.draft(session);
  const secret = draft?.instructions.totp?.secret;
  if (secret === undefined) throw new Error('no draft');
  return secret.replaceAll(' ', '');
}

async function factorsOf(identity = ALICE): Promise<string[]> {
  return (await w.user(identity))?.enrolments.map(({ factor }) => factor) ?? [];
}

describe('a draft belongs to the session that began it', () => {
  it('a thief’s draft cannot be confirmed by the victim, nor the victim’s by the thief', async () => {
    const victim = await w.login(ALICE, 'pass');
    const thief = await w.login(ALICE, 'pass');
    for (const [owner, other] of [
      [thief, victim],
      [victim, thief],
    ] as const) {
      expect(await w.enroller.begin(owner, 'totp')).toEqual({ ok: true });
      const secret = await draftSecret(owner);
      expect(await w.enroller.draft(other)).toBeUndefined();
      expect(await w.enroller.confirm(other, w.totp(secret))).toMatchObject({ code: 'draft-missing' });
      await w.enroller.discard(other);
      expect(await w.enroller.draft(owner)).toBeDefined();
    }
    expect(await factorsOf()).toEqual([]);
  });

  it('whoever begins later replaces the draft, and the secret of the first is worth nothing', async () => {
    const victim = await w.login(ALICE, 'pass');
    const thief = await w.login(ALICE, 'pass');
    await w.enroller.begin(victim, 'totp');
    const shown = await draftSecret(victim);
    await w.enroller.begin(thief, 'totp');
    expect(await w.enroller.confirm(victim, w.totp(shown))).toMatchObject({ code: 'draft-missing' });
    expect(await w.enroller.confirm(thief, w.totp(shown))).toMatchObject({ code: 'code-wrong' });
    expect(await factorsOf()).toEqual([]);
  });

  it('a draft that is replaced while its code is checked is not confirmed', async () => {
    const victim = await w.login(ALICE, 'pass');
    const thief = await w.login(ALICE, 'pass');
    await w.enroller.begin(victim, 'totp');
    const code = w.totp(await draftSecret(victim));
    w.inTheGap = async () => {
      w.inTheGap = async () => undefined;
      await w.enroller.begin(thief, 'totp');
    };
    expect(await w.enroller.confirm(victim, code)).toMatchObject({ code: 'draft-missing' });
    expect(await factorsOf()).toEqual([]);
  });

  it('it ends with its time, and after ten wrong codes', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    const secret = await draftSecret(session);
    for (let i = 0; i < 11; i += 1)
      await w.enroller.confirm(session, w.totp(secret) === '000000' ? '111111' : '000000');
    expect(w.asked).toHaveLength(10);
    expect(await w.enroller.confirm(session, w.totp(secret))).toMatchObject({ code: 'draft-missing' });
    await w.enroller.begin(session, 'totp');
    const second = await draftSecret(session);
    w.clock.advance(900_000);
    expect(await w.enroller.confirm(session, w.totp(second))).toMatchObject({ code: 'draft-missing' });
    expect(await factorsOf()).toEqual([]);
  });

  it('confirmed fifty times at once it becomes one factor, and the same code logs nobody in', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    const code = w.totp(await draftSecret(session));
    const results = await Promise.all(Array.from({ length: 10 }, () => w.enroller.confirm(session, code)));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(await factorsOf()).toEqual(['totp']);
    const [enrolment] = (await w.user(ALICE))?.enrolments ?? [];
    const login = await w.login(ALICE);
    expect(await w.prover.prove(login, enrolment?.id ?? '', code)).toMatchObject({ code: 'code-replayed' });
  });

  it('confirming ends every session of the identity, this one too, and nobody else’s', async () => {
    const other = await w.login(ALICE, 'pass');
    const bob = await w.login(BOB, 'pass');
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    expect(await w.enroller.confirm(session, w.totp(await draftSecret(session)))).toMatchObject({ ok: true });
    expect([session.ended, other.ended, bob.ended]).toEqual([true, true, false]);
    expect(w.ended).toHaveLength(2);
  });

  it('its secret is shown to nobody once it is confirmed, or cancelled (attack 57)', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    await w.enroller.discard(session);
    expect([await w.enroller.draft(session), (await w.user(ALICE))?.draft]).toEqual([undefined, undefined]);
    await w.enroller.begin(session, 'totp');
    await w.enroller.confirm(session, w.totp(await draftSecret(session)));
    expect([await w.enroller.draft(session), (await w.user(ALICE))?.draft]).toEqual([undefined, undefined]);
  });
});

describe('with a factor in place only a fresh proof changes anything', () => {
  /** Everything that would change the account. */
  async function expectClosed(session: LiveSession): Promise<void> {
    const before = await w.user(ALICE);
    const refused = { ok: false, code: 'fresh-proof-needed' };
    expect(await w.enroller.begin(session, 'totp')).toMatchObject(refused);
    expect(await w.enroller.begin(session, 'authy')).toMatchObject(refused);
    expect(await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' })).toMatchObject(refused);
    expect(await w.enroller.remove(session, `totp-${ALICE}`)).toMatchObject(refused);
    expect(await w.user(ALICE)).toEqual(before);
    expect(w.authy.requests).toEqual([]);
  }

  it('not a pending login (attack 15), not one that only may enrol, not one that the policy let in', async () => {
    await w.enrolTotp(ALICE);
    await expectClosed(await w.login(ALICE, 'challenge'));
    await expectClosed(await w.login(ALICE, 'enrol'));
    await expectClosed(await w.login(ALICE, 'pass'));
  });

  it('not a proof that is five minutes old (attack 58)', async () => {
    await w.enrolTotp(ALICE);
    const session = await w.proved(ALICE);
    w.clock.advance(300_000);
    await expectClosed(session);
  });

  it('not a session of somebody else with a fresh proof', async () => {
    await w.enrolTotp(ALICE);
    await w.enrolTotp(BOB);
    const bob = await w.proved(BOB);
    expect(await w.enroller.remove(bob, `totp-${ALICE}`)).toMatchObject({ code: 'way-unknown' });
    expect(await factorsOf()).toEqual(['totp']);
  });

  it('not when the factor appears between the look and the write of a begun enrolment', async () => {
    const session = await w.login(ALICE, 'pass');
    w.inTheGap = async () => void (await w.enrolTotp(ALICE));
    expect(await w.enroller.begin(session, 'totp')).toMatchObject({ code: 'fresh-proof-needed' });
    expect((await w.user(ALICE))?.draft).toBeUndefined();
  });

  it('not when it appears while the first code is checked', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    const code = w.totp(await draftSecret(session));
    w.inTheGap = async () => void (await w.enrolAuthy(ALICE));
    expect(await w.enroller.confirm(session, code)).toMatchObject({ code: 'fresh-proof-needed' });
    expect(await factorsOf()).toEqual(['authy']);
  });

  it('not after the session was ended by another process while the code was checked', async () => {
    const shared: SharedStore[] = [];
    const busy = await CeremonyWorld.start((clock) => {
      const store = new SharedStore(clock);
      shared.push(store);
      return store.member();
    });
    const [store] = shared;
    if (store === undefined) throw new Error('there is a store');
    const other = new Sessions({
      store: store.member().sessions,
      clock: busy.clock,
      limits: () => ({ idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 10 }),
      onEnd: async () => {},
      onWriteError: () => {},
    });
    const session = await busy.login(ALICE, 'pass');
    await busy.enroller.begin(session, 'totp');
    const secret = (await busy.user(ALICE))?.draft?.enrolment.data as { secret: string };
    busy.inTheGap = async () => void (await other.endAll(ALICE, 'revoked'));
    expect(await busy.enroller.confirm(session, busy.totp(secret.secret))).toMatchObject({ code: 'session-gone' });
    expect((await busy.user(ALICE))?.enrolments).toEqual([]);
    await busy.close();
  });

  it('not after the session ended while the code was checked', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    const code = w.totp(await draftSecret(session));
    w.inTheGap = () => w.sessions.end(session, 'revoked');
    expect(await w.enroller.confirm(session, code)).toMatchObject({ code: 'session-gone' });
    expect(await factorsOf()).toEqual([]);
  });

  it('a fresh proof may replace the factor; the old one is gone in the same write', async () => {
    await w.enrolTotp(ALICE);
    const session = await w.proved(ALICE);
    expect(await w.enroller.begin(session, 'totp')).toEqual({ ok: true });
    const secret = await draftSecret(session);
    expect(secret).not.toBe(SECRET);
    expect(await w.enroller.confirm(session, w.totp(secret))).toMatchObject({ ok: true, factor: 'totp' });
    expect(await factorsOf()).toEqual(['totp']);
    const login = await w.login(ALICE);
    expect(await w.prover.prove(login, `totp-${ALICE}`, w.totp())).toMatchObject({ code: 'way-unknown' });
  });
});

describe('removing', () => {
  it('ends the other sessions, keeps this one, and tells the provider', async () => {
    await w.enrolTotp(ALICE);
    const { way } = await w.enrolAuthy(ALICE);
    const other = await w.proved(ALICE);
    const session = await w.proved(ALICE);
    expect(await w.enroller.remove(session, way)).toEqual({ ok: true });
    expect([session.ended, other.ended]).toEqual([false, true]);
    expect(await factorsOf()).toEqual(['totp']);
    expect(w.authy.requests.filter(({ call }) => call === 'remove')).toHaveLength(1);
  });

  it('does not take the factor of a second account with the same phone away', async () => {
    await w.enrolTotp(ALICE);
    const { way } = await w.enrolAuthy(ALICE);
    await w.enrolAuthy(BOB);
    expect(await w.enroller.remove(await w.proved(ALICE), way)).toEqual({ ok: true });
    expect(w.authy.requests.filter(({ call }) => call === 'remove')).toEqual([]);
  });

  it('holds although the provider is down', async () => {
    await w.enrolTotp(ALICE);
    const { way } = await w.enrolAuthy(ALICE);
    w.authy.fail({ status: 500 }, 'remove');
    expect(await w.enroller.remove(await w.proved(ALICE), way)).toEqual({ ok: true });
    expect(await factorsOf()).toEqual(['totp']);
  });

  it('leaves the last factor where the policy demands one, also when two are removed at once', async () => {
    w.level = 'required';
    await w.enrolTotp(ALICE);
    const { way } = await w.enrolAuthy(ALICE);
    const session = await w.proved(ALICE);
    const results = await Promise.all([w.enroller.remove(session, `totp-${ALICE}`), w.enroller.remove(session, way)]);
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(await factorsOf()).toHaveLength(1);
    expect(results.find((result) => !result.ok)).toMatchObject({ code: 'factor-required' });
  });
});

describe('what leaves the machine', () => {
  it('tells of a number that replaces another one, not of the first, nor of the same again', async () => {
    const session = await w.login(ALICE, 'pass');
    const kinds = async () => (await w.occasions.recent(ALICE)).map(({ happening }) => happening.kind);
    for (const number of ['079 123 45 67', '0791234567', '+41791234567']) {
      expect((await w.enroller.savePhone(session, { country: 'CH', number })).ok).toBe(true);
    }
    expect(await kinds()).toEqual([]);
    await w.enroller.savePhone(session, { country: 'CH', number: '079 765 43 21' });
    expect(await kinds()).toEqual(['number-changed']);
  });

  it('nothing, before a person begins Authy; then exactly the phone and an address', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.savePhone(session, { country: 'CH', number: '079 123 45 67' });
    await w.enroller.account(session);
    expect(w.authy.requests).toEqual([]);
    expect(await w.enroller.begin(session, 'authy')).toEqual({ ok: true });
    expect(w.authy.requests.map(({ call }) => call)).toEqual(['create']);
    expect(decodeURIComponent(w.authy.requests[0]?.body ?? '')).toContain('791234567');
  });

  it('no second text for a draft before its time, whatever session asks', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' });
    await w.enroller.begin(session, 'authy');
    const results = await Promise.all(Array.from({ length: 10 }, () => w.enroller.sendToDraft(session, 'sms', false)));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(w.authy.texts).toHaveLength(1);
  });

  it('begun enrolments are ten an hour', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' });
    for (let i = 0; i < 15; i += 1) await w.enroller.begin(session, 'authy');
    expect(w.authy.requests.filter(({ call }) => call === 'create')).toHaveLength(10);
  });

  it('an outage while beginning or confirming makes no factor', async () => {
    const session = await w.login(ALICE, 'pass');
    await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' });
    w.authy.fail({ status: 500 }, 'create');
    expect(await w.enroller.begin(session, 'authy')).toMatchObject({ code: 'provider-unavailable' });
    expect(await w.enroller.draft(session)).toBeUndefined();
    await w.enroller.begin(session, 'authy');
    for (let i = 0; i < 12; i += 1) {
      w.authy.fail({ status: 200, body: '<html>', contentType: 'text/html' }, 'verify');
      expect(await w.enroller.confirm(session, '1234567')).toMatchObject({ code: 'provider-unavailable' });
    }
    expect(await factorsOf()).toEqual([]);
    expect(await w.enroller.draft(session)).toBeDefined();
  });
});
