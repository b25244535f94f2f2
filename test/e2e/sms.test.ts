/** Codes through an SMS gateway, from the account page to the removal: the gateway's own process, and Chromium with and without JavaScript. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { type StandInSms, startStandInSms } from '../../src/demo/stand-in-sms.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from '../fakes/chromium.ts';
import { GatewayProcess } from './gateway-process.ts';
import { arrive, type Credentials, giveCode, heading, logInToLucy } from './steps.ts';

const TOKEN = 'token-of-the-sms-gateway';
const USERS = ['on', 'off'].map((name) => ({
  email: `${name}@example.com`,
  password: `horse battery ${name}`,
  role: 'User' as const,
}));
const BROKEN = 'The service that sends and checks these codes is not working right now.';

describe.skipIf(whySkipChromium() !== undefined)('codes through an SMS gateway', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let sms: StandInSms;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;
  let hasScript = false;

  beforeAll(async () => {
    [browser, lucy, sms] = await Promise.all([
      launchChromium(),
      startStandInLucy({ users: USERS }),
      startStandInSms({ token: TOKEN }),
    ]);
    gateway = await GatewayProcess.start({
      upstream: lucy.url,
      factors: `  sms:
    url: ${sms.url}/messages
    headers: { Authorization: 'Bearer {token}' }
    body: { form: { to: '{to}', text: '{text}' } }
    secrets: { token: ${TOKEN} }
    success: { json: { /status: queued } }
    numberRefused: { json: { /error/code: '21' } }
    provider: Example SMS
`,
    });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await Promise.all([lucy?.close(), sms?.close()]);
  });
  afterEach(() => context.close());

  async function logIn(who: Credentials): Promise<void> {
    await page.goto(`${gateway.origin}/admin/login`);
    await heading(page, 'Login');
    await logInToLucy(page, who);
  }

  /** The checks run in the page, so there must be script. */
  async function look(name: string): Promise<void> {
    if (process.env['SCREENSHOTS'] === undefined || !hasScript) return;
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [390, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
      await screenshot(page, `sms-${name}-${width}-${colorScheme}`);
    }
  }

  /** Asks for a text until it is not too soon any more, and waits for what the page then says. */
  async function askForText(expected: RegExp | string): Promise<void> {
    const wanted = page.getByText(expected);
    const soon = page.getByText(/We cannot send more codes/);
    for (;;) {
      await page.getByRole('button', { name: /^Text me a (new )?code/ }).click();
      await wanted.or(soon).first().waitFor();
      if ((await wanted.count()) > 0) return;
      await page.waitForTimeout(1_000);
    }
  }

  async function texted(to: string): Promise<string> {
    await askForText('We sent a code to a number ending 67.');
    const text = sms.texts.at(-1);
    const code = /^\d{6}/.exec(text?.body ?? '')?.[0] ?? '';
    expect(text).toEqual({ to, body: `${code} is your Lucy security code\n\n@127.0.0.1 #${code}` });
    return code;
  }

  it.each([
    ['with JavaScript', true, USERS[0], '079 123 45 67', '+41791234567'],
    ['without JavaScript', false, USERS[1], '+41 78 123 45 67', '+41781234567'],
  ] as const)('go the whole way %s', async (_name, javaScriptEnabled, who, typed, number) => {
    if (who === undefined) throw new Error('nobody');
    hasScript = javaScriptEnabled;
    context = await openContext(browser, { javaScriptEnabled });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);

    await logIn(who);
    await page.getByText(lucy.secretOf(who.email)).waitFor();
    await page.goto(`${gateway.origin}/_2fa/account`);
    await look('account');
    await page.getByLabel('Mobile phone number').fill(typed);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your phone number was saved.').waitFor();
    await page.getByRole('link', { name: 'Set up text messages' }).click();
    await page.getByText('Example SMS delivers the messages.').waitFor();
    await look('explain');
    await page.getByRole('button', { name: 'Send this and begin' }).click();
    await page.getByText('Nothing was sent yet.').waitFor();
    await look('begin');
    expect(sms.texts.filter(({ to }) => to === number)).toEqual([]);
    const first = await texted(number);
    await look('sent');
    await page.locator('input[autocomplete=one-time-code]').fill(first);
    await page.getByRole('button', { name: 'Turn on and sign out' }).click();
    await heading(page, 'Two-factor authentication is on');

    await logIn(who);
    await heading(page, 'Enter your security code');
    await look('prompt');
    const before = sms.requests.length;
    await page.reload();
    expect(sms.requests).toHaveLength(before); // loading the page sends nothing
    sms.fail({ status: 500 });
    await askForText(BROKEN);
    await look('broken');
    sms.unreachable.add(number);
    await askForText('Codes cannot be sent to this number.');
    sms.unreachable.clear();
    const code = await texted(number);
    await heading(page, 'Check your phone');
    await look('prompt-sent');
    await page.goto(`${gateway.origin}/admin`);
    await heading(page, /Check your phone|Enter your security code/);
    if (first !== code) {
      await giveCode(page, first);
      await page.getByRole('alert').getByText('The security code is not correct').waitFor();
    }
    await giveCode(page, code);
    await arrive(page, page.getByText(lucy.secretOf(who.email)));
    for (const secret of [code, first, number, TOKEN]) expect(gateway.stdout + gateway.stderr).not.toContain(secret);

    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByRole('link', { name: /^Remove Text message/ }).click();
    await page.getByRole('button', { name: 'Remove codes by text message' }).click();
    await page.getByText('Text message was removed.').first().waitFor();
    expect(await page.content()).not.toContain(number.slice(1));
  });
});
