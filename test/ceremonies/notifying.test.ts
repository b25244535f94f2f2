/** What people are told of their accounts: the newest few, in order, and nothing that could fail or refuse. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Occasions } from '../../src/ceremonies/notifying.ts';
import { silentLog } from '../../src/log.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
});
afterEach(() => w.close());

const kinds = async () => (await w.occasions.recent(ALICE)).map(({ happening }) => happening);

it('a factor that was added, one that was removed, a number, a reset', async () => {
  const session = await w.login(ALICE, 'pass');
  await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' });
  await w.enroller.savePhone(session, { country: 'CH', number: '0797654321' });
  await w.enroller.begin(session, 'totp');
  const secret = (await w.enroller.draft(session))?.instructions.totp?.secret.replaceAll(' ', '');
  await w.enroller.confirm(session, w.totp(secret));
  expect(await kinds()).toEqual([{ kind: 'factor-added', factor: 'totp' }, { kind: 'number-changed' }]);

  await w.enrolTotp(ADMIN);
  const admin = await w.proved(ADMIN);
  await w.admin.reset(admin, ALICE, 'lost phone');
  await w.enrolTotp(ALICE);
  await w.enroller.remove(await w.proved(ALICE), `totp-${ALICE}`);
  const last = await kinds();
  expect(last.slice(0, 2)).toEqual([{ kind: 'factor-removed', factor: 'totp' }, { kind: 'reset-by-administrator' }]);
  expect(await w.occasions.recent(BOB)).toEqual([]);
});

it('a sign-in after wrong codes, with their number, and none without', async () => {
  const way = await w.enrolTotp(ALICE);
  await w.prover.prove(await w.login(ALICE), way, w.wrong());
  await w.prover.prove(await w.login(ALICE), way, w.wrong());
  await w.proved(ALICE);
  expect(await kinds()).toEqual([{ kind: 'signed-in-after-failures', failures: 2 }]);
  await w.proved(ALICE);
  expect(await kinds()).toHaveLength(1);
});

it('keeps the newest twenty and five of a kind, for ninety days, with the browser behind each', async () => {
  const from = { address: '192.0.2.7', agent: 'Firefox' };
  const others = ['number-changed', 'recovery-made', 'bypass-used', 'browser-trusted'] as const;
  for (let n = 0; n < 7; n += 1) for (const kind of others) await w.occasions.tell(ALICE, { kind }, from);
  const before = await w.occasions.recent(ALICE);
  expect(before).toHaveLength(20);
  for (let failures = 1; failures <= 25; failures += 1) {
    await w.occasions.tell(ALICE, { kind: 'signed-in-after-failures', failures }, from);
  }
  const recent = await w.occasions.recent(ALICE);
  expect(recent).toHaveLength(20);
  expect(recent.slice(5), 'none of the others had to go for the sixth').toEqual(before.slice(0, 15));
  expect(recent[0]).toEqual({ at: w.clock.now(), happening: { kind: 'signed-in-after-failures', failures: 25 }, from });
  w.clock.advance(90 * 86_400_000);
  expect(await w.occasions.recent(ALICE)).toEqual([]);
});

it('leaves out what it does not know, and never fails', async () => {
  await w.store.counters.update(`events:${ALICE}`, () => ({
    write: { events: [5, null, { at: 1 }, { at: w.clock.now(), happening: { kind: 'new' } }], expiresAt: 1e15 },
    result: undefined,
  }));
  expect(await kinds()).toEqual([]);
  await w.occasions.tell(ALICE, { kind: 'number-changed' });
  expect(await kinds()).toEqual([{ kind: 'number-changed' }]);
  const broken = { ...w.store.counters, update: () => Promise.reject(new Error('disk')) };
  const occasions = new Occasions(broken, w.clock, silentLog);
  await expect(occasions.tell(ALICE, { kind: 'number-changed' })).resolves.toBeUndefined();
});
