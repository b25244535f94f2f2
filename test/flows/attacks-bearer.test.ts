/**
 * An application that hands out tokens and takes passwords and tokens in more ways than its own page uses: somebody with the
 * password, or an old token, of another person must see nothing of the application's tokens, nor get anywhere with them.
 */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBrowser } from '../fakes/browser.ts';
import type { Header } from '../fakes/raw-http.ts';
import { startTokenApp, TOKEN_PROFILE, type TokenApp } from '../fakes/token-app.ts';
import { BOBS_SECRET, cookieOf, FORM_TYPE, raw } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';
import { call, expectTokensApart, formOf, login, proveFactor, signInWithToken, tokenIn } from './token-steps.ts';

let app: TokenApp;
let h: Harness;
let running: Harness | undefined;
let browsers: FakeBrowser[];

beforeEach(async () => {
  app = await startTokenApp({ [ALICE.email]: ALICE.password, [BOB.email]: BOB.password });
  browsers = [];
  await start();
});
afterEach(async () => {
  await running?.close();
  running = undefined;
  await app.close();
});

async function start(options: HarnessOptions = {}): Promise<void> {
  await running?.close();
  running = undefined;
  h = await Harness.start({ profile: TOKEN_PROFILE, upstreamUrl: app.url, ...options });
  running = h;
  await h.enrolTotp(ALICE.email);
  await h.enrolTotp(BOB.email, BOBS_SECRET);
}

function newBrowser(): FakeBrowser {
  const browser = h.browser();
  browsers.push(browser);
  return browser;
}

/** What a client received that is no browser. */
function expectNoTokenIn(received: Buffer): void {
  for (const token of app.handedOut) expect(received.includes(token)).toBe(false);
}

const FORM = Buffer.from(new URLSearchParams(formOf(ALICE)).toString());
const JSON_FORM = Buffer.from(JSON.stringify(formOf(ALICE)));
const PADDED = Buffer.from(JSON.stringify({ ...formOf(ALICE), more: 'x'.repeat(70_000) }));

/** A password of Alice, as the page would never send it. */
type OddLogin = readonly [how: string, method: string, target: string, type: string, body: Buffer];
const IN_QUERY: OddLogin = ['in the query', 'GET', `/api/login?${FORM}`, '', Buffer.alloc(0)];
const OTHER_NAMES = new URLSearchParams({ user: ALICE.email, pass: ALICE.password });
const ODD_LOGINS: readonly OddLogin[] = [
  IN_QUERY,
  ['in the query by another name', 'GET', `/api/login?${OTHER_NAMES}`, '', Buffer.alloc(0)],
  ['in the body of a GET', 'GET', '/api/login', 'application/json', JSON_FORM],
  ['in the query of another spelling of the path', 'GET', `/API/login/?${FORM}`, '', Buffer.alloc(0)],
  ['with another type', 'POST', '/api/login', 'text/plain', JSON_FORM],
  ['in a form', 'POST', '/api/login', FORM_TYPE, FORM],
  ['with a long tail', 'POST', '/api/login', 'application/json', PADDED],
  ['by another method', 'PUT', '/api/login', 'text/plain', JSON_FORM],
  ['in the query of a POST', 'POST', `/api/login?${FORM}`, 'application/json', Buffer.from('{}')],
];

describe('a password that is sent as no page sends it', () => {
  beforeEach(() => {
    app.obliging = true;
  });

  function send(cookie: string | undefined, [, method, target, type, body]: OddLogin) {
    const headers: Header[] = [
      ...(cookie === undefined ? [] : ([['Cookie', cookie]] as const)),
      ...(type === '' ? [] : ([['Content-Type', type]] as const)),
      ...(body.length === 0 ? [] : ([['Content-Length', String(body.length)]] as const)),
    ];
    return raw(h, method, target, headers, body);
  }

  it.each(ODD_LOGINS)('7: %s: a stranger gets no token', async (...one) => {
    const { received, status } = await send(undefined, one);
    expectNoTokenIn(received);
    expect(status).not.toBe(200);
  });

  it.each(ODD_LOGINS)('12: %s: nor does somebody who is signed in', async (...one) => {
    const bob = await signInWithToken(h, newBrowser(), BOB);
    const { received, status } = await send(cookieOf(bob.browser), one);
    expectNoTokenIn(received);
    if (one[4] === PADDED) expect([status, app.tokens.size], 'not even a part of it is sent').toEqual([413, 1]);
    expect((await call(bob.browser, bob.ours)).html).not.toContain(ALICE.email);
    expectTokensApart(app, browsers);
  });

  it('12: in the query, with an answer that is no JSON: nor then', async () => {
    app.write = (value) => Buffer.from(`<answer>${JSON.stringify(value)}</answer>`);
    app.headers = () => ({ 'Content-Type': 'text/html' });
    const stranger = await send(undefined, IN_QUERY);
    expectNoTokenIn(stranger.received);
    app.write = (value) => Buffer.from(JSON.stringify(value));
    const bob = await signInWithToken(h, newBrowser(), BOB);
    app.write = (value) => Buffer.from(`<answer>${JSON.stringify(value)}</answer>`);
    const { received, status } = await send(cookieOf(bob.browser), IN_QUERY);
    expect([stranger.status, status]).toEqual([400, 400]);
    expectNoTokenIn(received);
  });
});

