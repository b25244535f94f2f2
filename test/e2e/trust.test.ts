/**
 * A trusted browser in Chromium without JavaScript, against a gateway started as it is installed: a tick on the prompt, the next
 * login without a code, and the end of it on the account page.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_USERS, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { GatewayProcess } from './gateway-process.ts';
import { arrive, cookieNames, heading, logInToLucy, setUpTotp, signInAgain } from './steps.ts';

const [ALICE] = DEFAULT_USERS;

describe.skipIf(whySkipChromium() !== undefined)('a trusted browser, without JavaScript', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy()]);
    gateway = await GatewayProcess.start({ upstream: lucy.url, more: 'policy: { trustedBrowser: { days: 30 } }' });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await lucy?.close();
  });

  async function open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(`${gateway.origin}/admin`);
    return page;
  }

  it('is trusted with a tick, signs in with the password alone, also after a restart, until its owner ends that', async () => {
    if (ALICE === undefined) throw new Error('nobody lives there');
    const laptop = await openContext(browser, { javaScriptEnabled: false });
    let page = await open(laptop);
    await logInToLucy(page, ALICE);
    const app = await setUpTotp(page, gateway.origin);
    const codes = await signInAgain(page);

    await logInToLucy(page, ALICE);
    await heading(page, 'Enter your security code');
    const box = page.getByLabel('Do not ask again in this browser for 30 days');
    expect(await box.isChecked()).toBe(false);
    await box.check();
    await page.locator('input[autocomplete=one-time-code]').fill(await app.code());
    await page.getByRole('button', { name: 'Continue' }).click();
    await arrive(page, page.getByText(lucy.secretOf(ALICE.email)));
    expect(await cookieNames(page)).toContain('lucy2fa-browser');
    expect(await page.evaluate('document.cookie')).not.toContain('lucy2fa');

    // The browser is closed: it forgets the session, and keeps what has a date.
    await laptop.clearCookies({ name: 'lucy2fa' });
    await gateway.kill();
    await gateway.start();
    page = await open(laptop);
    await logInToLucy(page, ALICE);
    await page.getByText(lucy.secretOf(ALICE.email)).waitFor();
    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByText('To change anything here, confirm first that it is you.').waitFor();
    expect(await page.getByRole('button', { name: 'Stop trusting' }).count()).toBe(0);

    // On the phone, with a code on paper: the laptop is lost.
    const phone = await openContext(browser, { javaScriptEnabled: false });
    const other = await open(phone);
    await logInToLucy(other, ALICE);
    await other.getByRole('link', { name: 'A recovery code' }).click();
    expect(await other.getByLabel('Do not ask again in this browser').count()).toBe(0);
    await other.getByLabel('Recovery code').fill(codes[0] ?? '');
    await other.getByRole('button', { name: 'Continue' }).click();
    await arrive(other, other.getByRole('heading', { name: 'Trusted browsers' }));
    await other.getByRole('button', { name: /^Stop trusting/ }).click();
    await other.getByText('1 browser is not trusted any more.').waitFor();

    await page.goto(`${gateway.origin}/admin`);
    await page.getByLabel('Password').waitFor(); // signed out at once
    await logInToLucy(page, ALICE);
    await heading(page, 'Enter your security code');
    expect(lucy.sawBytes('lucy2fa')).toBe(false);
  });
});
