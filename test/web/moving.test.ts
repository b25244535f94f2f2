/** Moving away from Authy: no way to remove it before another method is there, and the administrator's list of who has not moved. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FactorId, Identity } from '../../src/gate/types.ts';
import { ALICE, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
});
afterEach(() => world.stop());

describe('somebody who has Authy', () => {
  beforeEach(() => world.addFactor('authy'));

  it('and nothing else is led to another method, and to no removal', async () => {
    world.ceremonies.available = ['passkey', 'totp', 'authy', 'verify'];
    const alice = await world.person('proved');
    expect((await alice.get('/account')).text).toContain('Move away from Authy');
    const page = await alice.get('/moving');
    expect(page.status).toBe(200);
    expect(page.text).toContain('Step 1 of 2');
    for (const factor of ['passkey', 'totp', 'verify']) expect(page.text).toContain(`href="/_2fa/enrol/${factor}"`);
    expect(page.text).not.toContain('/_2fa/enrol/authy');
    expect(page.text).not.toContain('/_2fa/remove/');
  });

  it('and another method is led to the removal of Authy, and of nothing else', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    expect((await alice.get('/account')).text).toContain('Finish moving away from Authy');
    const page = await alice.get('/moving');
    expect(page.text).toContain('Step 2 of 2');
    expect(page.text).toContain('<li>Authenticator app</li>');
    expect(page.text.match(/\/_2fa\/remove\/[\w-]+/g)).toEqual(['/_2fa/remove/authy-1']);
    await alice.post('/remove/authy-1');
    expect((await alice.get('/account')).text).not.toContain('moving away');
    expect((await alice.get('/moving')).headers.location).toBe('/_2fa/account');
  });

  it('and a method that is switched off, or that does not count, has nothing else', async () => {
    world.addFactor('email');
    const alice = await world.person('proved');
    const page = await alice.get('/moving');
    expect(page.text).toContain('Step 1 of 2');
    expect(page.text).not.toContain('/_2fa/remove/');
  });

  it('is told nothing where there is nowhere to go', async () => {
    world.ceremonies.available = ['authy'];
    const alice = await world.person('proved');
    expect((await alice.get('/account')).text).not.toContain('going away');
    expect((await alice.get('/moving')).headers.location).toBe('/_2fa/account');
  });

  it('and may not remove it by the policy is not asked to', async () => {
    world.addFactor('totp');
    world.ceremonies.enrolled = world.ceremonies.enrolled.map((one) => ({ ...one, mayRemove: one.factor !== 'authy' }));
    const alice = await world.person('proved');
    expect((await alice.get('/account')).text).not.toContain('Finish moving');
    expect((await alice.get('/moving')).status).toBe(303);
  });

  it('sees nothing before the proof', async () => {
    for (const standing of ['challenge', 'anonymous'] as const) {
      const page = await (await world.person(standing)).get('/moving');
      expect(page.text).not.toContain('Step 1');
      expect([303, 401]).toContain(page.status);
    }
  });
});

it('nobody without Authy hears of it', async () => {
  world.addFactor('totp');
  const alice = await world.person('proved');
  expect((await alice.get('/account')).text).not.toContain('going away');
  expect((await alice.get('/moving')).headers.location).toBe('/_2fa/account');
});

describe('the administrator', () => {
  const row = (name: string, factors: readonly FactorId[]) => ({
    identity: `${name}@example.com` as Identity,
    factors,
    level: 'optional' as const,
    sessions: 0,
    lock: 'none' as const,
    needsTicket: false,
    mayBypass: false,
  });
  beforeEach(() => {
    world.addFactor('totp');
    world.ceremonies.administrators.add(ALICE);
  });

  it('sees how many and who, page by page, with a search', async () => {
    world.ceremonies.rows = [
      ...['ann', 'ben', 'cleo'].map((name) => row(name, ['authy'])),
      row('dora', ['authy', 'totp']),
      row('emil', []),
    ];
    const admin = await world.person('proved');
    const overview = (await admin.get('/admin')).text;
    expect(overview).toContain('3 people have no method but Authy');
    const page = (await admin.get('/admin/moving')).text;
    for (const name of ['ann', 'ben']) expect(page).toContain(`${name}@example.com`);
    for (const name of ['cleo', 'dora', 'emil']) expect(page).not.toContain(`${name}@example.com`);
    expect(page).toContain('href="/_2fa/admin/moving?search=&amp;page=2"');
    expect((await admin.get('/admin/moving?page=2')).text).toContain('cleo@example.com');
    const found = (await admin.get('/admin/moving?search=ben')).text;
    expect(found).toContain('1 person matching “ben”');
    expect((await admin.get('/admin/moving?search=%3Cb%3E')).text).toContain('“&lt;b&gt;”');
  });

  it('is told when nobody could move, and nothing when nobody depends on it', async () => {
    const admin = await world.person('proved');
    expect((await admin.get('/admin')).text).not.toContain('Authy is going away');
    expect((await admin.get('/admin/moving')).text).toContain('Nobody depends on Authy alone.');
    world.ceremonies.rows = [row('ann', ['authy'])];
    world.enabled = ['authy'];
    expect((await admin.get('/admin')).text).toMatch(/1 person has no method but Authy[^<]*switch one on first/);
    expect((await admin.get('/admin/moving')).text).toContain('nobody can move yet');
  });

  it('is the only one who sees it', async () => {
    world.ceremonies.rows = [row('ann', ['authy'])];
    for (const person of [await world.person('proved', 'bob@example.com'), await world.person('pass')]) {
      const page = await person.get('/admin/moving');
      expect(page.status).toBe(403);
      expect(page.text).not.toContain('ann@example.com');
    }
  });
});
