/** Codes through Twilio Verify, from the account page to the removal: the gateway's own process, and Chromium with and without JavaScript. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { type StandInVerify, startStandInVerify } from '../../src/demo/stand-in-verify.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from '../fakes/chromium.ts';
import { checkerOf } from '../fakes/openapi.ts';
import { GatewayProcess } from './gateway-process.ts';
import { arrive, type Credentials, giveCode, heading, logInToLucy, setUpAuthy } from './steps.ts';

const ACCOUNT = {
  accountSid: `SK${'a'.repeat(32)}`,
  authToken: 'secret-of-the-api-key',
  serviceSid: `VA${'b'.repeat(32)}`,
};
const USERS = ['on', 'off'].map((name) => ({
  email: `${name}@example.com`,
  password: `horse battery ${name}`,
  role: 'User' as const,
}));
const AUTHY_KEY = 'key-of-the-stand-in-authy';
const ON = 'Two-factor authentication is on';
const BROKEN = 'The service that sends and checks these codes is not working right now.';

describe.skipIf(whySkipChromium() !== undefined)('codes through Twilio Verify', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let verify: StandInVerify;
  let authy: StandInAuthy;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;
  let hasScript = false;

  beforeAll(async () => {
    [browser, lucy, authy, verify] = await Promise.all([
      launchChromium(),
      startStandInLucy({ users: USERS }),
      startStandInAuthy({ apiKey: AUTHY_KEY }),
      startStandInVerify({ ...ACCOUNT, problemWith: checkerOf('twilio-verify-v2.json') }),
    ]);
    gateway = await GatewayProcess.start({
      upstream: lucy.url,
      authy: { url: authy.url, apiKey: AUTHY_KEY },
      factors: `  verify:
    accountSid: ${ACCOUNT.accountSid}
    authToken: ${ACCOUNT.authToken}
    serviceSid: ${ACCOUNT.serviceSid}
    baseUrl: ${verify.url}
`,
    });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await Promise.all([lucy?.close(), authy?.close(), verify?.close()]);
  });
  afterEach(async () => {
    await context.close();
    expect(verify.refused).toEqual([]);
  });

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
      await screenshot(page, `verify-${name}-${width}-${colorScheme}`);
    }
  }

  /** Asks for a text until it is not too soon any more. @returns the code in it */
  async function texted(to: string): Promise<string> {
    const sent = page.getByText('We sent a code to a number ending 67.');
    const soon = page.getByText(/We cannot send more codes/);
    for (;;) {
      await page.getByRole('button', { name: /^Text me a (new )?code/ }).click();
      await sent.or(soon).first().waitFor();
      if ((await sent.count()) > 0) break;
      await page.waitForTimeout(1_000);
    }
    const message = verify.messages.at(-1);
    expect(message).toMatchObject({ to, channel: 'sms' });
    return message?.code ?? '';
  }

  async function open(javaScriptEnabled: boolean): Promise<void> {
    hasScript = javaScriptEnabled;
    context = await openContext(browser, { javaScriptEnabled });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  }

  /** From the link that offers it to "is on". */
  async function setUp(number: string): Promise<string> {
    await page.getByRole('link', { name: 'Set up sent codes' }).click();
    await page.getByText('Verify, a service of Twilio, makes, sends and checks the codes.').waitFor();
    await look('explain');
    await page.getByRole('button', { name: 'Send this and begin' }).click();
    await page.getByText('Nothing was sent yet.').waitFor();
    await look('begin');
    expect(verify.messages.filter(({ to }) => to === number)).toEqual([]);
    const code = await texted(number);
    await look('sent');
    await page.locator('input[autocomplete=one-time-code]').fill(code);
    await page.getByRole('button', { name: 'Turn on and sign out' }).click();
    await heading(page, ON);
    return code;
  }

  it('go the whole way with JavaScript', async () => {
    const [who, number] = [USERS[0], '+41791234567'] as const;
    if (who === undefined) throw new Error('nobody');
    await open(true);
    await logIn(who);
    await page.getByText(lucy.secretOf(who.email)).waitFor();
    await page.goto(`${gateway.origin}/_2fa/account`);
    await look('account');
    await page.getByLabel('Mobile phone number').fill('079 123 45 67');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your phone number was saved.').waitFor();
    const first = await setUp(number);

    await logIn(who);
    await heading(page, 'Enter your security code');
    await look('prompt');
    const before = verify.requests.length;
    await page.reload();
    expect(verify.requests).toHaveLength(before); // loading the page sends nothing
    const code = await texted(number);
    await heading(page, 'Check your phone');
    await look('prompt-sent');
    await page.goto(`${gateway.origin}/admin`);
    await heading(page, /Check your phone|Enter your security code/);
    if (first !== code) {
      await giveCode(page, first);
      await page.getByRole('alert').getByText('The security code is not correct').waitFor();
    }
    verify.fail({ status: 404, body: '<html>no</html>', contentType: 'text/html' }, 'check');
    await giveCode(page, code);
    await page.getByRole('alert').getByText(BROKEN).waitFor();
    await look('broken');
    await giveCode(page, code);
    await arrive(page, page.getByText(lucy.secretOf(who.email)));
    const secrets = [code, first, number, ACCOUNT.authToken];
    for (const secret of secrets) expect(gateway.stdout + gateway.stderr).not.toContain(secret);

    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByRole('link', { name: /^Remove Sent code/ }).click();
    await page.getByRole('button', { name: 'Remove codes that are sent to you' }).click();
    await page.getByText('Sent code was removed.').first().waitFor();
    expect(await page.content()).not.toContain(number.slice(1));
  });

  it('take the place of Authy, without JavaScript and without a moment in which there is no method', async () => {
    const [who, number] = [USERS[1], '+41781234567'] as const;
    if (who === undefined) throw new Error('nobody');
    await open(false);
    await logIn(who);
    await page.getByText(lucy.secretOf(who.email)).waitFor();
    await setUpAuthy(page, gateway.origin, authy, number);
    const id = /\/sms\/(\d+)/.exec(authy.requests.find(({ call }) => call === 'sms')?.url ?? '')?.[1] ?? '';
    authy.register(id);
    await logIn(who);
    await giveCode(page, authy.appToken(id));
    await arrive(page, page.getByText(lucy.secretOf(who.email)));

    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByText('Authy is going away.').waitFor();
    await page.getByRole('link', { name: 'Move away from Authy' }).click();
    await heading(page, 'Move away from Authy');
    expect(await page.getByRole('link', { name: /Remove/ }).count()).toBe(0);
    await setUp(number);

    await logIn(who);
    await page.getByRole('link', { name: /^A code by text message or call to a number ending 67/ }).click();
    await giveCode(page, await texted(number));
    await arrive(page, page.getByText(lucy.secretOf(who.email)));
    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByRole('link', { name: 'Finish moving away from Authy' }).click();
    await page.getByText('Sent code, number ending 67').waitFor();
    await page.getByRole('link', { name: 'Remove Authy' }).click();
    await page.getByRole('button', { name: 'Remove Authy' }).click();
    await page.getByText('Authy was removed.').first().waitFor();
    expect(await page.getByText(/Move away from Authy|Finish moving/).count()).toBe(0);
    expect(authy.requests.at(-1)?.url).toContain(`/users/${id}/remove`);
  });
});
