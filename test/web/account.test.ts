/** Self-service: phone, enrolment step by step, removal. The session that enrols is over at the end. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../../src/ceremonies/outcomes.ts';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { COOKIE, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
});
afterEach(() => world.stop());

describe('the phone', () => {
  it('that is wrong comes back as typed, with its error at the field, once', async () => {
    const alice = await world.person('pass');
    const saved = await alice.post('/account/phone', { country: 'DE', number: '12 "><b>' });
    expect([saved.status, saved.headers.location]).toEqual([303, '/_2fa/account']);
    const page = await alice.get('/account');
    expect(page.text).toContain('value="12 &quot;&gt;&lt;b&gt;"');
    expect(page.text).toContain('<option value="DE" selected>');
    expect(page.text).toContain('aria-describedby="phone-number-error phone-number-hint"');
    expect(page.text).toContain('Enter a phone number, like');
    expect((await alice.get('/account')).text).not.toContain('There is a problem');
    expect(alice.session?.record.page).toBeUndefined();
  });

  it('that is right is shown whole once, and then by two digits', async () => {
    const alice = await world.person('pass');
    await alice.post('/account/phone', { country: 'CH', number: '079 123 45 67' });
    expect((await alice.get('/account')).text).toContain('+41 79 123 45 67');
    const later = await alice.get('/account');
    expect(later.text).toContain('A number ending 67 is saved.');
    expect(later.text).not.toContain('123 45');
  });

  it('is not asked for where nothing uses it', async () => {
    world.ceremonies.available = ['totp'];
    world.site = { ...world.site, usesProvider: false };
    const page = await (await world.person('pass')).get('/account');
    expect(page.text).not.toContain('type="tel"');
    expect(page.text).not.toContain('Configure 2FA');
    expect(page.text).toContain('Nothing is sent to any outside service.');
    expect(page.text).toContain('Set up authenticator app');
  });

  it('has the attributes that browsers fill in by', async () => {
    const { text } = await (await world.person('enrol')).get('/account');
    expect(text).toMatch(/<select[^>]*autocomplete="tel-country-code"/);
    expect(text).toMatch(/<input[^>]*type="tel" inputmode="tel" autocomplete="tel"/);
  });
});

describe('enrolment', () => {
  it('says what goes to whom before anything goes there', async () => {
    const alice = await world.person('pass');
    await alice.post('/account/phone', { country: 'CH', number: '079 123 45 67' });
    const page = await alice.get('/enrol/authy');
    expect(page.text).toContain('Step 1 of 3');
    expect(page.text).toContain('Authy, a service of Twilio');
    expect(page.text).toContain('alice@example.com');
    expect(world.ceremonies.draftOf).toBeUndefined();
    expect((await alice.post('/enrol/authy')).headers.location).toBe('/_2fa/enrol/authy/confirm');
    const confirm = await alice.get('/enrol/authy/confirm');
    expect(confirm.text).toContain('number ending 67');
    await alice.post('/enrol/authy/send', { channel: 'call' });
    expect(world.ceremonies.sent).toEqual([{ what: 'draft', channel: 'call', insist: false }]);
    expect((await alice.get('/enrol/authy/confirm')).text).toContain('We are calling a number ending 67');
  });

  it('without a phone leads to the phone', async () => {
    const alice = await world.person('pass');
    expect((await alice.get('/enrol/authy')).text).toContain('/_2fa/account#phone-country');
    const begun = await alice.post('/enrol/authy');
    expect(begun.status).toBe(422);
    expect(begun.text).toContain('A phone number is needed first.');
  });

  it('of an app: code, key and link; a wrong code keeps them; the right one ends the session', async () => {
    const alice = await world.person('enrol');
    await alice.post('/enrol/totp');
    const page = await alice.get('/enrol/totp/confirm');
    expect(page.text).toContain('Step 2 of 3');
    expect(page.text).toContain('role="img" aria-label="QR code for your authenticator app"><svg');
    expect(page.text).toContain('href="otpauth://totp/Lucy:alice?secret=ABCDEFGH&amp;issuer=Lucy"');
    expect(page.text).toContain('You will be signed out and asked for a token next time.');
    const wrong = await alice.post('/enrol/totp/confirm', { code: '111111' });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('ABCD EFGH');
    const done = await alice.post('/enrol/totp/confirm', { code: RIGHT_CODE });
    expect(done.status).toBe(200);
    expect(done.cookies).toEqual([`${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`]);
    expect(done.text).toContain('<h1>Two-factor authentication is on</h1>');
    expect(done.text).toContain('href="/admin/login"');
    expect(done.text).not.toContain('ABCD');
    expect(alice.session).toBeUndefined();
  });

  it('that is over, or of another factor, leads back to its first step', async () => {
    const alice = await world.person('enrol');
    expect((await alice.get('/enrol/totp/confirm')).headers.location).toBe('/_2fa/enrol/totp');
    await alice.post('/enrol/totp');
    expect((await alice.get('/enrol/authy/confirm')).headers.location).toBe('/_2fa/enrol/authy');
    const lost = await alice.post('/enrol/authy/confirm', { code: RIGHT_CODE });
    expect(lost.headers.location).toBe('/_2fa/enrol/authy');
    expect((await alice.get('/enrol/authy')).text).toContain('Begin once more.');
    expect(world.ceremonies.enrolled).toEqual([]);
  });

  it('can be resumed and cancelled', async () => {
    const alice = await world.person('enrol');
    await alice.post('/enrol/totp');
    expect((await alice.get('/account')).text).toContain('href="/_2fa/enrol/totp/confirm"');
    expect((await alice.post('/enrol/cancel')).headers.location).toBe('/_2fa/account');
    expect((await alice.get('/account')).text).toContain('Nothing was changed.');
    expect(world.ceremonies.draftOf).toBeUndefined();
  });

  it('of a factor that is off, or none at all, is no page', async () => {
    world.enabled = ['totp'];
    const alice = await world.person('pass');
    for (const factor of ['authy', 'constructor', 'x']) {
      expect((await alice.get(`/enrol/${factor}`)).status, factor).toBe(404);
      expect((await alice.post(`/enrol/${factor}`)).status, factor).toBe(404);
    }
  });

  it('a lock while confirming ends on its own page', async () => {
    const alice = await world.person('enrol');
    await alice.post('/enrol/totp');
    world.ceremonies.refuseNext(refusal('locked'));
    expect((await alice.post('/enrol/totp/confirm', { code: '111111' })).status).toBe(403);
  });
});

describe('with a factor in place', () => {
  it('a change asks for a fresh proof and comes back to where it was', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    world.clock.advance(10 * 60_000);
    expect((await alice.get('/account')).text).toContain('Confirm that it is you');
    for (const [path, back] of [
      ['/enrol/totp', '/_2fa/enrol/totp'],
      ['/remove/totp-1', '/_2fa/remove/totp-1'],
      ['/account/phone', '/_2fa/account'],
    ] as const) {
      const asked = await alice.post(path, path === '/account/phone' ? { country: 'CH', number: '1' } : {});
      expect([asked.status, asked.headers.location], path).toEqual([303, '/_2fa/challenge']);
      const proved = await alice.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
      expect([proved.status, proved.headers.location], path).toEqual([303, back]);
      world.clock.advance(10 * 60_000);
    }
    expect(world.ceremonies.enrolled).toHaveLength(1);
  });

  it('removal says what follows, and happens by the form only', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    const page = await alice.get('/remove/totp-1');
    expect(page.text).toContain('It is your last method.');
    expect(world.ceremonies.enrolled).toHaveLength(1);
    expect((await alice.post('/remove/totp-1')).headers.location).toBe('/_2fa/account');
    expect(world.ceremonies.enrolled).toEqual([]);
    expect((await alice.get('/account')).text).toContain('Authenticator app was removed.');
  });

  it('an id that is not the person’s own is not there', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    expect((await alice.get('/remove/bobs')).status).toBe(404);
    expect((await alice.post('/remove/bobs')).status).toBe(404);
  });

  it('the last one that the policy demands stays', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    world.ceremonies.refuseNext(refusal('factor-required'));
    const page = await alice.post('/remove/totp-1');
    expect(page.status).toBe(409);
    expect(page.text).toContain('the last method cannot be removed');
  });
});

it('signing out is a form, ends the session and clears the cookie', async () => {
  const alice = await world.person('pass');
  expect((await alice.get('/logout')).status).toBe(200);
  expect(alice.session).toBeDefined();
  const { status, headers, cookies } = await alice.post('/logout');
  expect([status, headers.location]).toEqual([303, '/admin/login']);
  expect(cookies).toEqual([`${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`]);
  expect(alice.session).toBeUndefined();
});
