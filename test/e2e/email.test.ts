/** Codes by e-mail, from the account page to the removal: a real mail server in its own process, and Chromium with and without JavaScript. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from '../fakes/chromium.ts';
import { codeIn, SmtpProcess, textOf } from '../fakes/smtp.ts';
import { GatewayProcess } from './gateway-process.ts';
import { type Credentials, giveCode, heading, logInToLucy } from './steps.ts';

const SMTP_PASSWORD = 'a secret of the mail server';
const USERS = ['on', 'off', 'down'].map((name) => ({
  email: `${name}@example.com`,
  password: `horse battery ${name}`,
  role: 'User' as const,
}));

describe.skipIf(whySkipChromium() !== undefined)('codes by e-mail', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let smtp: SmtpProcess;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;
  let hasScript = false;

  beforeAll(async () => {
    [browser, lucy, smtp] = await Promise.all([
      launchChromium(),
      startStandInLucy({ users: USERS }),
      SmtpProcess.start({ user: 'gateway', password: SMTP_PASSWORD }),
    ]);
    gateway = await GatewayProcess.prepare({
      upstream: lucy.url,
      factors: '  email: { smtp: { file: smtp-url }, from: no-reply@example.com }\n',
    });
    const url = `smtp://gateway:${encodeURIComponent(SMTP_PASSWORD)}@127.0.0.1:${smtp.port}`;
    await writeFile(join(gateway.folder, 'smtp-url'), url, { mode: 0o600 });
    await gateway.start();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await Promise.all([lucy?.close(), smtp?.stop()]);
  });
  afterEach(() => context.close());

  async function open(javaScriptEnabled: boolean): Promise<void> {
    hasScript = javaScriptEnabled;
    context = await openContext(browser, { javaScriptEnabled });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  }

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
      await screenshot(page, `email-${name}-${width}-${colorScheme}`);
    }
  }

  const codes = () => smtp.mails.filter(({ raw }) => /^Subject: Lucy: your security code\r$/m.test(raw));
  const notices = (who: Credentials) =>
    smtp.mails.filter(({ raw, to }) => to.includes(who.email) && /^Subject: Lucy: a notice/m.test(raw)).map(textOf);

  /** Asks for a code and reads it in the mailbox. Asks again while it is too soon for another one. */
  async function mailedCode(): Promise<string> {
    const before = codes().length;
    const sent = page.getByText(/We sent a code to your e-mail address/);
    const refused = page.getByRole('alert');
    for (;;) {
      await page.getByRole('button', { name: /^E-mail me a (new )?code/ }).click();
      await sent.or(refused).first().waitFor();
      if ((await refused.count()) === 0) break;
      await page.waitForTimeout(1_000);
    }
    await expect.poll(() => codes().length, { timeout: 15_000 }).toBe(before + 1);
    const mail = codes().at(-1);
    return mail === undefined ? '' : codeIn(mail);
  }

  async function enrol(who: Credentials): Promise<string> {
    await logIn(who);
    await page.getByText(lucy.secretOf(who.email)).waitFor();
    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByRole('link', { name: 'Set up e-mail' }).click();
    await page.getByText(`Codes go to ${who.email}.`).waitFor();
    await look('explain');
    expect(smtp.mails.filter(({ to }) => to.includes(who.email))).toEqual([]);
    await page.getByRole('button', { name: 'Begin' }).click();
    await look('begin');
    const code = await mailedCode();
    await look('sent');
    await page.locator('input[autocomplete=one-time-code]').fill(code);
    await page.getByRole('button', { name: 'Turn on and sign out' }).click();
    await heading(page, 'Two-factor authentication is on');
    return code;
  }

  it.each([
    ['with JavaScript', true, USERS[0]],
    ['without JavaScript', false, USERS[1]],
  ] as const)('go the whole way %s', async (_name, javaScriptEnabled, who) => {
    if (who === undefined) throw new Error('nobody');
    await open(javaScriptEnabled);
    const first = await enrol(who);
    await logIn(who);
    await heading(page, 'Enter your security code');
    await look('prompt');
    await page.goto(`${gateway.origin}/admin`);
    await heading(page, 'Enter your security code');
    const code = await mailedCode();
    await heading(page, 'Check your e-mail');
    await look('prompt-sent');
    if (first !== code) {
      await giveCode(page, first);
      await page.getByRole('alert').getByText('The security code is not correct').waitFor();
    }
    await giveCode(page, code);
    await page.getByText(lucy.secretOf(who.email)).waitFor();

    const mail = codes().at(-1);
    expect(mail).toMatchObject({ from: 'no-reply@example.com', to: [who.email], user: 'gateway' });
    expect(mail === undefined ? '' : textOf(mail)).toContain('If you did not try to sign in');
    expect(gateway.stdout + gateway.stderr).not.toContain(code);

    await page.goto(`${gateway.origin}/_2fa/account`);
    await page.getByRole('link', { name: 'Remove E-mail' }).click();
    await page.getByRole('button', { name: 'Remove codes by e-mail' }).click();
    await page.getByText('E-mail was removed.').first().waitFor();
    await expect.poll(() => notices(who).length, { timeout: 15_000 }).toBe(2);
    const [added, removed] = notices(who);
    expect(added).toContain('E-mail was set up.');
    expect(removed).toContain('E-mail was removed.');
    expect(removed).toMatch(
      new RegExp(`Account: ${who.email}\r\nTime: .+ UTC\r\nFrom: Chrome on Linux, 127\\.0\\.0\\.1\r\n`),
    );
  });

  it('let nobody in when the mail server is gone, and say so', async () => {
    const who = USERS[2];
    if (who === undefined) throw new Error('nobody');
    await open(false);
    await enrol(who);
    await smtp.stop();
    await logIn(who);
    await heading(page, 'Enter your security code');
    const broken = page.getByText('The service that sends and checks these codes is not working right now.');
    const soon = page.getByText(/We cannot send more codes until/);
    for (;;) {
      await page.getByRole('button', { name: 'E-mail me a code' }).click();
      await broken.or(soon).first().waitFor();
      if ((await broken.count()) > 0) break;
      await page.waitForTimeout(1_000);
    }
    await giveCode(page, '123456');
    await page.getByRole('alert').waitFor();
    await page.goto(`${gateway.origin}/admin`);
    await heading(page, 'Enter your security code');
    // Of the code, and of the notice of the set-up when that was still on its way.
    const failed = gateway.log.filter(({ event }) => event === 'mail_failed').map(({ reason }) => reason);
    expect([...new Set(failed)]).toEqual(['unavailable']);
    expect(gateway.stdout + gateway.stderr).not.toContain(SMTP_PASSWORD);
  });
});
