/**
 * Proves that the browser of the tests is one: it resolves the tests' names to this machine, runs script or not, and its
 * accessibility check fails where it should. The stand-in's own pages are the subject.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_USERS, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { expectAccessible, launchChromium, openContext, screenshot, whySkipChromium } from './chromium.ts';

const skip = whySkipChromium();

describe.skipIf(skip !== undefined)(`Chromium${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
  let browser: Browser;
  let lucy: StandInLucy;
  beforeAll(async () => {
    [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy({ jsonLogin: true })]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([browser?.close(), lucy?.close()]);
  });

  const address = (path: string, host = 'lucy.test') => `http://${host}:${lucy.port}${path}`;

  test.each([true, false])('a person logs in to the stand-in (script: %s)', async (javaScriptEnabled) => {
    const user = DEFAULT_USERS[0];
    if (user === undefined) throw new Error('no default user');
    const context = await openContext(browser, { javaScriptEnabled });
    const page = await context.newPage();
    await page.goto(address('/admin/account'));
    await page.getByLabel('Email').fill(user.email);
    await page.getByLabel('Password').fill(user.password);
    await page.getByRole('button', { name: 'Login' }).click();
    expect(page.url()).toBe(address('/admin/account'));
    expect(await page.getByLabel('Email').inputValue()).toBe(user.email);
    await context.close();
  });

  test('any other host name shows a campaign page from this machine', async () => {
    const context = await openContext(browser, { viewport: 'phone', colorScheme: 'dark' });
    const page = await context.newPage();
    await page.goto(address('/', 'parcel.example.org'));
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Parcel notice');
    expect(await context.cookies()).toEqual([]);
    expect(await screenshot(page, 'fakes campaign page')).toMatch(/fakes-campaign-page\.png$/);
    await context.close();
  });

  test.each(['/admin/login', '/user', '/admin/recovery'])('%s is accessible in light and dark', async (path) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await openContext(browser, { colorScheme });
      const page = await context.newPage();
      await page.goto(address(path));
      await expectAccessible(page);
      await context.close();
    }
  });

  test('a page with a nameless field fails the accessibility check with a readable list', async () => {
    const context = await openContext(browser);
    const page = await context.newPage();
    await page.setContent('<html lang="en"><title>x</title><main><h1>x</h1><input id="lonely"></main></html>');
    await expect(expectAccessible(page)).rejects.toThrow(/label \(critical\)[\s\S]*#lonely/);
    await context.close();
  });
});
