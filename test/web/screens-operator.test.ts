/** The screens for who lost everything, and what an administrator sees of it: as screens.test.ts looks at the others. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { RIGHT_BYPASS } from './ceremonies-double.ts';
import { ALICE, COOKIE, type Person, World } from './world.ts';

describe.skipIf(whySkipChromium() !== undefined)('screens for who lost everything', { timeout: 90_000 }, () => {
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
    world.addFactor('totp');
  });
  afterEach(async () => {
    await context.close();
    await world.stop();
  });

  async function become(person: Person): Promise<void> {
    await context.addCookies([{ name: COOKIE, value: person.id, url: world.origin }]);
  }

  const open = (path: string) => page.goto(`${world.origin}/_2fa${path}`);
  const look = (name: string): Promise<void> => lookAt(page, name);

  it('the code that an administrator makes', async () => {
    world.ceremonies.administrators.add(ALICE);
    const row = { level: 'required', sessions: 0, lock: 'none', needsTicket: false } as const;
    const identity = 'bob@example.com' as Identity;
    world.ceremonies.pageSize = 5;
    world.ceremonies.rows = [
      { ...row, identity, factors: ['totp'], mayBypass: true, codesLeft: 7 },
      { ...row, identity: 'carol@example.com' as Identity, factors: ['sms'], mayBypass: true, codesLeft: 0 },
      {
        ...row,
        identity: 'dora@example.com' as Identity,
        factors: [],
        mayBypass: false,
        mayWaitUntil: world.clock.now() + 86_400_000,
      },
    ];
    await become(await world.person('proved'));
    await open('/admin');
    await look('operator-admin');
    await page.getByLabel('Show').selectOption('none');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('1 user').waitFor();
    await open('/admin');
    await page.getByRole('button', { name: 'Make a code for bob@example.com' }).click();
    await look('operator-bypass-confirm');
    await page.getByLabel('Reason').fill('lost everything, called back');
    await page.getByRole('button', { name: 'Make a code' }).click();
    await page.getByText(RIGHT_BYPASS).waitFor();
    await look('operator-bypass-told');
  });

  it('the report, with a stop', async () => {
    world.ceremonies.administrators.add(ALICE);
    const [at, identity, actor] = [world.clock.now() - 600_000, 'bob@example.com' as Identity, ALICE as Identity];
    world.ceremonies.report = {
      sends: {
        today: 1000,
        most: 1000,
        stoppedUntil: at + 86_400_000,
        countries: [
          { country: 'CH', count: 120 },
          { country: 'DE', count: 3 },
        ],
        mostForCountry: 200,
      },
      services: [
        { factor: 'authy', provider: 'Authy, a service of Twilio', answeredAt: at },
        { factor: 'sms', provider: 'Example Texts', answeredAt: at, failedAt: at + 1, failure: 'misconfigured' },
        { factor: 'email' },
      ],
      events: [
        { at, identity, deed: 'admin_bypass_made', actor, reason: 'lost everything, called back' },
        {
          at,
          identity,
          happening: { kind: 'recovery-used', left: 2 },
          from: { address: '192.0.2.7', agent: 'Firefox/130' },
        },
        { at, deed: 'admin_spending_stop_lifted', actor, reason: 'more people than we thought' },
      ],
      hasMore: true,
    };
    await become(await world.person('proved'));
    await open('/admin');
    await page.getByRole('link', { name: 'Report' }).click();
    await look('operator-report');
    await page.getByRole('button', { name: 'Let more be sent' }).click();
    await page.getByRole('link', { name: 'Enter a reason' }).waitFor();
    await page.getByLabel('Reason').fill('a course began');
    await page.getByRole('button', { name: 'Let more be sent' }).click();
    await page.getByText('Texts and calls are sent again.').waitFor();
  });

  it('the name of a passkey', async () => {
    world.addFactor('passkey');
    await become(await world.person('proved'));
    await open('/account');
    await look('operator-account-passkey');
    await page.getByRole('link', { name: 'Rename' }).click();
    await page.getByLabel('Name').fill('Blue security key');
    await look('operator-rename');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The name was changed.').waitFor();
  });

  it('where a person enters it', async () => {
    world.addFactor('bypass');
    await become(await world.person('challenge'));
    await open('/challenge');
    await page.getByText('Trouble signing in?').click();
    await look('operator-challenge');
    await page.getByRole('link', { name: 'enter it' }).click();
    await page.getByLabel('Code from your administrator').fill('no');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    await look('operator-bypass-wrong');
  });

  it('a code to the address that the administrator knows', async () => {
    world.ceremonies.enrolled = [];
    world.ceremonies.needsTicket = true;
    const digits = { min: 6, max: 6 };
    world.ceremonies.known = [
      { channel: 'email', factor: 'email', shown: 'a•••@mail.example', digits },
      { channel: 'sms', factor: 'sms', shown: '67', digits },
    ];
    await become(await world.person('enrol'));
    await open('/account');
    await look('operator-known-account');
    await page.getByRole('link', { name: 'A code by e-mail to' }).click();
    await look('operator-known');
    await page.getByRole('button', { name: 'E-mail me a code' }).click();
    await page.getByLabel('Security code').waitFor();
    await look('operator-known-sent');
  });
});
