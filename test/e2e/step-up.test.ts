/**
 * A form and a file in Chromium, sent to addresses that ask for a factor first: nothing is lost, and the answer stands at its own
 * address. Against the gateway's own process, with script over HTTP/2 and without over HTTP/1.1.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from '../fakes/chromium.ts';
import { cert, key } from '../upstream/certificates.ts';
import type { Authenticator } from './authenticator.ts';
import { GatewayProcess } from './gateway-process.ts';
import { type Credentials, giveCode, heading, logInToLucy, setUpTotp, signInAgain } from './steps.ts';

const POLICY = `policy:
  default: off
  routes:
    - { path: /admin/account, methods: [POST], level: required }
    - { path: /admin/upload, level: required }
`;

describe.skipIf(whySkipChromium() !== undefined).each([true, false])(
  'a proof in between (script: %s)',
  (withScript) => {
    const who: Credentials & { role: 'User' } = { email: 'stefan@example.com', password: 'once more', role: 'User' };
    let browser: Browser;
    let lucy: StandInLucy;
    let gateway: GatewayProcess;
    let context: BrowserContext;
    let page: Page;
    let app: Authenticator;

    beforeAll(async () => {
      [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy({ users: [who] })]);
      const tls = withScript ? { tls: { cert, key } } : {};
      gateway = await GatewayProcess.start({ upstream: lucy.url, more: POLICY, ...tls });
      context = await openContext(browser, { javaScriptEnabled: withScript, insecureIgnoreHTTPSErrors: withScript });
      page = await context.newPage();
      page.setDefaultTimeout(20_000);
      await signIn();
      app = await setUpTotp(page, gateway.origin);
      await signInAgain(page);
    });
    afterAll(async () => {
      await browser?.close();
      await gateway?.remove();
      await lucy?.close();
    });

    const at = (path: string) => `${gateway.origin}${path}`;
    const sent = (url: string) => lucy.requests.filter((one) => one.method === 'POST' && one.url === url).length;

    /** The level is off: a password is enough, until an address asks for more. */
    async function signIn(): Promise<void> {
      await page.goto(at('/admin'));
      await logInToLucy(page, who);
      await page.getByText(lucy.secretOf(who.email)).waitFor();
    }

    async function prove(): Promise<void> {
      await heading(page, 'Confirm that it is you');
      await giveCode(page, await app.code());
      await heading(page, 'Go on with what you were doing');
    }

    it('keeps a form, and sends it once', async () => {
      await signIn();
      await page.goto(at('/admin/account'));
      await page.getByLabel('Phone').fill('+41 44 668 18 00');
      await page.getByRole('button', { name: 'Save' }).click();
      await heading(page, 'Confirm that it is you');
      if (withScript) await expectAccessible(page);
      await screenshot(page, `step-up-prompt-${withScript}`);
      expect(sent('/admin/account')).toBe(0);
      await prove();
      if (withScript) await expectAccessible(page);
      await screenshot(page, `resume-${withScript}`);
      expect(sent('/admin/account')).toBe(0);
      await page.getByRole('button', { name: 'Send it now' }).click();
      await page.getByRole('status').getByText('Saved.').waitFor();
      expect(page.url()).toBe(at('/admin/account'));
      expect(await page.getByLabel('Phone').inputValue()).toBe('+41 44 668 18 00');

      // Again: the page of ours is not answered a second time, and the proof holds for what comes next.
      await page.goto(at('/_2fa/resume'));
      await heading(page, 'There is nothing left to send');
      await screenshot(page, `nothing-kept-${withScript}`);
      expect(sent('/admin/account')).toBe(1);
      await page.goto(at('/admin/account'));
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('status').getByText('Saved.').waitFor();
    });

    it('keeps a file, and tells of one that is too large', async () => {
      await context.clearCookies();
      await signIn();
      const send = async (bytes: number): Promise<void> => {
        await page.goto(at('/admin/files'));
        const file = { name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.alloc(bytes, 'é;\0') };
        await page.getByLabel('File').setInputFiles(file);
        await page.getByRole('button', { name: 'Upload' }).click();
      };
      await send(66_000);
      await heading(page, 'Confirm first that it is you');
      await page.getByRole('link', { name: 'Confirm that it is you' }).waitFor();
      if (withScript) await expectAccessible(page);
      await screenshot(page, `proof-needed-${withScript}`);
      await send(40_000);
      await prove();
      await page.getByRole('button', { name: 'Send it now' }).click();
      await page.getByText('"size":').waitFor();
      expect(page.url()).toBe(at('/admin/upload'));
      expect(JSON.parse((await page.locator('body').textContent()) ?? '')).toMatchObject({ file: { size: 40_000 } });
      expect(sent('/admin/upload')).toBe(1);
    });
  },
);
