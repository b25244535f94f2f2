/** The screens before a first method, as screens.test.ts looks at the others: no accessibility violation, in light and dark, wide and narrow, and nothing scrolls sideways. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { RIGHT_TICKET } from './ceremonies-double.ts';
import { ALICE, COOKIE, type Person, World } from './world.ts';

describe.skipIf(whySkipChromium() !== undefined)('screens before a first method', { timeout: 90_000 }, () => {
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

  it('the ticket, its error, and “Not now”', async () => {
    world.ceremonies.needsTicket = true;
    world.ceremonies.mayWaitUntil = world.clock.now() + 49 * 3_600_000;
    await become(await world.person('enrol'));
    await open('/account');
    await page.getByLabel('Ticket', { exact: true }).fill('no');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    await look('first-ticket-wrong');
    await page.getByLabel('Ticket', { exact: true }).fill(RIGHT_TICKET);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Your ticket was accepted.').waitFor();
    await look('first-not-now');
  });

  it('the ticket that an administrator makes', async () => {
    world.addFactor('totp');
    world.ceremonies.administrators.add(ALICE);
    const identity = 'bob@example.com' as Identity;
    world.ceremonies.rows = [
      { identity, factors: [], level: 'required', sessions: 0, lock: 'none', needsTicket: true, mayBypass: false },
    ];
    await become(await world.person('proved'));
    await open('/admin');
    await look('first-admin');
    await page.getByRole('button', { name: 'Make a ticket for bob@example.com' }).click();
    await page.getByLabel('Reason').fill('seen in person');
    await page.getByRole('button', { name: 'Make a ticket' }).click();
    await page.getByText(RIGHT_TICKET).waitFor();
    await look('first-admin-ticket');
  });
});
