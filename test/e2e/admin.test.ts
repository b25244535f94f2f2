/**
 * The administrator in Chromium: gets in with a second factor only, saves the 2FA key, and the key is in use at once. The
 * configuration file is the operator's: their comments stay.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { DEFAULT_USERS, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { GatewayProcess } from './gateway-process.ts';
import { arrive, giveCode, heading, logInToLucy, setUpAuthy, setUpTotp, textedToken } from './steps.ts';

const API_KEY = 'key-of-the-stand-in-authy';
const [ALICE, BOB, ADMIN] = DEFAULT_USERS;

describe.skipIf(whySkipChromium() !== undefined)('the administration', () => {
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
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([lucy?.close(), authy?.close()]);
  });
  beforeEach(async () => {
    gateway = await GatewayProcess.start({ upstream: lucy.url, authy: { url: authy.url } });
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterEach(async () => {
    await context.close();
    await gateway.remove();
  });

  const at = (path: string) => `${gateway.origin}${path}`;

  /** Enrols the administrator, signs in and opens the administration. */
  async function openAdministration(): Promise<void> {
    await page.goto(at('/admin'));
    await logInToLucy(page, known(ADMIN));
    const app = await setUpTotp(page, gateway.origin);
    await page.goto(at('/admin'));
    await logInToLucy(page, known(ADMIN));
    await giveCode(page, await app.code());
    await page.getByText('Campaign secret').waitFor();
    await page.goto(at('/_2fa/admin'));
  }

  it('is closed to a password alone, and to everybody else', async () => {
    await page.goto(at('/admin'));
    await logInToLucy(page, known(ADMIN));
    const answer = await page.goto(at('/_2fa/admin'));
    expect(answer?.status()).not.toBe(200);
    expect(await page.content()).not.toContain('2FA key');
    const stranger = await (await openContext(browser)).newPage();
    await stranger.goto(at('/admin'));
    await logInToLucy(stranger, known(BOB));
    const app = await setUpTotp(stranger, gateway.origin);
    await stranger.goto(at('/admin'));
    await logInToLucy(stranger, known(BOB));
    await giveCode(stranger, await app.code());
    await stranger.getByText('Campaign secret').waitFor();
    expect((await stranger.goto(at('/_2fa/admin')))?.status()).not.toBe(200);
    await stranger.context().close();
  });

  it('saves a 2FA key, which is in use without a restart; comments and mode of the file stay', async () => {
    await page.goto(at('/admin'));
    await logInToLucy(page, known(ALICE));
    await page.goto(at('/_2fa/account'));
    expect(await page.getByRole('link', { name: 'Configure 2FA' }).count()).toBe(0);
    await page.getByText('Nothing is sent to any outside service').first().waitFor();
    await context.clearCookies();

    await openAdministration();
    const before = await readFile(gateway.configPath, 'utf8');
    const { pid } = gateway;
    await page.getByRole('textbox', { name: '2FA key' }).fill(API_KEY);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The 2FA key was saved and is in use.').waitFor();
    expect(await page.content()).not.toContain(API_KEY);
    await page.getByRole('button', { name: 'Test the key' }).click();
    await page.getByText(/The provider accepts the key/).waitFor();

    const after = await readFile(gateway.configPath, 'utf8');
    const added = after.split('\n').filter((line) => !before.split('\n').includes(line));
    expect(added.map((line) => line.trim())).toEqual([`apiKey: "${API_KEY}"`]);
    expect(before.split('\n').filter((line) => !after.split('\n').includes(line))).toEqual([]);
    expect((await stat(gateway.configPath)).mode & 0o777).toBe(0o600);
    expect(gateway.stdout + gateway.stderr).not.toContain(API_KEY);

    await context.clearCookies();
    await page.goto(at('/admin'));
    await logInToLucy(page, known(ALICE));
    await setUpAuthy(page, gateway.origin, authy, '079 765 43 21');
    await page.goto(at('/admin'));
    await logInToLucy(page, known(ALICE));
    await heading(page, 'Enter your security code');
    await giveCode(page, await textedToken(page, authy));
    await arrive(page, page.getByText(lucy.secretOf(known(ALICE).email)));
    expect(gateway.pid).toBe(pid);
  });

  it('does not save over a file that somebody changed meanwhile', async () => {
    await openAdministration();
    const changed = `${await readFile(gateway.configPath, 'utf8')}# A second hand was here.\nsessions: { idle: nonsense }\n`;
    await writeFile(gateway.configPath, changed);
    await gateway.logged(({ event }) => event === 'config_reload_refused');
    await page.getByRole('textbox', { name: '2FA key' }).fill(API_KEY);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    expect(await readFile(gateway.configPath, 'utf8')).toBe(changed);
  });

  it('resets a user, who is signed out and enters with the password alone', async () => {
    const theirs = await openContext(browser);
    const them = await theirs.newPage();
    await them.goto(at('/admin'));
    await logInToLucy(them, known(BOB));
    const app = await setUpTotp(them, gateway.origin);
    await them.goto(at('/admin'));
    await logInToLucy(them, known(BOB));
    await giveCode(them, await app.code());
    await them.getByText('Campaign secret').waitFor();

    await openAdministration();
    await page.getByRole('button', { name: `Reset 2FA of ${known(BOB).email}` }).click();
    await page.getByLabel('Reason').fill('new phone, called back');
    await page.getByRole('button', { name: 'Reset 2FA' }).click();
    await page.getByText(`Two-factor authentication was reset for ${known(BOB).email}`).waitFor();

    await them.goto(at('/admin'));
    await logInToLucy(them, known(BOB));
    await them.getByText(lucy.secretOf(known(BOB).email)).waitFor();
    await theirs.close();
  });
});

function known<T>(user: T | undefined): T {
  if (user === undefined) throw new Error('no such user');
  return user;
}
