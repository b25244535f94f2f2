/**
 * Pictures of every screen as it comes in the real flow, for people to look at, and the accessibility check on each. Only
 * when SCREENSHOTS names a folder; the pages alone are checked in test/web in every run.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { DEFAULT_USERS, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, screenshot } from '../fakes/chromium.ts';
import { GatewayProcess } from './gateway-process.ts';
import { giveCode, heading, logInToLucy, setUpAuthy, setUpTotp } from './steps.ts';

const API_KEY = 'key-of-the-stand-in-authy';
const [ALICE, BOB, ADMIN] = DEFAULT_USERS;
const LOOKS = [
  { width: 1280, height: 800, colorScheme: 'light' },
  { width: 1280, height: 800, colorScheme: 'dark' },
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const;

describe.skipIf(process.env['SCREENSHOTS'] === undefined)('screens in the real flow', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let authy: StandInAuthy;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    [browser, lucy, authy] = await Promise.all([
      launchChromium(),
      startStandInLucy(),
      startStandInAuthy({ apiKey: API_KEY }),
    ]);
    gateway = await GatewayProcess.start({ upstream: lucy.url, authy: { url: authy.url, apiKey: API_KEY } });
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await Promise.all([lucy?.close(), authy?.close()]);
  });

  const at = (path: string) => `${gateway.origin}${path}`;

  async function look(name: string): Promise<void> {
    for (const { width, height, colorScheme } of LOOKS) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
      const tooWide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(tooWide, `${name} at ${width} scrolls sideways`).toBeLessThanOrEqual(0);
      await screenshot(page, `${name}-${width}-${colorScheme}`);
    }
  }

  async function logIn(who = ALICE): Promise<void> {
    await context.clearCookies();
    await page.goto(at('/admin'));
    await logInToLucy(page, known(who));
  }

  it('are looked at with an authenticator app', async () => {
    await logIn();
    await page.goto(at('/_2fa/account'));
    await look('account-empty');
    await page.getByRole('link', { name: 'Set up authenticator app' }).click();
    await look('totp-intro');
    await page.getByRole('button', { name: 'Begin' }).click();
    await look('totp-configure');
    const app = await setUpTotp(page, gateway.origin);
    await look('done');

    await logIn();
    await heading(page, 'Enter your security code');
    await look('prompt');
    await page.getByText('Trouble signing in?').click();
    await look('prompt-trouble');
    await giveCode(page, app.wrongCode());
    await page.getByRole('alert').waitFor();
    await look('prompt-wrong-code');
    await giveCode(page, await app.code());
    await page.getByText('Campaign secret').waitFor();
    await page.goto(at('/_2fa/account'));
    await look('account-with-totp');
    await page.getByRole('link', { name: /^Remove/ }).click();
    await look('remove');
  }, 240_000);

  it('are looked at with Authy', async () => {
    await logIn(BOB);
    await page.goto(at('/_2fa/account'));
    await page.getByLabel('Mobile phone number').fill('12');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    await look('account-bad-phone');
    await page.getByLabel('Country').selectOption('CH');
    await page.getByLabel('Mobile phone number').fill('079 123 45 67');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your phone number was saved.').waitFor();
    await look('account-phone-saved');
    await page.getByRole('link', { name: 'Configure 2FA' }).click();
    await look('authy-intro');
    await page.getByRole('button', { name: 'Send this and begin' }).click();
    await heading(page, 'Configure 2FA');
    await look('authy-configure');
    await page.getByRole('button', { name: /^Text me a code/ }).click();
    await page.getByText(/We sent a code to/).waitFor();
    await look('authy-configure-sent');
    await setUpAuthy(page, gateway.origin, authy, '079 123 45 68');
    await logIn(BOB);
    await heading(page, 'Enter your security code');
    await look('authy-prompt');
    await expect
      .poll(
        async () => {
          await page.getByRole('button', { name: /^Text me a code/ }).click();
          return page.getByText(/We sent a code to/).count();
        },
        { interval: 1_000, timeout: 15_000 },
      )
      .toBe(1);
    await look('authy-prompt-sent');
  }, 240_000);

  it('are looked at in the administration, and when the application is away', async () => {
    await logIn(ADMIN);
    const app = await setUpTotp(page, gateway.origin);
    await logIn(ADMIN);
    await giveCode(page, await app.code());
    await page.getByText('Campaign secret').waitFor();
    await page.goto(at('/_2fa/admin'));
    await look('admin');
    await page.getByRole('textbox', { name: '2FA key' }).fill('x');
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByRole('alert').waitFor();
    await look('admin-bad-key');
    await page.getByRole('button', { name: `Reset 2FA of ${known(BOB).email}` }).click();
    await look('admin-reset');
    await page.goto(at('/_2fa/logout'));
    await look('logout');
    await lucy.close();
    await page.goto(at('/admin'));
    await look('application-away');
    await context.clearCookies();
    await page.goto(at('/_2fa/challenge'));
    await look('nobody');
  }, 240_000);
});

function known<T>(user: T | undefined): T {
  if (user === undefined) throw new Error('no such user');
  return user;
}
