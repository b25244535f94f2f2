/** The page between the prompt and the application, shown once, and leading nowhere else. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
  world.ceremonies.occasions = [
    {
      at: Date.UTC(2026, 4, 3, 9, 30),
      happening: { kind: 'factor-removed', factor: 'email' },
      from: { address: '192.0.2.7', agent: '<b>Firefox/128.0</b> (Windows NT 10.0)' },
    },
    { at: Date.UTC(2026, 4, 2, 9, 30), happening: { kind: 'reset-by-administrator' } },
  ];
});
afterEach(() => world.stop());

it('comes after the proof, says what happened and leads on to the page that was wanted', async () => {
  const person = await world.person('challenge');
  const proved = await person.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
  expect(proved.headers.location).toBe(`/_2fa/news?to=${encodeURIComponent('/campaigns?tab=2')}`);
  const page = await person.get('/news?to=%2Fcampaigns%3Ftab%3D2');
  expect(page.text).toContain('E-mail was removed.');
  expect(page.text).toContain('</time>, Firefox on Windows, 192.0.2.7');
  expect(page.text).toContain('An administrator reset two-factor authentication.');
  const on = await person.post('/news', { to: '/campaigns?tab=2' });
  expect([on.status, on.headers.location]).toEqual([303, '/campaigns?tab=2']);
  expect(world.ceremonies.occasions).toEqual([]);
  expect((await person.get('/news?to=%2Fcampaigns')).headers.location).toBe('/campaigns');
});

it('is read only when the button was pressed', async () => {
  const person = await world.person('proved');
  await person.get('/news');
  await person.get('/news');
  expect(world.ceremonies.occasions).toHaveLength(2);
});

it('comes after no step-up, and to nobody who owes a factor', async () => {
  const person = await world.person('proved');
  await person.post('/proof', { for: 'account' });
  const proved = await person.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
  expect(proved.headers.location).toBe('/_2fa/account');
  for (const who of ['challenge', 'anonymous'] as const) {
    const other = await world.person(who);
    expect((await other.get('/news')).text).not.toContain('was removed');
    await other.post('/news', { to: '/' });
    expect(world.ceremonies.occasions).toHaveLength(2);
  }
});

it.each(['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '', 'x'.repeat(3000)])(
  'leads to the application and nowhere else: %j (attack 78)',
  async (to) => {
    const person = await world.person('proved');
    const on = await person.post('/news', { to });
    expect(on.headers.location).toBe('/');
    world.ceremonies.occasions = [];
    expect((await person.get(`/news?${new URLSearchParams({ to })}`)).headers.location).toBe('/');
  },
);
