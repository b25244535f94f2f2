/**
 * An application whose login the gateway cannot see: a factor on the gateway's own page comes before anything of it answers, and
 * its own login then runs inside. Strangers type names here, so nothing may tell them which exist, and nobody may be locked out.
 */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTicket } from '../../src/ceremonies/tickets.ts';
import { createBypass } from '../../src/factors/bypass/bypass.ts';
import { createRecovery } from '../../src/factors/recovery/recovery.ts';
import type { Identity } from '../../src/gate/types.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import { SoftKey } from '../fakes/authenticator.ts';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { SharedStore } from '../fakes/shared-store.ts';
import { askForSocket } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';

const PROFILE = {
  mode: 'gateway-first',
  login: null,
  whoami: null,
  authorization: 'same-user',
  logout: [{ path: '/admin/logout' }],
  routes: [{ class: 'static', path: '/favicon.ico' }],
};
const POLICY = { level: 'required', first: { needs: 'ticket' } } as const;
const ENTRANCE = '/_2fa/entrance';

let h: Harness;
beforeEach(() => start());
afterEach(() => h.close());

async function start(options: HarnessOptions = {}): Promise<void> {
  h = await Harness.start({ profile: PROFILE, policy: () => POLICY, trustedProxies: ['127.0.0.1'], ...options });
}

/** Somebody at an address of their own. */
function from(address: string): FakeBrowser {
  return h.browser({ 'X-Forwarded-For': address });
}

async function type(browser: FakeBrowser, name: string, code: string): Promise<Page> {
  return browser.submit(await browser.get(ENTRANCE), { name, code });
}

async function enter(browser: FakeBrowser, name = ALICE.email): Promise<Page> {
  const page = await type(browser, name, h.totp());
  h.clock.advance(30_000); // a code works once
  return page;
}

/** What a page says, without what is another one each time. */
function words({ status, html }: Page): string {
  const main = /<main[\s\S]*<\/main>/.exec(html)?.[0] ?? '';
  return `${status} ${main.replace(/value="[^"]*"/g, '')}`;
}

describe('before the factor', () => {
  it.each(['/', '/admin', '/admin/login', '/admin/settings', '/api/users', '/index.php', '/login.php'])(
    'nothing of the application answers: %s',
    async (path) => {
      const page = await h.browser().get(path);
      expect(page.url.pathname).toBe(ENTRANCE);
      expect((await h.browser().get(path, { as: 'fetch' })).status).toBe(401);
      expect((await h.browser().postJson('/api/auth', BOB)).status).toBe(401);
      expect(h.app.requests).toEqual([]);
    },
  );

  it('not even with its own password, in whatever way', async () => {
    const basic = `Basic ${Buffer.from(`${ALICE.email}:${ALICE.password}`).toString('base64')}`;
    for (const as of ['navigate', 'fetch'] as const) {
      await h.browser().get('/admin', { as, headers: [['Authorization', basic]] });
    }
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    expect((await h.browser().post('/admin/login', fields)).url.pathname).toBe(ENTRANCE);
    expect(h.app.requests).toEqual([]);
  });

  it('nor by a session that only stands at the entrance', async () => {
    const browser = h.browser();
    await browser.get(ENTRANCE);
    expect((await browser.get('/admin')).url.pathname).toBe(ENTRANCE);
    expect((await browser.get('/_2fa/account')).url.pathname).toBe(ENTRANCE);
    expect((await browser.get('/_2fa/challenge')).status).not.toBe(200);
    expect(h.app.requests).toEqual([]);
  });
});

