/**
 * A real application with HTTP Basic, in Chromium: Radicale, whose page sends name and password by script and keeps no session.
 * The factor comes first, on the gateway's page; its own login then runs inside, for the person who proved the factor alone.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { freePort } from '../fakes/free-port.ts';
import { RADICALE_USERS, type Radicale, startRadicale, whySkipRadicale } from '../fakes/radicale.ts';
import type { Authenticator } from './authenticator.ts';
import { GatewayProcess, runCommand } from './gateway-process.ts';
import { arrive, cookieNames, heading, setUpTotp, signInAgain } from './steps.ts';

const SIGN_IN = 'Sign in to Lucy'; // the name that the configuration of the tests gives
const skip = whySkipChromium() ?? whySkipRadicale();

describe.skipIf(skip !== undefined)(`Radicale${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
  let radicale: Radicale;
  let gateway: GatewayProcess;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let app: Authenticator;
  let spare: string[];
  let credential: string;

  beforeAll(async () => {
    const client = runCommand(['client', 'alice-phone']);
    [radicale, browser] = await Promise.all([startRadicale(), launchChromium()]);
    const made = await client;
    credential = made.stdout.trim();
    const hash = /sha256:[0-9a-f]{64}/.exec(made.stderr)?.[0] ?? '';
    const port = await freePort();
    gateway = await GatewayProcess.start({
      upstream: radicale.url,
      port,
      publicUrl: `http://localhost:${port}`, // a name, for passkeys, that browsers trust without TLS
      factors: '  passkey: {}\n',
      profile: 'radicale',
      admins: '[]',
      overrides: '  routes: [{ class: service, prefix: /alice/, clients: [alice-phone] }]\n',
      more: `policy: { default: required, firstEnrolment: { needs: ticket } }
clients: [{ name: alice-phone, hash: '${hash}' }]
`,
    });
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    app = await firstMethod();
    await context.close();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await radicale?.stop();
  });
  beforeEach(async () => {
    context = await openContext(browser);
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterEach(() => context?.close());

  const at = (path: string) => `${gateway.origin}${path}`;

  /** As an administrator hands out a ticket, and as the person uses it. */
  async function firstMethod(): Promise<Authenticator> {
    const { stdout } = await runCommand(['ticket', 'alice', '--config', gateway.configPath]);
    await page.goto(at('/'));
    await heading(page, SIGN_IN);
    await page.getByRole('link', { name: 'Set up your first method with a ticket' }).click();
    await page.getByLabel('Account name').fill('alice');
    await page.getByLabel('Ticket').fill(stdout.trim());
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Your ticket was accepted.').waitFor();
    const set = await setUpTotp(page, gateway.origin);
    spare = await signInAgain(page);
    await heading(page, SIGN_IN);
    return set;
  }

  async function giveNameAndCode(code: string, name = 'alice'): Promise<void> {
    await page.getByLabel('Account name').fill(name);
    await page.locator('input[autocomplete=one-time-code]').fill(code);
    await page.getByRole('button', { name: 'Continue' }).click();
  }

  async function giveRecoveryCode(): Promise<void> {
    await page.getByLabel('Account name').fill('alice');
    await page.getByLabel('Recovery code').fill(spare.pop() ?? '');
    await page.getByRole('button', { name: 'Continue' }).click();
    await arrive(page, page.getByText('You used a recovery code.'));
  }

  async function logIn(name: keyof typeof RADICALE_USERS, password: string = RADICALE_USERS[name]): Promise<void> {
    await page.getByPlaceholder('Username').fill(name);
    await page.getByPlaceholder('Password').fill(password);
    await page.getByRole('button', { name: 'Next' }).click();
  }

  it('is behind the factor, then logs in by itself, for this person alone', async () => {
    await page.goto(at('/.web/'));
    await heading(page, SIGN_IN);
    expect(await page.evaluate(`fetch('/.web/fn.js').then(({ status }) => status)`)).toBe(401);
    await giveNameAndCode(app.wrongCode());
    await page.getByRole('alert').waitFor();
    await giveNameAndCode(await app.code());
    await arrive(page, page.getByPlaceholder('Username'));
    expect(page.url()).toBe(at('/.web/'));

    await logIn('alice', 'wrong');
    await page.getByText('Error: 401').waitFor();
    await logIn('alice');
    await page.getByRole('link', { name: 'Create new addressbook or calendar' }).click();
    const create = page.locator('#createcollectionscene');
    await create.locator('[data-name=displayname]').fill('Birthdays');
    await create.locator('[data-name=type]').selectOption('CALENDAR');
    await create.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Birthdays' }).waitFor();
    expect(await cookieNames(page)).toEqual(['lucy2fa']);

    // Nobody else's password works behind the factor of this person.
    await page.goto(at('/.web/'));
    await logIn('bob');
    await page.getByText('Error: 403').waitFor();
    expect(gateway.log.filter(({ page: refused }) => refused === 'other-account').length).toBeGreaterThan(0);
  });

  it('lets a calendar program in as an API client, at the calendars of its person only', async () => {
    const basic = `Basic ${Buffer.from(`alice:${RADICALE_USERS.alice}`).toString('base64')}`;
    const ask = async (path: string, headers: Record<string, string>) =>
      (await fetch(at(path), { method: 'PROPFIND', headers: { ...headers, Depth: '1' } })).status;
    expect(await ask('/alice/', { Authorization: basic })).toBe(401);
    expect(await ask('/alice/', { Authorization: basic, 'X-2FA-Client': credential })).toBe(207);
    expect(await ask('/alice/', { 'X-2FA-Client': credential })).toBe(401); // Radicale's own
    expect(await ask('/bob/', { Authorization: basic, 'X-2FA-Client': credential })).toBe(401);
  });

  it('takes a passkey instead of a code', async () => {
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const stick = { protocol: 'ctap2', transport: 'usb', automaticPresenceSimulation: true } as const;
    await devtools.send('WebAuthn.addVirtualAuthenticator', { options: stick });
    await page.goto(at('/_2fa/entrance?with=recovery'));
    await giveRecoveryCode();
    await page.getByRole('link', { name: 'Set up a passkey' }).click();
    await page.getByRole('button', { name: 'Begin' }).click();
    await page.getByRole('button', { name: 'Make the passkey and sign out' }).click();
    await heading(page, 'Two-factor authentication is on');

    await page.goto(at('/.web/'));
    await page.getByLabel('Account name').fill('alice');
    await page.getByRole('button', { name: 'Use a passkey or security key' }).click();
    await page.getByRole('button', { name: 'Use your passkey or security key' }).click();
    await arrive(page, page.getByPlaceholder('Username'));
    expect(page.url()).toBe(at('/.web/'));
  });

  it('leads to the application without JavaScript too, by a recovery code', async () => {
    await context.close();
    context = await openContext(browser, { javaScriptEnabled: false });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(at('/.web/index.html'));
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await giveRecoveryCode();
    await page.goto(at('/.web/'));
    expect(await page.title()).toBe('Radicale Web Interface');
  });
});
