/** The pages around a form that waits for a proof, in a real browser: accessible in light and dark, and nothing scrolls sideways. */
import { it } from 'vitest';
import type { LoginId, ReturnPath } from '../../src/gate/types.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { lookAt } from '../fakes/looks.ts';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { COOKIE, World } from './world.ts';

it.skipIf(whySkipChromium() !== undefined)('the prompt with a form, and the form', { timeout: 120_000 }, async () => {
  const world = await new World().start();
  const browser = await launchChromium();
  const context = await openContext(browser);
  try {
    const page = await context.newPage();
    world.addFactor('totp');
    world.addFactor('authy');
    world.ceremonies.hasPush = true;
    const person = await world.person('proved');
    await context.addCookies([{ name: COOKIE, value: person.id, url: world.origin }]);
    const state = person.session?.session;
    if (person.session === undefined || state?.state !== 'verified') throw new Error('not signed in');
    const login = {
      id: 'step-up-1' as LoginId,
      identity: state.identity,
      acceptedAt: world.clock.now(),
      returnTo: '/_2fa/resume' as ReturnPath,
    };
    const { session } = await world.sessions.transition(person.session, { type: 'step-up-asked', login });
    await world.kept.keep(session.session, {
      target: `/users/a-rather-long-name-of-something-that-is-to-be-deleted/${'x'.repeat(60)}?token=geheim`,
      body: Buffer.from('a=1'),
    });
    await page.goto(`${world.origin}/_2fa/challenge`);
    await page.getByText('What you sent is kept.').waitFor();
    await lookAt(page, 'step-up-with-form');
    await page.goto(`${world.origin}/_2fa/challenge/push?way=authy-1`);
    await page.getByText('What you sent is kept.').waitFor();
    await lookAt(page, 'push-with-form');
    await page.goto(`${world.origin}/_2fa/challenge`);
    await page.getByRole('textbox', { name: 'Security code' }).fill(RIGHT_CODE);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Go on with what you were doing' }).waitFor();
    await lookAt(page, 'resume');
    await page.getByRole('button', { name: 'Do not send it' }).click();
    await page.getByText('the application at /').waitFor();
    await page.goto(`${world.origin}/_2fa/resume`);
    await page.getByRole('heading', { name: 'There is nothing left to send' }).waitFor();
    await lookAt(page, 'nothing-kept');
  } finally {
    await browser.close();
    await world.stop();
  }
});