describe('a name and a code', () => {
  beforeEach(() => h.enrolTotp(ALICE.email));

  it('lead to where the person wanted to go, and the login of the application runs untouched', async () => {
    const browser = h.browser();
    await browser.get('/admin/login?from=here');
    const page = await enter(browser);
    expect(page.url.pathname + page.url.search).toBe('/admin/login?from=here');
    const inside = await h.logIn(browser, ALICE);
    expect(inside.html).toContain(ALICE.email);
    expect((await browser.get('/admin')).status).toBe(200);
    expect(browser.cookies.map(({ name }) => name)).not.toContain('PHPSESSID');
    expect(browser.cookies.map(({ name }) => name)).not.toContain('lucy2fa-to');
    expect(h.logged.join('')).not.toContain(ALICE.password);
  });

  it('the session has another id than the one at the entrance, which is dead', async () => {
    const browser = h.browser();
    await browser.get(ENTRANCE);
    const before = browser.cookie('lucy2fa') ?? '';
    await enter(browser);
    expect(browser.cookie('lucy2fa')).not.toBe(before);
    const old = h.browser();
    old.setCookie('lucy2fa', before);
    expect((await old.get('/admin')).url.pathname).toBe(ENTRANCE);
  });

  it('a code works once, and only for its owner', async () => {
    await h.enrolTotp(BOB.email, 'KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU');
    const code = h.totp();
    expect((await type(h.browser(), BOB.email, code)).status).toBe(422);
    expect((await type(h.browser(), ALICE.email, code)).url.pathname).not.toBe(ENTRANCE);
    expect((await type(h.browser(), ALICE.email, code)).status).toBe(422);
  });

  it('of many right ones at the same time, one gets in (attack 42)', async () => {
    const browsers = Array.from({ length: 15 }, (_, n) => from(`198.51.100.${n}`));
    const forms = await Promise.all(browsers.map((browser) => browser.get(ENTRANCE)));
    const code = h.totp();
    const answers = await Promise.all(
      browsers.map((browser, n) => {
        const { hidden } = forms[n] ?? { hidden: {} };
        return browser.post(ENTRANCE, { ...hidden, name: ALICE.email, code }, { followRedirects: false });
      }),
    );
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(await h.assembled.sessions.of(ALICE.email as Identity)).toHaveLength(1);
  });

  it('the words for a name that exists, one that does not, and one without a method are the same', async () => {
    await h.store.users.update('carol@example.com', () => ({
      write: { identity: 'carol@example.com' as Identity, enrolments: [], factorVersion: 0 },
      result: undefined,
    }));
    const [known, unknown, empty] = await Promise.all(
      [ALICE.email, 'nobody@example.com', 'carol@example.com'].map((name) => type(h.browser(), name, '000000')),
    );
    if (known === undefined || unknown === undefined || empty === undefined) throw new Error('no page');
    expect(known.status).toBe(422);
    expect(words(unknown)).toBe(words(known));
    expect(words(empty)).toBe(words(known));
    expect(known.html).not.toContain('authenticator app that');
  });

  it('and so are those after too many', async () => {
    const pages: string[][] = [[], []];
    for (const [i, name] of [ALICE.email, 'nobody@example.com'].entries()) {
      const browser = from(`192.0.2.${i + 1}`);
      for (let n = 0; n < 8; n += 1) pages[i]?.push(words(await type(browser, name, `00000${n}`)));
    }
    expect(pages[0]).toEqual(pages[1]);
    expect(new Set(pages[0])).toHaveLength(2); // refused, then paused
  });

  it('a stranger who guesses at one address makes a pause there, and locks nobody out (attack 48)', async () => {
    const stranger = from('198.51.100.9');
    let last: Page | undefined;
    for (let n = 0; n < 30; n += 1) {
      last = await type(stranger, ALICE.email, '000000');
      h.clock.advance(61_000);
    }
    expect(last?.status).toBe(422);
    expect((await enter(from('203.0.113.5'))).url.pathname).not.toBe(ENTRANCE);
    // The owner's own budget, that of every prompt, was not touched.
    const inside = from('203.0.113.5');
    await enter(inside);
    const lock = await h.assembled.sessions.of(ALICE.email as Identity);
    expect(lock.length).toBeGreaterThan(0);
    expect(await h.store.counters.get(`guess:${ALICE.email}`)).toBeUndefined();
  });

  it('many addresses guess no more than one, and the owner gets in from where she usually does', async () => {
    const usual = '203.0.113.5';
    await enter(from(usual));
    for (let n = 0; n < 55; n += 1) await type(from(`198.51.100.${n}`), ALICE.email, '000000');
    const shut = await type(from('198.51.100.200'), ALICE.email, h.totp());
    expect(shut.status).toBe(429);
    expect(shut.html).toContain('sign in from where you usually do');
    expect((await enter(from(usual))).url.pathname).not.toBe(ENTRANCE);
  });

  it('the address is counted whatever names it tries', async () => {
    const browser = from('198.51.100.9');
    let refused = 0;
    for (let n = 0; n < 25; n += 1) refused += (await type(browser, `name${n}`, '000000')).status === 429 ? 1 : 0;
    expect(refused).toBe(5);
    expect((await enter(from('203.0.113.5'))).url.pathname).not.toBe(ENTRANCE);
  });

  it('a right one does not open an account that is locked from inside', async () => {
    const counter = { count: 50, lastAt: h.clock.now(), expiresAt: h.clock.now() + 86_400_000 };
    await h.store.counters.update(`guess:${ALICE.email}`, () => ({ write: counter, result: undefined }));
    const locked = await type(h.browser(), ALICE.email, h.totp());
    expect(words(locked)).toBe(words(await type(from('192.0.2.77'), 'nobody@example.com', '000000')));
    expect(await h.assembled.sessions.of(ALICE.email as Identity)).toEqual([]);
  });

  it('no message goes to anybody, and nobody is asked about a name', async () => {
    for (const path of ['/challenge/send', '/entrance/send']) {
      const browser = h.browser();
      const form = await browser.get(ENTRANCE);
      const answer = await browser.post(`/_2fa${path}`, { ...form.hidden, way: 'totp', channel: 'sms' });
      expect(answer.status).not.toBe(200);
    }
    expect(h.authy.requests).toEqual([]);
  });

  it('an impatient second click counts once', async () => {
    const browser = h.browser();
    const form = await browser.get(ENTRANCE);
    const fields = { ...form.hidden, name: ALICE.email, code: '000000' };
    for (let n = 0; n < 12; n += 1) expect((await browser.post(ENTRANCE, fields)).status).toBe(422);
  });

  it('a form without the token of its session, or from another site, does nothing', async () => {
    const browser = h.browser();
    const form = await browser.get(ENTRANCE);
    const fields = { ...form.hidden, name: ALICE.email, code: h.totp() };
    expect((await browser.post(ENTRANCE, { ...fields, csrf: 'x' })).status).toBe(403);
    const site: [string, string][] = [
      ['Sec-Fetch-Site', 'cross-site'],
      ['Origin', 'https://evil.example'],
    ];
    expect((await browser.post(ENTRANCE, fields, { headers: site })).status).toBe(403);
    expect((await browser.get('/admin')).url.pathname).toBe(ENTRANCE);
  });
});

