/**
 * Two gateways and one store, of which one is slow: it hears late, its writes are late, its clients send slowly. Somebody who has
 * an account of his own and the password of another person must gain nothing by that, nor go on after an end.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionKey } from '../../src/session/cookie.ts';
import { StoreError } from '../../src/store/store.ts';
import type { FakeBrowser } from '../fakes/browser.ts';
import { type Header, RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { type Member, SharedStore } from '../fakes/shared-store.ts';
import { askForSocket, BOBS_SECRET, cookieOf, FORM_TYPE, raw, withHost } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';
import { Relay } from './relay.ts';

const PAGE: Header = ['Accept', 'text/html'];
const REFUSED_SOCKET = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n';

let relay: Relay;
let shared: SharedStore;
let slow: Member;
let h: Harness;

beforeEach(async () => {
  relay = await Relay.start();
});
afterEach(async () => {
  slow.beforeAnswer = async () => {};
  slow.beforeWrite = async () => {};
  await h.close();
  await relay.close();
});

async function start(options: HarnessOptions = {}): Promise<void> {
  const members: Member[] = [];
  h = await Harness.start({
    ...options,
    stores: (clock) => {
      shared = new SharedStore(clock);
      members.push(shared.member(), shared.member());
      return members;
    },
    upstreamUrl: relay.url,
  });
  const [, second] = members;
  if (second === undefined) throw new Error('there are two');
  slow = second;
  relay.target = h.app.port;
  await h.enrolTotp(ALICE.email);
  await h.enrolTotp(BOB.email, BOBS_SECRET);
}

function turnTo(gateway: 0 | 1): void {
  if (h.front !== undefined) h.front.turn = gateway;
}

function get(gateway: 0 | 1, target: string, cookie: string) {
  turnTo(gateway);
  return raw(h, 'GET', target, [['Cookie', cookie], PAGE]);
}

/** Bob is signed in, and both gateways know him and are sure of him. */
async function bobInBoth(): Promise<{ browser: FakeBrowser; cookie: string; token: string }> {
  const browser = h.browser();
  const { YII_CSRF_TOKEN: token = '' } = (await browser.get('/admin/login')).hidden;
  await browser.submit(await h.logIn(browser, BOB), { code: h.totp(BOBS_SECRET) });
  const cookie = cookieOf(browser);
  for (const gateway of [0, 1, 0, 1] as const) expect((await get(gateway, '/admin', cookie)).status).toBe(200);
  return { browser, cookie, token };
}

/** Everything of one kind that the slow gateway asks of the store waits until it is let go. */
function hold(what: 'beforeAnswer' | 'beforeWrite'): { readonly reached: Promise<void>; release(): void } {
  let reached = (): void => {};
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  slow[what] = () => {
    reached();
    return released;
  };
  return {
    reached: isReached,
    release() {
      slow[what] = async () => {};
      release();
    },
  };
}

/** The rights of a session end through the other gateway, as a login through it would end them. */
async function drop(cookie: string): Promise<void> {
  const [first] = h.gateways;
  const session = await first?.sessions.find(sessionKey(/lucy2fa=([^;]+)/.exec(cookie)?.[1] ?? ''), true);
  if (first === undefined || session === undefined) throw new Error('nobody has this id');
  await first.sessions.transition(session, { type: 'dropped' });
}

function revoke(): Promise<number | undefined> {
  return Promise.resolve(h.gateways[0]?.sessions.endAll(BOB.email as never, 'revoked'));
}

function formOf(cookie: string, fields: Record<string, string> = {}, more: readonly Header[] = []) {
  const body = Buffer.from(new URLSearchParams(fields).toString());
  const headers: Header[] = [['Cookie', cookie], ['Content-Type', FORM_TYPE], PAGE, ...more];
  return { body, head: [...headers, ['Content-Length', String(body.length)] as Header] };
}

/** Sends all but the last byte of a form through the slow gateway, lets something happen, and sends the rest. */
async function slowly(target: string, { body, head }: ReturnType<typeof formOf>, meanwhile: () => Promise<unknown>) {
  turnTo(1);
  const connection = await RawConnection.open(h.port);
  const { reads } = slow;
  connection.send(Buffer.concat([rawBytes('POST', target, withHost(h, head)), body.subarray(0, -1)]));
  await expect.poll(() => slow.reads).toBeGreaterThan(reads);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  await meanwhile();
  const answer = await connection.exchange(body.subarray(-1));
  await connection.close();
  return answer;
}

