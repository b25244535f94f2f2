/**
 * What people do in a browser, step by step, found as they find it: by label and by the words on a button. Each step waits
 * for what the person would see next. It never reaches around the pages.
 */
import type { Locator, Page } from 'playwright-core';
import QRCode from 'qrcode';
import { expect } from 'vitest';
import type { StandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { Authenticator } from './authenticator.ts';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

const ON = 'Two-factor authentication is on';

/** Types name and password into Lucy's own form, as found on the page that is open. */
export async function logInToLucy(page: Page, who: Credentials, remember = false): Promise<void> {
  await page.getByLabel('Email').fill(who.email);
  await page.getByLabel('Password').fill(who.password);
  if (remember) await page.getByLabel('Keep me logged in').check();
  await page.getByRole('button', { name: 'Login' }).click();
}

export async function heading(page: Page, text: string | RegExp): Promise<void> {
  await page.getByRole('heading', { level: 1, name: text }).waitFor();
}

/** The prompt, found as password managers find it. */
export async function giveCode(page: Page, code: string): Promise<void> {
  await page.locator('input[autocomplete=one-time-code]').fill(code);
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** From the account page to "is on"; the person is signed out afterwards. */
export async function setUpTotp(page: Page, origin: string): Promise<Authenticator> {
  await page.goto(`${origin}/_2fa/account`);
  await page.getByRole('link', { name: 'Set up authenticator app' }).click();
  await page.getByRole('button', { name: 'Begin' }).click();
  const app = new Authenticator(await readSecret(page));
  await page.locator('input[autocomplete=one-time-code]').fill(await app.code());
  await page.getByRole('button', { name: 'Turn on and sign out' }).click();
  await heading(page, ON);
  return app;
}

/** From "is on" to the login page, once the recovery codes are kept. @returns the codes */
export async function signInAgain(page: Page): Promise<string[]> {
  const codes = await page.locator('.codes code').allTextContents();
  await page.getByLabel('I have saved these codes').check();
  await page.getByRole('button', { name: 'Continue' }).click();
  return codes;
}

/** The key as text; link and QR code must say the same. */
export async function readSecret(page: Page): Promise<string> {
  const shown = (await page.locator('#totp-key').textContent()) ?? '';
  const uri = (await page.getByRole('link', { name: /authenticator app/ }).getAttribute('href')) ?? '';
  expect(new URL(uri).searchParams.get('secret')).toBe(shown.replace(/\s/g, ''));
  const drawn = await page.evaluate(
    `[...document.querySelectorAll('.qr svg path')].map((one) => one.getAttribute('d'))`,
  );
  const expected = await QRCode.toString(uri, { type: 'svg', errorCorrectionLevel: 'M', margin: 4 });
  const paths = [...expected.matchAll(/ d="([^"]+)"/g)].map((match) => match[1]);
  expect(JSON.stringify(drawn) === JSON.stringify(paths), 'the QR code says what the link says').toBe(true);
  return shown;
}

/** Country and phone → Save → Configure 2FA → instructions → text → "is on". */
export async function setUpAuthy(page: Page, origin: string, authy: StandInAuthy, number: string): Promise<void> {
  await page.goto(`${origin}/_2fa/account`);
  await page.getByLabel('Country').selectOption('CH');
  await page.getByLabel('Mobile phone number').fill(number);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Your phone number was saved.').waitFor();
  await page.getByRole('link', { name: 'Configure 2FA' }).click();
  await page.getByRole('button', { name: 'Send this and begin' }).click();
  const token = await textedToken(page, authy);
  await page.locator('input[autocomplete=one-time-code]').fill(token);
  await page.getByRole('button', { name: 'Turn on and sign out' }).click();
  await heading(page, ON);
}

/** Asks for a text and reads it from the phone. Asks again while the gateway says that it is too soon for another one. */
export async function textedToken(page: Page, authy: StandInAuthy): Promise<string> {
  const before = authy.texts.length;
  const sent = page.getByText(/We sent a code to/);
  const refused = page.getByRole('alert');
  for (;;) {
    await page.getByRole('button', { name: /^Text me a (new )?code/ }).click();
    await sent.or(refused).first().waitFor();
    if (authy.texts.length > before) break;
    await page.waitForTimeout(1_000);
  }
  return /^(\d{7}) is your/.exec(authy.texts[before]?.body ?? '')?.[1] ?? '';
}

/** Waits for what a sign-in leads to, and reads what happened to the account meanwhile if that comes first. */
export async function arrive(page: Page, at: Locator): Promise<void> {
  const news = page.getByRole('heading', { name: 'Since you were last here' });
  await at.or(news).first().waitFor();
  if (await news.isVisible()) await page.getByRole('button', { name: 'Continue' }).click();
  await at.first().waitFor();
}

/** Names of the cookies that the browser holds, sorted. */
export async function cookieNames(page: Page): Promise<string[]> {
  return (await page.context().cookies()).map(({ name }) => name).sort();
}
