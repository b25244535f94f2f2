/** The page that changes the name of a passkey. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
  world.addFactor('passkey');
  world.addFactor('totp');
});
afterEach(() => world.stop());

it('is for keys alone, shows the name as text, and says what was done', async () => {
  const alice = await world.person('proved');
  const account = await alice.get('/account');
  expect(account.text.match(/href="\/_2fa\/rename\/[^"]+"/g)).toEqual(['href="/_2fa/rename/passkey-1"']);
  expect((await alice.get('/rename/totp-1')).status).toBe(404);
  expect((await alice.post('/rename/totp-1', { name: 'x' })).status).toBe(404);
  const renamed = await alice.post('/rename/passkey-1', { name: '<b>Blue</b>' });
  expect([renamed.status, renamed.headers.location]).toEqual([303, '/_2fa/account']);
  const after = await alice.get('/account');
  expect(after.text).toContain('The name was changed.');
  expect(after.text).toContain('Passkey “&lt;b&gt;Blue&lt;/b&gt;”');
  const long = await alice.post('/rename/passkey-1', { name: 'x'.repeat(41) });
  expect([long.status, long.text]).toEqual([422, expect.stringContaining('Enter a name of at most 40 characters')]);
  expect(long.text).toContain(`value="${'x'.repeat(41)}"`);
});

it('asks for a fresh proof, and leads back', async () => {
  const alice = await world.person('proved');
  world.clock.advance(10 * 60_000);
  expect((await alice.get('/rename/passkey-1')).text).toContain('You are asked to confirm first that it is you.');
  expect((await alice.post('/rename/passkey-1', { name: 'x' })).headers.location).toBe('/_2fa/challenge');
  const pending = await world.person('challenge');
  expect((await pending.get('/rename/passkey-1')).headers.location).toBe('/_2fa/challenge');
});
