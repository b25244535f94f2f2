/** The account page's part about trusted browsers, and the forms that end the trust. */
import type { LiveSession } from '../session/live.ts';
import { broughtBy, refuse } from './activity.ts';
import { browserName } from './browser-name.ts';
import { type OwnContext, sessionOf } from './context.ts';
import { leave } from './page-memory.ts';
import { person } from './person.ts';
import type { Routes } from './routes.ts';
import type { Screen } from './screen.ts';
import { dayOf, timeOf } from './times.ts';
import type { BrowserView } from './views.ts';

export function browserPages(routes: Routes, screen: Screen): void {
  routes.post('/browsers/forget', ['browser'], (ctx, form) => forget(ctx, screen, form.get('browser') ?? ''));
  routes.post('/browsers/forget-all', [], (ctx) => forget(ctx, screen, undefined));
}

async function forget(ctx: OwnContext, screen: Screen, id: string | undefined): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const { selfService } = screen.options.ceremonies;
  const done = await selfService.forgetBrowsers(sessionOf(ctx), id, broughtBy(ctx, screen));
  if (!done.ok) return refuse(ctx, screen, done);
  if (done.isThis) screen.setBrowser(ctx, undefined);
  await leave(ctx, { kind: 'browsers-forgotten', count: done.count });
  screen.redirect(ctx, screen.path('/account'));
}

export async function browserViews(
  ctx: OwnContext,
  session: LiveSession,
  screen: Screen,
): Promise<readonly BrowserView[]> {
  const found = await screen.options.ceremonies.selfService.browsers(session, broughtBy(ctx, screen));
  return found.map((one) => ({
    id: one.id,
    isThis: one.isThis,
    browser: browserName(one.from.agent),
    address: one.from.address,
    trusted: dayOf(one.trustedAt),
    used: timeOf(one.usedAt, screen.now),
    until: dayOf(one.until),
  }));
}
