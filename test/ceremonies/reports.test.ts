/** The administrator's report: who may see it, what it says of messages, services and events, and the stop that can be lifted. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Notices } from '../../src/ceremonies/notices.ts';
import { Occasions } from '../../src/ceremonies/notifying.ts';
import type { Identity } from '../../src/gate/types.ts';
import { silentLog } from '../../src/log.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ADMIN, ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
let session: LiveSession;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  await w.enrolTotp(ADMIN);
  session = await w.proved(ADMIN);
});
afterEach(() => w.close());

async function report(page = 1) {
  const found = await w.reports.report(session, page);
  if (!found.ok) throw new Error(found.code);
  return found;
}

it('is for administrators who proved a factor, and lifting a stop needs a fresh proof and a reason', async () => {
  await w.enrolTotp(ALICE);
  for (const one of [await w.proved(ALICE), await w.login(ADMIN), await w.login(ADMIN, 'pass')]) {
    expect(await w.reports.report(one, 1)).toMatchObject({ code: 'not-an-administrator' });
    expect(await w.reports.liftStop(one, 'because')).toMatchObject({ code: 'not-an-administrator' });
  }
  expect(await w.reports.liftStop(session, ' ')).toMatchObject({ code: 'reason-missing' });
  w.clock.advance(300_000);
  expect(await w.reports.liftStop(session, 'because')).toMatchObject({ code: 'fresh-proof-needed' });
  expect(await w.reports.report(session, 1)).toMatchObject({ ok: true });
});

/** One of two hundred accounts: each has a share. */
const manyOf = (n: number): Identity => `user${n % 200}@example.com` as Identity;

describe('messages', () => {
  it('are counted for the day and by country, and the stop of everybody is lifted for everybody', async () => {
    w.limits = { ...w.limits, outlay: { ...w.limits.outlay, all: { max: 1, perMs: 86_400_000 } } };
    const { way } = await w.enrolAuthy(ALICE);
    const bob = await w.enrolAuthy(BOB, '791234568');
    expect(await w.prover.send(await w.login(ALICE), way, 'sms', true)).toMatchObject({ ok: true });
    const at = w.clock.now();
    expect(await w.prover.send(await w.login(BOB), bob.way, 'sms', true)).toMatchObject({ code: 'spending-stopped' });
    expect((await report()).sends).toMatchObject({ today: 1, most: 1, stoppedUntil: at + 86_400_000 });
    expect(await w.reports.liftStop(session, ' more people than we thought ')).toEqual({ ok: true });
    expect((await report()).sends).toMatchObject({ today: 0 });
    expect((await report()).sends).not.toHaveProperty('stoppedUntil');
    expect(await w.prover.send(await w.login(BOB), bob.way, 'sms', true)).toMatchObject({ ok: true });
    expect((await report()).events).toMatchObject([
      { deed: 'admin_spending_stop_lifted', actor: ADMIN, reason: 'more people than we thought' },
    ]);
  });

  it('of an hour ago are in no country’s count', async () => {
    await w.counters.spend('sends-country:CH', w.clock.now(), [{ max: 9, perMs: 3_600_000 }]);
    await w.counters.spend('sends-country:DE', w.clock.now(), [{ max: 9, perMs: 3_600_000 }]);
    w.clock.advance(1_800_000);
    await w.counters.spend('sends-country:DE', w.clock.now(), [{ max: 9, perMs: 3_600_000 }]);
    expect((await report()).sends.countries).toEqual([
      { country: 'DE', count: 2 },
      { country: 'CH', count: 1 },
    ]);
    w.clock.advance(1_800_000);
    expect((await report()).sends.countries).toEqual([{ country: 'DE', count: 1 }]);
  });
});

it('services: the last answer and the last failure of each, and nothing of what is judged here', async () => {
  const { way } = await w.enrolAuthy(ALICE);
  await w.enrolTotp(ALICE);
  const authy = async () => (await report()).services;
  expect(await authy()).toEqual([{ factor: 'authy', provider: 'Authy, a service of Twilio' }]);
  await w.prover.prove(await w.login(ALICE), `totp-${ALICE}`, w.wrong());
  expect(await authy()).toEqual([{ factor: 'authy', provider: 'Authy, a service of Twilio' }]);
  const answeredAt = w.clock.now();
  await w.prover.prove(await w.login(ALICE), way, '1234567');
  expect(await authy()).toMatchObject([{ answeredAt }]);
  w.clock.advance(1000);
  w.verdict = async () => ({ ok: false, reason: 'misconfigured' });
  await w.prover.prove(await w.login(ALICE), way, '1234567');
  expect(await authy()).toMatchObject([{ answeredAt, failedAt: answeredAt + 1000, failure: 'misconfigured' }]);
});

