/** The administrator's list of people: whom each filter finds, and what it says of them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { UserFilter } from '../../src/ceremonies/ceremonies.ts';
import type { Identity } from '../../src/gate/types.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

const CAROL = 'carol@example.com' as Identity;
let w: CeremonyWorld;
let session: LiveSession;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  await w.enrolTotp(ADMIN);
  session = await w.proved(ADMIN);
});
afterEach(() => w.close());

async function rows(only: UserFilter, search = '') {
  const found = await w.admin.users(session, search, 1, only);
  if (!found.ok) throw new Error(found.code);
  return found.rows;
}
const names = async (only: UserFilter, search?: string) => (await rows(only, search)).map(({ identity }) => identity);

it('without a method: who signed in with a password alone, also without any record, until they have one', async () => {
  w.policy = { level: 'required', graceUntil: w.clock.now() + 60_000 };
  await w.counters.noteWithoutFactor(CAROL, w.clock.now());
  await w.counters.noteWithoutFactor(BOB, w.clock.now());
  expect(await names('none')).toEqual([BOB, CAROL]);
  expect(await names('none', 'CAROL')).toEqual([CAROL]);
  expect(await names('all')).toEqual([ADMIN]);
  expect(await rows('none', 'bob')).toMatchObject([
    { level: 'required', mayWaitUntil: w.clock.now() + 60_000, factors: [] },
  ]);
  await w.enrolTotp(BOB);
  expect(await names('none')).toEqual([CAROL]);
  expect((await rows('all', 'bob'))[0]).not.toHaveProperty('mayWaitUntil');
});

it('only text or e-mail: nobody who has anything better as well', async () => {
  const sms = { id: 's', factor: 'sms', data: null, createdAt: 0 } as const;
  await w.enrol(ALICE, sms);
  await w.enrol(BOB, { ...sms, id: 'b' });
  await w.enrolTotp(BOB);
  expect(await names('weak')).toEqual([ALICE]);
});

it('no recovery codes left, and how many everybody has', async () => {
  await w.enrolTotp(ALICE);
  await w.giveCodes(ALICE);
  await w.enrolTotp(BOB);
  expect(await names('no-codes')).toEqual([ADMIN, BOB]);
  expect(await rows('all', 'alice')).toMatchObject([{ codesLeft: 4 }]);
  w.off.add('recovery');
  expect(await names('no-codes')).toEqual([]);
  expect((await rows('all', 'alice'))[0]).not.toHaveProperty('codesLeft');
});

it('paused or locked', async () => {
  await w.enrolTotp(ALICE);
  expect(await names('locked')).toEqual([]);
  for (let i = 0; i < 5; i += 1) await w.prover.prove(await w.login(ALICE), `totp-${ALICE}`, w.wrong());
  expect(await names('locked')).toEqual([ALICE]);
});

it('writes down a password alone once a day', async () => {
  const at = async () => (await w.store.counters.get(`without:${BOB}`))?.['at'];
  const first = w.clock.now();
  await w.counters.noteWithoutFactor(BOB, first);
  await w.counters.noteWithoutFactor(BOB, first + 86_399_000);
  expect(await at()).toBe(first);
  await w.counters.noteWithoutFactor(BOB, first + 86_400_000);
  expect(await at()).toBe(first + 86_400_000);
});
