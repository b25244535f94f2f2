/** The account page's parts about sessions and recent events, and the forms that sign other browsers out. */
import type { Occasion, OwnSession, SelfService } from '../ceremonies/ceremonies.ts';
import type { Refusal } from '../ceremonies/outcomes.ts';
import { readBrowserCookie } from '../session/browser-cookie.ts';
import type { LiveSession } from '../session/live.ts';
import { browserName } from './browser-name.ts';
import { type OwnContext, sessionOf } from './context.ts';
import { leave } from './page-memory.ts';
import { backTo, person } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { happeningText } from './texts.ts';
import { timeOf } from './times.ts';
import type { EventView, SessionView } from './views.ts';

export function activityPages(routes: Routes, screen: Screen): void {
  const { selfService } = screen.options.ceremonies;
  routes.post('/sessions/end', ['session'], (ctx, form) =>
    end(ctx, screen, (session) => selfService.endSession(session, form.get('session') ?? '')),
  );
  routes.post('/sessions/end-others', [], (ctx) =>
    end(ctx, screen, (session) => selfService.endOthers(session, broughtBy(ctx, screen))),
  );
}

async function end(
  ctx: OwnContext,
  screen: Screen,
  deed: (session: LiveSession) => ReturnType<SelfService['endOthers']>,
): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const ended = await deed(sessionOf(ctx));
  if (!ended.ok) return refuse(ctx, screen, ended);
  await leave(ctx, { kind: 'sessions-signed-out', count: ended.count });
  screen.redirect(ctx, screen.path('/account'));
}

/** What this browser keeps, if it is a trusted one; looked up among the person's own. */
export function broughtBy(ctx: OwnContext, screen: Screen): string | undefined {
  return readBrowserCookie(ctx.req.headers.cookie, screen.options.cookieName);
}

/** What cannot be done from the account page now. */
export async function refuse(ctx: OwnContext, screen: Screen, refused: Refusal): Promise<void> {
  if (refused.code === 'fresh-proof-needed') return screen.askProof(ctx, backTo(screen, '/account'));
  if (isEnd(refused)) return screen.end(ctx, refused);
  screen.errorOf(ctx, refused);
  await leave(ctx, { kind: 'refused', code: refused.code, until: refused.until });
  screen.redirect(ctx, screen.path('/account'));
}

export async function sessionViews(session: LiveSession, screen: Screen): Promise<readonly SessionView[]> {
  const found = await screen.options.ceremonies.selfService.sessions(session);
  return found.map((one: OwnSession) => ({
    id: one.id,
    isThis: one.isThis,
    isVerified: one.isVerified,
    browser: browserName(one.from?.agent ?? ''),
    address: one.from?.address ?? '',
    signedIn: timeOf(one.signedInAt, screen.now),
    seen: timeOf(one.seenAt, screen.now),
  }));
}

export async function eventViews(session: LiveSession, screen: Screen): Promise<readonly EventView[]> {
  const found = await screen.options.ceremonies.selfService.events(session);
  return found.map((one) => eventView(one, screen));
}

export function eventView({ at, from, happening }: Occasion, screen: Screen): EventView {
  return {
    text: happeningText(happening),
    at: timeOf(at, screen.now),
    by: from === undefined ? '' : `${browserName(from.agent)}, ${from.address}`,
  };
}
