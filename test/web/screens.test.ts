/** Every screen in a real browser: no accessibility violation, in light and dark, wide and narrow, and nothing scrolls sideways. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../../src/ceremonies/outcomes.ts';
import type { Identity } from '../../src/gate/types.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { ALICE, COOKIE, type Person, World } from './world.ts';

describe.skipIf(whySkipChromium() !== undefined)('screens', { timeout: 90_000 }, () => {
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
  });
  afterEach(async () => {
    await context.close();
    await world.stop();
  });

  async function become(person: Person): Promise<void> {
    await context.addCookies([{ name: COOKIE, value: person.id, url: world.origin }]);
  }

  async function open(path: string): Promise<void> {
    await page.goto(`${world.origin}/_2fa${path}`);
  }

  const look = (name: string): Promise<void> => lookAt(page, name);

  it('the prompt, its errors, its sent code and its end', async () => {
    world.addFactor('totp');
    world.addFactor('authy');
    await become(await world.person('challenge'));
    await open('/challenge');
    expect(await page.evaluate('document.activeElement.id')).toBe('otp-code');
    await look('challenge');
    await page.getByRole('textbox', { name: 'Security code' }).fill('111111');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    expect(await page.evaluate('document.activeElement.className')).toBe('summary');
    expect(await page.title()).toMatch(/^Error: /);
    await look('challenge-wrong');
    await page.getByRole('link', { name: /Authy app/ }).click();
    await page.getByRole('button', { name: 'Text me a code' }).click();
    await page.getByRole('heading', { name: 'Check your phone' }).waitFor();
    await look('challenge-sent');
    world.ceremonies.refuseNext(refusal('app-instead'));
    await page.getByRole('button', { name: 'Call me instead' }).click();
    await page.getByRole('button', { name: 'Call me anyway' }).waitFor();
    await look('challenge-app-instead');
    world.ceremonies.refuseNext(refusal('locked'));
    await open('/challenge');
    await look('locked');
    await context.clearCookies();
    await open('/challenge');
    await look('timed-out');
  });

  it('account and enrolment', async () => {
    world.site = { ...world.site, usesProvider: false };
    await become(await world.person('enrol'));
    await open('/account');
    await look('account-must-enrol');
    await page.getByLabel('Mobile phone number').fill('12');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByLabel('Mobile phone number').inputValue()).toBe('12');
    await look('account-phone-wrong');
    await page.getByLabel('Mobile phone number').fill('079 123 45 67');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('+41 79 123 45 67').waitFor();
    await look('account-phone-saved');
    await page.getByRole('link', { name: 'Configure 2FA' }).click();
    await look('enrol-authy');
    await page.getByRole('button', { name: 'Send this and begin' }).click();
    await look('enrol-authy-confirm');
    await open('/account');
    await look('account-draft');
    await page.getByRole('link', { name: 'Set up authenticator app' }).click();
    await look('enrol-totp');
    await page.getByRole('button', { name: 'Begin' }).click();
    await look('enrol-totp-confirm');
    await page.getByRole('textbox', { name: 'Security code' }).fill(RIGHT_CODE);
    await page.getByRole('button', { name: 'Turn on and sign out' }).click();
    await page.getByRole('heading', { name: 'Two-factor authentication is on' }).waitFor();
    await look('enrol-done');
    expect(await context.cookies()).toEqual([]);
  });

  it('a verified account, removal, sign-out', async () => {
    world.addFactor('totp');
    world.addFactor('authy');
    const alice = await world.person('proved');
    await become(alice);
    await open('/account');
    await look('account');
    await open('/remove/totp-1');
    await look('remove');
    await open('/logout');
    await look('logout');
    world.clock.advance(10 * 60_000);
    await open('/account');
    await look('account-needs-proof');
    await page.getByRole('button', { name: 'Confirm that it is you' }).click();
    await page.getByRole('heading', { name: 'Confirm that it is you' }).waitFor();
    await look('step-up');
    await page.getByRole('textbox', { name: 'Security code' }).fill(RIGHT_CODE);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Your methods' }).waitFor();
  });

  it('administration', async () => {
    world.addFactor('totp');
    world.ceremonies.administrators.add(ALICE);
    const names = [ALICE, 'bob@example.com', '"><img src=x onerror=alert(1)>@example.com', 'eve@example.com'];
    world.ceremonies.pageSize = 3;
    world.ceremonies.rows = names.map((name, index) => ({
      identity: name as Identity,
      factors: index % 2 === 0 ? ['totp', 'authy'] : [],
      level: 'optional',
      sessions: index,
      lock: index === 1 ? 'locked' : index === 2 ? 'paused' : 'none',
      needsTicket: index === 1,
      mayBypass: false,
      ...(index === 2 ? { pausedUntil: world.clock.now() + 600_000 } : {}),
    }));
    await become(await world.person('proved'));
    world.site = { ...world.site, usesProvider: false };
    await open('/admin');
    await look('admin-no-key');
    await page.getByRole('textbox', { name: '2FA key' }).fill('shared-0000004f2a');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    await look('admin-shared-refused');
    await page.getByRole('textbox', { name: '2FA key' }).fill('shared-0000004f2a');
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Save' }).click();
    world.site = { ...world.site, usesProvider: true };
    await page.getByText('ends with').waitFor();
    await look('admin-shared');
    await page.getByRole('button', { name: 'Test the key' }).click();
    await page.getByText('The provider accepts the key').waitFor();
    await page.getByRole('link', { name: 'Remove the 2FA key' }).click();
    await look('admin-key-remove');
    await open('/admin?search=bob');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await look('admin-confirm');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByRole('alert').waitFor();
    await look('admin-reason-missing');
    await page.getByLabel('Reason').fill('called back');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByText('bob@example.com was unlocked').waitFor();
  });

  it('works without scripts: the prompt ends in the application', async () => {
    await context.close();
    context = await openContext(browser, { javaScriptEnabled: false, viewport: 'phone' });
    page = await context.newPage();
    world.addFactor('totp');
    await become(await world.person('challenge'));
    await open('/challenge');
    await page
      .getByRole('textbox', { name: 'Security code' })
      .fill(` ${RIGHT_CODE.slice(0, 3)}-${RIGHT_CODE.slice(3)} `);
    await page.keyboard.press('Enter');
    await page.getByText('the application at /campaigns').waitFor();
  });

  it('a double click spends one guess', async () => {
    world.addFactor('totp');
    await become(await world.person('challenge'));
    await open('/challenge');
    await page.getByRole('textbox', { name: 'Security code' }).fill('111111');
    await page.getByRole('button', { name: 'Continue' }).dblclick();
    await page.getByRole('alert').waitFor();
    expect(world.ceremonies.proofs).toEqual(['111111']);
  });

  it('the page of the prompt weighs less than 50 kB, all in', async () => {
    world.addFactor('totp');
    world.addFactor('authy');
    await become(await world.person('challenge'));
    const loading: Promise<{ url: string; size: number }>[] = [];
    page.on('response', (response) => {
      const url = response.url();
      if (!url.startsWith('data:')) loading.push(response.body().then(({ length }) => ({ url, size: length })));
    });
    await open('/challenge');
    await page.waitForLoadState('networkidle');
    const loaded = await Promise.all(loading); // a body is fetched from the browser after it was shown
    expect(loaded.every(({ url }) => url.startsWith(world.origin))).toBe(true);
    expect(loaded).toHaveLength(3);
    expect(loaded.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(50_000);
  });
});
