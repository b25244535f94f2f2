/** The screens of the entrance, as screens.test.ts looks at the others: no accessibility violation, in light and dark, wide and narrow, and nothing scrolls sideways. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../../src/ceremonies/outcomes.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { COOKIE, World } from './world.ts';

describe.skipIf(whySkipChromium() !== undefined)('screens of the entrance', { timeout: 90_000 }, () => {
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
    world.ceremonies.hasEntrance = true;
    world.enabled = ['passkey', 'totp'];
    context = await openContext(browser);
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    await world.stop();
  });

  const open = (path: string) => page.goto(`${world.origin}/_2fa${path}`);
  const look = (name: string): Promise<void> => lookAt(page, name);

  it('name and code, and what is said to all that do not let in', async () => {
    await open('/entrance');
    await look('entrance');
    await page.getByLabel('Account name').fill('alice');
    await page.getByLabel('Security code').fill('123456');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByLabel('Account name').inputValue()).toBe('alice');
    await look('entrance-refused');
    world.ceremonies.refuseNext(refusal('account-missing'));
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('link', { name: 'Enter the name of your account' }).waitFor();
    await look('entrance-name-missing');
    world.ceremonies.refuseNext(refusal('entrance-shut', { until: world.clock.now() + 60_000 }));
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Too many codes were tried').waitFor();
    await look('entrance-shut');
  });

  it('a recovery code, a key, and a ticket', async () => {
    await open('/entrance');
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await page.getByLabel('Recovery code').waitFor();
    await look('entrance-recovery');
    await page.getByRole('link', { name: 'Use a code from an administrator' }).click();
    await page.getByLabel('Code from your administrator').waitFor();
    await look('entrance-bypass');
    await page.getByLabel('Account name').fill('alice');
    await page.getByRole('button', { name: 'Use a passkey or security key' }).click();
    await page.getByRole('heading', { level: 1, name: 'Use your passkey or security key' }).waitFor();
    await look('entrance-key');
    await page.getByRole('link', { name: 'Use another way' }).click();
    await page.getByRole('link', { name: 'Set up your first method with a ticket' }).click();
    await page.getByLabel('Account name').fill('alice');
    await page.getByLabel('Ticket', { exact: true }).fill('no');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    await look('entrance-ticket-wrong');
  });

  it('the account of somebody who came by a ticket', async () => {
    const carol = await world.person('enrol');
    await context.addCookies([{ name: COOKIE, value: carol.id, url: world.origin }]);
    await open('/account');
    await page.getByText('None yet. Without one you cannot sign in again. Add a method below.').waitFor();
    expect(await page.content()).not.toContain('password alone');
    await look('entrance-account');
  });
});
