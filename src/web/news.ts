/** What happened while the person was away, between the prompt and the application; shown until they have read it. */

import type { Proved } from '../ceremonies/ceremonies.ts';
import { returnPath } from '../gate/redirect.ts';
import { eventView } from './activity.ts';
import type { OwnContext } from './context.ts';
import { leaveWith } from './page-memory.ts';
import { person } from './person.ts';
import { queryValue, type Routes } from './routes.ts';
import type { Screen } from './screen.ts';
import { TITLES } from './texts.ts';
import type { NewsView } from './views.ts';

export function newsPages(routes: Routes, screen: Screen): void {
  const { news } = screen.options.ceremonies;
  routes.get('/news', async (ctx) => {
    const session = person(ctx, screen);
    if (session === undefined) return;
    const to = target(screen, queryValue(ctx, 'to'));
    const occasions = await news.unseen(session);
    if (occasions.length === 0) return screen.redirect(ctx, to);
    const view: NewsView = { to, occasions: occasions.map((one) => eventView(one, screen)) };
    screen.show(ctx, 'news', view, { title: TITLES.news });
  });
  routes.post('/news', ['to'], async (ctx, form) => {
    const session = person(ctx, screen);
    if (session === undefined) return;
    await news.seen(session);
    screen.redirect(ctx, target(screen, form.get('to')));
  });
}

/** Lets a person who has just proved a factor go on, by way of the news if there are any. @param isStepUp they are in already */
export async function goOn(ctx: OwnContext, screen: Screen, proved: Proved, isStepUp: boolean): Promise<void> {
  const { codesLeft, issued, returnTo, usedBypass } = proved;
  screen.setCookie(ctx, issued);
  if (proved.browser !== undefined) screen.setBrowser(ctx, proved.browser);
  if (codesLeft !== undefined) {
    await leaveWith(screen.options, issued.session, { kind: 'recovery-used', left: codesLeft });
  }
  if (usedBypass === true) await leaveWith(screen.options, issued.session, { kind: 'bypass-used' });
  if (isStepUp) return screen.redirect(ctx, returnTo);
  // Whoever needed a code on paper, or an administrator, has lost something: the account first, where it can be replaced.
  const hasLost = codesLeft !== undefined || usedBypass === true;
  const to = hasLost ? screen.path('/account') : returnTo;
  const occasions = await screen.options.ceremonies.news.unseen(issued.session);
  screen.redirect(ctx, occasions.length === 0 ? to : `${screen.path('/news')}?${new URLSearchParams({ to })}`);
}

/** Of our own origin only (T10); the application's first page for everything else. */
function target(screen: Screen, to: string | undefined): string {
  const { home, publicUrl } = screen.options.site();
  return returnPath(to ?? '', new URL(publicUrl).origin) ?? home;
}
