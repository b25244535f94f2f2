/** The pages of recovery codes, sessions, events and news in a real browser: accessible in light and dark, and nothing scrolls sideways. */
import { expect, it } from 'vitest';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { CODES } from './ceremonies-double.ts';
import { COOKIE, World } from './world.ts';

it.skipIf(whySkipChromium() !== undefined)('recovery codes, sessions and events', { timeout: 120_000 }, async () => {
  const world = await new World().start();
  const browser = await launchChromium();
  const context = await openContext(browser);
  try {
    const page = await context.newPage();
    const become = ({ id }: { id: string }) => context.addCookies([{ name: COOKIE, value: id, url: world.origin }]);
    const open = (path: string) => page.goto(`${world.origin}/_2fa${path}`);
    const look = (name: string): Promise<void> => lookAt(page, name);

    world.addFactor('totp');
    world.addFactor('recovery');
    world.ceremonies.recovery = { left: 3, madeAt: 0 };
    const agent = 'Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36';
    const from = { address: '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff', agent };
    world.ceremonies.events = [
      { at: world.clock.now(), from, happening: { kind: 'recovery-used', left: 3 } },
      { at: world.clock.now(), happening: { kind: 'reset-by-administrator' } },
    ];
    await world.person('challenge');
    await world.person('proved');
    await become(await world.person('challenge'));
    await open('/challenge?way=recovery-1');
    await look('challenge-recovery');
    await become(await world.person('proved'));
    world.ceremonies.occasions = world.ceremonies.events;
    await open('/news?to=%2Fcampaigns');
    await look('news');
    await open('/account');
    await look('account-activity');
    await page.getByRole('link', { name: 'Make new recovery codes' }).click();
    await look('recovery');
    await page.getByRole('button', { name: 'Make new codes' }).click();
    await page.getByText(CODES[0] ?? '').waitFor();
    await look('recovery-codes');
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('The codes were copied.').waitFor({ state: 'attached' });
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(CODES.join('\n'));
  } finally {
    await browser.close();
    await world.stop();
  }
});
