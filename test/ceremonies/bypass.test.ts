/** Codes of an administrator for somebody who lost everything: made by whom, good for whom, once, and told of. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTicket } from '../../src/ceremonies/tickets.ts';
import { createBypass } from '../../src/factors/bypass/bypass.ts';
import type { Identity, ReturnPath } from '../../src/gate/types.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ADMIN, ALICE, BOB, BYPASS_MS, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  w.off.clear();
  await w.enrolTotp(ADMIN);
  await w.enrolTotp(ALICE);
});
afterEach(() => w.close());

const use = (session: LiveSession, code: unknown) => w.prover.prove(session, 'bypass', code);
const happened = async () => (await w.occasions.recent(ALICE)).map(({ happening }) => happening.kind);

async function made(session?: LiveSession, name: string = ALICE): Promise<string> {
  const done = await w.admin.makeBypass(session ?? (await w.proved(ADMIN)), name, 'lost everything, called back');
  if (!done.ok) throw new Error(done.code);
  return done.code;
}

describe('a code of an administrator', () => {
  it('says for whom and until when, is kept nowhere, and the person is told of it', async () => {
    const done = await w.admin.makeBypass(await w.proved(ADMIN), ' Alice@Example.com ', 'lost everything');
    expect(done).toMatchObject({ ok: true, identity: ALICE, until: w.clock.now() + BYPASS_MS });
    expect(done.ok && done.code).toMatch(/^[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}$/);
    expect(JSON.stringify(await w.user(ALICE))).not.toContain(done.ok ? done.code : '');
    expect(await happened()).toEqual(['bypass-made']);
  });

  it('lets in once, as a fresh proof with which what was lost is replaced, and the person is told', async () => {
    const code = await made();
    const proved = await use(await w.login(ALICE), code.toLowerCase().replaceAll('-', ' '));
    if (!proved.ok) throw new Error(proved.code);
    expect(proved.usedBypass).toBe(true);
    expect(await happened()).toEqual(['bypass-used', 'bypass-made']);
    expect(await w.enroller.begin(proved.issued.session, 'totp')).toEqual({ ok: true });
    expect(await use(await w.login(ALICE), code)).toMatchObject({ code: 'bypass-wrong' });
  });

  it('answers a question for a fresh proof as well', async () => {
    const session = await w.proved(ALICE);
    w.clock.advance(300_000);
    expect(await w.enroller.begin(session, 'totp')).toMatchObject({ code: 'fresh-proof-needed' });
    const { session: asked } = await w.prover.stepUp(session, '/_2fa/account' as ReturnPath);
    const proved = await use(asked, await made());
    expect(proved.ok && (await w.enroller.begin(proved.issued.session, 'totp'))).toEqual({ ok: true });
  });

  it('lets one in of thirty logins that use it at once (attack 42)', async () => {
    w.limits = { ...w.limits, guesses: { free: 100, pausesMs: [1000], hard: 100 } };
    const code = await made();
    const sessions = await Promise.all(Array.from({ length: 30 }, () => w.login(ALICE)));
    const results = await Promise.all(sessions.map((session) => use(session, code)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    for (const result of results) if (!result.ok) expect(result.code).toBe('bypass-wrong');
  });

  it('is good for its time, and not a second longer', async () => {
    const code = await made();
    w.clock.advance(BYPASS_MS - 1000);
    const early = await w.login(ALICE);
    w.clock.advance(1000);
    expect(await use(early, code)).toMatchObject({ code: 'bypass-wrong' });
    const next = await made();
    w.clock.advance(BYPASS_MS - 1000);
    expect(await use(await w.login(ALICE), next)).toMatchObject({ ok: true });
  });

  it('is for one account: for nobody else, and never a ticket', async () => {
    await w.enrolTotp(BOB);
    const code = await made();
    expect(await use(await w.login(BOB), code)).toMatchObject({ code: 'bypass-wrong' });
    const mac = (label: string, text: string) => w.store.mac(label, text);
    expect(await use(await w.login(ALICE), makeTicket(mac, ALICE, w.clock.now()))).toMatchObject({
      code: 'bypass-wrong',
    });
    w.policy = { first: { needs: 'ticket' } };
    const carol = 'carol@example.com' as Identity;
    const hers = createBypass({ life: BYPASS_MS }, { mac }).make(carol, w.clock.now()).code;
    expect(await w.enroller.showTicket(await w.login(carol, 'pass'), hers)).toMatchObject({ code: 'ticket-wrong' });
  });

  it('is void after a newer one, a reset, and a method that was set up', async () => {
    const session = await w.proved(ADMIN);
    const first = await made(session);
    w.clock.advance(1000);
    const second = await made(session);
    expect(await use(await w.login(ALICE), first)).toMatchObject({ code: 'bypass-wrong' });

    await w.admin.reset(session, ALICE, 'lost');
    await w.enrolTotp(ALICE);
    expect(await use(await w.login(ALICE), second)).toMatchObject({ code: 'bypass-wrong' });

    w.clock.advance(1000);
    const third = await made(session);
    w.clock.advance(1000);
    const alice = await w.proved(ALICE);
    await w.enroller.begin(alice, 'totp');
    const secret = (await w.enroller.draft(alice))?.instructions.totp?.secret.replaceAll(' ', '');
    expect(await w.enroller.confirm(alice, w.totp(secret))).toMatchObject({ ok: true });
    expect(await use(await w.login(ALICE), third)).toMatchObject({ code: 'bypass-wrong' });
  });

  it('counts as a guess when it is wrong, with all others, and costs nothing when it is none (attacks 36, 38)', async () => {
    for (const typed of [undefined, '', '123456', ['x'], 'U'.repeat(20), '0'.repeat(300)]) {
      const answer = await use(await w.login(ALICE), typed);
      expect(answer.ok ? '' : answer.code).toMatch(/^(code-empty|bypass-wrong)$/);
    }
    expect(await w.guesses(ALICE)).toBe(0);
    const code = await made();
    for (let i = 0; i < 5; i += 1) await use(await w.login(ALICE), '0000-0000-0000-0000-0000');
    expect(await use(await w.login(ALICE), code)).toMatchObject({ code: 'guesses-paused' });
  });

  it('is written down as used before anybody is let in: a store that cannot write lets nobody in', async () => {
    const code = await made();
    w.store.users.update = () => Promise.reject(new Error('disk'));
    const session = await w.login(ALICE);
    await expect(use(session, code)).rejects.toThrow('disk');
    expect(session.session.state).toBe('pending');
  });
});

describe('the way at the prompt', () => {
  const ways = async () => {
    const prompt = await w.prover.prompt(await w.login(ALICE));
    return prompt.ok ? prompt.ways : [];
  };

  it('is there whether or not there is a code: nobody learns from it', async () => {
    const before = await ways();
    expect(before.map(({ id }) => id)).toEqual([`totp-${ALICE}`, 'bypass']);
    const code = await made();
    expect(await ways()).toEqual(before);
    await use(await w.login(ALICE), code);
    expect((await ways()).map(({ id }) => id)).toEqual([`totp-${ALICE}`, 'bypass']);
  });

  it('is not there when codes are off, do not count for this person, or there is no method (attacks 15, 16)', async () => {
    const session = await w.proved(ADMIN);
    const code = await made(session);
    w.off.add('bypass');
    expect(await use(await w.login(ALICE), code)).toMatchObject({ code: 'way-unknown' });
    expect(await w.admin.makeBypass(session, ALICE, 'lost')).toMatchObject({ code: 'factor-off' });
    w.off.clear();
    w.policy = { factors: ['totp', 'recovery'] };
    expect((await ways()).map(({ id }) => id)).toEqual([`totp-${ALICE}`]);
    expect(await use(await w.login(ALICE), code)).toMatchObject({ code: 'way-unknown' });
    expect(await w.admin.makeBypass(session, ALICE, 'lost')).toMatchObject({ code: 'factor-off' });
    const rows = await w.admin.users(session, 'alice', 1, 'all');
    expect(rows).toMatchObject({ rows: [{ mayBypass: false }] });
    w.policy = {};
    await w.admin.reset(session, ALICE, 'lost');
    expect(await use(await w.login(ALICE), code)).toMatchObject({ code: 'way-unknown' });
    expect(await w.admin.makeBypass(session, ALICE, 'lost')).toMatchObject({ code: 'user-without-method' });
    expect(await w.admin.makeBypass(session, 'nobody', 'lost')).toMatchObject({ code: 'user-unknown' });
  });

  it('lets in whose every method was switched off', async () => {
    w.off.add('totp');
    expect((await ways()).map(({ id }) => id)).toEqual(['bypass']);
    w.off.clear();
    const session = await w.proved(ADMIN);
    w.off.add('totp');
    expect(await use(await w.login(ALICE), await made(session))).toMatchObject({ ok: true });
  });
});