describe('a socket', () => {
  it('opens inside only, and not with a password of somebody else', async () => {
    await h.enrolTotp(ALICE.email);
    const browser = h.browser();
    const outside = await askForSocket(h, [['Cookie', 'lucy2fa=x']]);
    await enter(browser);
    await h.logIn(browser, ALICE);
    const cookie: [string, string] = ['Cookie', `lucy2fa=${browser.cookie('lucy2fa')}`];
    const inside = await askForSocket(h, [cookie]);
    const basic = Buffer.from(`${BOB.email}:x`).toString('base64');
    const foreign = await askForSocket(h, [cookie, ['Authorization', `Basic ${basic}`]]);
    expect([outside, inside, foreign].map(({ answer }) => answer.status)).toEqual([401, 101, 401]);
    for (const { connection } of [outside, inside, foreign]) await connection.close();
  });
});

describe('the password of the application, inside', () => {
  beforeEach(() => h.enrolTotp(ALICE.email));
  const basic = (user: string) => `Basic ${Buffer.from(`${user}:x`).toString('base64')}`;

  it('goes along when it is that of the person, and is refused when it is somebody else’s', async () => {
    const browser = h.browser();
    await enter(browser);
    const before = h.app.requests.length;
    const own = await browser.get('/public/x', { as: 'fetch', headers: [['Authorization', basic(ALICE.email)]] });
    expect(own.status).not.toBe(403);
    const foreign = await browser.get('/admin', { as: 'fetch', headers: [['Authorization', basic(BOB.email)]] });
    expect(foreign.status).toBe(403);
    expect(JSON.parse(foreign.text)).toMatchObject({ code: 'other-account' });
    const both: [string, string][] = [basic(ALICE.email), basic(BOB.email)].map((value) => ['Authorization', value]);
    for (const headers of [both, both.toReversed()]) {
      const { status } = await browser.get('/admin', { as: 'fetch', headers });
      expect(status).toBe(403);
    }
    const seen = h.app.requests.slice(before).flatMap(({ headers }) => headers.filter(([n]) => n === 'Authorization'));
    expect(seen).toEqual([['Authorization', basic(ALICE.email)]]);
  });
});

