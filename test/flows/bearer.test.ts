/**
 * An application that knows people by a token in the body of its answers: the token stays in the vault, and the page's script has
 * one of ours, which is worth nothing without the cookie of its session (attack 7).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBrowser } from '../fakes/browser.ts';
import { type Member, SharedStore } from '../fakes/shared-store.ts';
import { startTokenApp, TOKEN_PROFILE, type TokenApp } from '../fakes/token-app.ts';
import { askForSocket, BOBS_SECRET, cookieOf, raw } from './attack-steps.ts';
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

const prove = (browser: FakeBrowser, who = ALICE): Promise<void> => proveFactor(h, browser, who);
const signedIn = (browser = newBrowser(), who = ALICE) => signInWithToken(h, browser, who);
const expectApart = (): void => expectTokensApart(app, browsers);

describe('before the proof', () => {
  it.each([
    ['that the profile knows of', {}],
    ['that the profile does not know of', { bearer: null }],
  ])('7: an answer with a token %s stays here, and so does the token', async (_, keys) => {
    await start({ profile: { ...TOKEN_PROFILE, login: { ...TOKEN_PROFILE.login, ...keys } } });
    const browser = newBrowser();
    const answer = await login(browser);
    expect([answer.status === 200, answer.html.includes('token')]).toEqual([false, false]);
    expect(app.tokens.size).toBe(1);
    expectApart();
  });

  it('a token is nobody’s word for a wrong password, and one in an answer that says nobody is withheld', async () => {
    const browser = newBrowser();
    expect((await login(browser, { ...ALICE, password: 'wrong' })).status).toBe(403);
    const { bearer } = TOKEN_PROFILE.login;
    await start({
      profile: { ...TOKEN_PROFILE, login: { ...TOKEN_PROFILE.login, bearer: { ...bearer, whoami: false } } },
    });
    const other = newBrowser();
    expect((await login(other)).html).not.toContain('"token"');
    expectApart();
  });

  it('an answer that the rules do not know, with a token that cannot be exchanged, is withheld', async () => {
    const login = { ...TOKEN_PROFILE.login, success: [{ status: 201 }] };
    await start({ profile: { ...TOKEN_PROFILE, login } });
    app.write = (value) => Buffer.from(`\uFEFF${JSON.stringify(value)}`);
    const browser = newBrowser();
    expect((await browser.postJson('/api/login', formOf(ALICE))).status).not.toBe(200);
    expectApart();
  });

  it('the application’s token opens nothing, nor does the cookie of the pending session with anything', async () => {
    const browser = newBrowser();
    await login(browser);
    const [stolen = ''] = app.tokens.keys();
    for (const who of [browser, newBrowser()]) {
      expect((await call(who, stolen)).status).toBe(401);
      expect((await call(who, stolen, '/api/refresh', 'POST')).status).toBe(401);
      expect((await call(who, stolen, '/API/refresh/x', 'POST')).status).toBe(401);
    }
    expect(app.tokens.size).toBe(1);
    expectApart();
  });
});

describe('after the proof', () => {
  it('the login that is sent again gets the answer of the first, once, with a token of ours in it', async () => {
    const browser = newBrowser();
    await prove(browser);
    const asked = app.requests.length;
    const answer = await login(browser);
    expect(app.requests.length).toBe(asked);
    const ours = tokenIn(answer);
    expect(ours).toMatch(/^lucy2fa_[\w-]{43}$/);
    expect(JSON.parse(answer.html)).toEqual({
      data: { token: ours, name: ALICE.email },
      again: `Bearer ${ours}`,
      id: 9007199254740000,
    });
    expect(answer.header('content-type')).toBe('application/json');
    expect(answer.header('cache-control')).toBe('no-store');
    expect((await login(browser)).status, 'a further one is another login').toBe(401);
    expectApart();
  });

  it('of many at the same time one gets it', async () => {
    const browser = newBrowser();
    await prove(browser);
    const answers = await Promise.all(Array.from({ length: 8 }, () => login(browser)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expectApart();
  });

  it('nobody else gets it: another name, another session, too late', async () => {
    const browser = newBrowser();
    await prove(browser);
    expect((await login(browser, BOB)).status).toBe(401);
    expect((await call(browser, undefined)).status).toBe(401);
    const late = newBrowser();
    await prove(late);
    expect((await login(newBrowser())).status).toBe(401);
    h.clock.advance(900_000);
    expect((await login(late)).status).toBe(401);
    expectApart();
  });

  it('our token with its cookie is the application’s token; anything else is none', async () => {
    const { browser, ours } = await signedIn();
    expect((await call(browser, ours)).html).toContain(`secret-of-${ALICE.email}`);
    const [theirs = ''] = app.tokens.keys();
    const before = app.requests.length;
    for (const wrong of [undefined, theirs, `${ours}x`, ours.toUpperCase(), 'lucy2fa_', `lucy2fa_${'A'.repeat(43)}`]) {
      expect((await call(browser, wrong)).status, wrong).toBe(401);
    }
    const basic = { as: 'fetch', headers: [['Authorization', `Basic ${btoa(`x:${ours}`)}`]] } as const;
    expect((await browser.get('/api/things', basic)).status).toBe(401);
    const twice = await raw(h, 'GET', '/api/things', [
      ['Cookie', cookieOf(browser)],
      ['Authorization', `Bearer ${ours}`],
      ['Authorization', `Bearer ${ours}`],
    ]);
    expect(twice.status).toBe(401);
    const nominated = await raw(h, 'GET', '/api/things', [
      ['Cookie', cookieOf(browser)],
      ['Authorization', `Bearer ${ours}`],
      ['Connection', 'close, authorization'],
    ]);
    expect(nominated.text).toContain(`secret-of-${ALICE.email}`);
    for (const request of app.requests.slice(before, -1)) expect(request).not.toContain('uthorization');
    expectApart();
  });

  it('it opens nothing without the cookie, nor in the session of somebody else', async () => {
    const { ours } = await signedIn();
    const bob = await signedIn(newBrowser(), BOB);
    expect((await call(newBrowser(), ours)).status).toBe(401);
    const answer = await call(bob.browser, ours);
    expect([answer.status, answer.html.includes('secret-of')]).toEqual([401, false]);
    expect((await call(bob.browser, bob.ours)).html).toContain(`secret-of-${BOB.email}`);
    const socket = await askForSocket(h, [['Authorization', `Bearer ${ours}`]], '/api/live');
    expect(socket.answer.status).toBe(401);
    await socket.connection.close();
    expectApart();
  });

  it('on a route for programs it stays behind', async () => {
    const routes = [{ class: 'service', path: '/api/open', from: ['127.0.0.1'] }, ...TOKEN_PROFILE.routes];
    await start({ profile: { ...TOKEN_PROFILE, routes } });
    const { browser, ours } = await signedIn();
    const [theirs = ''] = app.tokens.keys();
    for (const who of [browser, newBrowser()]) expect((await call(who, ours, '/api/open')).status).toBe(401);
    expect((await call(h.browser(), theirs, '/api/open')).status).toBe(200); // a program’s own
    expectApart();
  });

  it('a logout, a second login and time end it', async () => {
    const { browser, ours } = await signedIn();
    await call(browser, ours, '/api/logout', 'POST');
    expect(app.tokens.size).toBe(0);
    expect((await call(browser, ours)).status).toBe(401);

    const second = await signedIn();
    await login(second.browser, BOB);
    expect((await call(second.browser, second.ours)).status).toBe(401);
    h.clock.advance(30_000);
    const prompt = await second.browser.get('/_2fa/challenge');
    await second.browser.submit(prompt, { code: h.totp(BOBS_SECRET) }, { followRedirects: false });
    expect((await call(second.browser, second.ours)).status).toBe(401);
    expect((await call(second.browser, tokenIn(await login(second.browser, BOB)))).status).toBe(200);

    const third = await signedIn();
    h.clock.advance(1_800_000);
    expect((await call(third.browser, third.ours)).status).toBe(401);
    expectApart();
  });

  it('a wrong password in this session ends it, and what was in the vault speaks for nobody', async () => {
    const { browser, ours } = await signedIn();
    expect((await login(browser, { ...ALICE, password: 'wrong' })).status).toBe(403);
    expect((await call(browser, ours)).status).toBe(401);
    expectApart();
  });

  it('a session whose rights moved on has it under its new id, and the old id nothing', async () => {
    const { browser, ours } = await signedIn();
    const old = cookieOf(browser);
    const page = await browser.get('/_2fa/step-up?to=%2F');
    h.clock.advance(30_000);
    await browser.submit(page, { code: h.totp() }, { followRedirects: false });
    expect(cookieOf(browser)).not.toBe(old);
    expect((await call(browser, ours)).html).toContain(`secret-of-${ALICE.email}`);
    const before = await raw(h, 'GET', '/api/things', [
      ['Cookie', old],
      ['Authorization', `Bearer ${ours}`],
    ]);
    expect(before.status).toBe(401);
  });

  it('a login that needs no proof is answered at once, with a token of ours', async () => {
    await start({ level: 'off' });
    const browser = newBrowser();
    const answer = await login(browser);
    expect(answer.status).toBe(200);
    expect([answer.header('etag'), answer.header('x-app')]).toEqual([undefined, 'yes']);
    expect((await call(browser, tokenIn(answer))).html).toContain(`secret-of-${ALICE.email}`);
    expectApart();
  });
});

describe('a new token', () => {
  it('is exchanged as well, and the one before is good for a while', async () => {
    const { browser, ours } = await signedIn();
    const answer = await call(browser, ours, '/api/refresh', 'POST');
    const next = tokenIn(answer);
    expect(next).toMatch(/^lucy2fa_[\w-]{43}$/);
    expect(next).not.toBe(ours);
    expect(app.tokens.size).toBe(2);
    for (const token of [ours, next]) expect((await call(browser, token)).status).toBe(200);
    let last = next;
    for (let i = 0; i < 3; i += 1) last = tokenIn(await call(browser, last, '/api/refresh', 'POST'));
    expect((await call(browser, ours)).status, 'of five the oldest is gone').toBe(401);
    expect((await call(browser, last)).status).toBe(200);
    expect((await call(browser, last, '/api/other', 'POST')).status).toBe(200);
    expectApart();
  });

  it('of somebody else goes to nobody, and ends the rights', async () => {
    const { browser, ours } = await signedIn();
    app.refreshesFor = BOB.email;
    const answer = await call(browser, ours, '/api/refresh', 'POST');
    expect(answer.status).toBe(401);
    expect((await call(browser, ours)).status).toBe(401);
    const prompt = await browser.get('/_2fa/challenge');
    await browser.submit(prompt, { code: h.totp(BOBS_SECRET) }, { followRedirects: false });
    const before = app.requests.length;
    expect((await call(browser, ours)).status, 'in the session of the newcomer it stands for nothing').toBe(401);
    expect(app.requests.slice(before).join('')).not.toContain('uthorization');
    expectApart();
  });

  it('of somebody else is noticed where nothing unsafe was asked, too', async () => {
    const bearer = { ...TOKEN_PROFILE.login.bearer, refresh: [{ method: 'GET', path: '/api/refresh' }] };
    await start({ profile: { ...TOKEN_PROFILE, login: { ...TOKEN_PROFILE.login, bearer } } });
    const { browser, ours } = await signedIn();
    expect(tokenIn(await call(browser, ours, '/api/refresh'))).toMatch(/^lucy2fa_/);
    app.refreshesFor = BOB.email;
    const socket = await askForSocket(
      h,
      [
        ['Cookie', cookieOf(browser)],
        ['Authorization', `Bearer ${ours}`],
      ],
      '/api/refresh',
    );
    expect(socket.answer.status, 'an upgrade that is answered like a GET').toBe(400);
    await socket.connection.close();
    expect((await call(browser, ours, '/api/refresh')).status).toBe(401);
    expect((await call(browser, ours)).status).toBe(401);
    expectApart();
  });

  it.each<[string, TokenApp['write']]>([
    ['twice under one name', (value) => Buffer.from(JSON.stringify(value).replace('"name"', '"token":"other","name"'))],
    ['written in another way', (value) => Buffer.from(JSON.stringify(value).replace('x.', '\\u0078.'))],
    ['too long to be read', (value) => Buffer.from(JSON.stringify({ ...value, more: 'x'.repeat(70_000) }))],
    ['behind a mark', (value) => Buffer.from(`\uFEFF${JSON.stringify(value)}`)],
  ])('that cannot be exchanged (%s) does not go out', async (_, write) => {
    const { browser, ours } = await signedIn();
    app.write = write;
    const answer = await call(browser, ours, '/api/refresh', 'POST');
    expect(answer.status).toBeGreaterThanOrEqual(500);
    const other = newBrowser();
    expect([200].includes((await login(other)).status)).toBe(false);
    expectApart();
  });

  it('as PHP writes it is exchanged', async () => {
    app.write = (value) => Buffer.from(JSON.stringify(value).replaceAll('/', '\\/'));
    const { browser, ours } = await signedIn();
    expect((await call(browser, ours)).status).toBe(200);
    expectApart();
  });

  it('an answer without one passes as it is', async () => {
    const { browser, ours } = await signedIn();
    app.write = () => Buffer.from('{"data":{"token":null},"wait":1}');
    expect((await call(browser, ours, '/api/refresh', 'POST')).html).toBe('{"data":{"token":null},"wait":1}');
  });
});

it('the answer with a token of ours waits for the store: the next request may reach another gateway', async () => {
  const members: Member[] = [];
  await start({
    stores: (clock) => {
      const shared = new SharedStore(clock);
      members.push(shared.member(), shared.member());
      return members;
    },
  });
  const browser = newBrowser();
  await prove(browser);
  const [slow] = members;
  if (slow === undefined || h.front === undefined) throw new Error('there are two');
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    slow.beforeWrite = () => {
      resolve();
      return released;
    };
  });
  h.front.turn = 0;
  let isAnswered = false;
  const answering = login(browser).finally(() => {
    isAnswered = true;
  });
  await reached;
  for (let i = 0; i < 5; i += 1) await raw(h, 'GET', '/login');
  expect(isAnswered).toBe(false);
  slow.beforeWrite = async () => {};
  release();
  const ours = tokenIn(await answering);
  h.front.turn = 1;
  expect((await call(browser, ours)).status).toBe(200);
  expectApart();
});

it('a token of ours that another gateway handed out is known before the news of it arrive', async () => {
  let shared: SharedStore | undefined;
  const bearer = { ...TOKEN_PROFILE.login.bearer, refresh: [{ method: 'GET', path: '/api/refresh' }] };
  await start({
    profile: { ...TOKEN_PROFILE, login: { ...TOKEN_PROFILE.login, bearer } },
    stores: (clock) => {
      shared = new SharedStore(clock);
      return [shared.member(), shared.member()];
    },
  });
  const { browser, ours } = await signedIn();
  for (let i = 0; i < 4; i += 1) expect((await call(browser, ours)).status).toBe(200);
  if (shared === undefined || h.front === undefined) throw new Error('there are two');
  shared.telling = false;
  h.front.turn = 0;
  const next = tokenIn(await call(browser, ours, '/api/refresh'));
  h.front.turn = 1;
  expect((await call(browser, next)).status).toBe(200);
  shared.deliver();
  expectApart();
});