describe('events', () => {
  it('are what administrators did, to whom and why, and what happened to accounts, newest first and by pages', async () => {
    await w.enrolTotp(ALICE);
    await w.admin.unlock(session, ALICE, 'called back');
    const occasions = new Occasions(w.store.counters, w.clock, silentLog);
    const notices = new Notices({
      kept: occasions,
      unread: new Occasions(w.store.counters, w.clock, silentLog, 'news'),
      audit: w.audit,
      mailer: () => undefined,
      email: () => undefined,
      compose: () => ({ subject: '', text: '' }),
      clock: w.clock,
      log: silentLog,
    });
    await notices.tell(BOB, { kind: 'recovery-used', left: 3 }, { address: '192.0.2.7', agent: 'x' });
    await notices.tell(ALICE, { kind: 'reset-by-administrator' }); // the deed itself says more
    const { events, hasMore } = await report();
    expect(hasMore).toBe(false);
    expect(events).toEqual([
      {
        at: w.clock.now(),
        identity: BOB,
        happening: { kind: 'recovery-used', left: 3 },
        from: { address: '192.0.2.7', agent: 'x' },
      },
      { at: w.clock.now(), identity: ALICE, deed: 'admin_unlocked', actor: ADMIN, reason: 'called back' },
    ]);
    for (let left = 0; left < 40; left += 1) await w.audit.happened(manyOf(left), { kind: 'recovery-used', left });
    const pages = [await report(1), await report(2), await report(3)];
    expect(pages.map((one) => [one.events.length, one.hasMore])).toEqual([
      [25, true],
      [17, false],
      [0, false],
    ]);
  });

  it('are ten of a kind and day for each account, so that nobody drives out what others did', async () => {
    await w.enrolTotp(ALICE);
    await w.admin.unlock(session, ALICE, 'called back');
    await w.audit.happened(BOB, { kind: 'browser-misused' });
    for (let n = 0; n < 1_100; n += 1) {
      await w.audit.happened(ALICE, { kind: 'number-changed' });
      if (n % 25 === 0) await w.audit.happened(ALICE, { kind: 'signed-in-after-failures', failures: n });
      w.clock.advance(1_000);
    }
    const { events, hasMore } = await report();
    expect([events.length, hasMore]).toEqual([22, false]);
    expect(events.at(-1)).toMatchObject({ deed: 'admin_unlocked' });
    expect(events.at(-2)).toMatchObject({ identity: BOB, happening: { kind: 'browser-misused' } });
    await w.audit.happened(ALICE, { kind: 'recovery-used', left: 3 });
    expect((await report()).events[0], 'of another kind').toMatchObject({ happening: { kind: 'recovery-used' } });
    w.clock.advance(86_400_000);
    await w.audit.happened(ALICE, { kind: 'number-changed' });
    expect((await report()).events[0]).toMatchObject({ at: w.clock.now(), happening: { kind: 'number-changed' } });
  });

  it('are a thousand at most, and a store that cannot write keeps no deed from being done', async () => {
    for (let left = 0; left < 1_003; left += 1) await w.audit.happened(manyOf(left), { kind: 'recovery-used', left });
    const last = await report(40);
    expect([last.events.length, last.hasMore]).toEqual([25, false]);
    expect(last.events.at(-1)).toMatchObject({ happening: { left: 3 } });
    await w.enrolTotp(ALICE);
    const { update } = w.store.counters;
    w.store.counters.update = (key, change) =>
      key.startsWith('audit:')
        ? Promise.reject(new Error('disk'))
        : (update.call(w.store.counters, key, change as never) as never);
    expect(await w.admin.endSessions(session, ALICE, 'stolen')).toMatchObject({ ok: true });
  });
});
