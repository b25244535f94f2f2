/** Questions that are opened and answered later: sent codes, challenges for keys, requests in an app (I4). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity, Json } from '../../src/gate/types.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { Keys, SentCodes } from '../fakes/factors.ts';
import { ALICE, CeremonyWorld } from './ceremony-world.ts';
import { type FactorUnderContract, factorContract } from './factor-contract.ts';

async function enrol(w: CeremonyWorld, factor: 'sms' | 'passkey', identity: Identity, data: Json): Promise<string> {
  const id = `${factor}-${String(data)}`;
  await w.enrol(identity, { id, factor, data, createdAt: w.clock.now() });
  return id;
}

async function shown(w: CeremonyWorld, session: LiveSession): Promise<Json | undefined> {
  const prompt = await w.prover.prompt(session);
  return prompt.ok ? prompt.ways.find(({ factor }) => factor === 'passkey')?.shown : undefined;
}

factorContract('a code that the gateway sends', (): FactorUnderContract => {
  let codes: SentCodes;
  return {
    id: 'sms',
    isBound: true,
    enrol(w, identity) {
      if (w.extra.length === 0) {
        codes = new SentCodes((label, text) => w.store.mac(label, text));
        w.extra.push(codes.factor);
      }
      return enrol(w, 'sms', identity, identity);
    },
    ask: async (w, session, way) => void (await w.prover.send(session, way, 'sms', false)),
    right: (_w, session) => {
      const { session: state } = session;
      const question = state.state === 'pending' ? state.login.id : '';
      return codes.sent.findLast((one) => one.question === question)?.code ?? '';
    },
    wrong: () => (codes.sent.some(({ code }) => code === '000000') ? '111111' : '000000'),
  };
});

factorContract('a key that answers a challenge', (): FactorUnderContract => {
  const keys = new Keys();
  return {
    id: 'passkey',
    isBound: true,
    enrol(w, identity) {
      if (w.extra.length === 0) w.extra.push(keys.factor);
      return enrol(w, 'passkey', identity, identity);
    },
    ask: async (w, session) => void (await shown(w, session)),
    right: async (w, session, _way, identity) => keys.answer(identity, await shown(w, session)),
    wrong: async (w, session) => keys.answer('another key', await shown(w, session)),
  };
});

let w: CeremonyWorld;
let codes: SentCodes;
let keys: Keys;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  codes = new SentCodes((label, text) => w.store.mac(label, text));
  keys = new Keys();
  w.extra.push(codes.factor, keys.factor);
  w.limits = { ...w.limits, sends: [{ max: 100, perMs: 3_600_000 }] };
});
afterEach(() => w.close());

const prove = (session: LiveSession, way: string, answer: string) => w.prover.prove(session, way, answer);

describe('a code that was sent', () => {
  it('is void when a newer one was sent; entering it costs nothing and says so', async () => {
    const way = await enrol(w, 'sms', ALICE, 'a');
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'sms', false);
    const older = codes.last;
    do await w.prover.send(session, way, 'sms', false);
    while (codes.last === older);
    expect(await prove(session, way, older)).toMatchObject({ code: 'code-superseded' });
    expect(await w.guesses(ALICE)).toBe(0);
    expect(await prove(session, way, codes.last)).toMatchObject({ ok: true });
  });

  it('lives five minutes; later it costs nothing, and says so', async () => {
    const way = await enrol(w, 'sms', ALICE, 'a');
    const session = await w.login(ALICE);
    expect(await prove(session, way, '123456')).toMatchObject({ code: 'code-expired' });
    await w.prover.send(session, way, 'sms', false);
    w.clock.advance(300_000);
    expect(await prove(session, way, codes.last)).toMatchObject({ code: 'code-expired' });
    expect(await w.guesses(ALICE)).toBe(0);
    expect(w.asked).toEqual([]);
  });

  it('is still good after a wrong guess, and used up by the first right one', async () => {
    const way = await enrol(w, 'sms', ALICE, 'a');
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'sms', false);
    expect(await prove(session, way, codes.last === '000000' ? '111111' : '000000')).toMatchObject({
      code: 'code-wrong',
    });
    const results = await Promise.all([1, 2, 3].map(() => prove(session, way, codes.last)));
    expect(results.map((result) => (result.ok ? 'ok' : result.code)).sort()).toEqual([
      ...Array<string>(2).fill('code-replayed'),
      'ok',
    ]);
  });

  it('stands in the store as a keyed hash only', async () => {
    const way = await enrol(w, 'sms', ALICE, 'a');
    await w.prover.send(await w.login(ALICE), way, 'sms', false);
    const stored: unknown[] = [];
    for await (const entry of w.store.counters.entries()) stored.push(entry);
    expect(JSON.stringify(stored)).toContain('question:');
    expect(JSON.stringify(stored)).not.toContain(codes.last);
  });
});

describe('a challenge for a key', () => {
  it('is the same in another tab, and a new one when little time is left of it', async () => {
    await enrol(w, 'passkey', ALICE, 'a');
    const session = await w.login(ALICE);
    const first = await shown(w, session);
    expect(await shown(w, session)).toBe(first);
    w.clock.advance(250_000);
    expect(await shown(w, session)).not.toBe(first);
  });

  it('is used up by any answer, right or wrong', async () => {
    const way = await enrol(w, 'passkey', ALICE, 'a');
    const session = await w.login(ALICE);
    const challenge = await shown(w, session);
    expect(await prove(session, way, keys.answer('b', challenge))).toMatchObject({ code: 'assertion-refused' });
    expect(await prove(session, way, keys.answer('a', challenge))).toMatchObject({ code: 'assertion-expired' });
    expect(await prove(session, way, keys.answer('a', await shown(w, session)))).toMatchObject({ ok: true });
  });

  it('is answered by any key of the person, and the one that did is noted', async () => {
    const way = await enrol(w, 'passkey', ALICE, 'a');
    const second = await enrol(w, 'passkey', ALICE, 'b');
    const session = await w.login(ALICE);
    expect(await prove(session, way, keys.answer('b', await shown(w, session)))).toMatchObject({ ok: true });
    expect([await w.counters.lastUse(way), await w.counters.lastUse(second)]).toEqual([undefined, w.clock.now()]);
  });

  it('is refused to a counter that does not rise', async () => {
    const way = await enrol(w, 'passkey', ALICE, 'a');
    for (const [counter, passes] of [
      [5, true],
      [5, false],
      [4, false],
      [6, true],
      [0, false],
      [7, true],
    ] as const) {
      keys.counter = counter;
      const session = await w.login(ALICE);
      expect((await prove(session, way, keys.answer('a', await shown(w, session)))).ok).toBe(passes);
    }
  });

  it('is asked in a pause after wrong codes, and not after the last guess', async () => {
    const totp = await w.enrolTotp(ALICE);
    const way = await enrol(w, 'passkey', ALICE, 'a');
    for (let i = 0; i < 5; i += 1) await prove(await w.login(ALICE), totp, w.wrong());
    expect(await prove(await w.login(ALICE), totp, w.wrong())).toMatchObject({ code: 'guesses-paused' });
    w.limits = { ...w.limits, guesses: { ...w.limits.guesses, hard: 5 } };
    const locked = await w.login(ALICE);
    expect(await prove(locked, way, '["a","c1"]')).toMatchObject({ code: 'locked' });
    w.limits = { ...w.limits, guesses: { ...w.limits.guesses, hard: 50 } };
    expect(await prove(locked, way, keys.answer('a', await shown(w, locked)))).toMatchObject({ ok: true });
  });

  it.each([undefined, 5, ['x'], 'x'.repeat(12_289)])(
    'is answered by one text; %j is looked at by nobody',
    async (answer) => {
      const way = await enrol(w, 'passkey', ALICE, 'a');
      expect(await w.prover.prove(await w.login(ALICE), way, answer)).toMatchObject({ code: 'assertion-refused' });
      expect([w.asked, await w.guesses(ALICE)]).toEqual([[], 0]);
    },
  );

  it('enrols a key with what it answered and the name that the person gave; a second one replaces nothing', async () => {
    for (const key of ['a', 'b']) {
      const session = await w.login(ALICE, 'pass');
      if (key === 'b') await w.store.users.update(ALICE, () => ({ write: null, result: undefined }));
      await w.enroller.begin(session, 'passkey');
      const draft = await w.enroller.draft(session);
      expect(draft).toMatchObject({ answer: 'assertion' });
      const answer = keys.answer(key, draft?.shown);
      expect(await w.enroller.confirm(session, answer, 'x'.repeat(41))).toMatchObject({ code: 'name-invalid' });
      expect(await w.enroller.confirm(session, answer, ` key  ${key} `)).toMatchObject({ ok: true });
      expect((await w.user(ALICE))?.enrolments).toMatchObject([{ data: key, name: `key ${key}` }]);
    }
  });

  it('ten keys are enough for anybody', async () => {
    const session = await w.login(ALICE, 'pass');
    for (let i = 0; i < 10; i += 1) await enrol(w, 'passkey', ALICE, `k${i}`);
    const proved = await prove(await w.login(ALICE), 'passkey-k0', '');
    expect(proved.ok).toBe(false);
    expect(await w.enroller.begin(session, 'passkey')).toMatchObject({ code: 'fresh-proof-needed' });
    const login = await w.login(ALICE);
    const done = await prove(login, 'passkey-k0', keys.answer('k0', await shown(w, login)));
    if (!done.ok) throw new Error(done.code);
    expect(await w.enroller.begin(done.issued.session, 'passkey')).toMatchObject({ code: 'too-many-of-kind' });
  });
});

describe('a request in an app', () => {
  async function asked(): Promise<{ session: LiveSession; way: string }> {
    const way = await enrol(w, 'sms', ALICE, 'a');
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'push', false);
    return { session, way };
  }

  it('lets in what was approved, once, and asks no more often than every two seconds', async () => {
    const { session, way } = await asked();
    for (let i = 0; i < 10; i += 1) expect(await w.prover.look(session, way)).toMatchObject({ code: 'push-waiting' });
    expect(codes.looks).toBe(1);
    codes.stands = { is: 'approved' };
    w.clock.advance(2000);
    const looks = await Promise.all(Array.from({ length: 30 }, () => w.prover.look(session, way)));
    expect(looks.filter(({ ok }) => ok)).toHaveLength(1);
    expect(codes.looks).toBe(2);
    const question = session.session.state === 'pending' ? session.session.login.id : '';
    expect(await w.store.counters.get(`question:${question}:${way}`)).toBeUndefined();
    expect(await w.sessions.of(ALICE)).toHaveLength(1);
  });

  it('ends the login when it was denied, and counts as a guess', async () => {
    const { session, way } = await asked();
    codes.stands = { is: 'denied' };
    expect(await w.prover.look(session, way)).toMatchObject({ code: 'push-denied' });
    expect([session.ended, await w.guesses(ALICE)]).toEqual([true, 1]);
  });

  it.each([
    [{ is: 'expired' }, 'push-expired'],
    [{ is: 'unknown', reason: 'unavailable' }, 'provider-unavailable'],
  ] as const)('lets nobody in when it is %j', async (stands, code) => {
    const { session, way } = await asked();
    codes.stands = stands;
    expect(await w.prover.look(session, way)).toMatchObject({ code });
    expect([session.session.state, await w.guesses(ALICE)]).toEqual(['pending', 0]);
  });

  it('is nothing that a login can look at which asked none, or is locked', async () => {
    const { way } = await asked();
    codes.stands = { is: 'approved' };
    const other = await w.login(ALICE);
    expect(await w.prover.look(other, way)).toMatchObject({ code: 'push-expired' });
    expect(await w.prover.look(other, await w.enrolTotp(ALICE))).toMatchObject({ code: 'way-unknown' });
    const { session } = { session: await w.login(ALICE) };
    await w.prover.send(session, way, 'push', false);
    for (let i = 0; i < 5; i += 1) await prove(await w.login(ALICE), `totp-${ALICE}`, w.wrong());
    w.limits = { ...w.limits, guesses: { ...w.limits.guesses, hard: 5 } };
    expect(await w.prover.look(session, way)).toMatchObject({ code: 'locked' });
    expect(codes.looks).toBe(0);
  });
});

it('the way that worked last is offered first, and else the strongest', async () => {
  const sms = await enrol(w, 'sms', ALICE, 'a');
  const totp = await w.enrolTotp(ALICE);
  const order = async () => {
    const prompt = await w.prover.prompt(await w.login(ALICE));
    return prompt.ok ? prompt.ways.map(({ id }) => id) : [];
  };
  expect(await order()).toEqual([totp, sms]);
  const session = await w.login(ALICE);
  await w.prover.send(session, sms, 'sms', false);
  await prove(session, sms, codes.last);
  expect(await order()).toEqual([sms, totp]);
});
