/** “Not now”: goes on without a first method while the policy still allows it. A form, because rights rise with it. */
import { refusal } from '../ceremonies/outcomes.ts';
import type { Instant } from '../gate/types.ts';
import { type OwnContext, sessionOf } from './context.ts';
import { leave } from './page-memory.ts';
import { person } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { secondsUntil, timeLeftText, timeOf } from './times.ts';
import type { GraceView } from './views.ts';

export function gracePages(routes: Routes, screen: Screen): void {
  routes.post('/account/later', [], (ctx) => postpone(ctx, screen));
}

export function graceView(until: Instant | undefined, now: Instant): GraceView | false {
  if (until === undefined) return false;
  return { until: timeOf(until, now), left: timeLeftText(secondsUntil(until, now)) };
}

async function postpone(ctx: OwnContext, screen: Screen): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const session = sessionOf(ctx);
  // A second click of somebody who is through already.
  if (session.session.state === 'verified') return screen.redirect(ctx, screen.options.site().home);
  const postponed = await screen.options.ceremonies.enroller.postpone(session);
  if (postponed.ok) {
    screen.setCookie(ctx, postponed.issued);
    return screen.redirect(ctx, postponed.returnTo);
  }
  if (isEnd(postponed)) return screen.end(ctx, postponed);
  screen.errorOf(ctx, refusal(postponed.code));
  await leave(ctx, { kind: 'refused', code: postponed.code });
  screen.redirect(ctx, screen.path('/account'));
}
