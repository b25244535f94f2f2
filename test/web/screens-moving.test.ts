/** The screens of the way from Authy to another method, and what an administrator sees of it: as screens.test.ts looks at the others. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { ALICE, COOKIE, World } from './world.ts';

describe.skipIf(whySkipChromium() !== undefined)('screens of moving away from Authy', { timeout: 90_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let world: World;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    world = await new World().start();
    context = await openContext(browser);
    page = await context.newPage();
    world.addFactor('authy');
    const { id } = await world.person('proved');
    await context.addCookies([{ name: COOKIE, value: id, url: world.origin }]);
  });
  afterEach(async () => {
    await context.close();
    await world.stop();
  });

  const open = (path: string) => page.goto(`${world.origin}/_2fa${path}`);
  const look = (name: string): Promise<void> => lookAt(page, name);

  it('both steps, and what leads to them', async () => {
    world.ceremonies.available = ['passkey', 'totp', 'authy', 'verify'];
    await open('/account');
    await look('moving-account');
    await page.getByRole('link', { name: 'Move away from Authy' }).click();
    await look('moving-add');
    world.addFactor('totp');
    await page.reload();
    await look('moving-remove');
  });

  it('the list of an administrator', async () => {
    world.ceremonies.administrators.add(ALICE);
    const row = { level: 'optional', sessions: 0, lock: 'none', needsTicket: false, mayBypass: false } as const;
    world.ceremonies.rows = ['ann', 'ben', 'cleo'].map((name) => ({
      ...row,
      identity: `${name}@example.com` as Identity,
      factors: ['authy'],
    }));
    await open('/admin');
    await look('moving-admin');
    await page.getByRole('link', { name: 'See who still has only Authy' }).click();
    await look('moving-admin-list');
  });
});