describe('the first method', () => {
  const mac = (label: string, text: string) => h.store.mac(label, text);
  const ticketFor = (name: string) => makeTicket(mac, name as Identity, h.clock.now());
  const show = async (browser: FakeBrowser, name: string, ticket: string): Promise<Page> =>
    browser.submit(await browser.get(`${ENTRANCE}/ticket`), { name, ticket });

  it('is set up with a ticket, and nothing of the application opens with it', async () => {
    const browser = h.browser();
    const account = await show(browser, ALICE.email, ticketFor(ALICE.email));
    expect(account.url.pathname).toBe('/_2fa/account');
    expect(account.html).toContain(ALICE.email);
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/account');
    expect(h.app.requests).toEqual([]);
    expect(account.html).toContain('Your ticket was accepted');
    expect(account.html).toContain('Without one you cannot sign in again.');
    expect(account.html).not.toContain('password alone');
    const begun = await browser.submit(await browser.get('/_2fa/enrol/totp'), {});
    const secret = /([A-Z2-7]{4} ){7}[A-Z2-7]{4}/.exec(begun.html)?.[0].replaceAll(' ', '') ?? '';
    const done = await browser.submit(begun, { code: h.totp(secret) });
    expect(done.html).toContain('Two-factor authentication is on');
    h.clock.advance(30_000);
    expect((await browser.get('/admin')).url.pathname).toBe(ENTRANCE);
    expect((await type(browser, ALICE.email, h.totp(secret))).url.pathname).not.toBe(ENTRANCE);
  });

  it('not without one, and in the same words whatever the name', async () => {
    await h.enrolTotp(BOB.email);
    const pages = [
      await show(h.browser(), ALICE.email, ticketFor(BOB.email)),
      await show(h.browser(), BOB.email, ticketFor(BOB.email)), // has a method: no ticket gets round it
      await show(h.browser(), 'nobody@example.com', '1ABC-2DEF-3GHJ-4KMN-5PQR'),
    ];
    for (const page of pages) {
      expect(page.status).toBe(422);
      expect(page.url.pathname).toBe(`${ENTRANCE}/ticket`);
    }
    expect(new Set(pages.map(words))).toHaveLength(1);
  });

  it('strangers who guess at tickets keep nobody from using one', async () => {
    for (let n = 0; n < 25; n += 1) {
      await show(from(`198.51.100.${n}`), ALICE.email, '1ABC-2DEF-3GHJ-4KMN-5PQR');
    }
    const account = await show(h.browser(), ALICE.email, ticketFor(ALICE.email));
    expect(account.url.pathname).toBe('/_2fa/account');
  });

  it('a code alone opens no enrolment, and a ticket works once', async () => {
    const ticket = ticketFor(ALICE.email);
    await show(h.browser(), ALICE.email, ticket);
    await h.enrolTotp(ALICE.email);
    expect((await show(h.browser(), ALICE.email, ticket)).status).toBe(422);
  });
});

