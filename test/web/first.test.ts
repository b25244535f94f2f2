/** Before the first method: the field for a ticket, the button “Not now”, and the page that tells a ticket. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { RIGHT_BYPASS, RIGHT_CODE, RIGHT_TICKET } from './ceremonies-double.ts';
import { ALICE, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
});
afterEach(() => world.stop());

describe('a ticket', () => {
  beforeEach(() => {
    world.ceremonies.needsTicket = true;
  });

  it('is asked for instead of everything else on the page', async () => {
    const person = await world.person('enrol');
    const { text } = await person.get('/account');
    expect(text).toContain('Enter your ticket');
    for (const other of ['Your methods', 'Add a method', 'Mobile phone number']) expect(text).not.toContain(other);
    expect((await person.get('/enrol/totp')).headers.location).toBe('/_2fa/account');
  });

  it('that is wrong is said beside the field, and the right one opens the page', async () => {
    const person = await world.person('enrol');
    await person.post('/account/ticket', { ticket: 'no' });
    const wrong = await person.get('/account');
    expect(wrong.text).toContain('<a href="#ticket">This ticket is not valid.');
    expect(wrong.text).toContain('aria-describedby="ticket-error ticket-hint"');
    await person.post('/account/ticket', { ticket: RIGHT_TICKET });
    const right = await person.get('/account');
    expect(right.text).toContain('Your ticket was accepted.');
    expect(right.text).toContain('Add a method');
    expect(JSON.stringify(world.logged)).not.toContain(RIGHT_TICKET);
  });

  it('is for nobody who owes a code, and for no other page', async () => {
    const pending = await world.person('challenge');
    const answer = await pending.post('/account/ticket', { ticket: RIGHT_TICKET });
    expect(answer.headers.location).toBe('/_2fa/challenge');
    expect((await pending.get('/account/ticket')).status).toBe(405);
    expect(world.ceremonies.needsTicket).toBe(true);
  });

  it('is told to an administrator in the answer to the form, with its end, and never again', async () => {
    world.addFactor('totp');
    world.ceremonies.administrators.add(ALICE);
    world.ceremonies.rows = [
      {
        identity: 'bob' as Identity,
        factors: [],
        level: 'required',
        sessions: 0,
        lock: 'none',
        needsTicket: true,
        mayBypass: false,
      },
    ];
    const admin = await world.person('proved');
    const list = await admin.get('/admin');
    expect(list.text).toContain('value="ticket">Make a ticket');
    expect(list.text).toContain('Ticket for a first method');
    const asked = await admin.post('/admin/users/confirm', { identity: 'bob', action: 'ticket' });
    expect(asked.text).toContain('can set up the first method of this account');
    const told = await admin.post('/admin/users/ticket', { identity: 'bob', reason: 'seen in person' });
    expect([told.status, told.headers['cache-control']]).toEqual([200, expect.stringContaining('no-store')]);
    expect(told.text).toContain(RIGHT_TICKET);
    expect(told.text).toContain('<time datetime="2026-05-05T12:00:00.000Z">');
    expect((await admin.get('/admin')).text).not.toContain(RIGHT_TICKET);
    expect(JSON.stringify([world.logged, admin.session?.record])).not.toContain(RIGHT_TICKET);
    world.site = { ...world.site, usesTickets: false };
    expect((await admin.get('/admin')).text).not.toContain('Ticket for a first method');
  });
});

describe('an address that the administrator knows', () => {
  const shown = 'a•••@mail.example';
  beforeEach(() => {
    world.ceremonies.needsTicket = true;
    world.ceremonies.known = [
      { channel: 'email', factor: 'email', shown, digits: { min: 6, max: 6 } },
      { channel: 'sms', factor: 'sms', shown: '67', digits: { min: 6, max: 6 } },
    ];
  });

  it('is offered beside the ticket, sends on request alone, and leads on with the right code', async () => {
    const person = await world.person('enrol');
    expect((await person.get('/account')).text).toContain(`A code by e-mail to ${shown}`);
    const page = await person.get('/account/known?way=email');
    expect(page.text).toContain('E-mail me a code');
    expect(page.text).not.toContain('name="code"');
    expect(page.text).toContain('A code by text to your number ending 67');
    expect(world.ceremonies.sent).toEqual([]);
    await person.post('/account/known/send', { way: 'email', channel: 'email' });
    expect(world.ceremonies.sent).toEqual([{ what: 'known', channel: 'email', insist: false }]);
    expect((await person.get('/account/known?way=email')).text).toContain('name="code"');
    const wrong = await person.post('/account/known', { way: 'email', code: '111111' });
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('The security code is not correct.')]);
    const right = await person.post('/account/known', { way: 'email', code: RIGHT_CODE });
    expect([right.status, right.headers.location]).toEqual([303, '/_2fa/account']);
    expect((await person.get('/account')).text).toContain('this is your account');
  });

  it('is nothing for a login that owes its factor, and leads to the account where nobody is known', async () => {
    const pending = await world.person('challenge');
    const sent = await pending.post('/account/known/send', { way: 'email', channel: 'email' });
    expect(sent.headers.location).toBe('/_2fa/challenge');
    world.ceremonies.known = [];
    const person = await world.person('enrol');
    expect((await person.get('/account/known')).headers.location).toBe('/_2fa/account');
    expect((await person.post('/account/known', { way: 'email', code: RIGHT_CODE })).headers.location).toBe(
      '/_2fa/account',
    );
    expect(world.ceremonies.sent).toEqual([]);
  });
});

it('a code for one sign-in is told to an administrator likewise, and only where there is a method', async () => {
  world.addFactor('totp');
  world.ceremonies.administrators.add(ALICE);
  const row = { level: 'required', sessions: 0, lock: 'none', needsTicket: false } as const;
  world.ceremonies.rows = [
    { ...row, identity: 'bob' as Identity, factors: ['totp'], mayBypass: true },
    { ...row, identity: 'carol' as Identity, factors: [], mayBypass: false },
  ];
  const admin = await world.person('proved');
  const list = await admin.get('/admin');
  expect(list.text.match(/value="bypass"/g)).toHaveLength(1);
  const asked = await admin.post('/admin/users/confirm', { identity: 'bob', action: 'bypass' });
  expect(asked.text).toContain('can sign in once without any method');
  const told = await admin.post('/admin/users/bypass', { identity: 'bob', reason: 'called back' });
  expect([told.status, told.headers['cache-control']]).toEqual([200, expect.stringContaining('no-store')]);
  expect(told.text).toContain(RIGHT_BYPASS);
  expect(told.text).toContain('<time datetime="2026-05-04T12:15:00.000Z">');
  expect(told.text).toContain('A newer one takes its place.');
  expect(JSON.stringify([world.logged, admin.session?.record])).not.toContain(RIGHT_BYPASS);
  expect(world.ceremonies.acted).toEqual([{ action: 'bypass', identity: 'bob', reason: 'called back' }]);
});

describe('“Not now”', () => {
  it('is offered with its end and leads on, under a new id', async () => {
    world.ceremonies.mayWaitUntil = world.clock.now() + 49 * 3_600_000;
    const person = await world.person('enrol');
    const page = await person.get('/account');
    expect(page.text).toContain('<time datetime="2026-05-06T13:00:00.000Z">');
    expect(page.text).toContain('2 days from now');
    const on = await person.post('/account/later');
    expect([on.status, on.headers.location]).toEqual([303, '/campaigns?tab=2']);
    expect(on.cookies.join()).toContain('lucy2fa=');
  });

  it('after its end says so on the page that is left', async () => {
    const person = await world.person('enrol');
    expect((await person.get('/account')).text).not.toContain('Not now');
    const late = await person.post('/account/later');
    expect([late.headers.location, late.cookies]).toEqual(['/_2fa/account', []]);
    expect((await person.get('/account')).text).toContain('The time in which this could wait is over.');
  });

  it('said twice leads home the second time, and to the prompt whoever owes a code', async () => {
    world.ceremonies.mayWaitUntil = world.clock.now() + 1;
    expect((await (await world.person('pass')).post('/account/later')).headers.location).toBe('/');
    expect((await (await world.person('challenge')).post('/account/later')).headers.location).toBe('/_2fa/challenge');
  });
});
