/** Passkeys with an authenticator in software: the contract of every factor, and what only keys can do wrong (attack 47). */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPasskey } from '../../src/factors/passkey/passkey.ts';
import type { Identity, Json } from '../../src/gate/types.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { SoftKey } from '../fakes/authenticator.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';
import { factorContract } from './factor-contract.ts';

const ORIGIN = 'https://lucy.test';

function switchOn(w: CeremonyWorld): void {
  if (w.extra.length > 0) return;
  const mac = (label: string, text: string) => w.store.mac(label, text);
  w.extra.push(createPasskey({}, { randomBytes, mac, site: { service: 'Lucy', publicUrl: new URL(ORIGIN) } }));
}

/** Through the ceremony, as a person without any factor does it. @returns the id of the enrolment */
async function enrol(w: CeremonyWorld, identity: Identity, key: SoftKey, name = ''): Promise<string> {
  switchOn(w);
  const before = (await w.user(identity))?.enrolments ?? [];
  const session = before.length === 0 ? await w.login(identity, 'pass') : await proved(w, identity);
  const begun = await w.enroller.begin(session, 'passkey');
  if (!begun.ok) throw new Error(begun.code);
  const done = await w.enroller.confirm(session, key.create((await w.enroller.draft(session))?.shown), name);
  if (!done.ok) throw new Error(done.code);
  return (await w.user(identity))?.enrolments.at(-1)?.id ?? '';
}

const KEYS = new WeakMap<CeremonyWorld, Map<string, SoftKey>>();

async function proved(w: CeremonyWorld, identity: Identity): Promise<LiveSession> {
  const session = await w.login(identity);
  const way = await shown(w, session);
  const key = KEYS.get(w)?.get(identity);
  const result = await w.prover.prove(session, way.id, key?.get(way.shown));
  if (!result.ok) throw new Error(result.code);
  return result.issued.session;
}

async function first(w: CeremonyWorld, identity: Identity): Promise<[SoftKey, string]> {
  const key = new SoftKey(ORIGIN);
  const way = await enrol(w, identity, key);
  const keys = KEYS.get(w) ?? new Map<string, SoftKey>();
  KEYS.set(w, keys.set(identity, key));
  return [key, way];
}

async function shown(w: CeremonyWorld, session: LiveSession): Promise<{ id: string; shown: Json | undefined }> {
  const prompt = await w.prover.prompt(session);
  const way = prompt.ok ? prompt.ways.find(({ factor }) => factor === 'passkey') : undefined;
  return { id: way?.id ?? '', shown: way?.shown };
}

factorContract('passkey', () => {
  const keys = new Map<string, SoftKey>();
  return {
    id: 'passkey',
    isBound: true,
    async enrol(w, identity) {
      const [key, way] = await first(w, identity);
      keys.set(identity, key);
      w.asked.length = 0; // only logins are counted
      return way;
    },
    ask: async (w, session) => void (await shown(w, session)),
    right: async (w, session, _way, identity) => keys.get(identity)?.get((await shown(w, session)).shown) ?? '',
    wrong: async (w, session) =>
      new SoftKey(ORIGIN).get((await shown(w, session)).shown ?? { challenge: '', rpId: '' }),
  };
});

