/** Sessions and recent events on the account page. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { browserName } from '../../src/web/browser-name.ts';
import { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
});
afterEach(() => world.stop());

it('this browser is named, and has no button; others have one each, and one for all of them', async () => {
  const other = await world.person('proved');
  const alice = await world.person('proved');
  const { text } = await alice.get('/account');
  expect(text).toContain('Where you are signed in');
  expect(text.match(/\(this one\)/g)).toHaveLength(1);
  expect(text).toContain(`<input type="hidden" name="session" value="${other.session?.key}">`);
  expect(text).not.toContain(`value="${alice.session?.key}"`);
  expect(text).toContain('Sign out everywhere else');
});

it('signing out says how many it were, and needs a fresh proof', async () => {
  const other = await world.person('proved');
  const alice = await world.person('proved');
  const one = await alice.post('/sessions/end', { session: other.session?.key ?? '' });
  expect([one.status, one.headers.location]).toEqual([303, '/_2fa/account']);
  expect((await alice.get('/account')).text).toContain('1 session was signed out.');
  await alice.post('/sessions/end-others');
  expect((await alice.get('/account')).text).toContain('2 sessions were signed out.');
  world.clock.advance(10 * 60_000);
  expect((await alice.get('/account')).text).not.toContain('Sign out everywhere else');
  for (const path of ['/sessions/end', '/sessions/end-others']) {
    const asked = await (await world.person('pass')).post(path, path.endsWith('end') ? { session: 'x' } : {});
    expect(asked.headers.location).toBe('/_2fa/challenge');
  }
  expect(world.ceremonies.signedOut).toEqual([other.session?.key, 'others']);
});

it('nothing is signed out by a link, by another page, or by somebody who owes a factor', async () => {
  const alice = await world.person('proved');
  expect((await alice.get('/sessions/end-others')).status).toBe(405);
  expect((await alice.post('/sessions/end-others', { csrf: 'x' })).status).toBe(403);
  const pending = await world.person('challenge');
  expect((await pending.post('/sessions/end-others')).headers.location).toBe('/_2fa/challenge');
  expect(world.ceremonies.signedOut).toEqual([]);
});

it('what happened is listed with browser and address, escaped', async () => {
  const at = world.clock.now();
  const from = { address: '192.0.2.7', agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0 <b>' };
  world.ceremonies.events = [
    { at, from, happening: { kind: 'factor-added', factor: 'totp' } },
    { at, happening: { kind: 'reset-by-administrator' } },
    { at, from: { address: '<i>', agent: '' }, happening: { kind: 'signed-in-after-failures', failures: 1 } },
    { at, happening: { kind: 'recovery-used', left: 3 } },
  ];
  const { text } = await (await world.person('proved')).get('/account');
  for (const sentence of [
    'Authenticator app was set up.',
    'Firefox on Linux, 192.0.2.7',
    'An administrator reset two-factor authentication.',
    'Signed in after 1 wrong code.',
    'Unknown browser, &lt;i&gt;',
    'A recovery code was used; 3 left.',
  ]) {
    expect(text).toContain(sentence);
  }
});

describe('a browser is called', () => {
  it.each([
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
      'Chrome on Windows',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0',
      'Edge on Windows',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15',
      'Safari on Mac',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/140.0 Mobile Safari/604.1',
      'Chrome on iPhone',
    ],
    [
      'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36',
      'Samsung Internet on Android',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    ['curl/8.14.1', 'curl'],
    ['', 'Unknown browser'],
  ])('%s: %s', (agent, name) => {
    expect(browserName(agent)).toBe(name);
  });
});

describe('trusted browsers', () => {
  const day = 86_400_000;
  beforeEach(() => {
    const at = world.clock.now();
    const one = { trustedAt: at - day, usedAt: at - 60_000, until: at + 29 * day };
    const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0';
    world.ceremonies.browsers = [
      { ...one, id: 'b1', isThis: true, from: { address: '192.0.2.7', agent } },
      { ...one, id: 'b2', isThis: false, from: { address: '<i>', agent: 'curl/8' } },
    ];
  });

  it('are listed with address and days, and ended one by one or all; the cookie of this one goes', async () => {
    const alice = await world.person('proved');
    const { text } = await alice.get('/account');
    for (const part of [
      'Trusted browsers',
      'Firefox on Linux',
      '192.0.2.7',
      '&lt;i&gt;',
      'Stop trusting all of them',
    ]) {
      expect(text).toContain(part);
    }
    const one = await alice.post('/browsers/forget', { browser: 'b2' });
    expect([one.status, one.headers.location, one.cookies]).toEqual([303, '/_2fa/account', []]);
    expect((await alice.get('/account')).text).toContain('1 browser is not trusted any more.');
    const all = await alice.post('/browsers/forget-all');
    expect(all.cookies).toEqual(['lucy2fa-browser=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0']);
    expect((await alice.get('/account')).text).not.toContain('Trusted browsers');
  });

  it('are ended by a form of ours alone, and with a fresh proof', async () => {
    const alice = await world.person('proved');
    expect((await alice.get('/browsers/forget-all')).status).toBe(405);
    expect((await alice.post('/browsers/forget-all', { csrf: 'x' })).status).toBe(403);
    world.clock.advance(10 * 60_000);
    expect((await alice.get('/account')).text).not.toContain('Stop trusting');
    expect((await alice.post('/browsers/forget', { browser: 'b1' })).headers.location).toBe('/_2fa/challenge');
    expect(world.ceremonies.browsers).toHaveLength(2);
  });
});

describe('the box on the prompt', () => {
  it('is there where a browser may be trusted, not ticked, and its tick goes with the answer', async () => {
    const alice = await world.person('challenge');
    expect((await alice.get('/challenge')).text).not.toContain('name="trust"');
    world.ceremonies.trustMs = 30 * 86_400_000;
    const { text } = await alice.get('/challenge');
    expect(text).toContain('<input type="checkbox" name="trust" value="1">');
    expect(text).toContain('Do not ask again in this browser for 30 days');
    const wrong = await alice.post('/challenge', { way: 'totp-1', code: '000000', trust: '1' });
    expect(wrong.text).toContain('<input type="checkbox" name="trust" value="1" checked>');
    await alice.post('/challenge', { way: 'totp-1', code: '000001', trust: 'yes' });
    await alice.post('/challenge', { way: 'totp-1', code: '000002' });
    expect(world.ceremonies.trusting).toEqual([true, false, false]);
  });
});
