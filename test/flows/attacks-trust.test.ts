/** What may stand for a factor, a network or a browser, and everything that looks like it (attacks 48, 59, 60, 70). */
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { askForSocket, cookieOf, expectNothingOf } from './attack-steps.ts';
import { ALICE, Harness, type HarnessOptions } from './harness.ts';

let h: Harness;
afterEach(() => h.close());

/** A request as the proxy on this machine passes it on. */
const from = (address: string): FakeBrowser => h.browser({ 'X-Forwarded-For': address });
const through = (address: string) => ({ headers: [['X-Forwarded-For', address] as const] });

describe('70: a trusted network', () => {
  const OFFICE = '10.0.0.7';
  const HOME = '203.0.113.9';

  async function start(options: HarnessOptions = {}): Promise<void> {
    h = await Harness.start({ trustedProxies: ['127.0.0.1'], trustedNetworks: ['10.0.0.0/8'], ...options });
    await h.enrolTotp(ALICE.email);
  }

  async function inTheOffice(): Promise<FakeBrowser> {
    const browser = from(OFFICE);
    expect((await h.logIn(browser, ALICE)).html).toContain(h.app.secretOf(ALICE.email));
    return browser;
  }

  const statusOfSocket = async (browser: FakeBrowser, address: string): Promise<number> => {
    const { answer, connection } = await askForSocket(h, [
      ['Cookie', cookieOf(browser)],
      ['X-Forwarded-For', address],
    ]);
    await connection.close();
    return answer.status;
  };

  it.each([
    [HOME, 'elsewhere'],
    [`${OFFICE}, ${HOME}`, 'written by the client, left of what the proxy saw'],
    [`${OFFICE}, x`, 'what cannot be read'],
    [`${HOME}, 127.0.0.1`, 'the proxy twice'],
    ['', 'the proxy says nothing'],
    ['::ffff:203.0.113.9', 'an IPv4 address in another spelling'],
  ])('is not where X-Forwarded-For is “%s”: %s', async (address) => {
    await start();
    const browser = from(address);
    expect((await h.logIn(browser, ALICE)).url.pathname).toBe('/_2fa/challenge');
    expectNothingOf(h, browser, ALICE.email);
  });

  it.each([OFFICE, `${HOME}, ${OFFICE}`, '::ffff:10.1.2.3'])('is where it is “%s”', async (address) => {
    await start();
    expect((await h.logIn(from(address), ALICE)).html).toContain(h.app.secretOf(ALICE.email));
  });

  it('is nowhere that other headers say, and not the address of a proxy', async () => {
    await start({ trustedNetworks: ['10.0.0.0/8', '127.0.0.0/8'] });
    for (const name of ['Forwarded', 'X-Real-IP', 'CF-Connecting-IP', 'True-Client-IP', 'X-Client-IP']) {
      const browser = h.browser({ [name]: name === 'Forwarded' ? `for=${OFFICE}` : OFFICE });
      expect((await h.logIn(browser, ALICE)).url.pathname, name).toBe('/_2fa/challenge');
    }
  });

  it('is not where nobody is believed: a stranger’s header changes nothing', async () => {
    await start({ trustedProxies: [] });
    expect((await h.logIn(from(OFFICE), ALICE)).url.pathname).toBe('/_2fa/challenge');
  });

  it('holds there only: elsewhere the next request owes the factor, pages, scripts and sockets alike', async () => {
    await start();
    const browser = await inTheOffice();
    expect(await statusOfSocket(browser, HOME)).toBe(401);
    expect(await statusOfSocket(browser, OFFICE)).toBe(101);
    const { answer, connection } = await askForSocket(h, [
      ['Cookie', cookieOf(browser)],
      ['X-Forwarded-For', OFFICE],
    ]);
    expect(answer.status).toBe(101);
    const script = await browser.get('/admin', { as: 'fetch', ...through(HOME) });
    expect([script.status, script.html]).toEqual([401, expect.stringContaining('/_2fa/challenge')]);
    await connection.waitForClose(); // what ran in the office ended with the rights
    await connection.close();
    expect(await statusOfSocket(browser, OFFICE)).toBe(401);
    expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge'); // and in the office too
  });

  it.each(['/admin/page', '/_2fa/account', '/admin/logout'])('asks there before %s does anything', async (target) => {
    await start();
    const browser = await inTheOffice();
    const count = h.app.requests.length;
    const asked = await browser.get(target, through(HOME));
    expect(asked.url.pathname).toBe('/_2fa/challenge');
    expect(h.app.requests).toHaveLength(count);
    expect(asked.html).not.toContain(h.app.secretOf(ALICE.email));
  });

  it('asks there, and a right code leads on to where the person was going, with rights that hold everywhere', async () => {
    await start();
    const browser = await inTheOffice();
    const id = browser.cookie('lucy2fa');
    const prompt = await browser.get('/admin?tab=2', through(HOME));
    const inside = await browser.submit(prompt, { code: h.totp() }, through(HOME));
    expect(inside.url.pathname + inside.url.search).toBe('/admin?tab=2');
    expect(inside.html).toContain(h.app.secretOf(ALICE.email));
    expect(browser.cookie('lucy2fa')).not.toBe(id);
    for (const address of [HOME, OFFICE, '198.51.100.1']) {
      expect((await browser.get('/admin', through(address))).html).toContain(h.app.secretOf(ALICE.email));
    }
  });

  it('gives a cookie that is worth no more than a password elsewhere, and for no longer', async () => {
    await start();
    const stolen = cookieOf(await inTheOffice());
    const thief = h.browser({ 'X-Forwarded-For': HOME, Cookie: stolen });
    expect((await thief.get('/admin')).url.pathname).toBe('/_2fa/challenge');
    h.clock.advance(600_000);
    expect((await thief.get('/admin')).url.pathname).toBe('/admin/login');
    expectNothingOf(h, thief, ALICE.email);
  });

  it('is never a fresh proof: whoever changes methods there is asked', async () => {
    await start();
    const browser = await inTheOffice();
    const account = await browser.get('/_2fa/account');
    expect(account.html).toContain('To change anything here, confirm first that it is you.');
    const csrf = account.hidden['csrf'] ?? '';
    const tries = [
      ['/_2fa/remove/e-alice@example.com', { csrf }],
      ['/_2fa/recovery', { csrf }],
      ['/_2fa/account/phone', { csrf, country: 'CH', number: '0791234567' }],
      ['/_2fa/enrol/totp', { csrf }],
    ] as const;
    for (const [target, fields] of tries) await browser.post(target, fields);
    const user = await h.store.users.get(ALICE.email);
    expect([user?.enrolments.length, user?.phone, user?.draft]).toEqual([1, undefined, undefined]);
  });

  it('spares nobody the enrolment that is required', async () => {
    h = await Harness.start({
      trustedProxies: ['127.0.0.1'],
      trustedNetworks: ['10.0.0.0/8'],
      level: 'required',
    });
    const page: Page = await h.logIn(from(OFFICE), ALICE);
    expect(page.url.pathname).toBe('/_2fa/account');
    expect(page.html).toContain('requires two-factor authentication');
  });
});
