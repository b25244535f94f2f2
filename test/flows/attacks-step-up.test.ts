/** A form that was sent too early: kept for its sender, who says after the proof that it may leave; once, and to nobody else's profit. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openKeys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import type { Header } from '../fakes/raw-http.ts';
import { SharedStore } from '../fakes/shared-store.ts';
import { BOBS_SECRET, cookieOf, FORM_TYPE, raw } from './attack-steps.ts';
import { Harness, type HarnessOptions } from './harness.ts';
import { Relay } from './relay.ts';
import { SMALL_PROFILE, type SmallApp, startSmallApp } from './small-app.ts';

const MINUTE = 60_000;
const MARK = 'delete=everything-of-17';
const LOGIN_FIELDS = { user: 'user', password: 'password' };
const FORM = { delete: 'everything-of-17', note: 'a b&c=ü' };

let h: Harness;
let app: SmallApp;
afterEach(async () => {
  await h.close();
  await app.close();
});

/** An application of one page and three people, of whom none has a factor. */
async function start(options: HarnessOptions = {}, relay?: Relay): Promise<void> {
  app = await startSmallApp([
    { id: 1, name: 'alice', password: 'a' },
    { id: 2, name: 'bob', password: 'b' },
  ]);
  if (relay !== undefined) relay.target = Number(new URL(app.url).port);
  h = await Harness.start({
    upstreamUrl: app.url,
    profile: SMALL_PROFILE,
    demands: { stepUp: [{ prefix: '/users', within: 10 * MINUTE }] },
    ...options,
  });
}

async function signedIn(name = '1', secret?: string): Promise<FakeBrowser> {
  await h.enrolTotp(name, secret);
  h.clock.advance(30_000);
  const browser = h.browser();
  const form = await browser.get('/login');
  const user = app.users.find(({ id }) => String(id) === name);
  const prompt = await browser.submit(form, { user: user?.name ?? '', password: user?.password ?? '' });
  const inside = await browser.submit(prompt, { code: h.totp(secret) });
  expect(inside.html).toContain(`secret-of-${name}-`);
  return browser;
}

/** Signed in a quarter of an hour ago, on the page that the form stands on. */
async function onThePage(options: HarnessOptions = {}, relay?: Relay): Promise<FakeBrowser> {
  await start(options, relay);
  const browser = await signedIn();
  h.clock.advance(15 * MINUTE);
  await browser.get('/home?tab=users');
  return browser;
}

/** As far as the page that asks whether what was kept may be sent now. */
async function atTheEnd(browser: FakeBrowser, prompt: Page): Promise<Page> {
  expect(prompt.url.pathname).toBe('/_2fa/challenge');
  const page = await browser.submit(prompt, { code: h.totp() });
  expect(page.url.pathname).toBe('/_2fa/resume');
  return page;
}

const send = (browser: FakeBrowser, page: Page): Promise<Page> =>
  browser.submit(page, { 'lucy2fa-resume': page.hidden['lucy2fa-resume'] ?? '' });

const posts = (): readonly string[] => app.requests.filter((one) => one.startsWith('POST /users'));
const reached = (text: string): boolean => app.requests.some((one) => one.includes(text));

