/** A request in the Authy app, as a person in Chromium meets it, with scripts and without, in front of the gateway's own process. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { GatewayProcess } from './gateway-process.ts';
import { heading, logInToLucy, setUpAuthy } from './steps.ts';

const API_KEY = 'key-of-the-stand-in-authy';
function person(name: string, at: number) {
  const email = `${name}@example.com`;
  return { email, password: `horse battery ${at}`, role: 'User' as const, number: `079123456${at}` };
}

const PEOPLE = { anna: person('anna', 0), ben: person('ben', 1), carla: person('carla', 2), dan: person('dan', 3) };

describe.skipIf(whySkipChromium() !== undefined)('a request in the Authy app', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let authy: StandInAuthy;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    [browser, lucy, authy] = await Promise.all([
      launchChromium(),
      startStandInLucy({ users: Object.values(PEOPLE) }),
      startStandInAuthy({ apiKey: API_KEY }),
    ]);
    gateway = await GatewayProcess.start({
      upstream: lucy.url,
      authy: { url: authy.url, apiKey: API_KEY },
      factors: '    push: true\n',
    });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await Promise.all([lucy?.close(), authy?.close()]);
  });
  afterEach(() => context.close());

  /** Enrols a person, signs in with the password, and asks for a request. @returns its id, once the page shows its word. */
  async function ask(who: ReturnType<typeof person>, javaScriptEnabled: boolean): Promise<string> {
    context = await openContext(browser, { javaScriptEnabled });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const logIn = async (): Promise<void> => {
      await page.goto(`${gateway.origin}/admin`);
      await logInToLucy(page, who);
    };
    await logIn();
    await setUpAuthy(page, gateway.origin, authy, who.number);
    const created = authy.requests.filter(({ call }) => call === 'create').length;
    authy.register(String(1634 + created));
    const before = authy.pushes.length;
    await logIn();
    await page.getByRole('button', { name: 'Send a request to my app' }).click();
    await heading(page, 'Approve it in your app');
    const push = authy.pushes[before];
    expect(push?.details).toMatchObject({ Account: who.email, Address: '127.0.0.1', Browser: 'Chrome on Linux' });
    await page.getByText(push?.details['Your screen shows'] ?? 'no word', { exact: true }).waitFor();
    return push?.uuid ?? '';
  }

  it('lets its person in as soon as it is approved, when scripts run', { timeout: 60_000 }, async () => {
    const uuid = await ask(PEOPLE.anna, true);
    await expectAccessible(page);
    authy.tap(uuid, 'approved');
    await page.getByText(lucy.secretOf(PEOPLE.anna.email)).waitFor();
    expect(gateway.log.filter(({ event }) => event === 'authn_push_sent')).toHaveLength(1);
  });

  it('says so, and waits for the person’s click, when they do not', { timeout: 60_000 }, async () => {
    const uuid = await ask(PEOPLE.ben, false);
    await page.getByRole('button', { name: 'I have approved it' }).click();
    await page.getByText('The request in your app was not answered yet.').waitFor();
    authy.tap(uuid, 'approved');
    await heading(page, 'Your app has answered');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText(lucy.secretOf(PEOPLE.ben.email)).waitFor();
  });

  it('stops the login when it is denied', { timeout: 60_000 }, async () => {
    const uuid = await ask(PEOPLE.carla, true);
    authy.tap(uuid, 'denied');
    await heading(page, 'Signing in was stopped');
    await page.getByText('somebody knows your password').waitFor();
    await page.goto(`${gateway.origin}/admin`);
    await heading(page, 'Login');
  });

  it('leaves the code field one link away', { timeout: 60_000 }, async () => {
    await ask(PEOPLE.dan, true);
    await page.getByRole('link', { name: 'Enter a code instead' }).click();
    const { authyId = '' } = authy.pushes.at(-1) ?? {};
    await page.locator('input[autocomplete=one-time-code]').fill(authy.appToken(authyId));
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText(lucy.secretOf(PEOPLE.dan.email)).waitFor();
  });
});
