/** The administrator's pages: closed to others, the key never comes back, each deed asks why and needs a fresh proof. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { ALICE, type Person, World } from './world.ts';

const KEY = 'abcdefghijklmnop4f2a';
let world: World;
let admin: Person;

beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
  world.ceremonies.administrators.add(ALICE);
  world.ceremonies.rows = ['bob', 'carol', 'dave', 'eve'].map((name) => ({
    identity: `${name}@example.com` as Identity,
    factors: ['totp'],
    level: 'optional',
    sessions: 1,
    lock: 'none',
    needsTicket: false,
    mayBypass: false,
  }));
  admin = await world.person('proved');
});
afterEach(() => world.stop());

const POSTS: readonly [string, Record<string, string>][] = [
  ['/admin/key', { key: KEY }],
  ['/admin/key/remove', {}],
  ['/admin/key/test', {}],
  ['/admin/users/confirm', { identity: 'bob@example.com', action: 'reset' }],
  ['/admin/users/reset', { identity: 'bob@example.com', reason: 'x' }],
  ['/admin/users/unlock', { identity: 'bob@example.com', reason: 'x' }],
  ['/admin/users/end-sessions', { identity: 'bob@example.com', reason: 'x' }],
];

it('all of it is closed to others, and to an administrator with only a password', async () => {
  const bob = await world.person('proved', 'bob@example.com');
  const password = await world.person('pass');
  for (const person of [bob, password]) {
    for (const path of ['/admin', '/admin/key/remove']) {
      const page = await person.get(path);
      expect(page.status, path).toBe(403);
      expect(page.text).not.toContain('carol');
    }
    for (const [path, fields] of POSTS) expect((await person.post(path, fields)).status, path).toBe(403);
    expect((await person.get('/account')).text).not.toContain('/_2fa/admin"');
  }
  expect(world.key.saved).toEqual([]);
  expect(world.ceremonies.acted).toEqual([]);
});

it('each change needs a fresh proof, and none happens on the way to it', async () => {
  world.key.current = KEY;
  world.clock.advance(10 * 60_000);
  const page = await admin.get('/admin');
  expect(page.text).toContain('Confirm that it is you');
  expect(page.text).not.toContain('name="key"');
  for (const [path, fields] of POSTS) {
    const asked = await admin.post(path, fields);
    expect([asked.status, asked.headers.location], path).toEqual([303, '/_2fa/challenge']);
    const proved = await admin.post('/challenge', { way: 'totp-1', code: RIGHT_CODE });
    expect(proved.headers.location, path).toMatch(/^\/_2fa\/admin(\?search=bob%40example.com)?$/);
    world.clock.advance(10 * 60_000);
  }
  expect(world.key.saved).toEqual([]);
  expect(world.ceremonies.acted).toEqual([]);
});

describe('the 2FA key', () => {
  it('goes in and never comes out', async () => {
    expect((await admin.post('/admin/key', { key: KEY })).headers.location).toBe('/_2fa/admin');
    const page = await admin.get('/admin');
    expect(page.text).toContain('ends with <code>4f2a</code>');
    expect(page.text).not.toContain(KEY);
    expect(JSON.stringify(world.logged)).not.toContain(KEY);
    expect(JSON.stringify(admin.session?.record)).not.toContain(KEY);
    expect(world.logged).toContainEqual({
      level: 'warn',
      event: 'sys_config_key_saved',
      facts: { requestId: 'req-0001', client: '127.0.0.1', identity: ALICE, result: 'ok' },
    });
  });

  it('of the vendor needs its switch, and warns for as long as it is set', async () => {
    await admin.post('/admin/key', { key: 'shared-1234' });
    const refused = await admin.get('/admin');
    expect(refused.text).toContain('tick the box below the field');
    expect(refused.text).not.toContain('shared-1234');
    expect(world.key.saved).toEqual([]);
    await admin.post('/admin/key', { key: 'shared-1234', insecureSharedKey: '1' });
    for (let time = 0; time < 2; time++) {
      expect((await admin.get('/admin')).text).toContain('The vendor’s shared key is in use.');
    }
  });

  it('is removed after a question', async () => {
    world.key.current = KEY;
    expect((await admin.get('/admin/key/remove')).text).toContain('cannot sign in until a key is set again');
    expect(world.key.saved).toEqual([]);
    await admin.post('/admin/key/remove');
    expect(world.key.saved).toEqual([null]);
    expect((await admin.get('/admin')).text).toContain('The 2FA key was removed.');
    expect((await admin.get('/admin/key/remove')).headers.location).toBe('/_2fa/admin');
  });

  it('is tested by a click', async () => {
    world.key.current = KEY;
    await admin.post('/admin/key/test');
    expect((await admin.get('/admin')).text).toContain('“Lucy &lt;test&gt;”');
  });

  it('that is set elsewhere cannot be changed here', async () => {
    world.key.current = KEY;
    world.key.editable = false;
    const page = await admin.get('/admin');
    expect(page.text).toContain('can only be changed there');
    expect(page.text).not.toContain('name="key"');
  });

  it('in a broken file says what is wrong with the file', async () => {
    world.key.detail = 'line 3: <bad>';
    await admin.post('/admin/key', { key: KEY });
    expect((await admin.get('/admin')).text).toContain('line 3: &lt;bad&gt;');
  });

  it('none: nothing is sent to anybody, and the page says so', async () => {
    world.site = { ...world.site, usesProvider: false };
    expect((await admin.get('/admin')).text).toContain('Nothing is sent to any outside service.');
  });
});

describe('users', () => {
  it('are a table with a caption, searched and leafed through to the last page and no further', async () => {
    const first = await admin.get('/admin');
    expect(first.text).toContain('<caption id="users-caption">4 users</caption>');
    expect(first.text).toContain('scope="col"');
    expect(first.text).toContain('scope="row"');
    const next = /href="([^"]+)">Next page/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await admin.get(next.replace('/_2fa', ''));
    expect(second.text).toContain('dave@example.com');
    expect(second.text).not.toContain('Next page');
    expect(second.text).toContain('Previous page');
    const found = await admin.get('/admin?search=eve');
    expect(found.text).toContain('1 user matching “eve”');
    expect(found.text).not.toContain('bob@');
    expect((await admin.get('/admin?search=nobody')).text).toContain('Show all users');
    for (const page of ['0', '-1', '1e9', 'x', '9999999']) {
      expect((await admin.get(`/admin?page=${page}`)).text, page).toContain('bob@example.com');
    }
  });

  it('are acted on with a reason, after a page that shows who and what', async () => {
    for (const action of ['reset', 'unlock', 'end-sessions']) {
      const identity = 'bob@example.com';
      const asked = await admin.post('/admin/users/confirm', { identity, action });
      expect(asked.text).toContain(`action="/_2fa/admin/users/${action}"`);
      expect(asked.text).toContain(identity);
      const without = await admin.post(`/admin/users/${action}`, { identity, reason: '  ' });
      expect(without.status).toBe(422);
      expect(without.text).toContain('Enter a reason.');
      const done = await admin.post(`/admin/users/${action}`, { identity, reason: ' new phone ' });
      expect([done.status, done.headers.location]).toEqual([303, '/_2fa/admin']);
      expect(world.ceremonies.acted.at(-1)).toEqual({ action, identity, reason: 'new phone' });
      expect((await admin.get('/admin')).text).toMatch(/role="status">\s*<p>[^<]*bob@example\.com/);
    }
    expect(world.ceremonies.acted).toHaveLength(3);
  });

  it('lose every way in by a reset where the factor comes before the password, and the page says so', async () => {
    const confirm = async (action: string) =>
      (await admin.post('/admin/users/confirm', { identity: 'bob@example.com', action })).text;
    expect(await confirm('reset')).toContain('The next sign-in needs only the password');
    expect(await confirm('ticket')).toContain('Whoever has the ticket and the password');
    world.ceremonies.hasEntrance = true;
    expect(await confirm('reset')).toContain('cannot sign in again without a ticket');
    for (const action of ['reset', 'ticket']) expect(await confirm(action)).not.toContain('password');
  });

  it('that are gone are told so; the reason stays', async () => {
    const page = await admin.post('/admin/users/reset', { identity: 'gone@example.com', reason: 'lost phone' });
    expect(page.status).toBe(422);
    expect(page.text).toContain('There is no such user any more.');
    expect(page.text).toContain('value="lost phone"');
    expect((await admin.post('/admin/users/confirm', { identity: 'x', action: 'erase' })).status).toBe(400);
  });
});