describe('a form that was sent too early', () => {
  it('waits, is shown by its path, and reaches the application as it was, from the page that it stood on', async () => {
    const browser = await onThePage();
    const prompt = await browser.post('/users/delete?id=17&token=geheim', FORM);
    expect(reached(MARK)).toBe(false);
    const page = await atTheEnd(browser, prompt);
    expect(reached(MARK)).toBe(false);
    expect(page.html).toContain('<code>/users/delete</code>');
    const visible = page.html.replace(/<form[\s\S]*?>/g, '');
    for (const hidden of ['geheim', 'everything-of-17']) expect(visible).not.toContain(hidden);
    const answer = await send(browser, page);
    expect([answer.status, answer.html]).toEqual([200, 'secret-of-1-']);
    expect(answer.url.pathname + answer.url.search, 'at its own address').toBe('/users/delete?id=17&token=geheim');
    expect(posts()).toHaveLength(1);
    const [line = '', headers = '', body = ''] = posts()[0]?.split('\n') ?? [];
    expect(line).toBe('POST /users/delete?id=17&token=geheim');
    expect(body).toBe(new URLSearchParams(FORM).toString());
    const sent = Object.fromEntries(
      (JSON.parse(headers) as string[]).flatMap((name, i, all) =>
        i % 2 === 0 ? [[name.toLowerCase(), all[i + 1]]] : [],
      ),
    ) as { [name: string]: string };
    expect(sent['content-type']).toBe(FORM_TYPE);
    expect(sent['referer']).toBe(`${h.origin}/home?tab=users`);
    expect(sent['origin']).toBe(h.origin);
    expect(sent['cookie']).toMatch(/^SID=[0-9a-f]+$/);
    expect(reached('lucy2fa')).toBe(false);
  });

  it.each([
    [
      'a file',
      'multipart/form-data; boundary=x',
      `--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n\0\u00ff${MARK}\r\n--x--\r\n`,
    ],
    ['JSON', 'application/json', `{"${MARK}":true}`],
    ['64 kB', FORM_TYPE, `${MARK}&x=${'y'.repeat(65_536 - MARK.length - 3)}`],
  ])('%s arrives byte for byte', async (_name, type, text) => {
    const browser = await onThePage();
    const body = Buffer.from(text, 'latin1');
    const page = await atTheEnd(browser, await browser.send('POST', '/users', type, body));
    expect((await send(browser, page)).html).toBe('secret-of-1-');
    expect(app.bodies.at(app.requests.findIndex((one) => one.startsWith('POST /users')))?.equals(body)).toBe(true);
  });

  it('without any field arrives as well', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users/clear', {}));
    await send(browser, page);
    expect(posts()).toHaveLength(1);
  });

  it('asks whoami afterwards as after any unsafe request: another person in the jar owes a factor (T3)', async () => {
    const browser = await onThePage();
    await h.enrolTotp('2', BOBS_SECRET);
    const page = await atTheEnd(browser, await browser.post('/users/switch', FORM));
    const [alice, bob] = app.users;
    if (alice === undefined || bob === undefined) throw new Error('nobody');
    app.me = () => ({ type: 'application/json', body: JSON.stringify({ id: posts().length > 0 ? 2 : 1 }) });
    const answer = await send(browser, page);
    expect(answer.url.pathname).toBe('/_2fa/challenge');
    expect(answer.html).not.toContain('secret-of-');
  });

  it('may be dropped: back to the page that it came from, and it is gone', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    const back = await browser.post('/_2fa/resume/drop', { csrf: page.hidden['csrf'] ?? '' });
    expect(back.url.href).toBe(`${h.origin}/home?tab=users`);
    expect((await send(browser, page)).status).toBe(409);
    expect(posts()).toEqual([]);
  });

  it('outlives a look at another page that asks too', async () => {
    const browser = await onThePage();
    await browser.post('/users', FORM);
    const prompt = await browser.get('/users/list');
    await send(browser, await atTheEnd(browser, prompt));
    expect(posts()).toHaveLength(1);
  });

  it('gives way to a later one: a session has one, and each waits for its own question', async () => {
    const browser = await onThePage();
    await browser.post('/users/first', FORM);
    const page = await atTheEnd(browser, await browser.post('/users/second', { other: '1' }));
    expect(page.html).toContain('<code>/users/second</code>');
    await send(browser, page);
    expect(posts().map((one) => one.split('\n')[0])).toEqual(['POST /users/second']);
  });

  it('asks once more when the proof has become too old, and keeps it again', async () => {
    const browser = await onThePage({ demands: { stepUp: [{ prefix: '/users', within: MINUTE }] } });
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    h.clock.advance(2 * MINUTE);
    const again = await send(browser, page);
    expect(posts()).toEqual([]);
    expect((await send(browser, await atTheEnd(browser, again))).html).toBe('secret-of-1-');
    expect(posts()).toHaveLength(1);
  });
});