describe('a password that is sent through the other gateway', () => {
  async function aliceLogsInBesides(browser: FakeBrowser, token: string): Promise<void> {
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    turnTo(0);
    await browser.post('/admin/login', { YII_CSRF_TOKEN: token, ...fields }, { followRedirects: false });
    await expect.poll(() => h.app.sessions().some(({ email }) => email === ALICE.email)).toBe(true);
  }

  it('shows nothing through one that has heard of it, and was not told yet what it means', async () => {
    await start({ app: { rotate: 'keep' } });
    const { browser, cookie, token } = await bobInBoth();
    const page = relay.delay('GET /admin/files');
    const beside = get(1, '/admin/files', cookie);
    await page.arrived;
    const asking = hold('beforeAnswer');
    await aliceLogsInBesides(browser, token);
    page.release();
    await expect.poll(() => h.app.requests.some(({ url }) => url === '/admin/files')).toBe(true);
    for (let i = 0; i < 5; i += 1) await raw(h, 'GET', '/assets/lucy.css');
    asking.release();
    const { received } = await beside;
    expect(received.includes(ALICE.email), received.toString('latin1').slice(0, 400)).toBe(false);
    expect(received.includes(h.app.secretOf(ALICE.email))).toBe(false);
  });

  it('shows nothing through one that hears nothing any more', async () => {
    await start({ app: { rotate: 'keep' } });
    const { browser, cookie, token } = await bobInBoth();
    const page = relay.delay('GET /admin/files');
    const beside = get(1, '/admin/files', cookie);
    await page.arrived;
    slow.heard = false;
    shared.telling = false;
    await aliceLogsInBesides(browser, token);
    page.release();
    const { received } = await beside;
    expect(received.includes(ALICE.email), received.toString('latin1').slice(0, 400)).toBe(false);
    expect(received.includes(h.app.secretOf(ALICE.email))).toBe(false);
  });

  it('does not leave before one that is late has heard of it, which then shows nothing', async () => {
    await start({ app: { rotate: 'keep' } });
    const { browser, cookie, token } = await bobInBoth();
    shared.telling = false;
    const loggingIn = aliceLogsInBesides(browser, token);
    const key = sessionKey(browser.cookie('lucy2fa') ?? '');
    await expect.poll(async () => Object.keys((await shared.truth.sessions.get(key))?.doubts ?? {})).toHaveLength(1);
    for (let i = 0; i < 5; i += 1) await get(0, '/assets/lucy.css', cookie);
    expect(h.app.requests.filter(({ method, url }) => method === 'POST' && url === '/admin/login')).toHaveLength(1);
    shared.deliver();
    await loggingIn;
    const { received } = await get(1, '/admin/files', cookie);
    expect(received.includes(ALICE.email), received.toString('latin1').slice(0, 400)).toBe(false);
    expect(received.includes(h.app.secretOf(ALICE.email))).toBe(false);
  });
});

describe('what waits until the others are told', () => {
  it('does not leave when the rights ended meanwhile', async () => {
    await start();
    const { cookie } = await bobInBoth();
    const telling = hold('beforeWrite');
    turnTo(1);
    const { head, body } = formOf(cookie, { 'AccountForm[phone]': '1' });
    const posting = raw(h, 'POST', '/admin/account', head, body);
    await telling.reached;
    await drop(cookie);
    telling.release();
    expect((await posting).status).toBe(401);
    expect(h.app.requests.some(({ method, url }) => method === 'POST' && url === '/admin/account')).toBe(false);
  });

  it('opens no socket when the rights ended meanwhile', async () => {
    await start();
    const { cookie } = await bobInBoth();
    const telling = hold('beforeWrite');
    turnTo(1);
    const asking = askForSocket(h, [['Cookie', cookie]], '/admin/live?token=1');
    await telling.reached;
    await drop(cookie);
    telling.release();
    const { connection, answer } = await asking;
    expect(answer.status).toBe(401);
    expect(relay.upgrades).toBe(0);
    await connection.close();
  });

  it('and cannot be told, is not doubted for good', async () => {
    await start();
    const { cookie } = await bobInBoth();
    slow.beforeWrite = async () => {
      throw new StoreError('unwritable', 'The server is full.');
    };
    turnTo(1);
    const { connection, answer } = await askForSocket(h, [['Cookie', cookie]], '/admin/live?token=1');
    expect(answer.status).toBe(503);
    await connection.close();
    slow.beforeWrite = async () => {};
    h.clock.advance(600_000); // as long as it might have worked on
    await get(1, '/admin', cookie);
    const before = h.app.requests.length;
    await get(1, '/admin', cookie);
    expect(h.app.requests.slice(before).map(({ url }) => url)).toEqual(['/admin']);
  });
});