describe('what stands in for a lost method', () => {
  const LIFE = 900_000;
  /** A code on paper, with the account as it is then. */
  let paper: string;

  beforeEach(async () => {
    await h.close();
    await start({ factors: { recovery: { codes: 1 }, bypass: { life: LIFE } } });
    await h.enrolTotp(ALICE.email);
    const made = await createRecovery({ codes: 1 }, { randomBytes, mac }).make(ALICE.email as Identity);
    paper = made.shown[0] ?? '';
    await h.store.users.update(ALICE.email, (user) => ({
      ...(user === undefined ? {} : { write: { ...user, recovery: { codes: made.kept, madeAt: h.clock.now() } } }),
      result: undefined,
    }));
  });

  const mac = (label: string, text: string) => h.store.mac(label, text);
  /** As the administrator's page makes one. */
  const bypassCode = (name = ALICE.email): string =>
    createBypass({ life: LIFE }, { mac }).make(name as Identity, h.clock.now()).code;
  const lock = (count: number) =>
    h.store.counters.update(`guess:${ALICE.email}`, () => ({
      write: count === 0 ? null : { count, lastAt: h.clock.now(), expiresAt: h.clock.now() + 86_400_000 },
      result: undefined,
    }));
  const isIn = ({ url }: Page) => !url.pathname.endsWith(ENTRANCE);

  it('a code of an administrator lets in its owner, once, who reads of it', async () => {
    const code = bypassCode();
    expect(isIn(await type(from('192.0.2.1'), BOB.email, code))).toBe(false);
    const browser = from('192.0.2.2');
    expect((await browser.get(ENTRANCE)).html).toContain(`href="${ENTRANCE}?with=bypass"`);
    const form = await browser.get(`${ENTRANCE}?with=bypass`);
    expect(form.hidden['with']).toBe('bypass-code');
    const typed = code.toLowerCase().replaceAll('-', ' ');
    const account = await browser.submit(form, { name: ALICE.email, code: typed });
    expect(account.url.pathname).toBe('/_2fa/account');
    expect(account.html).toContain('You used a code from an administrator. It works no more.');
    expect(h.logged.join('')).not.toContain(code);
    expect(isIn(await type(from('192.0.2.3'), ALICE.email, code))).toBe(false);
    expect(await h.assembled.sessions.of(ALICE.email as Identity)).toHaveLength(1);
  });

  it('of many posts of one at the same time, one gets in (attack 42)', async () => {
    const code = bypassCode();
    const browsers = Array.from({ length: 15 }, (_, n) => from(`198.51.100.${n}`));
    const pages = await Promise.all(browsers.map((browser) => type(browser, ALICE.email, code)));
    expect(pages.filter(isIn)).toHaveLength(1);
  });

  it('not one for nobody, one that is too old, or one for an account without a method; in the same words', async () => {
    const old = bypassCode();
    h.clock.advance(LIFE);
    const wrong = await type(from('192.0.2.1'), ALICE.email, bypassCode(BOB.email));
    const pages = [
      await type(from('192.0.2.2'), ALICE.email, old),
      await type(from('192.0.2.3'), BOB.email, bypassCode(BOB.email)),
      await type(from('192.0.2.4'), 'nobody@example.com', bypassCode('nobody@example.com')),
      wrong,
    ];
    for (const page of pages) expect([page.status, words(page)]).toEqual([422, words(wrong)]);
  });

  it('wrong ones are counted for the address, whatever the name, and a right one is refused there then (attack 48)', async () => {
    const thief = from('198.51.100.9');
    const code = bypassCode();
    for (let n = 0; n < 20; n += 1) expect((await type(thief, `name${n}`, code)).status).toBe(422);
    expect((await type(thief, ALICE.email, code)).status).toBe(429);
    expect(isIn(await type(from('203.0.113.5'), ALICE.email, code))).toBe(true);
  });

  it('is not there where it is switched off', async () => {
    await h.close();
    await start();
    await h.enrolTotp(ALICE.email);
    expect((await type(h.browser(), ALICE.email, bypassCode())).status).toBe(422);
    const form = await h.browser().get(`${ENTRANCE}?with=bypass`);
    expect([form.hidden['with'], form.html.includes('with=bypass'), form.html.includes('with=recovery')]).toEqual([
      'digits',
      false,
      false,
    ]);
    expect(await h.assembled.sessions.of(ALICE.email as Identity)).toEqual([]);
  });

  it.each([
    ['a code on paper', () => paper],
    ['one of an administrator', () => bypassCode()],
  ])('%s is not used up while the account is locked', async (_what, codeOf) => {
    const code = codeOf();
    await lock(50);
    const refused = await type(from('192.0.2.1'), ALICE.email, code);
    expect(words(refused)).toBe(words(await type(from('192.0.2.77'), 'nobody@example.com', code)));
    await lock(0);
    expect(isIn(await type(from('192.0.2.2'), ALICE.email, code))).toBe(true);
    expect(isIn(await type(from('192.0.2.3'), ALICE.email, code)), 'once all the same').toBe(false);
  });
});

