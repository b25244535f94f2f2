/** A login by script, on the wire: what is added to its page, and what of the answer to it is let out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALICE, BOB, Harness } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start({
    app: { jsonLogin: true },
    profile: {
      login: {
        script: '/user',
        requests: [{ path: '/user/login', json: { user: '/email', password: '/password' } }],
        success: [{ status: 200, json: { '/ok': true } }],
        failure: [{ status: 200, json: { '/ok': false } }],
      },
      routes: [
        { class: 'login', path: '/user' },
        { class: 'login', path: '/user/login' },
        { class: 'login', path: '/admin/login' },
      ],
    },
  });
});
afterAll(() => harness.close());

const ELEMENT = /<script src="\/_2fa\/assets\/login\.[0-9a-f]{16}\.js"><\/script>/;

test('the page has one element more, and every other byte is the application’s', async () => {
  const own = await (await fetch(`${harness.app.url}/user`)).text();
  const page = await harness.browser().get('/user', { headers: [['If-None-Match', '*']] });
  expect(page.html).toMatch(ELEMENT);
  expect(page.html.replace(ELEMENT, '')).toBe(own);
  const script = await harness.browser().get(/src="(\/_2fa[^"]+)"/.exec(page.html)?.[1] ?? '', { as: 'image' });
  expect([script.status, script.header('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
});

test('other pages, other requests for it and verified sessions get what the application sent', async () => {
  const browser = harness.browser();
  expect((await browser.get('/admin/login')).html).not.toMatch(ELEMENT);
  expect((await browser.get('/user', { as: 'fetch' })).html).not.toMatch(ELEMENT);
  await browser.postJson('/user/login', BOB);
  const page = await browser.get('/user');
  expect(page.html).toContain(BOB.email);
  expect(page.html).not.toMatch(ELEMENT);
});

test('the answer to the password stays here: a refusal that names the prompt, and no rights by any other channel', async () => {
  await harness.enrolTotp(ALICE.email);
  const browser = harness.browser();
  await browser.get('/user');
  const tricks = {
    headers: [
      ['Accept-Encoding', 'br'],
      ['If-None-Match', '*'],
      ['Range', 'bytes=0-0'],
    ],
  } as const;
  const refused = await browser.postJson('/user/login', ALICE, tricks);
  expect(refused.status).toBe(401);
  expect(JSON.parse(refused.html)).toMatchObject({ code: 'factor-needed', challenge: '/_2fa/challenge' });
  expect(refused.html).not.toContain('"ok"');
  expect(browser.cookies.map(({ name }) => name)).toEqual(['lucy2fa']);
  const id = browser.cookie('lucy2fa') ?? '';
  const other = await harness.browser().get('/admin', { as: 'fetch', headers: [['Authorization', `Bearer ${id}`]] });
  expect(other.status).toBe(401);
  expect((await browser.get('/user', { followRedirects: false })).header('location')).toBe('/_2fa/challenge');

  const prompt = await browser.get('/_2fa/challenge');
  const done = await browser.submit(prompt, { code: harness.totp() }, { followRedirects: false });
  expect(done.header('location')).toBe('/user');
});