describe('what is kept is sent once, by nobody else, and not later', () => {
  it('once, of thirty at the same moment; whoever is late is told to look', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    const answers = await Promise.all(Array.from({ length: 30 }, () => send(browser, page)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 29 }, () => 409)]);
    expect(answers.find(({ status }) => status === 409)?.html).toContain('There is nothing left to send');
    expect(posts()).toHaveLength(1);
  });

  it('not before the proof, whoever asks with whatever token', async () => {
    const browser = await onThePage();
    const prompt = await browser.post('/users', FORM);
    const early = await browser.post('/users', { 'lucy2fa-resume': prompt.hidden['csrf'] ?? '' });
    expect(early.status).toBe(409);
    expect((await browser.get('/_2fa/resume')).url.pathname).toBe('/_2fa/challenge');
    await browser.submit(await browser.get('/_2fa/challenge'), { code: '000000' });
    expect((await browser.post('/users', { 'lucy2fa-resume': prompt.hidden['csrf'] ?? '' })).status).toBe(409);
    expect(reached('POST /users')).toBe(false);
  });

  it('not by the proof of another question', async () => {
    const browser = await onThePage();
    await browser.post('/users', FORM);
    await browser.post('/_2fa/proof', {
      csrf: (await browser.get('/_2fa/challenge')).hidden['csrf'] ?? '',
      for: 'admin',
    });
    await browser.submit(await browser.get('/_2fa/challenge'), { code: h.totp() });
    expect((await browser.get('/_2fa/resume')).status).toBe(409);
    const { hidden } = await browser.get('/_2fa/account');
    expect((await browser.post('/users', { 'lucy2fa-resume': hidden['csrf'] ?? '' })).status).toBe(409);
    expect(posts()).toEqual([]);
  });

  it('not by another person, nor by another session of the same one', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    for (const [name, secret] of [
      ['1', undefined],
      ['2', BOBS_SECRET],
    ] as const) {
      const other = await signedIn(name, secret);
      const { hidden } = await other.get('/_2fa/account');
      for (const token of [hidden['csrf'], page.hidden['lucy2fa-resume']]) {
        expect((await other.post('/users', { 'lucy2fa-resume': token ?? '' })).status).toBe(409);
      }
    }
    expect(posts()).toEqual([]);
    expect((await send(browser, page)).status).toBe(200);
  });

  it('not after signing out, and not by the next login in the same browser', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    await browser.get('/logout');
    expect((await send(browser, page)).status).toBe(409);
    await browser.get('/login');
    h.clock.advance(30_000);
    const prompt = await browser.post('/login', { user: 'alice', password: 'a' });
    await browser.submit(prompt, { code: h.totp() });
    const { hidden } = await browser.get('/_2fa/account');
    expect((await browser.post('/users', { 'lucy2fa-resume': hidden['csrf'] ?? '' })).status).toBe(409);
    expect(posts()).toEqual([]);
  });

  it('not after somebody else logged in over it', async () => {
    const browser = await onThePage();
    await h.enrolTotp('2', BOBS_SECRET);
    await atTheEnd(browser, await browser.post('/users', FORM));
    const prompt = await browser.post('/login', { user: 'bob', password: 'b' });
    await browser.submit(prompt, { code: h.totp(BOBS_SECRET) });
    const { hidden } = await browser.get('/_2fa/account');
    expect((await browser.post('/users', { 'lucy2fa-resume': hidden['csrf'] ?? '' })).status).toBe(409);
    expect((await browser.get('/_2fa/resume')).status).toBe(409);
    expect(posts()).toEqual([]);
  });

  it('not after ten minutes', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    h.clock.advance(10 * MINUTE);
    expect((await send(browser, page)).status).toBe(409);
    expect(posts()).toEqual([]);
  });

  it('not at another address than its own', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users/7', FORM));
    for (const target of ['/users/8', '/users/7?x=1', '/home']) {
      const answer = await browser.post(target, { 'lucy2fa-resume': page.hidden['lucy2fa-resume'] ?? '' });
      expect(answer.status, target).toBe(409);
    }
    expect(posts()).toEqual([]);
    expect((await send(browser, page)).status).toBe(200);
  });

  it('not for another site, and not without the token (CSRF)', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    const token = page.hidden['lucy2fa-resume'] ?? '';
    const foreign: readonly (readonly Header[])[] = [
      [['Origin', 'https://evil.example']],
      [['Origin', 'null']],
      [['Sec-Fetch-Site', 'cross-site']],
      [['Sec-Fetch-Site', 'same-site']],
    ];
    for (const headers of foreign) {
      expect((await browser.post('/users', { 'lucy2fa-resume': token }, { headers })).status).toBe(409);
    }
    const bare: Header[] = [
      ['Cookie', cookieOf(browser)],
      ['Content-Type', FORM_TYPE],
      ['Accept', 'text/html'],
    ];
    expect((await raw(h, 'POST', '/users', bare, `lucy2fa-resume=${token}`)).status, 'no word of a browser').toBe(409);
    expect((await browser.post('/users', { 'lucy2fa-resume': 'A'.repeat(32) })).status).toBe(409);
    expect(posts()).toEqual([]);
  });
});

