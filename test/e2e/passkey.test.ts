/**
 * Passkeys in Chromium, with the browser's own virtual authenticators: two are set up, either lets its owner in, a cancelled
 * one leads back to the same page, one is removed after a fresh proof; and without JavaScript the page says why there is none.
 */
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_USERS, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from '../fakes/chromium.ts';
import { freePort } from '../fakes/free-port.ts';
import { GatewayProcess } from './gateway-process.ts';
import { heading, logInToLucy } from './steps.ts';

const [ALICE] = DEFAULT_USERS;
const USE = 'Use your passkey or security key';
const MISSING = /they need JavaScript and a browser that knows them/;
const LOOKS = [
  { width: 1280, height: 800, colorScheme: 'light' },
  { width: 1280, height: 800, colorScheme: 'dark' },
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const;

describe.skipIf(whySkipChromium() !== undefined)('passkeys', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;
  let devtools: CDPSession;

  beforeAll(async () => {
    const port = await freePort();
    [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy()]);
    // A name, and an address that browsers trust without TLS.
    gateway = await GatewayProcess.start({
      upstream: lucy.url,
      port,
      publicUrl: `http://localhost:${port}`,
      factors: '  passkey: {}\n',
    });
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await lucy?.close();
  });

  const at = (path: string) => `${gateway.origin}${path}`;
  const secret = () => page.getByText(lucy.secretOf(ALICE?.email ?? ''));

  async function logIn(on = page): Promise<void> {
    await on.context().clearCookies();
    await on.goto(at('/admin'));
    if (ALICE !== undefined) await logInToLucy(on, ALICE);
  }

  /** @param kind a phone or laptop that knows its owner and syncs, or a stick that anybody can touch. */
  async function plugIn(kind: 'internal' | 'usb'): Promise<string> {
    const isPhone = kind === 'internal';
    const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: kind,
        hasResidentKey: isPhone,
        hasUserVerification: isPhone,
        isUserVerified: isPhone,
        automaticPresenceSimulation: true,
        defaultBackupEligibility: isPhone,
        defaultBackupState: isPhone,
      },
    });
    return authenticatorId;
  }

  const unplug = (authenticatorId: string) => devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });

  async function setUp(name: string): Promise<void> {
    await page.goto(at('/_2fa/account'));
    await page.getByRole('link', { name: 'Set up a passkey' }).click();
    await page.getByRole('button', { name: 'Begin' }).click();
    await page.getByLabel(/^Name/).fill(name);
    await look('passkey-make');
    await page.getByRole('button', { name: 'Make the passkey and sign out' }).click();
    await heading(page, 'Two-factor authentication is on');
  }

  async function useKey(): Promise<void> {
    await page.getByRole('button', { name: USE }).click();
    await secret().waitFor();
  }

  /** Always the accessibility; pictures for people only where SCREENSHOTS names a folder. */
  async function look(name: string): Promise<void> {
    if (process.env['SCREENSHOTS'] === undefined) return expectAccessible(page);
    for (const { width, height, colorScheme } of LOOKS) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      await screenshot(page, `${name}-${width}-${colorScheme}`);
    }
  }

  it('are set up, named, used, cancelled, and removed with a fresh proof', async () => {
    const phone = await plugIn('internal');
    await logIn();
    await setUp('Phone');
    await logIn();
    await heading(page, USE);
    await look('passkey-prompt');
    await useKey();

    // The same device makes no second key for the same account.
    await page.goto(at('/_2fa/account'));
    await look('passkey-account-one');
    expect(await page.getByText(MISSING).isVisible()).toBe(false);
    await page.getByRole('link', { name: 'Set up a passkey' }).click();
    await look('passkey-intro');
    await page.getByRole('button', { name: 'Begin' }).click();
    await page.getByRole('button', { name: 'Make the passkey and sign out' }).click();
    await page.getByText('This device or key is set up for your account already.').waitFor();
    await look('passkey-make-again');

    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId: phone });
    await unplug(phone);
    const stick = await plugIn('usb');
    await setUp('Blue stick');
    await logIn();
    await useKey();

    // Nothing comes from a device without the key: the page stays, says so, and the right one works at once.
    await logIn();
    await unplug(stick);
    const other = await plugIn('internal');
    await page.getByRole('button', { name: USE }).click();
    await page.getByText(/it was cancelled, or took too long/).waitFor();
    await look('passkey-cancelled');
    for (const credential of credentials) {
      await devtools.send('WebAuthn.addCredential', { authenticatorId: other, credential });
    }
    await useKey();

    await page.goto(at('/_2fa/account'));
    const methods = page.getByRole('region', { name: 'Your methods' }).getByRole('listitem');
    await expect.poll(() => methods.count()).toBe(2);
    expect(await methods.nth(0).innerText()).toMatch(/“Phone”[\s\S]*last used[\s\S]*synced between your devices/);
    expect(await methods.nth(1).innerText()).toMatch(/“Blue stick”[\s\S]*last used[\s\S]*On one device only/);
    await look('passkey-account-two');

    // What a proof that is not fresh any more leads to, whenever it is asked for.
    await page.evaluate(`(() => {
      const form = document.querySelector('form.cancel');
      form.action = '/_2fa/proof';
      form.submit();
    })()`);
    await heading(page, 'Confirm that it is you');
    await look('passkey-step-up');
    await page.getByRole('button', { name: USE }).click();
    await heading(page, 'Two-factor authentication');

    await page.getByRole('link', { name: 'Remove Passkey “Blue stick”' }).click();
    await look('passkey-remove');
    await page.getByRole('button', { name: 'Remove your passkey “Blue stick”' }).click();
    await page.getByText('Passkey was removed. Your other sessions').waitFor();
    await expect.poll(() => methods.allInnerTexts()).toEqual([expect.stringContaining('“Phone”')]);
    expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('are not offered without JavaScript: one line says why, and the way back works', async () => {
    const plain = await (await openContext(browser, { javaScriptEnabled: false })).newPage();
    plain.setDefaultTimeout(15_000);
    await logIn(plain);
    await heading(plain, USE);
    await plain.getByText(MISSING).waitFor();
    expect(await plain.getByRole('button', { name: USE }).count()).toBe(0);
    if (process.env['SCREENSHOTS'] !== undefined) await screenshot(plain, 'passkey-no-script');
    await plain.getByRole('button', { name: 'Cancel and go back to sign-in' }).click();
    await plain.getByLabel('Password').waitFor();
    await plain.context().close();
  });
});