describe('an answer to an upgrade', () => {
  it('that brought a cookie waits until the next request finds it through the other gateway', async () => {
    await start();
    const { cookie } = await bobInBoth();
    relay.upgradeAnswer = `${REFUSED_SOCKET}Set-Cookie: live=1; Path=/\r\n\r\n`;
    const saving = hold('beforeWrite');
    turnTo(1);
    const connection = await RawConnection.open(h.port);
    const asked: Header[] = [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['Cookie', cookie],
    ];
    const before = h.app.requests.length;
    connection.send(rawBytes('GET', '/admin/live', withHost(h, asked)));
    await saving.reached;
    await expect.poll(() => h.app.requests.slice(before).some(({ url }) => url === '/admin/account')).toBe(true);
    for (let i = 0; i < 5; i += 1) await raw(h, 'GET', '/assets/lucy.css');
    expect(connection.received.length).toBe(0);
    saving.release();
    await connection.readUntil('403');
    await connection.close();
    await get(0, '/admin', cookie);
    expect(h.app.requests.at(-1)?.cookie).toContain('live=1');
  });
});

describe('a form that comes slowly', () => {
  it('does not reach the application when the session ended elsewhere meanwhile', async () => {
    // Without the announcement before an unsafe request, which would find it out as well.
    const logout = [{ path: '/admin/account', when: { leave: '1' } }];
    await start({ profile: { logout, whoami: { recheck: 'cookies' } } });
    const { cookie } = await bobInBoth();
    const form = formOf(cookie, { 'AccountForm[phone]': '12' });
    const answer = await slowly('/admin/account', form, revoke);
    expect(answer.status).toBe(303);
    expect(h.app.requests.some(({ method, url }) => method === 'POST' && url === '/admin/account')).toBe(false);
  });

  it('nor when that could not be heard', async () => {
    const logout = [{ path: '/admin/account', when: { leave: '1' } }];
    await start({ profile: { logout, whoami: { recheck: 'cookies' } } });
    const { cookie } = await bobInBoth();
    const form = formOf(cookie, { 'AccountForm[phone]': '12' });
    const answer = await slowly('/admin/account', form, async () => {
      slow.heard = false;
      shared.telling = false;
      await revoke();
    });
    expect(answer.status).toBe(303);
    expect(h.app.requests.some(({ method, url }) => method === 'POST' && url === '/admin/account')).toBe(false);
  });

  it('of ours changes nothing when the session ended elsewhere meanwhile', async () => {
    await start();
    const { browser, cookie } = await bobInBoth();
    turnTo(0);
    const { hidden } = await browser.get('/_2fa/account');
    const fields = { csrf: hidden['csrf'] ?? '', country: 'CH', number: '0791234567' };
    const form = formOf(cookie, fields, [['Origin', h.origin]]);
    const answer = await slowly('/_2fa/account/phone', form, revoke);
    expect(answer.status).toBe(403);
    expect((await h.store.users.get(BOB.email))?.phone).toBeUndefined();
  });
});

describe('a network that is left at both at the same moment', () => {
  it('takes the rights, and leaves the login: one question, which either answers', async () => {
    await start({ trustedProxies: ['127.0.0.1'], trustedNetworks: ['10.0.0.0/8'] });
    const browser = h.browser({ 'X-Forwarded-For': '10.0.0.7' });
    await h.logIn(browser, ALICE);
    const at = (gateway: 0 | 1, address: string) => {
      turnTo(gateway);
      return raw(h, 'GET', '/admin', [['Cookie', cookieOf(browser)], PAGE, ['X-Forwarded-For', address]]);
    };
    for (const gateway of [0, 1] as const) expect((await at(gateway, '10.0.0.7')).status).toBe(200);
    let write = (): void => {};
    const written = new Promise<void>((resolve) => {
      write = resolve;
    });
    let late: ReturnType<typeof at> | undefined;
    await new Promise<void>((resolve) => {
      slow.beforeWrite = () => {
        resolve();
        return written;
      };
      late = at(1, '203.0.113.9');
    });
    expect((await at(0, '203.0.113.9')).status).toBe(303);
    slow.beforeWrite = async () => {};
    write();
    expect((await late)?.status).toBe(401);
    const away = { headers: [['X-Forwarded-For', '203.0.113.9'] as const] };
    for (const gateway of [0, 1, 0, 1] as const) {
      turnTo(gateway);
      expect((await browser.get('/admin', away)).url.pathname).toBe('/_2fa/challenge');
    }
    const inside = await browser.submit(await browser.get('/_2fa/challenge', away), { code: h.totp() }, away);
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
  });
});
