/** Looks at a page as people do who see, read or magnify it: no accessibility violation, in light and dark, and nothing scrolls sideways. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { expectAccessible, screenshot } from './chromium.ts';

/** Each width and each palette; the last one has nothing of its own, and is for pictures. */
const LOOKS = [
  { look: '1280-light', width: 1280, colorScheme: 'light' },
  { look: '390-dark', width: 390, colorScheme: 'dark' },
  { look: '320-light', width: 320, colorScheme: 'light' },
  { look: '1280-dark', width: 1280, colorScheme: 'dark' },
] as const;

/** @param name of the pictures, which are taken when SCREENSHOTS is set */
export async function lookAt(page: Page, name: string): Promise<void> {
  const withPictures = process.env['SCREENSHOTS'] !== undefined;
  for (const { look, width, colorScheme } of withPictures ? LOOKS : LOOKS.slice(0, 3)) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow, `${name} ${look} scrolls sideways`).toBeLessThanOrEqual(0);
    if (withPictures) await screenshot(page, `${name}-${look}`);
  }
}
