/** What every page has in common, whoever asks: headers, methods, one main heading, hostile text as text, and no side effect of a GET. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { type Answer, COOKIE, type Person, World } from './world.ts';

const CSP =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; connect-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";
const HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}\'&amp;@example.com';

let world: World;
let admin: Person;

beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
  world.addFactor('authy');
  world.ceremonies.draftOf = 'totp';
  world.ceremonies.administrators.add(HOSTILE);
  world.ceremonies.rows = [
    {
      identity: HOSTILE as Identity,
      factors: ['totp'],
      level: 'required',
      sessions: 1,
      lock: 'locked',
      needsTicket: false,
      mayBypass: false,
    },
  ];
  world.key.current = 'abcdefgh4f2a';
  admin = await world.person('proved', HOSTILE);
});
afterEach(() => world.stop());

async function everyPage(): Promise<[string, Answer][]> {
  const pending = await world.person('challenge', HOSTILE);
  const paths = ['/account', '/enrol/totp', '/enrol/totp/confirm', '/enrol/authy', '/remove/totp-1', '/admin'];
  const more = ['/admin/key/remove', '/logout', '/no-such-page', '/admin?search=%22%3E%3Cscript%3E'];
  const pages: [string, Answer][] = [];
  for (const path of [...paths, ...more]) pages.push([path, await admin.get(path)]);
  pages.push(['/challenge', await pending.get('/challenge')]);
  pages.push(['/challenge wrong', await pending.post('/challenge', { way: 'totp-1', code: '111111' })]);
  pages.push(['/challenge nobody', await world.send('/_2fa/challenge')]);
  pages.push(['a refused form', await world.send('/_2fa/logout', { method: 'POST' })]);
  pages.push(['confirm', await admin.post('/admin/users/confirm', { identity: HOSTILE, action: 'reset' })]);
  return pages;
}

describe('every page', () => {
  it('has the headers, one h1, a language and no unescaped text', async () => {
    for (const [name, page] of await everyPage()) {
      expect(page.headers['content-type'], name).toBe('text/html; charset=utf-8');
      expect(page.headers['content-security-policy'], name).toBe(CSP);
      expect(page.headers['cache-control'], name).toBe('no-store');
      expect(page.headers['x-content-type-options'], name).toBe('nosniff');
      expect(page.headers['referrer-policy'], name).toBe('no-referrer');
      expect(page.headers['cross-origin-opener-policy'], name).toBe('same-origin');
      expect(page.headers['cross-origin-resource-policy'], name).toBe('same-origin');
      expect(page.headers['x-robots-tag'], name).toBe('noindex');
      expect(page.headers['permissions-policy'], name).toContain('otp-credentials=(self)');
      expect(page.headers['strict-transport-security'], name).toBeUndefined();
      expect(page.text.match(/<h1>/g), name).toHaveLength(1);
      expect(page.text, name).toContain('<html lang="en" dir="ltr">');
      expect(page.text, name).not.toMatch(/<script>|style=|\son[a-z]+=|undefined|\[object/);
      expect(page.text, name).not.toContain("49'&amp;");
      expect(page.text, name).not.toContain('abcdefgh4f2a');
    }
  });

  it('names HSTS when the public address is https', async () => {
    world.site = { ...world.site, publicUrl: 'https://lucy.example.com' };
    const page = await admin.get('/account');
    expect(page.headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it('sends nothing, changes nothing and sets no cookie when it is only looked at', async () => {
    const before = admin.id;
    for (const path of ['/challenge', '/account', '/enrol/authy', '/enrol/authy/confirm', '/admin', '/logout']) {
      expect((await admin.get(path)).cookies, path).toEqual([]);
    }
    expect(world.ceremonies.sent).toEqual([]);
    expect(world.ceremonies.draftOf).toBe('totp');
    expect(world.key.saved).toEqual([]);
    expect(admin.id).toBe(before);
    expect(admin.session?.record.page).toBeUndefined();
  });

  it('answers HEAD like GET without a body, and other methods with 405 and what is allowed', async () => {
    const headers = { cookie: `${COOKIE}=${admin.id}` };
    const head = await world.send('/_2fa/account', { method: 'HEAD', headers });
    expect([head.status, head.text]).toEqual([200, '']);
    const del = await world.send('/_2fa/account', { method: 'DELETE', headers });
    expect([del.status, del.headers.allow]).toEqual([405, 'GET, HEAD']);
    const get = await world.send('/_2fa/account/phone', { headers });
    expect([get.status, get.headers.allow]).toEqual([405, 'POST']);
    const both = await world.send('/_2fa/challenge', { method: 'PUT', headers, body: 'x'.repeat(100) });
    expect([both.status, both.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
    expect((await world.send('/_2fa/account', { method: 'OPTIONS', headers })).status).toBe(405);
    expect((await world.send('/_2fa/account/', { headers })).status).toBe(404);
    expect((await world.send('/_2fa/ACCOUNT', { headers })).status).toBe(404);
  });
});

describe('assets', () => {
  it('have hashed names, the right types and may be kept for good', async () => {
    const { text } = await admin.get('/account');
    const names = [...text.matchAll(/"(\/_2fa\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '');
    expect(names).toHaveLength(2);
    for (const name of names) {
      const asset = await world.send(name);
      expect(name).toMatch(/\/page\.[0-9a-f]{16}\.(css|js)$/);
      expect(asset.status).toBe(200);
      expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(asset.headers['content-type']).toMatch(/^text\/(css|javascript); charset=utf-8$/);
      expect(asset.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  it('are known by their exact names only', async () => {
    for (const name of ['page.css', 'page.0000000000000000.css', '..%2f..%2fpackage.json', 'layout.njk', '']) {
      const answer = await world.send(`/_2fa/assets/${name}`);
      expect([404, 400], name).toContain(answer.status);
      expect(answer.headers['cache-control'], name).toBe('no-store');
    }
  });
});

describe('who may see what', () => {
  it('nobody: the login page; a login under way: the prompt', async () => {
    const pending = await world.person('challenge');
    const anonymous = await world.person('anonymous');
    for (const path of ['/account', '/enrol/totp', '/enrol/totp/confirm', '/remove/totp-1', '/admin']) {
      const nobody = await world.send(`/_2fa${path}`);
      expect([nobody.status, nobody.headers.location], path).toEqual([303, '/admin/login']);
      expect((await anonymous.get(path)).headers.location, path).toBe('/admin/login');
      expect((await pending.get(path)).headers.location, path).toBe('/_2fa/challenge');
    }
  });

  it('an error inside is a page with the reference and nothing of the error', async () => {
    world.ceremonies.refuseNext(new Error('secret detail of the store'));
    const pending = await world.person('challenge');
    const page = await pending.get('/challenge');
    expect(page.status).toBe(500);
    expect(page.text).toContain('req-0001');
    expect(page.text).not.toContain('secret detail');
    expect(world.logged.at(-1)).toMatchObject({ level: 'error', facts: { page: 'internal' } });
  });
});