it('a page that stands where its login is sent to is read as well, and goes out as it is, with the script of ours', async () => {
  const { login: rules, routes } = TOKEN_PROFILE;
  const requests = [{ path: '/login', json: { user: '/user', password: '/password' } }];
  await start({ profile: { ...TOKEN_PROFILE, login: { ...rules, requests }, routes: routes.slice(0, 1) } });
  const page = await newBrowser().get('/login');
  expect(page.html).toMatch(/<script src="\/_2fa\/assets\/login\.[^"]+"><\/script>/);
  app.obliging = true;
  await start({ level: 'off' });
  const browser = newBrowser();
  await login(browser);
  expect((await browser.get('/login')).html).toContain('<form>');
});

it('where the application knows people by cookies, a token of a login that nobody judged goes nowhere', async () => {
  const { bearer } = TOKEN_PROFILE.login;
  const whoami = { ...TOKEN_PROFILE.whoami, path: '/api/visitor' };
  const profile = { ...TOKEN_PROFILE, whoami, login: { ...TOKEN_PROFILE.login, bearer: { ...bearer, whoami: false } } };
  await start({ level: 'off', profile });
  app.visits = true;
  app.obliging = true;
  const browser = newBrowser();
  await browser.get('/login');
  const bob = tokenIn(await login(browser, BOB));
  const answer = await browser.send('POST', '/api/login', 'text/plain', JSON_FORM, { as: 'fetch' });
  expect(answer.status).toBe(502);
  expect((await call(browser, bob)).html).toContain(BOB.email);
  expectTokensApart(app, browsers);
});

