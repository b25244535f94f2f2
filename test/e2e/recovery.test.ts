/**
 * A person with recovery codes in Chromium, against the gateway's own process: they come with the first factor, are kept, let
 * in once when the phone is lost, lead to where it can be replaced, and are made anew. With script and without.
 */
import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from '../fakes/chromium.ts';
import { GatewayProcess } from './gateway-process.ts';
import { arrive, type Credentials, heading, logInToLucy, setUpTotp, signInAgain } from './steps.ts';

const CODE = /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/;

describe.skipIf(whySkipChromium() !== undefined).each([true, false])(
  'recovery codes (script: %s)',
  (javaScriptEnabled) => {
    const who: Credentials & { role: 'User' } = { email: 'rita@example.com', password: 'lost my phone', role: 'User' };
    let browser: Browser;
    let lucy: StandInLucy;
    let gateway: GatewayProcess;
    let context: BrowserContext;
    let page: Page;
    let fresh: string[];

    beforeAll(async () => {
      [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy({ users: [who] })]);
      gateway = await GatewayProcess.start({ upstream: lucy.url });
      context = await openContext(browser, { javaScriptEnabled });
      page = await context.newPage();
      page.setDefaultTimeout(20_000);
    });
    afterAll(async () => {
      await browser?.close();
      await gateway?.remove();
      await lucy?.close();
    });
    afterEach(async () => {
      expect(gateway.stdout).not.toMatch(/[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}/);
    });

    const at = (path: string) => `${gateway.origin}${path}`;
    const shown = () => page.locator('.codes code').allTextContents();

    /** The answer to a form was kept by nobody: the browser has nothing to show. */
    async function backShowsNothing(): Promise<void> {
      await expect(page.goBack()).rejects.toThrow('ERR_CACHE_MISS');
      await page.waitForURL(/^chrome-error:/);
      expect(await shown()).toEqual([]);
    }

    async function toPrompt(): Promise<void> {
      await context.clearCookies();
      await page.goto(at('/admin'));
      await logInToLucy(page, who);
      await heading(page, 'Enter your security code');
    }

    async function giveRecoveryCode(code: string): Promise<void> {
      await page.getByRole('link', { name: 'A recovery code' }).click();
      await heading(page, 'Enter a recovery code');
      await page.getByLabel('Recovery code').fill(code);
      await page.getByRole('button', { name: 'Continue' }).click();
    }

    it('goes the whole way: shown once, kept, used once, counted, made anew', async () => {
      await page.goto(at('/admin'));
      await logInToLucy(page, who);
      await setUpTotp(page, gateway.origin);
      const codes = await shown();
      expect(codes).toHaveLength(10);
      for (const code of codes) expect(code).toMatch(CODE);
      if (javaScriptEnabled) await expectAccessible(page);
      await screenshot(page, `recovery-codes-${javaScriptEnabled ? 'script' : 'plain'}`);

      // The file has them all, and paper has nothing else.
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Download' }).click(),
      ]);
      expect(download.suggestedFilename()).toBe('recovery-codes.txt');
      const text = await readFile(await download.path(), 'utf8');
      for (const code of codes) expect(text).toContain(code);
      expect(text).toContain(`Account: ${who.email}`);
      await page.emulateMedia({ media: 'print' });
      expect(await page.getByText('Recovery codes for Lucy').isVisible()).toBe(true);
      for (const name of ['Download', 'Trouble signing in?', 'Two-factor authentication is on', 'I have saved']) {
        expect(await page.getByText(name).first().isVisible(), name).toBe(false);
      }
      await page.emulateMedia({ media: 'screen' });
      expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(javaScriptEnabled);

      // Without the tick nobody goes on.
      await page.getByRole('button', { name: 'Continue' }).click();
      await heading(page, 'Two-factor authentication is on');
      await signInAgain(page);
      await heading(page, 'Login');
      expect(page.url()).not.toContain('codes');
      await backShowsNothing();

      await toPrompt();
      await giveRecoveryCode('ZZZZ-ZZZZ-ZZZZ-ZZZZ');
      await page.getByRole('alert').getByText('The recovery code is not correct.').waitFor();
      if (javaScriptEnabled) await expectAccessible(page);
      await page.getByLabel('Recovery code').fill(codes[4]?.toLowerCase().replaceAll('-', ' ') ?? '');
      await page.getByRole('button', { name: 'Continue' }).click();
      await arrive(page, page.getByText('You used a recovery code. You have 9 left.'));
      await page.goto(at('/admin'));
      await page.getByText(lucy.secretOf(who.email)).waitFor();

      await toPrompt();
      await giveRecoveryCode(codes[4] ?? '');
      await page.getByRole('alert').getByText('The recovery code is not correct.').waitFor();
      await page.getByLabel('Recovery code').fill(codes[0] ?? '');
      await page.getByRole('button', { name: 'Continue' }).click();
      await arrive(page, page.getByText('You have 8 codes left'));

      // New ones: the proof is fresh, the old ones are void, nothing shows them again.
      await page.getByRole('link', { name: 'Make new recovery codes' }).click();
      await page.getByRole('button', { name: 'Make new codes' }).click();
      await heading(page, 'Save your recovery codes');
      fresh = await signInAgain(page);
      expect(fresh).toHaveLength(10);
      expect(fresh.filter((code) => codes.includes(code))).toEqual([]);
      await heading(page, 'Two-factor authentication');
      await page.getByText('You have 10 codes left').waitFor();
      expect(await page.content()).not.toContain(fresh[0] ?? '');
      if (javaScriptEnabled) await expectAccessible(page);
      await backShowsNothing();

      await toPrompt();
      await giveRecoveryCode(codes[1] ?? '');
      await page.getByRole('alert').waitFor();
      await page.getByLabel('Recovery code').fill(fresh[1] ?? '');
      await page.getByRole('button', { name: 'Continue' }).click();
      await arrive(page, page.getByText('You have 9 left.'));
    });

    it('replaces a lost phone, and what is left survives the end of the process', async () => {
      await page.goto(at('/_2fa/account'));
      await setUpTotp(page, gateway.origin);
      expect(await shown()).toEqual([]); // they have codes already
      await page.getByRole('link', { name: 'Sign in again' }).click();
      await heading(page, 'Login');
      await gateway.kill();
      await gateway.start();
      await toPrompt();
      await giveRecoveryCode(fresh[2] ?? '');
      await arrive(page, page.getByText('You have 8 codes left'));
      const stored = await readFile(`${gateway.folder}/data/users.json`, 'utf8');
      expect(stored).not.toContain('recovery');
    });
  },
);