describe('passkeys at the prompt', () => {
  let w: CeremonyWorld;
  beforeEach(async () => {
    w = await CeremonyWorld.start();
  });
  afterEach(() => w.close());

  it('any of several lets its owner in, and each shows its name, its kind and its own last use', async () => {
    const [phone] = await first(w, ALICE);
    const stick = new SoftKey(ORIGIN);
    stick.flags = { up: true, uv: false, be: false, bs: false };
    const id = await enrol(w, ALICE, stick, 'Blue  stick');
    w.clock.advance(60_000);
    const session = await w.login(ALICE);
    const way = await shown(w, session);
    expect((way.shown as { allowCredentials: { id: string }[] }).allowCredentials.map((one) => one.id)).toEqual([
      phone.id,
      stick.id,
    ]);
    const result = await w.prover.prove(session, way.id, stick.get(way.shown));
    if (!result.ok) throw new Error(result.code);
    const { enrolled } = await w.enroller.account(result.issued.session);
    expect(enrolled).toMatchObject([
      { factor: 'passkey', isSynced: true },
      { id, name: 'Blue stick', isSynced: false, lastUsedAt: w.clock.now() },
    ]);
  });

  it('one that was removed opens nothing any more, and the others do', async () => {
    const [phone, id] = await first(w, ALICE);
    const stick = new SoftKey(ORIGIN);
    await enrol(w, ALICE, stick);
    const asked = await w.login(ALICE);
    const before = await shown(w, asked);
    expect(await w.enroller.remove(await proved(w, ALICE), id)).toEqual({ ok: true });
    expect(await w.prover.prove(asked, before.id, phone.get(before.shown))).toMatchObject({ ok: false });
    const session = await w.login(ALICE);
    const way = await shown(w, session);
    expect(await w.prover.prove(session, way.id, phone.get(way.shown))).toMatchObject({ code: 'assertion-refused' });
    const again = await shown(w, session);
    expect(await w.prover.prove(session, way.id, stick.get(again.shown))).toMatchObject({ ok: true });
  });

  it('an answer for a step-up proves no login, and the other way round (attack 46)', async () => {
    const [key] = await first(w, ALICE);
    const verified = await proved(w, ALICE);
    w.clock.advance(3_600_000);
    const { session: stepping } = await w.prover.stepUp(verified, '/_2fa/account' as never);
    const login = await w.login(ALICE);
    const [one, two] = [await shown(w, stepping), await shown(w, login)];
    expect(one.shown).not.toEqual(two.shown);
    expect(await w.prover.prove(login, two.id, key.get(one.shown))).toMatchObject({ code: 'assertion-refused' });
    expect(await w.prover.prove(stepping, one.id, key.get(two.shown))).toMatchObject({ code: 'assertion-refused' });
    const again = await shown(w, stepping);
    expect(await w.prover.prove(stepping, one.id, key.get(again.shown))).toMatchObject({ ok: true });
  });

  it('what was made to set a key up proves no login', async () => {
    const [key] = await first(w, ALICE);
    const session = await w.login(ALICE);
    const way = await shown(w, session);
    const { challenge } = way.shown as { challenge: string };
    const made = key.create({ challenge, rp: { id: 'lucy.test' }, user: { id: 'x' } });
    expect(await w.prover.prove(session, way.id, made)).toMatchObject({ code: 'assertion-refused' });
  });

  it('a counter that goes back, stands still or stops is refused; one that never counts is fine', async () => {
    const [key] = await first(w, ALICE);
    const use = async (counter: number) => {
      const session = await w.login(ALICE);
      const way = await shown(w, session);
      return (await w.prover.prove(session, way.id, key.get(way.shown, { counter }))).ok;
    };
    const passes: boolean[] = [];
    for (const counter of [0, 0, 3, 3, 2, 0, 4]) passes.push(await use(counter));
    expect(passes).toEqual([true, true, true, false, false, false, true]);
  });

  it('a key that counted when it was made is held to that', async () => {
    const key = new SoftKey(ORIGIN);
    key.counter = 9;
    await enrol(w, ALICE, key);
    const session = await w.login(ALICE);
    const way = await shown(w, session);
    expect(await w.prover.prove(session, way.id, key.get(way.shown))).toMatchObject({ code: 'assertion-refused' });
  });
});

