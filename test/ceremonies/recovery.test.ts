/** Recovery codes at work: made with the first factor, used once, counted with everything else, worth nothing alone. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Proved } from '../../src/ceremonies/ceremonies.ts';
import type { Refusal } from '../../src/ceremonies/outcomes.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
});
afterEach(() => w.close());

const use = (session: LiveSession, code: unknown) => w.prover.prove(session, 'recovery', code);
const left = async () => (await w.user(ALICE))?.recovery?.codes.length;
const happened = async () => (await w.occasions.recent(ALICE)).map(({ happening }) => happening);

async function enrolFirst(session: LiveSession) {
  await w.enroller.begin(session, 'totp');
  const secret = (await w.enroller.draft(session))?.instructions.totp?.secret.replaceAll(' ', '');
  return w.enroller.confirm(session, w.totp(secret));
}

describe('the first factor brings codes', () => {
  it('once: shown with the answer, kept in the same write, and not with the next factor', async () => {
    const done = await enrolFirst(await w.login(ALICE, 'pass'));
    const codes = done.ok ? (done.codes ?? []) : [];
    expect(codes).toHaveLength(4);
    expect(await left()).toBe(4);
    const proved = await use(await w.login(ALICE), codes[2]);
    expect(proved).toMatchObject({ ok: true, codesLeft: 3 });
    if (!proved.ok) return;
    const again = await enrolFirst(proved.issued.session);
    expect(again).toEqual({ ok: true, factor: 'totp' });
    expect(await left()).toBe(3);
  });

  it('none when they are off, or when another tab was faster', async () => {
    w.off.add('recovery');
    expect(await enrolFirst(await w.login(BOB, 'pass'))).toEqual({ ok: true, factor: 'totp' });
    w.off.clear();
    const session = await w.login(ALICE, 'pass');
    await w.enroller.begin(session, 'totp');
    const secret = (await w.enroller.draft(session))?.instructions.totp?.secret.replaceAll(' ', '');
    const code = w.totp(secret);
    const all = await Promise.all(Array.from({ length: 5 }, () => w.enroller.confirm(session, code)));
    const withCodes = all.filter((one) => one.ok && one.codes !== undefined);
    expect(withCodes).toHaveLength(1);
    const shown = withCodes[0]?.ok === true ? withCodes[0].codes?.[0] : '';
    expect(await use(await w.login(ALICE), shown)).toMatchObject({ ok: true });
  });
});

describe('a code', () => {
  let codes: readonly string[];
  beforeEach(async () => {
    await w.enrolTotp(ALICE);
    codes = await w.giveCodes(ALICE);
  });

  it('is offered last, and lets in as a fresh proof: a lost phone can be replaced (attack 42)', async () => {
    const session = await w.login(ALICE);
    const prompt = await w.prover.prompt(session);
    expect(prompt.ok && prompt.ways.map(({ id, answer }) => [id, answer])).toEqual([
      [`totp-${ALICE}`, 'digits'],
      ['recovery', 'recovery-code'],
    ]);
    const proved = await use(session, codes[0]?.toLowerCase().replaceAll('-', ' '));
    if (!proved.ok) throw new Error(proved.code);
    expect(proved.codesLeft).toBe(3);
    expect(await w.enroller.remove(proved.issued.session, `totp-${ALICE}`)).toEqual({ ok: true });
    const next = await w.prover.prompt(await w.login(ALICE));
    expect(next.ok && next.ways).toEqual([]);
    expect((await w.user(ALICE))?.recovery).toBeUndefined();
  });

  it('lets one in of thirty logins that use it at once, and is gone (attack 42)', async () => {
    w.limits = { ...w.limits, guesses: { free: 100, pausesMs: [1000], hard: 100 } };
    const sessions = await Promise.all(Array.from({ length: 30 }, () => w.login(ALICE)));
    const results = await Promise.all(sessions.map((session) => use(session, codes[0])));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    for (const result of results) if (!result.ok) expect(result.code).toBe('recovery-wrong');
    const verified = (await w.sessions.of(ALICE)).filter(({ session }) => session.state === 'verified');
    expect([verified.length, await left()]).toEqual([1, 3]);
  });

  it('meets the one budget of all factors, whatever is mixed (attacks 38, 41)', async () => {
    async function mixed(i: number): Promise<Proved | Refusal> {
      const session = await w.login(ALICE);
      if (i % 2 === 0) return use(session, 'ZZZZ-ZZZZ-ZZZZ-ZZZZ');
      return w.prover.prove(session, `totp-${ALICE}`, w.wrong());
    }
    await Promise.all(Array.from({ length: 100 }, (_, i) => mixed(i)));
    expect(w.asked).toHaveLength(5);
    expect(await use(await w.login(ALICE), codes[0])).toMatchObject({ code: 'guesses-paused' });
    for (let i = 0; i < 60; i += 1) {
      w.clock.advance(61_000);
      await mixed(i);
    }
    expect(w.asked).toHaveLength(50);
    expect(await use(await w.login(ALICE), codes[0])).toMatchObject({ code: 'locked' });
    expect(await left()).toBe(4);
  });

  it('costs nothing when it is no code at all', async () => {
    const session = await w.login(ALICE);
    for (const typed of [undefined, '', ' ', '123456', ['x'], 'not a code']) {
      const result = await use(session, typed);
      expect(result.ok ? '' : result.code).toMatch(/^(code-empty|recovery-wrong)$/);
    }
    expect([w.asked, await w.guesses(ALICE)]).toEqual([[], 0]);
  });

  it('is told of, with what is left', async () => {
    await use(await w.login(ALICE), codes[0]);
    await use(await w.login(ALICE), codes[1]);
    expect(await happened()).toEqual([
      { kind: 'recovery-used', left: 2 },
      { kind: 'recovery-used', left: 3 },
    ]);
  });

  it('is nobody else’s', async () => {
    await w.enrolTotp(BOB);
    expect(await use(await w.login(BOB), codes[0])).toMatchObject({ code: 'way-unknown' });
    await w.giveCodes(BOB);
    expect(await use(await w.login(BOB), codes[0])).toMatchObject({ code: 'recovery-wrong' });
    expect(await left()).toBe(4);
  });

  it('is spent in the store before anybody is let in: a store that cannot write lets nobody in', async () => {
    const { update } = w.store.users;
    w.store.users.update = () => Promise.reject(new Error('disk'));
    const session = await w.login(ALICE);
    await expect(use(session, codes[0])).rejects.toThrow('disk');
    w.store.users.update = update;
    expect(session.session.state).toBe('pending');
  });
});

describe('new codes', () => {
  it('need a fresh proof, and void the old ones in the same write, also one that is just being checked', async () => {
    await w.enrolTotp(ALICE);
    const old = await w.giveCodes(ALICE);
    const refused = { code: 'fresh-proof-needed' };
    for (const standing of ['challenge', 'pass', 'enrol'] as const) {
      expect(await w.enroller.makeCodes(await w.login(ALICE, standing))).toMatchObject(refused);
    }
    const session = await w.proved(ALICE);
    w.inTheGap = async () => {
      w.inTheGap = async () => undefined;
      expect(await w.enroller.makeCodes(session)).toMatchObject({ ok: true });
    };
    expect(await use(await w.login(ALICE), old[0])).toMatchObject({ code: 'recovery-wrong' });
    expect(await use(await w.login(ALICE), old[1])).toMatchObject({ code: 'recovery-wrong' });
    expect(await left()).toBe(4);
    expect(await happened()).toContainEqual({ kind: 'recovery-made' });
    w.clock.advance(300_000);
    expect(await w.enroller.makeCodes(session)).toMatchObject(refused);
  });

  it('are made ten times an hour at most', async () => {
    await w.enrolTotp(ALICE);
    const session = await w.proved(ALICE);
    for (let i = 0; i < 10; i += 1) expect(await w.enroller.makeCodes(session)).toMatchObject({ ok: true });
    expect(await w.enroller.makeCodes(session)).toMatchObject({ code: 'send-paused' });
  });
});

describe('codes alone are no factor (attack 15)', () => {
  it('nobody makes them, enrols them or is asked for them without one', async () => {
    const session = await w.login(ALICE, 'pass');
    expect(await w.enroller.makeCodes(session)).toMatchObject({ code: 'factor-off' });
    expect(await w.enroller.begin(session, 'recovery')).toMatchObject({ code: 'factor-off' });
    expect((await w.enroller.account(session)).recovery).toBeUndefined();
    await w.enrolTotp(ALICE);
    const [code] = await w.giveCodes(ALICE);
    await w.store.users.update(ALICE, (user) => ({
      write: user === undefined ? null : { ...user, enrolments: [] },
      result: undefined,
    }));
    const login = await w.login(ALICE);
    expect(await use(login, code)).toMatchObject({ code: 'way-unknown' });
    const prompt = await w.prover.prompt(login);
    expect(prompt.ok && prompt.ways).toEqual([]);
  });

  it('they go with the last factor, and with an administrator’s reset', async () => {
    await w.enrolTotp(ALICE);
    const [code] = await w.giveCodes(ALICE);
    await w.enrolTotp(ADMIN);
    await w.admin.reset(await w.proved(ADMIN), ALICE, 'lost everything');
    expect((await w.user(ALICE))?.recovery).toBeUndefined();
    await w.enrolTotp(ALICE);
    expect(await use(await w.login(ALICE), code)).toMatchObject({ code: 'way-unknown' });
  });

  it('the account says how many are left, and never what they are', async () => {
    await w.enrolTotp(ALICE);
    const session = await w.proved(ALICE);
    expect((await w.enroller.account(session)).recovery).toEqual({ left: 0 });
    await w.giveCodes(ALICE);
    const account = await w.enroller.account(session);
    expect(account.recovery).toEqual({ left: 4, madeAt: w.clock.now() });
    expect(account.available.map(({ factor }) => factor)).toEqual(['totp', 'authy']);
    expect(JSON.stringify(account)).not.toContain('hash');
  });
});
