/** Codes by e-mail under the contract of every factor, and what only a code that was sent can do wrong. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createEmail } from '../../src/factors/email/email.ts';
import type { Mailed } from '../../src/factors/factor.ts';
import type { Identity } from '../../src/gate/types.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';
import { type FactorUnderContract, factorContract } from './factor-contract.ts';

let mails: { to: string; text: string }[] = [];
let next: Mailed = { sent: true };

function switchOn(world: CeremonyWorld): void {
  if (world.extra.some(({ id }) => id === 'email')) return;
  world.extra.push(
    createEmail({
      mac: (label, text) => world.store.mac(label, text),
      mailer: {
        async send(mail) {
          if (next.sent) mails.push(mail);
          return next;
        },
      },
      site: { service: 'Lucy' },
    }),
  );
}

async function enrol(world: CeremonyWorld, identity: Identity): Promise<string> {
  switchOn(world);
  const id = `email-${identity}`;
  await world.enrol(identity, { id, factor: 'email', data: { email: identity }, createdAt: world.clock.now() });
  return id;
}

const codeTo = (identity: string, n = -1): string =>
  /^\d{6}/.exec(mails.filter(({ to }) => to === identity).at(n)?.text ?? '')?.[0] ?? 'none';
/** Differs from every code that was sent. */
const wrongCode = (): string => {
  const sent = new Set(mails.map(({ text }) => text.slice(0, 6)));
  return ['111111', '222222', '333333'].find((code) => !sent.has(code)) ?? '444444';
};

/** Codes by the session that they were sent for, because several logins wait at once. */
const codes = new WeakMap<object, string>();

factorContract(
  'email',
  (): FactorUnderContract => ({
    id: 'email',
    isBound: true,
    enrol,
    async ask(world, session, way) {
      const before = mails.length;
      await world.prover.send(session, way, 'email', false);
      const mail = mails.slice(before).find(({ to }) => way === `email-${to}`);
      if (mail !== undefined) codes.set(session, mail.text.slice(0, 6));
    },
    right: (_world, session) => codes.get(session) ?? 'none',
    wrong: wrongCode,
  }),
);

describe('a code that was sent by e-mail', () => {
  let w: CeremonyWorld;
  let way: string;
  beforeEach(async () => {
    mails = [];
    next = { sent: true };
    w = await CeremonyWorld.start();
    way = await enrol(w, ALICE);
    return () => w.close();
  });

  it('is refused after five minutes, costs nothing then, and a new one is good', async () => {
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'email', false);
    w.clock.advance(5 * 60_000);
    expect(await w.prover.prove(session, way, codeTo(ALICE))).toMatchObject({ ok: false, code: 'code-expired' });
    expect(await w.guesses(ALICE)).toBe(0);
    await w.prover.send(session, way, 'email', false);
    expect(await w.prover.prove(session, way, codeTo(ALICE))).toMatchObject({ ok: true });
  });

  it('gives way to a newer one, says so, and costs nothing', async () => {
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'email', false);
    w.clock.advance(60_000);
    await w.prover.send(session, way, 'email', false);
    expect(await w.prover.prove(session, way, codeTo(ALICE, 0))).toMatchObject({ code: 'code-superseded' });
    expect(await w.guesses(ALICE)).toBe(0);
    expect(await w.prover.prove(session, way, codeTo(ALICE, 1))).toMatchObject({ ok: true });
  });

  it('stays good when a newer one could not be sent', async () => {
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'email', false);
    w.clock.advance(60_000);
    next = { sent: false, reason: 'unavailable' };
    expect(await w.prover.send(session, way, 'email', false)).toMatchObject({ code: 'provider-unavailable' });
    expect(await w.prover.prove(session, way, codeTo(ALICE))).toMatchObject({ ok: true });
  });

  it('is sent within the budgets of all messages (attack 52)', async () => {
    w.limits = { ...w.limits, sends: [{ max: 2, perMs: 3_600_000 }] };
    for (let i = 0; i < 5; i += 1) await w.prover.send(await w.login(ALICE), way, 'email', false);
    expect(mails).toHaveLength(2);
  });

  it('is nowhere in the store', async () => {
    const session = await w.login(ALICE);
    await w.prover.send(session, way, 'email', false);
    const kept: unknown[] = [await w.user(ALICE)];
    for await (const record of w.store.counters.entries()) kept.push(record);
    expect(JSON.stringify(kept)).toContain('question:');
    expect(JSON.stringify(kept)).not.toContain(codeTo(ALICE));
  });

  it('enrols the address that the account has, whatever else a request says', async () => {
    const session = await w.login(BOB, 'enrol');
    expect(await w.enroller.begin(session, 'email')).toEqual({ ok: true });
    await w.enroller.sendToDraft(session, 'email', false);
    expect(mails.map(({ to }) => to)).toEqual([BOB]);
    expect(await w.enroller.confirm(session, wrongCode())).toMatchObject({ code: 'code-wrong' });
    expect(await w.enroller.confirm(session, codeTo(BOB))).toMatchObject({ ok: true, factor: 'email' });
    expect((await w.store.users.get(BOB))?.enrolments).toMatchObject([{ factor: 'email', data: { email: BOB } }]);
  });
});