describe('setting a passkey up', () => {
  let w: CeremonyWorld;
  beforeEach(async () => {
    w = await CeremonyWorld.start();
    switchOn(w);
  });
  afterEach(() => w.close());

  async function draft(identity: Identity, standing: 'pass' | 'challenge' = 'pass'): Promise<[LiveSession, Json]> {
    const session = standing === 'pass' ? await w.login(identity, 'pass') : await proved(w, identity);
    await w.enroller.begin(session, 'passkey');
    return [session, (await w.enroller.draft(session))?.shown ?? null];
  }

  it('takes no key that any account has already', async () => {
    const [key] = await first(w, ALICE);
    const [bob, forBob] = await draft(BOB);
    expect(await w.enroller.confirm(bob, key.create(forBob))).toMatchObject({ code: 'assertion-taken' });
    expect((await w.user(BOB))?.enrolments).toEqual([]);
    const again = (await w.enroller.draft(bob))?.shown;
    expect(await w.enroller.confirm(bob, new SoftKey(ORIGIN).create(again))).toMatchObject({ ok: true });
  });

  it('uses its challenge up with any answer, and takes none of another draft or session', async () => {
    const [alice, forAlice] = await draft(ALICE);
    const [bob, forBob] = await draft(BOB);
    expect(await w.enroller.confirm(alice, new SoftKey(ORIGIN).create(forBob))).toMatchObject({
      code: 'assertion-refused',
    });
    expect(await w.enroller.confirm(alice, new SoftKey(ORIGIN).create(forAlice))).toMatchObject({
      code: 'assertion-expired',
    });
    expect(await w.enroller.confirm(bob, '')).toMatchObject({ code: 'assertion-cancelled' });
    expect(await w.enroller.confirm(bob, new SoftKey(ORIGIN).create(forBob))).toMatchObject({ ok: true });
    expect((await w.user(ALICE))?.enrolments).toEqual([]);
  });

  it('needs a fresh proof once there is a factor, and signs everybody out (attacks 57, 58)', async () => {
    await first(w, ALICE);
    const [session, options] = await draft(ALICE, 'challenge');
    const other = await proved(w, ALICE);
    w.clock.advance(300_001);
    expect(await w.enroller.confirm(session, new SoftKey(ORIGIN).create(options))).toMatchObject({
      code: 'fresh-proof-needed',
    });
    const [fresh, forFresh] = await draft(ALICE, 'challenge');
    expect(await w.enroller.confirm(fresh, new SoftKey(ORIGIN).create(forFresh))).toMatchObject({ ok: true });
    expect([session.ended, other.ended, fresh.ended]).toEqual([true, true, true]);
  });
});

describe('the name of a key', () => {
  let w: CeremonyWorld;
  beforeEach(async () => {
    w = await CeremonyWorld.start();
  });
  afterEach(() => w.close());
  const names = async () => (await w.user(ALICE))?.enrolments.map(({ name }) => name);

  it('is changed and taken away with a fresh proof, and signs nobody out', async () => {
    const [, way] = await first(w, ALICE);
    await enrol(w, ALICE, new SoftKey(ORIGIN), 'Blue stick');
    const before = await w.user(ALICE);
    const session = await proved(w, ALICE);
    expect(await w.enroller.rename(session, way, '  My   phone ')).toEqual({ ok: true });
    expect(await names()).toEqual(['My phone', 'Blue stick']);
    expect((await w.enroller.account(session)).enrolled.map(({ mayRename }) => mayRename)).toEqual([true, true]);
    const second = before?.enrolments[1]?.id ?? '';
    expect(await w.enroller.rename(session, second, '')).toEqual({ ok: true });
    expect(await names()).toEqual(['My phone', undefined]);
    expect([(await w.user(ALICE))?.factorVersion, session.ended]).toEqual([before?.factorVersion, false]);
    expect((await w.user(ALICE))?.enrolments.map(({ data }) => data)).toEqual(
      before?.enrolments.map(({ data }) => data),
    );
  });

  it('is nobody else’s to change, nor a stale session’s, nor that of a factor of which there is one', async () => {
    const [, way] = await first(w, ALICE);
    const session = await proved(w, ALICE);
    for (const name of ['x'.repeat(41), 'a\u0000b']) {
      expect(await w.enroller.rename(session, way, name)).toMatchObject({ code: 'name-invalid' });
    }
    await first(w, BOB);
    expect(await w.enroller.rename(await proved(w, BOB), way, 'mine')).toMatchObject({ code: 'way-unknown' });
    const totp = await w.enrolTotp(ALICE);
    expect(await w.enroller.rename(session, totp, 'app')).toMatchObject({ code: 'way-unknown' });
    for (const standing of ['challenge', 'pass', 'enrol'] as const) {
      const refused = await w.enroller.rename(await w.login(ALICE, standing), way, 'mine');
      expect(refused).toMatchObject({ code: 'fresh-proof-needed' });
    }
    w.clock.advance(300_000);
    expect(await w.enroller.rename(session, way, 'late')).toMatchObject({ code: 'fresh-proof-needed' });
    expect(await names()).toEqual([undefined, undefined]);
  });
});
