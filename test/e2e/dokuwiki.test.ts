/**
 * A real DokuWiki behind the gateway's own process, in Chromium: an application that knows nothing of us, with its own form,
 * its own session that keeps its id, pages that are edited and files that are uploaded.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import {
  ALICE_DIARY,
  DOKUWIKI_USERS,
  type DokuWiki,
  type DokuWikiUser,
  startDokuWiki,
  whySkipDokuWiki,
} from '../fakes/dokuwiki.ts';
import type { Authenticator } from './authenticator.ts';
import { GatewayProcess } from './gateway-process.ts';
import { arrive, cookieNames, giveCode, heading, setUpAuthy, setUpTotp, textedToken } from './steps.ts';

const API_KEY = 'key-of-the-stand-in-authy';
const DIARY = '/doku.php?id=private:alice:diary';
/** 1 by 1 pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const skip = whySkipChromium() ?? whySkipDokuWiki();

describe.skipIf(skip !== undefined)(
  `DokuWiki behind the gateway${skip === undefined ? '' : ` (skipped: ${skip})`}`,
  () => {
    let browser: Browser;
    let wiki: DokuWiki;
    let authy: StandInAuthy;
    let gateway: GatewayProcess;
    let context: BrowserContext;
    let page: Page;

    beforeAll(async () => {
      [browser, wiki, authy] = await Promise.all([
        launchChromium(),
        startDokuWiki(),
        startStandInAuthy({ apiKey: API_KEY }),
      ]);
    });
    afterAll(async () => {
      await browser?.close();
      await Promise.all([wiki?.stop(), authy?.close()]);
    });
    beforeEach(async () => {
      gateway = await GatewayProcess.start({
        upstream: wiki.url,
        profile: 'dokuwiki',
        authy: { url: authy.url, apiKey: API_KEY },
      });
    });
    afterEach(async () => {
      await context?.close();
      await gateway.remove();
    });

    const at = (path: string) => `${gateway.origin}${path}`;

    async function open(javaScriptEnabled = true): Promise<void> {
      context = await openContext(browser, { javaScriptEnabled });
      page = await context.newPage();
      page.setDefaultTimeout(15_000);
    }

    /** DokuWiki's own form, wherever it is open. */
    async function logIn(who: DokuWikiUser): Promise<void> {
      await page.locator('#dw__login input[name=u]').fill(who.login);
      await page.locator('#dw__login input[name=p]').fill(who.password);
      await page.locator('#dw__login button[type=submit]').click();
    }

    async function openLogin(path = '/doku.php'): Promise<void> {
      await page.goto(at(path));
      await page.locator('#dw__login').waitFor();
    }

    async function signIn(who: DokuWikiUser): Promise<Authenticator> {
      await openLogin();
      await logIn(who);
      await page.locator('#dokuwiki__usertools .logout').waitFor();
      const app = await setUpTotp(page, gateway.origin);
      await openLogin();
      await logIn(who);
      await giveCode(page, await app.code());
      await page.locator('#dokuwiki__usertools .logout').waitFor();
      return app;
    }

    it.each([true, false])('goes the whole way with an authenticator app (script: %s)', async (javaScriptEnabled) => {
      await open(javaScriptEnabled);
      const { alice } = DOKUWIKI_USERS;
      await openLogin();
      await logIn(alice);
      await page.locator('#dokuwiki__usertools .user').getByText('alice', { exact: true }).waitFor();
      const app = await setUpTotp(page, gateway.origin);

      await openLogin(DIARY);
      await logIn(alice);
      await heading(page, 'Enter your security code');
      await page.goto(at(DIARY));
      await heading(page, 'Enter your security code');
      expect(await page.content()).not.toContain(ALICE_DIARY);
      await giveCode(page, app.wrongCode());
      await page.getByRole('alert').waitFor();
      await giveCode(page, await app.code());
      await page.getByText(ALICE_DIARY).waitFor();
      const names = await cookieNames(page);
      expect(names.filter((name) => name !== 'DOKU_PREFS')).toEqual(['lucy2fa']);

      const cookies = await context.cookies();
      await page.locator('#dokuwiki__usertools .logout a').click();
      await page.locator('#dw__login').waitFor();
      await context.addCookies(cookies);
      await page.goto(at(DIARY));
      await page.locator('#dw__login').waitFor();
      expect(await page.content()).not.toContain(ALICE_DIARY);
    });

    it('goes the whole way with Authy: country and phone, Save, Configure 2FA, text, token', async () => {
      await open();
      const { bob } = DOKUWIKI_USERS;
      const before = authy.requests.length;
      await openLogin();
      await logIn(bob);
      await page.locator('#dokuwiki__usertools .logout').waitFor();
      expect(authy.requests.length).toBe(before);
      await setUpAuthy(page, gateway.origin, authy, '079 222 33 44');

      await openLogin();
      await logIn(bob);
      await heading(page, 'Enter your security code');
      const token = await textedToken(page, authy);
      await giveCode(page, token === '0000000' ? '1111111' : '0000000');
      await page.getByRole('alert').waitFor();
      await giveCode(page, token);
      await arrive(page, page.locator('#dokuwiki__usertools .user').getByText('bob', { exact: true }));
      await page.goto(at(DIARY));
      await page.getByText('Permission Denied').waitFor();
    });

    it('edits a page and uploads a file in a verified session', async () => {
      await open();
      await signIn(DOKUWIKI_USERS.alice);
      await page.goto(at('/doku.php?id=private:alice:plans&do=edit'));
      const text = 'Plans & “ideas” of Alice: 100% ünïcode.';
      await page.locator('textarea[name=wikitext]').fill(text);
      await page.locator('#edbtn__save').click();
      await page
        .locator('.page')
        .getByText(/Plans & .ideas. of Alice: 100% ünïcode/)
        .waitFor();
      expect(await readFile(join(wiki.pages, 'private/alice/plans.txt'), 'utf8')).toContain(text);

      await page.goto(at('/lib/exe/mediamanager.php?ns=private:alice'));
      await page
        .locator('input[type=file]')
        .first()
        .setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: PNG });
      await page.locator('#mediamanager__upload_button').click();
      await page.getByText('dot.png').first().waitFor();
      await expect
        .poll(() => readFile(join(wiki.pages, '../media/private/alice/dot.png')).catch(() => undefined))
        .toEqual(PNG);
      const image = await page.goto(at('/lib/exe/fetch.php?media=private:alice:dot.png'));
      expect(await image?.body()).toEqual(PNG);
      await context.clearCookies();
      await page.goto(at('/lib/exe/fetch.php?media=private:alice:dot.png'));
      await page.locator('#dw__login').waitFor();
    });
  },
);
