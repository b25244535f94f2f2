/** The pages around a request in an app, in a real browser: accessible in light and dark, and nothing scrolls sideways. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { COOKIE, World } from './world.ts';

describe.skipIf(whySkipChromium() !== undefined)('screens of a request in an app', { timeout: 90_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let world: World;

  beforeAll(async () => {
    world = await new World().start();
    world.addFactor('authy');
    world.addFactor('totp');
    world.ceremonies.hasPush = true;
    browser = await launchChromium();
    context = await openContext(browser);
    page = await context.newPage();
    const alice = await world.person('challenge');
    await context.addCookies([{ name: COOKIE, value: alice.id, url: world.origin }]);
  });
  afterAll(async () => {
    await browser.close();
    await world.stop();
  });

  async function look(path: string, name: string): Promise<void> {
    await page.goto(`${world.origin}/_2fa${path}`);
    await lookAt(page, name);
  }

  it('are the prompt with its button, the page that waits, and the one that goes on', async () => {
    await look('/challenge', 'push-prompt');
    await look('/challenge/push?way=authy-1', 'push-waiting');
    world.ceremonies.isAnswered = true;
    await look('/challenge/push?way=authy-1', 'push-answered');
  });
});
