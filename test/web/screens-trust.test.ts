/** Trusted browsers as they look: the box on the prompt, and the list on the account page; wide and narrow, light and dark. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { COOKIE, World } from './world.ts';

const DAY_MS = 86_400_000;

describe.skipIf(whySkipChromium() !== undefined)('screens of trusted browsers', { timeout: 90_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let world: World;

  beforeAll(async () => {
    world = await new World().start();
    world.addFactor('totp');
    world.addFactor('authy');
    world.ceremonies.hasPush = true;
    world.ceremonies.trustMs = 30 * DAY_MS;
    browser = await launchChromium();
    context = await openContext(browser);
    page = await context.newPage();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  });

  it('the box on the prompt, and where a request in an app waits', async () => {
    const alice = await world.person('challenge');
    await context.addCookies([{ name: COOKIE, value: alice.id, url: world.origin }]);
    await page.goto(`${world.origin}/_2fa/challenge`);
    await page.getByLabel('Do not ask again in this browser for 30 days').waitFor();
    await lookAt(page, 'trust-prompt');
    await page.goto(`${world.origin}/_2fa/challenge/push?way=authy-1`);
    await page.getByLabel('Do not ask again in this browser for 30 days').waitFor();
    await lookAt(page, 'trust-push');
  });

  it('the list on the account page', async () => {
    const at = world.clock.now();
    const one = { trustedAt: at - 3 * DAY_MS, usedAt: at - 3_600_000, until: at + 27 * DAY_MS };
    const agent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36';
    world.ceremonies.browsers = [
      { ...one, id: 'b1', isThis: true, from: { address: '192.0.2.7', agent } },
      { ...one, id: 'b2', isThis: false, from: { address: '2001:db8:1:2:3:4:5:6', agent: 'Firefox/140.0 Android' } },
    ];
    const alice = await world.person('proved');
    await context.addCookies([{ name: COOKIE, value: alice.id, url: world.origin }]);
    await page.goto(`${world.origin}/_2fa/account`);
    await page.getByRole('heading', { name: 'Trusted browsers' }).waitFor();
    await lookAt(page, 'trust-account');
  });
});