describe('an answer with a token that is written as no page reads it', () => {
  const json = (value: unknown): string => JSON.stringify(value);
  const WRITINGS: readonly (readonly [how: string, write: TokenApp['write']])[] = [
    ['as XML', (value) => Buffer.from(`<answer>${json(value)}</answer>`)],
    ['as a script', (value) => Buffer.from(`done(${json(value)})`)],
    ['behind what keeps other pages out', (value) => Buffer.from(`)]}',\n${json(value)}`)],
    ['behind many blanks', (value) => Buffer.from(`${' '.repeat(300)}<${json(value)}`)],
    ['once more in HTML', (value) => Buffer.from(json(value).replace(/Bearer [^"]+/, inHtml))],
    ['once more in JSON', (value) => Buffer.from(json({ ...value, more: json(value).replaceAll('/', '\\/') }))],
  ];
  const inHtml = (text: string): string => text.replaceAll('/', '&#47;');

  it.each(WRITINGS)('7: %s: it does not go out before the proof', async (_, write) => {
    app.write = write;
    app.visits = true;
    for (const browser of [newBrowser(), newBrowser()]) {
      if (browser === browsers[0]) await browser.get('/login'); // has a cookie of the application, too
      expect((await login(browser)).status).not.toBe(200);
      expect(browser.transcript.includes('"data"')).toBe(false);
    }
    expect(app.tokens.size).toBe(2);
    expectTokensApart(app, browsers);
  });

  it('7: at another place, as whoever asks may choose: it does not go out before the proof', async () => {
    app.visits = true;
    app.write = ({ data }) => Buffer.from(json({ result: data }));
    for (const success of [[{ status: 200 }], [{ json: { '/data/name': '*' } }]]) {
      await start({ profile: { ...TOKEN_PROFILE, login: { ...TOKEN_PROFILE.login, success } } });
      const browser = newBrowser();
      await browser.get('/login');
      for (let i = 0; i < 2; i += 1) expect((await login(browser)).status).not.toBe(200);
    }
    expectTokensApart(app, browsers);
  });

  it.each(WRITINGS)('7: %s: nor as a new one', async (_, write) => {
    const { browser, ours } = await signInWithToken(h, newBrowser());
    app.write = write;
    expect((await call(browser, ours, '/api/refresh', 'POST')).status).toBe(502);
    expectTokensApart(app, browsers);
    expect(browser.transcript.includes('/x.')).toBe(false);
  });

  it('encoded, though it was asked not to be: it is read all the same', async () => {
    for (const [encoding, encode] of [
      ['gzip', gzipSync],
      ['br', brotliCompressSync],
    ] as const) {
      app.write = (value) => encode(json(value));
      app.headers = () => ({ 'Content-Encoding': encoding });
      const { browser, ours } = await signInWithToken(h, newBrowser());
      const next = await call(browser, ours, '/api/refresh', 'POST');
      expect([next.header('content-encoding'), tokenIn(next).slice(0, 8)]).toEqual([undefined, 'lucy2fa_']);
    }
    app.headers = () => ({ 'Content-Encoding': 'zstd' });
    expect((await login(newBrowser())).status).toBe(502);
    expectTokensApart(app, browsers);
  });

  it('a refusal of the application is its own, and so is an error that no rule knows', async () => {
    const answer = await login(newBrowser(), { ...ALICE, password: 'wrong' });
    expect([answer.status, answer.html]).toEqual([403, '{}']);
    await start({ profile: { ...TOKEN_PROFILE, login: { ...TOKEN_PROFILE.login, failure: [] } } });
    expect((await login(newBrowser(), { ...ALICE, password: 'wrong' })).html).toBe('{}');
  });
});

describe('an answer that has the token in its head as well', () => {
  const HEADS: TokenApp['headers'] = (token) => ({
    Authorization: `Bearer ${token}`,
    Link: `</app?t=${encodeURIComponent(token)}>; rel=next`,
    'Set-Cookie': [`PREFS=${token}; Path=/`, `PREFS2=${encodeURIComponent(token)}; Path=/`, 'PREFS3=blue; Path=/'],
  });

  it('has ours there, too, and no cookie with either', async () => {
    await start({ level: 'off', profile: { ...TOKEN_PROFILE, cookies: { readable: ['PREFS*'], session: ['SID'] } } });
    app.headers = HEADS;
    const browser = newBrowser();
    const first = await login(browser);
    const next = await call(browser, tokenIn(first), '/api/refresh', 'POST');
    for (const answer of [first, next]) {
      expect(answer.status).toBe(200);
      expect(answer.header('authorization')).toBe(`Bearer ${tokenIn(answer)}`);
      expect(answer.header('link')).toBe(`</app?t=${tokenIn(answer)}>; rel=next`);
      expect(answer.setCookie.filter((line) => line.startsWith('PREFS'))).toEqual(['PREFS3=blue; Path=/']);
    }
    expectTokensApart(app, browsers);
  });

  it('before the proof nothing of it goes out', async () => {
    app.headers = HEADS;
    const browser = newBrowser();
    await proveFactor(h, browser);
    expect((await login(browser)).header('authorization')).toBeUndefined();
    expectTokensApart(app, browsers);
  });
});

it('12: a new token of somebody else does not hide behind one that comes right after it', async () => {
  const { browser, ours } = await signInWithToken(h, newBrowser(), BOB);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let asked = 0;
  app.before = async (target) => {
    if (target !== '/api/me') return;
    asked += 1;
    if (asked === 1) await released;
  };
  const first = call(browser, ours, '/api/other', 'POST');
  await expect.poll(() => asked).toBe(1); // whoever comes now waits for the next question, together
  app.refreshesFor = ALICE.email;
  const hers = call(browser, ours, '/api/refresh', 'POST');
  await expect.poll(() => app.handedOut.length).toBe(2);
  for (let i = 0; i < 5; i += 1) await newBrowser().get('/login');
  app.refreshesFor = undefined;
  const mine = call(browser, ours, '/api/refresh', 'POST');
  await expect.poll(() => app.handedOut.length).toBe(3);
  for (let i = 0; i < 5; i += 1) await newBrowser().get('/login');
  release();
  const answers = await Promise.all([first, hers, mine]);
  expect(answers.map(({ status }) => status)).toEqual([200, 502, 200]);
  expect((await hers).html).not.toContain('token');
  expect((await call(browser, tokenIn(await mine))).html).toContain(BOB.email);
  expectTokensApart(app, browsers);
});

describe('an old token of the application, of somebody else', () => {
  it.each<[string, (token: string) => readonly [target: string, ...headers: Header[]]]>([
    ['in the query', (token) => [`/api/things?access_token=${encodeURIComponent(token)}`]],
    ['in the query, as PHP reads it', (token) => [`/api/things?access.token=${encodeURIComponent(token)}`]],
    ['in a header', (token) => ['/api/things', ['Authorization', `Bearer ${token}`]]],
    ['in two headers', (token) => ['/api/things', ['Authorization', ''], ['Authorization', `Bearer ${token}`]]],
  ])('%s opens nothing to somebody who is signed in', async (_, request) => {
    app.obliging = true;
    await login(newBrowser(), ALICE);
    const [stolen = ''] = app.tokens.keys();
    const { browser } = await signInWithToken(h, newBrowser(), BOB);
    const [target, ...headers] = request(stolen);
    const answer = await raw(h, 'GET', target, [['Cookie', cookieOf(browser)], ...headers]);
    expect(answer.text).not.toContain(ALICE.email);
    expect([400, 401]).toContain(answer.status);
  });
});
