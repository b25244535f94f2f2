/** The report's page: for administrators alone, escaped, and its one form asks for a fresh proof and a reason. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { ALICE, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
  world.ceremonies.administrators.add(ALICE);
});
afterEach(() => world.stop());

it('is nobody else’s, whatever is asked', async () => {
  world.ceremonies.administrators.clear();
  const person = await world.person('proved');
  expect((await person.get('/admin/report')).status).toBe(403);
  expect((await person.post('/admin/report/lift', { reason: 'because' })).status).toBe(403);
  const pending = await world.person('challenge');
  expect((await pending.get('/admin/report')).headers.location).toBe('/_2fa/challenge');
  expect(world.ceremonies.acted).toEqual([]);
});

it('says what was sent, shows what people wrote as text, and offers to lift a stop only where there is one', async () => {
  const admin = await world.person('proved');
  const actor = ALICE as Identity;
  const reason = '<script>alert(1)</script>';
  world.ceremonies.report = {
    ...world.ceremonies.report,
    events: [{ at: 1, identity: '<b>' as Identity, deed: 'admin_unlocked', actor, reason }],
  };
  const page = await admin.get('/admin/report');
  expect(page.text).toContain('3 of at most 1000 in the last 24 hours');
  expect(page.text).toContain('Switzerland: 2');
  expect(page.text).toContain('&lt;script&gt;');
  expect(page.text).not.toContain(reason);
  expect(page.text).not.toContain('/admin/report/lift');
});

it('lifts a stop with a fresh proof and a reason', async () => {
  const admin = await world.person('proved');
  const { report } = world.ceremonies;
  world.ceremonies.report = { ...report, sends: { ...report.sends, stoppedUntil: world.clock.now() + 1 } };
  expect((await admin.get('/admin/report')).text).toContain('/admin/report/lift');
  await admin.post('/admin/report/lift', { reason: ' ' });
  expect((await admin.get('/admin/report')).text).toContain('Enter a reason');
  world.clock.advance(10 * 60_000);
  expect((await admin.get('/admin/report')).text).toContain('confirm first that it is you');
  const late = await admin.post('/admin/report/lift', { reason: 'because' });
  expect(late.headers.location).toBe('/_2fa/challenge');
  expect(world.ceremonies.acted).toEqual([]);
});
