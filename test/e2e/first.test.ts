/**
 * The first method of an account, in Chromium without JavaScript: tickets from the command line and from the administration, and
 * “Not now”. Nothing here reaches around the pages.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_USERS, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { GatewayProcess, runCommand } from './gateway-process.ts';
import { type Credentials, giveCode, heading, logInToLucy, setUpTotp } from './steps.ts';

const [, BOB, ADMIN] = DEFAULT_USERS;

describe.skipIf(whySkipChromium() !== undefined)('the first method, without JavaScript', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let gateway: GatewayProcess;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy()]);
  });
  afterAll(async () => {
    await browser?.close();
    await lucy?.close();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await gateway.remove();
  });

  async function somebody(who: Credentials): Promise<Page> {
    const context = await openContext(browser, { javaScriptEnabled: false });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(`${gateway.origin}/admin`);
    await logInToLucy(page, who);
    return page;
  }

  async function showTicket(page: Page, ticket: string): Promise<void> {
    await page.getByLabel('Ticket', { exact: true }).fill(ticket);
    await page.getByRole('button', { name: 'Continue' }).click();
  }

  it('needs a ticket: the first from the command line, the others from the administrator', async () => {
    gateway = await GatewayProcess.start({
      upstream: lucy.url,
      more: 'policy: { default: required, firstEnrolment: { needs: ticket } }',
    });
    const made = await runCommand(['ticket', known(ADMIN).email, '--config', gateway.configPath]);
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^(?:[0-9A-Z]{4}-){4}[0-9A-Z]{4}\n$/)]);

    let page = await somebody(known(ADMIN));
    await heading(page, 'Two-factor authentication');
    expect(await page.getByRole('link', { name: 'Set up authenticator app' }).count()).toBe(0);
    await showTicket(page, '0000-0000-0000-0000-0000');
    await page.getByRole('link', { name: /This ticket is not valid/ }).waitFor();
    await showTicket(page, made.stdout.trim());
    await page.getByText('Your ticket was accepted.').waitFor();
    const app = await setUpTotp(page, gateway.origin);

    page = await somebody(known(ADMIN));
    await giveCode(page, await app.code());
    await page.getByText('Campaign secret').waitFor();
    await page.goto(`${gateway.origin}/_2fa/admin`);
    await page.getByLabel('Account name', { exact: true }).fill(known(BOB).email);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Reason').fill('joined today, seen in person');
    await page.getByRole('button', { name: 'Make a ticket' }).click();
    await heading(page, 'Ticket');
    const ticket = (await page.locator('#ticket').textContent()) ?? '';

    const his = await somebody(known(BOB));
    await showTicket(his, ticket.toLowerCase());
    await his.getByText('Your ticket was accepted.').waitFor();
    await setUpTotp(his, gateway.origin);
    expect(gateway.stdout).toContain('admin_ticket_made');
    for (const one of [ticket, made.stdout.trim()]) expect(gateway.stdout + gateway.stderr).not.toContain(one);
  });

  it('may wait: “Not now” leads where the person wanted to go, at each login', async () => {
    const until = new Date(Date.now() + 3 * 86_400_000 + 60_000).toISOString();
    gateway = await GatewayProcess.start({
      upstream: lucy.url,
      more: `policy: { default: required, graceUntil: '${until}' }`,
    });
    for (let time = 0; time < 2; time += 1) {
      const page = await somebody(known(BOB));
      await page.getByText('3 days from now').waitFor();
      await page.getByRole('button', { name: 'Not now' }).click();
      await page.getByText('Campaign secret').waitFor();
    }
  });
});

function known<T>(user: T | undefined): T {
  if (user === undefined) throw new Error('the stand-in has fewer users than it had');
  return user;
}