it('where the application’s login comes first there is no such way in, whatever is posted', async () => {
  await h.close();
  await start({ profile: {} });
  await h.enrolTotp(ALICE.email);
  const browser = h.browser();
  expect((await browser.get(ENTRANCE)).status).toBe(404);
  await browser.get('/admin/login');
  const session = h.assembled.sessions.peek(sessionKey(browser.cookie('lucy2fa') ?? ''));
  const csrf = session?.csrf ?? '';
  expect(csrf).not.toBe('');
  for (const [path, answer] of [
    ['', { code: h.totp() }],
    ['/key', {}],
    [
      '/ticket',
      { ticket: makeTicket((label, text) => h.store.mac(label, text), BOB.email as Identity, h.clock.now()) },
    ],
  ] as const) {
    const name = path === '/ticket' ? BOB.email : ALICE.email;
    const page = await browser.post(`${ENTRANCE}${path}`, { csrf, name, ...answer });
    expect(page.status).toBeGreaterThanOrEqual(400);
    expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
    expect((await browser.get('/_2fa/account')).url.pathname).toBe('/admin/login');
  }
});

describe('a name and a key', () => {
  const SITE = 'http://localhost';
  let key: SoftKey;

  beforeEach(async () => {
    await h.close();
    await start({ publicUrl: SITE, factors: { passkey: {}, recovery: { codes: 10 } } });
    key = new SoftKey(SITE);
    const browser = h.browser();
    const ticket = makeTicket((label, text) => h.store.mac(label, text), ALICE.email as Identity, h.clock.now());
    await browser.submit(await browser.get(`${ENTRANCE}/ticket`), { name: ALICE.email, ticket });
    const begun = await browser.submit(await browser.get('/_2fa/enrol/passkey'), {});
    await browser.submit(begun, { response: key.create(questionIn(begun)), name: '' });
    h.clock.advance(60_000);
  });

  /** What the script of the page asks a key. */
  function questionIn({ html }: Page): {
    allowCredentials: { id: string; transports?: string[] }[];
    challenge: string;
  } {
    const text = /data-key-question="([^"]*)"/.exec(html)?.[1] ?? '{}';
    return JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) as ReturnType<typeof questionIn>;
  }

  async function ask(browser: FakeBrowser, name = ALICE.email): Promise<Page> {
    const { hidden } = await browser.get(ENTRANCE);
    return browser.post(`${ENTRANCE}/key`, { ...hidden, name, code: '' });
  }

  it('let the person in', async () => {
    const browser = h.browser();
    await browser.get('/admin/login');
    const page = await ask(browser);
    expect((await browser.submit(page, { response: key.get(questionIn(page)) })).url.pathname).toBe('/admin/login');
    expect((await h.logIn(browser, ALICE)).html).toContain(ALICE.email);
  });

  it('are asked for in the same way of a name that has none, and no key answers that', async () => {
    const [known, unknown, again] = [
      await ask(h.browser()),
      await ask(h.browser(), BOB.email),
      await ask(h.browser(), BOB.email),
    ];
    const [own, decoy, same] = [known, unknown, again].map(questionIn);
    expect(Object.keys(decoy ?? {})).toEqual(Object.keys(own ?? {}));
    expect(decoy?.allowCredentials).toEqual(same?.allowCredentials);
    expect(decoy?.challenge).not.toBe(same?.challenge);
    const strip = (page: Page, name: string) =>
      words(page)
        .replaceAll(name, '')
        .replace(/data-key-question="[^"]*"/, '');
    expect(strip(unknown, BOB.email)).toBe(strip(known, ALICE.email));

    const answers = await Promise.all(
      [ALICE.email, BOB.email].map(async (name) => {
        const browser = h.browser();
        const page = await ask(browser, name);
        return browser.submit(page, { response: new SoftKey(SITE).get(questionIn(page)) });
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual([422, 422]);
    expect(words(answers[1] as Page)).toBe(words(answers[0] as Page));
  });

  it('are never counted by a stranger: many ids of every name, with and without keys, and the same ones each time (attack 49)', async () => {
    const user = await h.store.users.get(ALICE.email);
    const [one] = user?.enrolments ?? [];
    if (user === undefined || one === undefined) throw new Error('no key');
    const keyOf = (id: Buffer, transports: readonly string[]) => ({
      ...one,
      id: `k-${id.length}-${id[0]}`,
      data: { ...(one.data as object), credentialId: id.toString('base64url'), transports },
    });
    const sticks = [keyOf(Buffer.alloc(64, 1), ['usb', 'nfc']), keyOf(Buffer.alloc(16, 2), ['usb'])];
    const seen = async (name: string) => questionIn(await ask(h.browser(), name));
    const shape = ({ allowCredentials, challenge, ...rest }: ReturnType<typeof questionIn>) => ({
      ...rest,
      keys: allowCredentials.map(({ id, ...more }) => ({ ...more, bytes: Buffer.from(id, 'base64url').length })),
      challenge: challenge.length,
    });
    const sorted = (ids: readonly { readonly id: string }[]) => ids.map(({ id }) => id).toSorted();
    const lengths = (asked: ReturnType<typeof questionIn>) =>
      shape(asked)
        .keys.map((key) => JSON.stringify(key))
        .toSorted();
    const [nobody, single] = [await seen(BOB.email), await seen(ALICE.email)];
    await h.store.users.update(ALICE.email, () => ({
      write: { ...user, enrolments: [...user.enrolments, ...sticks] },
      result: undefined,
    }));
    const several = await seen(ALICE.email);
    for (const asked of [single, several]) {
      expect(lengths(asked)).toEqual(lengths(nobody));
      expect({ ...shape(asked), keys: [] }).toEqual({ ...shape(nobody), keys: [] });
    }
    for (const { allowCredentials } of [nobody, single, several]) {
      expect(allowCredentials).toHaveLength(10);
      expect(new Set(sorted(allowCredentials))).toHaveLength(10);
      expect(
        allowCredentials.map(({ id }) => id),
        'in an order of their own',
      ).toEqual(sorted(allowCredentials));
      for (const { transports } of allowCredentials) expect(transports).toBeUndefined();
    }
    const ids = sorted(several.allowCredentials);
    const own = [key.credentialId, Buffer.alloc(64, 1), Buffer.alloc(16, 2)].map((id) => id.toString('base64url'));
    for (const id of own) expect(ids, 'their owner finds them').toContain(id);
    expect(sorted((await seen(ALICE.email)).allowCredentials)).toEqual(ids);

    // Whoever answers for one of the others is nobody.
    const browser = h.browser();
    const page = await ask(browser);
    const other = Buffer.from(ids.find((id) => !own.includes(id)) ?? '', 'base64url');
    const forged = key.get(questionIn(page), { credentialId: other });
    expect((await browser.submit(page, { response: forged })).status).toBe(422);
    const again = await ask(browser);
    expect((await browser.submit(again, { response: key.get(questionIn(again)) })).url.pathname).not.toContain('_2fa');
  });

  it('are asked for anew for each name, so that one session that tries many learns of none', async () => {
    const browser = h.browser();
    const names = [BOB.email, 'nobody@example.com', ALICE.email];
    const here: ReturnType<typeof questionIn>[] = [];
    for (const name of names) here.push(questionIn(await ask(browser, name)));
    expect(new Set(here.map(({ challenge }) => challenge))).toHaveLength(names.length);
    for (const [i, name] of names.entries()) {
      expect(here[i]?.allowCredentials).toEqual(questionIn(await ask(h.browser(), name)).allowCredentials);
    }
  });

  it('answer the question of their own session, once', async () => {
    const browser = h.browser();
    const page = await ask(browser);
    const response = key.get(questionIn(page));
    const other = h.browser();
    const otherPage = await ask(other);
    expect((await other.submit(otherPage, { response })).status).toBe(422);
    expect((await browser.submit(page, { response: `${response} ` })).url.pathname).not.toBe(ENTRANCE);
  });

  it('not under another name, even with the right key', async () => {
    const browser = h.browser();
    const page = await ask(browser);
    const response = key.get(questionIn(page));
    expect((await browser.submit(page, { name: BOB.email, response })).status).toBe(422);
    expect((await browser.get('/admin')).url.pathname).toBe(ENTRANCE);
  });

  it('still work after strangers used up the codes of the day (attack 48)', async () => {
    for (let n = 0; n < 55; n += 1) await type(from(`198.51.100.${n}`), ALICE.email, '000000');
    const browser = from('198.51.100.201');
    expect((await type(browser, ALICE.email, h.totp())).status).toBe(429);
    const page = await ask(browser);
    expect((await browser.submit(page, { response: key.get(questionIn(page)) })).url.pathname).not.toContain('_2fa');
  });

  it('and so do recovery codes, which nobody guesses (attack 48)', async () => {
    const browser = h.browser();
    const page = await ask(browser);
    await browser.submit(page, { response: key.get(questionIn(page)) });
    const made = await browser.submit(await browser.get('/_2fa/recovery'), {});
    const code = /[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}/.exec(made.html)?.[0] ?? '';
    for (let n = 0; n < 55; n += 1) await type(from(`198.51.100.${n}`), ALICE.email, '000000');
    for (let n = 0; n < 8; n += 1) await type(from('198.51.100.201'), ALICE.email, '7K2M-X9QD-4TRA-HW5E');
    expect((await type(from('198.51.100.201'), ALICE.email, '000000')).status).toBe(429);
    expect((await type(from('198.51.100.201'), ALICE.email, code)).url.pathname).not.toContain('entrance');
  });

  it('and a recovery code does, once', async () => {
    const browser = h.browser();
    const page = await ask(browser);
    await browser.submit(page, { response: key.get(questionIn(page)) });
    const made = await browser.submit(await browser.get('/_2fa/recovery'), {});
    const code = /[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}/.exec(made.html)?.[0] ?? '';
    expect(code).not.toBe('');
    const account = await type(h.browser(), ALICE.email, code);
    expect(account.url.pathname).not.toContain('entrance');
    expect((await type(h.browser(), ALICE.email, code)).status).toBe(422);
  });
});

it('two gateways over one store are one entrance, with one count', async () => {
  await h.close();
  await start({
    stores: (clock) => {
      const shared = new SharedStore(clock);
      return [shared.member(), shared.member()];
    },
  });
  await h.enrolTotp(ALICE.email);
  const browser = from('203.0.113.5');
  expect((await enter(browser)).url.pathname).not.toBe(ENTRANCE);
  expect((await h.logIn(browser, ALICE)).html).toContain(ALICE.email);
  for (let n = 0; n < 3; n += 1) expect((await browser.get('/admin')).status).toBe(200); // whichever is asked
  let refused = 0;
  for (let n = 0; n < 25; n += 1) {
    refused += (await type(from('198.51.100.9'), `name${n}`, '000000')).status === 429 ? 1 : 0;
  }
  expect(refused).toBe(5);
});