describe('while the application is down', () => {
  const isTold = ({ status, html }: Page) => [status, /<h1>([^<]*)/.exec(html)?.[1]];

  it('nothing is lost: the person is told, and sends it when it is back, once', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users/7?x=1', FORM));
    await app.stop();
    for (let n = 0; n < 2; n += 1) {
      const told = await send(browser, page);
      expect(isTold(told)).toEqual([503, 'It did not arrive']);
      expect(told.html).toContain('href="/_2fa/resume"');
    }
    await app.start();
    const again = await browser.get('/_2fa/resume');
    expect(again.html).toContain('<code>/users/7</code>');
    expect((await send(browser, again)).html).toBe('secret-of-1-');
    expect(posts().map((one) => one.split('\n').at(-1))).toEqual([new URLSearchParams(FORM).toString()]);
    expect((await send(browser, again)).status).toBe(409);
  });

  it('it is kept no longer than it was to be', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    await app.stop();
    h.clock.advance(9 * MINUTE);
    expect((await send(browser, page)).status).toBe(503);
    h.clock.advance(MINUTE);
    await app.start();
    expect((await send(browser, page)).status).toBe(409);
    expect(posts()).toEqual([]);
  });

  it('of many clicks then, one is told that it waits, and none sends it twice', async () => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', FORM));
    await app.stop();
    const statuses = (await Promise.all(Array.from({ length: 10 }, () => send(browser, page)))).map(isTold);
    for (const [status] of statuses) expect([503, 409]).toContain(status);
    await app.start();
    await Promise.all(Array.from({ length: 10 }, () => send(browser, page)));
    expect(posts()).toHaveLength(1);
  });

  it.each([
    ['went away', (relay: Relay) => relay.cut('POST /users')],
    ['is silent', () => undefined],
  ])('what may have arrived at one that %s is never sent again, and the person is told so', async (_how, meet) => {
    const relay = await Relay.start();
    try {
      const browser = await onThePage({ upstreamUrl: relay.url, upstream: { headersTimeoutMs: 5_000 } }, relay);
      const target = _how === 'is silent' ? '/users/silent' : '/users';
      const page = await atTheEnd(browser, await browser.post(target, FORM));
      meet(relay);
      const sending = send(browser, page);
      if (_how === 'is silent') {
        await vi.waitFor(() => expect(posts()).toHaveLength(1), 10_000);
        h.clock.advance(6_000);
      }
      const told = await sending;
      expect(isTold(told)).toEqual([502, 'It may have arrived']);
      expect(told.html).toContain('Look whether it was done.');
      expect((await send(browser, page)).status).toBe(409);
      expect((await browser.get('/_2fa/resume')).status).toBe(409);
      expect(posts()).toHaveLength(1);
    } finally {
      await relay.close();
    }
  });
});

