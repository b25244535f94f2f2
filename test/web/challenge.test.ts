/** The prompt: what it asks, what it sends, and what a right or wrong code leads to. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../../src/ceremonies/outcomes.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { COOKIE, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
  world.addFactor('authy');
});
afterEach(() => world.stop());

const codeField = (html: string): string => /<input[^>]*autocomplete="one-time-code"[^>]*>/.exec(html)?.[0] ?? '';

describe('the code field', () => {
  it('is one, for numbers, for autofill, without a limit that cuts what is pasted', async () => {
    const { text } = await (await world.person('challenge')).get('/challenge');
    expect(text.match(/one-time-code/g)).toHaveLength(1);
    for (const has of [
      'type="text"',
      'inputmode="numeric"',
      'spellcheck="false"',
      'autocapitalize="none"',
      'autocorrect="off"',
      'name="code"',
      'id="otp-code"',
      'autofocus',
    ]) {
      expect(codeField(text)).toContain(has);
    }
    expect(codeField(text)).not.toMatch(/maxlength|pattern|placeholder|required/);
    expect(text).toContain('<label for="otp-code">Security code</label>');
  });

  it('never shows the code that was wrong, and says what to do', async () => {
    const alice = await world.person('challenge');
    const { status, text, cookies } = await alice.post('/challenge', { way: 'totp-1', code: '135791' });
    expect(status).toBe(422);
    expect(cookies).toEqual([]);
    expect(text).not.toContain('135791');
    expect(text).toContain('<title>Error: ');
    expect(text).toContain('There is a problem');
    expect(text).toContain('The security code is not correct. Check it and try again');
    expect(text).toContain('You have 2 tries left.');
    expect(text).toContain('Check that the time on your phone is set automatically.');
    expect(codeField(text)).toContain('aria-invalid="true" aria-describedby="otp-code-error otp-code-hint"');
    expect(codeField(text)).not.toContain('autofocus');
    expect(alice.session?.session.state).toBe('pending');
  });
});

describe('a right code', () => {
  it('sets exactly one cookie, with a new id, and leads on', async () => {
    const alice = await world.person('challenge');
    const before = alice.id;
    const { status, headers, cookies, text } = await alice.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
    expect([status, headers.location, text]).toEqual([303, '/campaigns?tab=2', '']);
    expect(cookies).toHaveLength(1);
    expect(cookies[0]).toMatch(new RegExp(`^${COOKIE}=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax$`));
    expect(alice.id).not.toBe(before);
    expect(world.sessions.peek(sessionKey(before))).toBeUndefined();
    expect(alice.session?.session.state).toBe('verified');
    const again = await alice.get('/challenge');
    expect([again.status, again.headers.location]).toEqual([303, '/']);
  });

  it('of two that race exactly one session comes out, and both get its id', async () => {
    const alice = await world.person('challenge');
    const send = () => alice.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
    const answers = await Promise.all([send(), send()]);
    const won = answers.filter((one) => one.status === 303);
    expect(won.length).toBeGreaterThan(0);
    expect(new Set(won.map((one) => one.cookies[0])).size).toBe(1);
    expect(world.ceremonies.proofs).toHaveLength(1);
  });
});

describe('the same wrong code again', () => {
  it('within a moment is the same attempt, later another', async () => {
    const alice = await world.person('challenge');
    const send = () => alice.post('/challenge', { way: 'totp-1', code: '111111' });
    expect((await send()).status).toBe(422);
    expect((await send()).status).toBe(422);
    expect(world.ceremonies.proofs).toHaveLength(1);
    world.clock.advance(2000);
    await send();
    expect(world.ceremonies.proofs).toHaveLength(2);
  });

  it('an outage is asked again at once', async () => {
    const alice = await world.person('challenge');
    world.ceremonies.refuseNext(refusal('provider-unavailable'));
    const outage = await alice.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
    expect(outage.status).toBe(503);
    expect(outage.text).toContain('is not working right now');
    expect((await alice.post('/challenge', { way: 'totp-1', code: RIGHT_CODE })).status).toBe(303);
  });
});

describe('ways', () => {
  it('only the account’s own are offered; an unknown one leads back to the first', async () => {
    const alice = await world.person('challenge');
    const first = await alice.get('/challenge');
    expect(first.text).toContain('href="/_2fa/challenge?way=authy-1"');
    expect(first.text).not.toContain('Text me a code');
    const authy = await alice.get('/challenge?way=authy-1');
    expect(authy.text).toContain('Text me a code');
    expect(authy.text).toContain('Call me');
    const other = await alice.get('/challenge?way=bobs');
    expect([other.status, other.headers.location]).toEqual([303, '/_2fa/challenge']);
  });

  it('none that works is said, with a way out', async () => {
    world.ceremonies.enrolled = [];
    const alice = await world.person('challenge');
    const page = await alice.get('/challenge');
    expect(page.status).toBe(403);
    expect(page.text).toContain('action="/_2fa/cancel"');
  });
});

describe('sending', () => {
  it('tells where the code went, and when the next may be asked for, until it may', async () => {
    const alice = await world.person('challenge');
    const sent = await alice.post('/challenge/send', { way: 'authy-1', channel: 'sms' });
    expect([sent.status, sent.headers.location]).toEqual([303, '/_2fa/challenge?way=authy-1']);
    expect(sent.cookies).toEqual([]);
    for (let reload = 0; reload < 2; reload++) {
      const page = await alice.get('/challenge?way=authy-1');
      expect(page.text).toContain('<h1>Check your phone</h1>');
      expect(page.text).toContain('We sent a code to a number ending 67.');
      expect(page.text).toContain('data-countdown="30"');
    }
    world.clock.advance(31_000);
    expect((await alice.get('/challenge?way=authy-1')).text).not.toContain('data-countdown="');
    expect((await alice.get('/challenge?way=totp-1')).text).toContain('<h1>Enter your security code</h1>');
    expect(world.ceremonies.sent).toEqual([{ what: 'prompt', channel: 'sms', insist: false }]);
  });

  it('to the app instead offers to insist', async () => {
    const alice = await world.person('challenge');
    world.ceremonies.refuseNext(refusal('app-instead'));
    await alice.post('/challenge/send', { way: 'authy-1', channel: 'sms' });
    const page = await alice.get('/challenge?way=authy-1');
    expect(page.text).toContain('We sent a notification to your Authy app.');
    expect(page.text).toContain('Text me a code anyway');
    expect(page.text).toContain('name="insist" value="1"');
    await alice.post('/challenge/send', { way: 'authy-1', channel: 'sms', insist: '1' });
    expect(world.ceremonies.sent).toEqual([{ what: 'prompt', channel: 'sms', insist: true }]);
  });

  it('too often says until when, once', async () => {
    const alice = await world.person('challenge');
    world.ceremonies.refuseNext(refusal('send-paused', { until: world.clock.now() + 10 * 60_000 }));
    await alice.post('/challenge/send', { way: 'authy-1', channel: 'sms' });
    expect((await alice.get('/challenge?way=authy-1')).text).toMatch(
      /cannot send more codes to this number until 12:10 UTC/,
    );
    expect((await alice.get('/challenge?way=authy-1')).text).not.toContain('There is a problem');
  });

  it('over an unknown channel is a bad request', async () => {
    const alice = await world.person('challenge');
    expect((await alice.post('/challenge/send', { way: 'authy-1', channel: 'fax' })).status).toBe(400);
  });
});

describe('the end', () => {
  it('cancel ends the login and clears the cookie', async () => {
    const alice = await world.person('challenge');
    const { status, headers, cookies } = await alice.post('/cancel');
    expect([status, headers.location]).toEqual([303, '/admin/login']);
    expect(cookies).toEqual([`${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`]);
    expect(alice.session).toBeUndefined();
  });

  it('cancel inside a verified session keeps it', async () => {
    const alice = await world.person('proved');
    world.clock.advance(10 * 60_000);
    await alice.post('/proof', { for: 'account' });
    const { headers, cookies } = await alice.post('/cancel');
    expect([headers.location, cookies]).toEqual(['/_2fa/account', []]);
    expect(alice.session?.session.state).toBe('verified');
  });

  it('too many wrong codes: signed out, cookie cleared, the way to the login page', async () => {
    const alice = await world.person('challenge');
    world.ceremonies.refuseNext(refusal('guesses-spent'));
    const page = await alice.post('/challenge', { way: 'totp-1', code: '111111' });
    expect(page.status).toBe(403);
    expect(page.cookies[0]).toContain('Max-Age=0');
    expect(page.text).toContain('href="/admin/login"');
  });

  it('a pause says when, for people and programs', async () => {
    const alice = await world.person('challenge');
    world.ceremonies.refuseNext(refusal('guesses-paused', { until: world.clock.now() + 60_000 }));
    const page = await alice.post('/challenge', { way: 'totp-1', code: '111111' });
    expect([page.status, page.headers['retry-after']]).toEqual([429, '60']);
    expect(page.text).toContain('You can try again at 12:01:00 UTC');
  });

  it('a lock leaves a form that leads out, because the login page is closed to a login under way', async () => {
    const alice = await world.person('challenge');
    world.ceremonies.refuseNext(refusal('locked'));
    const page = await alice.get('/challenge');
    expect(page.status).toBe(403);
    expect(page.text).toContain('action="/_2fa/cancel"');
    expect(page.text).not.toContain('href="/admin/login"');
  });

  it('after ten minutes: timed out, nothing sent', async () => {
    const alice = await world.person('challenge');
    world.clock.advance(600_000);
    const page = await alice.get('/challenge');
    expect(page.status).toBe(401);
    expect(page.text).toContain('Your sign-in timed out');
    expect(page.text).toContain('href="/admin/login"');
    expect(world.ceremonies.sent).toEqual([]);
  });
});
