/** Whoever is refused leaves nothing behind: a flood of them writes nothing, holds nothing and takes nobody's place. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { openKeys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open.ts';
import type { Header } from '../fakes/raw-http.ts';
import { cookieOf, raw, signIn, upToThePrompt } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';

const PAGE: Header = ['Accept', 'text/html'];
const UPGRADE: readonly Header[] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
];
/** More than the sessions without a login that the gateway keeps. */
const MANY = 150;

let h: Harness;
let folder: string | undefined;
afterEach(async () => {
  await h.close();
  if (folder !== undefined) await rm(folder, { recursive: true });
  folder = undefined;
});

async function onDisk(clock: Clock) {
  folder = await mkdtemp(join(tmpdir(), 'lucy-2fa-flood-'));
  const keys = await openKeys(join(folder, 'keys.json'), { create: true });
  return [await openStore({ kind: 'lowdb', path: join(folder, 'data'), keys, clock })];
}

/** Name, size and time of the last change of every file of the store. */
async function filesOf(): Promise<Record<string, string>> {
  const data = join(folder ?? '', 'data');
  const found: Record<string, string> = {};
  for (const name of await readdir(data)) {
    const { size, mtimeMs } = await stat(join(data, name));
    if (name !== 'lock') found[name] = `${size} bytes at ${mtimeMs}`;
  }
  return found;
}

/** One after the other, so that whatever a request leaves to be written is written before the next ones are answered. */
async function flood(cookies: (i: number) => readonly Header[]): Promise<void> {
  for (let i = 0; i < MANY; i += 1) {
    const page = await raw(h, 'GET', `/admin/files?page=${i}`, [...cookies(i), PAGE]);
    expect(page.status).toBe(303);
    expect((await raw(h, 'GET', '/admin/poll', cookies(i))).status).toBe(401);
    expect((await raw(h, 'POST', '/admin/files', [...cookies(i), PAGE], 'a=b')).status).not.toBe(200);
    expect((await raw(h, 'GET', '/admin/live', [...cookies(i), ...UPGRADE])).status).toBe(401);
  }
}

describe('a flood of people who are not signed in', () => {
  const floods: readonly [string, (i: number) => readonly Header[]][] = [
    ['nothing', () => []],
    ['a session id that is none', (i) => [['Cookie', `lucy2fa=${String(i).padStart(43, 'A')}`]]],
    [
      'the wishes of earlier refusals',
      (i) => [['Cookie', `lucy2fa-wish=${Buffer.from(`/a/${i}`).toString('base64url')}`]],
    ],
  ];

  it.each(floods)('with %s writes nothing and is not remembered', async (_, cookies) => {
    h = await Harness.start({ stores: onDisk });
    const verified = await signIn(h);
    const { sessions } = h.assembled;
    const [held, files] = [sessions.size, await filesOf()];
    await flood(cookies);
    expect(await filesOf()).toEqual(files);
    expect(sessions.size).toBe(held);
    expect((await verified.get('/admin')).html).toContain(h.app.secretOf(ALICE.email));
  });

  it('ends no login that is under way', async () => {
    h = await Harness.start();
    const prompt = await upToThePrompt(h);
    const typing = h.browser();
    const form = await typing.get('/admin/login');
    await flood(() => []);
    const fields = { 'LoginForm[email]': BOB.email, 'LoginForm[password]': BOB.password };
    expect((await typing.submit(form, fields)).html).toContain(h.app.secretOf(BOB.email));
    h.clock.advance(30_000);
    const asked = await prompt.get('/admin/account');
    expect((await prompt.submit(asked, { code: h.totp() })).html).toContain(ALICE.email);
  });

  it('that shares one session without a login writes nothing either', async () => {
    h = await Harness.start({ stores: onDisk });
    const browser = h.browser();
    await browser.get('/admin/login');
    const cookie: Header = ['Cookie', cookieOf(browser)];
    const files = await filesOf();
    await flood(() => [cookie]);
    expect(await filesOf()).toEqual(files);
  });
});

describe('where somebody wanted to go', () => {
  const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };

  it('is remembered by the browser alone, until the login leads there', async () => {
    h = await Harness.start();
    const browser = h.browser();
    const form = await browser.get('/admin/account?tab=a;b');
    expect(browser.cookie('lucy2fa-wish')).toBeDefined();
    const inside = await browser.submit(form, fields);
    expect(inside.url.pathname + inside.url.search).toBe('/admin/account?tab=a;b');
    expect(browser.cookie('lucy2fa-wish')).toBeUndefined();
    expect(h.app.sawBytes('lucy2fa')).toBe(false);
    await browser.get('/admin/logout');
    const again = await browser.submit(await browser.get('/admin/login'), fields);
    expect(again.url.pathname, 'and only once').toBe('/admin');
  });

  it('and a factor is owed: the wish is over with the password, and the prompt leads there', async () => {
    h = await Harness.start();
    await h.enrolTotp(ALICE.email);
    const browser = h.browser();
    const prompt = await browser.submit(await browser.get('/admin/account'), fields);
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    expect(browser.cookie('lucy2fa-wish')).toBeUndefined();
    expect((await browser.submit(prompt, { code: h.totp() })).url.pathname).toBe('/admin/account');
  });

  it.each([
    '//evil.example/x',
    'https://evil.example/',
    '/\\evil.example',
    'javascript:alert(1)',
    '/admin\r\nSet-Cookie: a=b',
    '\0',
    '',
  ])('is a page of ours, or it is none: %j', async (target) => {
    h = await Harness.start();
    const browser = h.browser();
    const form = await browser.get('/admin/login');
    const wish = `lucy2fa-wish=${Buffer.from(target, 'latin1').toString('base64url')}`;
    const body = new URLSearchParams({ ...form.hidden, ...fields }).toString();
    const answer = await raw(
      h,
      'POST',
      '/admin/login',
      [['Cookie', `${cookieOf(browser)}; ${wish}`], ['Content-Type', 'application/x-www-form-urlencoded'], PAGE],
      body,
    );
    expect(answer.status).toBe(302);
    expect(answer.header('location')).toBe('/admin');
    expect(answer.headers.filter(([name]) => name.toLowerCase() === 'set-cookie').join()).not.toContain('a=b');
  });
});