describe('how much is kept', () => {
  it('of one person’s sessions, twenty in ten minutes; more are told to do it again', async () => {
    const browser = await onThePage();
    for (let n = 0; n < 20; n += 1) {
      expect((await browser.post(`/users/${n}`, FORM)).url.pathname).toBe('/_2fa/challenge');
    }
    const refused = await browser.post('/users/20', FORM);
    expect([refused.status, refused.html]).toEqual([401, expect.stringContaining('Confirm, then do it again.')]);
    const page = await atTheEnd(browser, await browser.get('/_2fa/challenge'));
    expect(page.html, 'the last one waits').toContain('<code>/users/19</code>');
    h.clock.advance(10 * MINUTE);
    expect((await browser.post('/users/21', FORM)).url.pathname).toBe('/_2fa/challenge');
    expect(h.logged.join('')).toContain('excess_rate_limit_exceeded');
  });

  it('of everybody’s, three hundred', async () => {
    const browser = await onThePage();
    const at = Array.from({ length: 299 }, () => h.clock.now());
    await h.store.counters.update('keeping-all:', () => ({
      write: { at, expiresAt: h.clock.now() + 10 * MINUTE },
      result: undefined,
    }));
    expect((await browser.post('/users/1', FORM)).url.pathname).toBe('/_2fa/challenge');
    expect((await browser.post('/users/2', FORM)).status).toBe(401);
    expect(posts()).toEqual([]);
  });
});

describe('after a reload', () => {
  const rules = (path: string, over: Record<string, unknown>): Record<string, unknown> => ({
    ...SMALL_PROFILE,
    routes: [...SMALL_PROFILE.routes, { path, ...over }],
  });

  it.each([
    ['a login, of another', { login: { ...SMALL_PROFILE.login, requests: [{ path: '/users', form: LOGIN_FIELDS }] } }],
    ['a way to sign out', { logout: [{ path: '/users' }] }],
    ['open to programs', rules('/users', { class: 'service', from: ['127.0.0.1'] })],
  ])('what was kept is not sent where it has become %s', async (_what, profile) => {
    const browser = await onThePage();
    const page = await atTheEnd(browser, await browser.post('/users', { user: 'bob', password: 'b' }));
    await h.reload({ ...SMALL_PROFILE, ...profile });
    const answer = await send(browser, page);
    expect([answer.status, answer.html]).toEqual([409, expect.stringContaining('There is nothing left to send')]);
    expect(posts()).toEqual([]);
  });
});

it('a way to sign out at an address that asks for a proof is no way to the address', async () => {
  const browser = await onThePage({ profile: { ...SMALL_PROFILE, logout: [{ path: '/users/out' }] } });
  expect((await browser.post('/users/out', FORM)).url.pathname).toBe('/login');
  expect(posts()).toEqual([]);
  expect(reached('GET /logout'), 'signed out by a request of ours').toBe(true);
  expect((await browser.get('/home')).url.pathname).toBe('/login');
});

