/** Who depends on one factor: everybody who has nothing beside it, and nobody else. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  await w.enrolTotp(ADMIN);
});
afterEach(() => w.close());

const person = (at: number) => `person-${String(at).padStart(2, '0')}@example.com` as Identity;

it('has only Authy, with or without recovery codes, and is told with the last use', async () => {
  const { way, authyId } = await w.enrolAuthy(ALICE);
  w.authy.register(authyId);
  await w.giveCodes(ALICE);
  await w.enrolAuthy(BOB, '791234568');
  await w.enrolTotp(BOB);
  await w.login(person(1), 'pass');
  const admin = await w.proved(ADMIN);
  expect(await w.admin.dependants(admin, 'authy', '', 1)).toEqual({
    ok: true,
    rows: [{ identity: ALICE }],
    total: 1,
    pageSize: 25,
  });
  expect(await w.prover.prove(await w.login(ALICE), way, w.authy.appToken(authyId))).toMatchObject({ ok: true });
  const used = { identity: ALICE, lastUsedAt: w.clock.now() };
  expect(await w.admin.dependants(admin, 'authy', ' Alice', 1)).toMatchObject({ rows: [used], total: 1 });
  expect(await w.admin.dependants(admin, 'authy', 'bob', 1)).toMatchObject({ rows: [], total: 0 });
  await w.enrolTotp(ALICE);
  expect(await w.admin.dependants(admin, 'authy', '', 1)).toMatchObject({ rows: [], total: 0 });
});

it('comes in pages, in the order of names', async () => {
  for (const at of [3, 1, 2, ...Array.from({ length: 27 }, (_, more) => more + 4)]) {
    const data = { authyId: String(at), phoneEnding: '67' };
    await w.enrol(person(at), { id: `a${at}`, factor: 'authy', data, createdAt: 0 });
  }
  const admin = await w.proved(ADMIN);
  const names = async (page: number) => {
    const found = await w.admin.dependants(admin, 'authy', '', page);
    return found.ok ? found.rows.map(({ identity }) => identity) : found.code;
  };
  expect(await names(1)).toEqual(Array.from({ length: 25 }, (_, at) => person(at + 1)));
  expect(await names(2)).toEqual([26, 27, 28, 29, 30].map(person));
  expect(await names(3)).toEqual([]);
});

it('is for administrators alone', async () => {
  await w.enrolTotp(ALICE);
  for (const session of [await w.proved(ALICE), await w.login(ADMIN, 'pass'), await w.login(ADMIN)]) {
    expect(await w.admin.dependants(session, 'authy', '', 1)).toMatchObject({ code: 'not-an-administrator' });
  }
});
