/**
 * What is on the wire while a person logs in: between browser and gateway no byte of the application's session, identity
 * cookie or held answer (I2), and between gateway and application no request of a pending session for a protected page (I1).
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { ALICE_DIARY, DOKUWIKI_USERS, startDokuWiki, whySkipDokuWiki } from '../fakes/dokuwiki.ts';
import { freePort } from '../fakes/free-port.ts';
import { GatewayProcess } from './gateway-process.ts';
import { startRecordingProxy } from './recording-proxy.ts';
import { giveCode, heading, logInToLucy, setUpTotp } from './steps.ts';

type Proxy = Awaited<ReturnType<typeof startRecordingProxy>>;

const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };
const IDENTITY_COOKIE = /(?:^|; )([0-9a-f]{32})=([^;]+)/;

describe.skipIf(whySkipChromium() !== undefined)('the bytes', () => {
  let browser: Browser;
  let front: Proxy;
  let back: Proxy;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    [front, back] = await Promise.all([startRecordingProxy(), startRecordingProxy()]);
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterEach(async () => {
    await context.close();
    await gateway?.remove();
    await Promise.all([front.close(), back.close()]);
  });

  /** Browser → front → gateway → back → application; people know the address of the front only. */
  async function startBetween(applicationPort: number, profile: string): Promise<void> {
    back.aim(applicationPort);
    const port = await freePort();
    front.aim(port);
    gateway = await GatewayProcess.start({ upstream: back.url, profile, port, publicUrl: front.url });
  }

  /** All that ever went to the browser, in the spellings a secret could have. */
  function reachedBrowser(secret: string): boolean {
    const sent = front.toClients();
    return [secret, encodeURIComponent(secret), decodeURIComponent(secret)].some((text) => sent.includes(text));
  }

  describe.each(['rotate', 'keep'] as const)('of Lucy, which %ss its session id', (rotate) => {
    let lucy: StandInLucy;
    beforeEach(async () => {
      lucy = await startStandInLucy({ rotate });
    });
    afterEach(() => lucy.close());

    it('hold no session, no identity cookie and no held answer for the browser; no protected request while pending', async () => {
      await startBetween(lucy.port, 'lucy');
      await page.goto(`${front.url}/admin`);
      await logInToLucy(page, ALICE);
      const app = await setUpTotp(page, front.url);
      const known = new Set<string>(lucy.sessions().map(({ id }) => id));
      const secret = lucy.secretOf(ALICE.email);
      const sentBefore = front.toClients().length;

      await page.goto(`${front.url}/admin/account`);
      await page.evaluate(`document.querySelector('form').action = '/admin/login?leak=1'`);
      await logInToLucy(page, ALICE, true);
      await heading(page, 'Enter your security code');
      const requests = lucy.requests.length;
      for (const { id } of lucy.sessions()) known.add(id);
      expect(lucy.sessions().map(({ email }) => email)).toEqual([ALICE.email]);

      for (const path of [
        '/admin',
        '/admin/files',
        '/index.php?r=admin',
        '/admin/poll',
        '/api/users',
        '/favicon.png',
      ]) {
        await page.goto(`${front.url}${path}`);
        await heading(page, 'Enter your security code');
      }
      const polled = await page.request.fetch(`${front.url}/admin/poll`, { headers: { accept: 'application/json' } });
      expect(polled.status()).toBe(401);
      await giveCode(page, app.wrongCode());
      await page.getByRole('alert').waitFor();
      expect(lucy.requests.slice(requests).map(({ method, url }) => `${method} ${url}`)).toEqual([]);
      expect(front.toClients().subarray(sentBefore).includes(secret), 'the held answer').toBe(false);
      expect(front.toClients().includes('X-Auth-Token'), 'a header of the held answer').toBe(false);

      await giveCode(page, await app.code());
      await heading(page, 'Account');
      await page.getByRole('link', { name: 'Campaigns' }).click();
      await page.getByText(secret).waitFor();
      for (const { id } of lucy.sessions()) known.add(id);

      const remembered = lucy.requests.map(({ cookie }) => IDENTITY_COOKIE.exec(cookie ?? '')).find((match) => match);
      const [, name, value] = remembered ?? [];
      if (name === undefined || value === undefined) throw new Error('Lucy was never sent its remember-me cookie');
      for (const hidden of [...known, name, value]) expect(reachedBrowser(hidden), hidden).toBe(false);
      expect(known.size).toBeGreaterThan(0);
      // The check can fail: what the browser may have is found in the same way.
      expect(reachedBrowser(secret)).toBe(true);
      expect(front.fromClients().includes('lucy2fa=')).toBe(true);
      expect(lucy.sawBytes('lucy2fa')).toBe(false);
      expect(back.toClients().includes(value)).toBe(true);
    });
  });

  it.skipIf(whySkipDokuWiki() !== undefined)(
    'of DokuWiki hold neither of its two cookies, nor a page before the proof',
    async () => {
      const wiki = await startDokuWiki();
      try {
        await startBetween(wiki.port, 'dokuwiki');
        const diary = `${front.url}/doku.php?id=private:alice:diary`;
        const { login, password } = DOKUWIKI_USERS.alice;
        const logIn = async () => {
          await page.locator('#dw__login input[name=u]').fill(login);
          await page.locator('#dw__login input[name=p]').fill(password);
          await page.locator('#dw__login label input[name=r]').check();
          await page.locator('#dw__login button[type=submit]').click();
        };
        await page.goto(`${front.url}/doku.php`);
        await logIn();
        await page.locator('#dokuwiki__usertools .logout').waitFor();
        const app = await setUpTotp(page, front.url);

        await page.goto(diary);
        await logIn();
        await heading(page, 'Enter your security code');
        const asked = back.requestTargets().length;
        for (const path of ['?id=private:alice:diary', '?id=start', '?do=admin', '?do=login']) {
          await page.goto(`${front.url}/doku.php${path}`);
          await heading(page, 'Enter your security code');
        }
        // A password in an address is nothing a form sends.
        const odd = await page.goto(`${front.url}/doku.php?u=alice&p=${encodeURIComponent(password)}`);
        expect(odd?.status()).toBe(400);
        await page.goto(diary);
        await heading(page, 'Enter your security code');
        expect(back.requestTargets().slice(asked)).toEqual([]);
        expect(front.toClients().includes(ALICE_DIARY)).toBe(false);
        await giveCode(page, await app.code());
        await page.getByText(ALICE_DIARY).waitFor();

        const set = back
          .toClients()
          .toString('latin1')
          .matchAll(/^Set-Cookie: (DokuWiki|DW[0-9a-f]{32})=([^;\r\n]+)/gim);
        const pairs = [...set].filter(([, , value]) => value !== 'deleted');
        expect(new Set(pairs.map(([, name]) => name?.slice(0, 2)))).toEqual(new Set(['Do', 'DW']));
        for (const [, name = '', value = ''] of pairs) {
          if (name !== 'DokuWiki') expect(reachedBrowser(name), name).toBe(false);
          expect(reachedBrowser(value), name).toBe(false);
        }
        expect(reachedBrowser(ALICE_DIARY)).toBe(true);
      } finally {
        await wiki.stop();
      }
    },
  );
});