describe('what is never kept', () => {
  const FOREIGN: readonly (readonly [string, readonly Header[]])[] = [
    ['another site', [['Sec-Fetch-Site', 'cross-site']]],
    ['a sibling host', [['Sec-Fetch-Site', 'same-site']]],
    ['another origin', [['Origin', 'https://evil.example']]],
    ['a sandbox', [['Origin', 'null']]],
  ];

  it.each(FOREIGN)(
    'a form of %s: the proof would send it with rights that its sender never had',
    async (_from, headers) => {
      const browser = await onThePage();
      const refused = await browser.post('/users', FORM, { headers });
      expect([refused.status, refused.html]).toEqual([401, expect.stringContaining('Confirm first that it is you')]);
      expect((await browser.get('/_2fa/challenge')).url.pathname, 'nothing is asked').not.toBe('/_2fa/challenge');
      const prompt = await browser.get('/users');
      expect((await browser.submit(prompt, { code: h.totp() })).url.pathname).toBe('/users');
      expect((await browser.get('/_2fa/resume')).status).toBe(409);
      expect(posts()).toEqual([]);
    },
  );

  it.each([
    ['more than 64 kB', FORM_TYPE, `${MARK}&x=${'y'.repeat(65_536 - MARK.length - 2)}`, 'navigate'],
    ['a type that no form has', 'text/plain', MARK, 'navigate'],
    ['what a script sends', 'application/json', `{"${MARK}":1}`, 'fetch'],
  ] as const)('%s: the person is told to do it again, and is back on the page then', async (_what, type, body, as) => {
    const browser = await onThePage();
    const refused = await browser.send('POST', '/users', type, Buffer.from(body), { as });
    expect(refused.status).toBe(401);
    const challenge = /\/_2fa\/step-up\?to=[^"]*/.exec(refused.html)?.[0]?.replaceAll('&amp;', '&') ?? '';
    const back = await browser.submit(await browser.get(challenge), { code: h.totp() });
    expect(back.url.href).toBe(`${h.origin}/home?tab=users`);
    expect(reached(MARK)).toBe(false);
  });

  it('a password: no proof of one person sends the login of another', async () => {
    const browser = await onThePage({ demands: { stepUp: [{ prefix: '/', within: 10 * MINUTE }] } }).catch(
      () => undefined,
    );
    if (browser === undefined) throw new Error('not signed in');
    const refused = await browser.post('/login', { user: 'bob', password: 'b' });
    expect(refused.status).toBe(401);
    expect(app.requests.filter((one) => one.startsWith('POST /login'))).toHaveLength(1);
    expect((await browser.get('/_2fa/resume')).status).toBe(409);
  });

  it('on a public host: it passes there as it did, without a session', async () => {
    const browser = await onThePage({ profile: { ...SMALL_PROFILE, hosts: { public: ['campaign.example'] } } });
    const answer = await raw(
      h,
      'POST',
      '/users',
      [
        ['Host', 'campaign.example'],
        ['Cookie', cookieOf(browser)],
        ['Origin', 'http://campaign.example'],
        ['Sec-Fetch-Mode', 'navigate'],
        ['Content-Type', FORM_TYPE],
      ],
      MARK,
    );
    expect(answer.status).toBe(401);
    expect(posts()).toHaveLength(1);
    expect(posts()[0]).not.toContain('SID=');
    expect((await browser.get('/_2fa/resume')).status).toBe(409);
  });

  it('of somebody without a factor: they are told to set one up', async () => {
    await start();
    const browser = h.browser();
    await browser.submit(await browser.get('/login'), { user: 'bob', password: 'b' });
    const account = await browser.post('/users', FORM);
    expect(account.url.pathname).toBe('/_2fa/account');
    expect(account.html).toContain('needs two-factor authentication');
    expect(posts()).toEqual([]);
  });
});

it('waits in whichever gateway the next request reaches, and is sent once by all of them', async () => {
  const browser = await onThePage({
    stores: (clock) => {
      const shared = new SharedStore(clock);
      return [shared.member(), shared.member()];
    },
  });
  const page = await atTheEnd(browser, await browser.post('/users', FORM));
  const answers = await Promise.all(Array.from({ length: 6 }, () => send(browser, page)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
  expect(posts()).toHaveLength(1);
});

it('is nothing that somebody could read who has the disk or the log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kept-'));
  try {
    const keys = await openKeys(join(folder, 'keys.json'), { create: true });
    const data = join(folder, 'data');
    const browser = await onThePage({
      stores: async (clock) => [await openStore({ kind: 'lowdb', path: data, keys, clock })],
    });
    await browser.post('/users/delete?token=geheim-1', FORM);
    const onDisk = await Promise.all((await readdir(data)).map((name) => readFile(join(data, name), 'latin1')));
    expect(onDisk.join('').length).toBeGreaterThan(500);
    for (const text of ['everything-of-17', Buffer.from(MARK).toString('base64'), 'geheim-1', 'tab=users']) {
      expect(onDisk.join('\n')).not.toContain(text);
      expect(h.logged.join('\n')).not.toContain(text);
    }
    await send(browser, await atTheEnd(browser, await browser.get('/_2fa/challenge')));
    expect(h.logged.join('\n')).not.toMatch(/everything-of-17|geheim-1/);
    expect(posts()).toHaveLength(1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('a cancelled proof leaves nothing behind', async () => {
  const browser = await onThePage();
  const prompt = await browser.post('/users', FORM);
  await browser.post('/_2fa/cancel', { csrf: prompt.hidden['csrf'] ?? '' });
  for await (const [key] of h.store.counters.entries()) expect(key).not.toMatch(/^kept:/);
});

it('a form that only looks like ours goes its usual way', async () => {
  await start();
  const browser = await signedIn();
  const body = 'x'.repeat(47);
  expect((await browser.send('POST', '/users', FORM_TYPE, Buffer.from(body))).html).toBe('secret-of-1-');
  expect(posts()[0]).toContain(body);
});
