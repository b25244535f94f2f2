/**
 * Applications whose login never navigates, behind the gateway's own process, in Chromium: a real qBittorrent, the portal of the
 * stand-in Lucy, and a page that keeps a token. The password goes by script, and so does everything after it.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { QBITTORRENT_USER, type QBittorrent, startQBittorrent, whySkipQBittorrent } from '../fakes/qbittorrent.ts';
import { startTokenApp, TOKEN_PROFILE, type TokenApp } from '../fakes/token-app.ts';
import type { Authenticator } from './authenticator.ts';
import { GatewayProcess } from './gateway-process.ts';
import { type RecordingProxy, startRecordingProxy } from './recording-proxy.ts';
import { cookieNames, giveCode, heading, setUpTotp } from './steps.ts';

const PROMPT = 'Enter your security code';
const skip = whySkipChromium() ?? whySkipQBittorrent();

describe.skipIf(skip !== undefined)(`logins by script${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
  let browser: Browser;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterEach(async () => {
    await context?.close();
    await gateway?.remove();
  });

  const at = (path: string) => `${gateway.origin}${path}`;

  describe('qBittorrent', () => {
    let torrents: QBittorrent;

    beforeAll(async () => {
      torrents = await startQBittorrent();
    });
    afterAll(() => torrents?.stop());
    beforeEach(async () => {
      gateway = await GatewayProcess.start({ upstream: torrents.url, profile: 'qbittorrent' });
    });

    async function logIn(password: string = QBITTORRENT_USER.password): Promise<void> {
      await page.locator('#username').fill(QBITTORRENT_USER.name);
      await page.locator('#password').fill(password);
      await page.locator('#login').click();
    }

    /** The application itself, with what its own scripts fetched. */
    async function works(): Promise<void> {
      await page.locator('#desktopNavbar').waitFor();
      await page.locator('#connectionStatus').waitFor();
      const version = await page.evaluate(`fetch('/api/v2/app/version').then((answer) => answer.text())`);
      expect(version).toMatch(/^v\d/);
    }

    async function signUp(): Promise<Authenticator> {
      await page.goto(at('/'));
      await logIn();
      await works();
      return setUpTotp(page, gateway.origin);
    }

    it('goes from a login by script to the prompt, and back to where the person was', async () => {
      const app = await signUp();
      await page.goto(at('/#somewhere'));
      await logIn();
      await heading(page, PROMPT);
      const refused = await page.evaluate(`fetch('/api/v2/app/version').then(({ status }) => status)`);
      expect(refused).toBe(401);
      await giveCode(page, app.wrongCode());
      await page.getByRole('alert').waitFor();
      await giveCode(page, await app.code());
      await works();
      expect(page.url()).toBe(at('/#somewhere'));
      expect(await cookieNames(page)).toEqual(['lucy2fa']);

      // What it sends by script changes something.
      const setting = { method: 'POST', body: `json=${encodeURIComponent('{"max_ratio_act":1}')}` };
      const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const status = await page.evaluate(
        `fetch('/api/v2/app/setPreferences', ${JSON.stringify({ ...setting, headers: form })}).then(({ status }) => status)`,
      );
      expect(status).toBe(200);
    });

    it('stays on its page with its own words after a wrong password', async () => {
      await signUp();
      await page.goto(at('/'));
      await logIn('wrong');
      await page.getByText('Invalid Username or Password.').waitFor();
      expect(page.url()).toBe(at('/'));
      expect(await page.locator('script[src^="/_2fa/assets/login."]').count()).toBe(1);
    });

    it('is signed out again when the prompt is cancelled', async () => {
      await signUp();
      await page.goto(at('/'));
      await logIn();
      await heading(page, PROMPT);
      await page.getByRole('button', { name: 'Cancel and go back to sign-in' }).click();
      await page.locator('#loginform').waitFor();
      expect(await page.evaluate(`fetch('/api/v2/app/version').then(({ status }) => status)`)).toBe(401);
    });

    it('has our script on its login page only', async () => {
      await signUp();
      await page.goto(at('/'));
      const own = page.locator('script[src^="/_2fa/assets/login."]');
      expect(await own.count()).toBe(1);
      expect(
        await page.evaluate(`fetch('/', { headers: { Accept: 'text/html' } }).then((got) => got.text())`),
      ).not.toContain('_2fa');
    });
  });

  describe('the portal of Lucy', () => {
    const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };
    let lucy: StandInLucy;

    beforeAll(async () => {
      lucy = await startStandInLucy({ jsonLogin: true });
    });
    afterAll(() => lucy?.close());
    beforeEach(async () => {
      gateway = await GatewayProcess.start({
        upstream: lucy.url,
        overrides: `  login:
    script: /user
    requests:
      - { path: /admin/login, form: { user: 'LoginForm[email]', password: 'LoginForm[password]' } }
      - { path: /user/login, json: { user: /email, password: /password } }
    success:
      - { status: [302, 303], locationNot: [/admin/login, '/admin/recovery*'] }
      - { status: 200, json: { /ok: true } }
    failure:
      - { status: 200, bodyHas: 'name="LoginForm[password]"' }
      - { status: 200, json: { /ok: false } }
  routes:
    - { class: login, path: /user }
    - { class: login, path: /user/login }
    - { class: login, path: /admin/login }
    - { class: protected, prefix: /admin }
`,
      });
    });

    async function logIn(password = ALICE.password): Promise<void> {
      await page.getByLabel('Email').fill(ALICE.email);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Login' }).click();
    }

    it('leads back to the portal, which is not the home of the application', async () => {
      await page.goto(at('/user'));
      await logIn();
      await page.getByText(`Training of ${ALICE.email}`).waitFor();
      const app = await setUpTotp(page, gateway.origin);

      await page.goto(at('/user?course=3#page-2'));
      await logIn('wrong');
      await page.getByText('Incorrect email or password.').waitFor();
      await logIn();
      await heading(page, PROMPT);
      await giveCode(page, await app.code());
      await page.getByText(`Training of ${ALICE.email}`).waitFor();
      expect(page.url()).toBe(at('/user?course=3#page-2'));
    });
  });

  describe('a page that keeps a token', () => {
    const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };
    let app: TokenApp;
    let front: RecordingProxy;

    beforeEach(async () => {
      app = await startTokenApp({ [ALICE.email]: ALICE.password });
      const between = await startRecordingProxy();
      front = between;
      const keys = Object.entries(TOKEN_PROFILE).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
      gateway = await GatewayProcess.start({ upstream: app.url, publicUrl: front.url, overrides: keys.join('') });
      between.aim(gateway.port);
    });
    afterEach(async () => {
      await front?.close();
      await app?.close();
    });

    async function logIn(): Promise<void> {
      await page.getByLabel('Email').fill(ALICE.email);
      await page.getByLabel('Password').fill(ALICE.password);
      await page.getByRole('button', { name: 'Log in' }).click();
    }

    it('works with one of ours after the proof, and never has the one of the application', async () => {
      const kept: string[] = [];
      page.on('console', (message) => kept.push(message.text()));
      await page.addInitScript(
        `const { setItem } = Storage.prototype;
        Storage.prototype.setItem = function (name, value) { console.log('kept', value); setItem.call(this, name, value); };`,
      );
      const inside = page.getByText(`secret-of-${ALICE.email}`);
      await page.goto(front.url);
      await logIn();
      await inside.waitFor();
      const authenticator = await setUpTotp(page, front.url);

      await page.goto(`${front.url}/login`);
      await page.getByText('Please log in again.').waitFor();
      await logIn();
      await heading(page, PROMPT);
      expect(await page.evaluate(`localStorage.getItem('token')`)).toBeNull();
      await giveCode(page, await authenticator.code());
      await logIn();
      await inside.waitFor();
      const ours = await page.evaluate<string>(`localStorage.getItem('token')`);
      expect(ours).toMatch(/^lucy2fa_[\w-]{43}$/);
      await page.reload();
      await inside.waitFor();
      expect(await cookieNames(page)).toEqual(['lucy2fa']);

      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByText('You are logged out.').waitFor();
      const left = `fetch('/api/things', { headers: { Authorization: 'Bearer ${ours}' } }).then(({ status }) => status)`;
      expect(await page.evaluate(left)).toBe(401);
      expect([app.handedOut.length, app.tokens.size]).toEqual([2, 0]);
      const values = kept.filter((text) => text.startsWith('kept'));
      expect(values).toEqual([expect.stringMatching(/^kept lucy2fa_[\w-]{43}$/), `kept ${ours}`]);
      expect(front.toClients().includes(ours)).toBe(true);
      for (const token of app.handedOut) expect(front.toClients().includes(token)).toBe(false);
      expect(app.requests.join('')).not.toContain('lucy2fa_');
    });
  });
});
