/** After the proof: what a person sent before it was asked for. It leaves only when they say so, and is shown without its contents. */
import { RESUME_FIELD } from '../session/resume-form.ts';
import { type OwnContext, sessionOf } from './context.ts';
import { person } from './person.ts';
import type { Routes } from './routes.ts';
import type { Screen } from './screen.ts';
import { TITLES } from './texts.ts';
import { timeOf } from './times.ts';

export function resumePages(routes: Routes, screen: Screen): void {
  routes.get('/resume', (ctx) => show(ctx, screen));
  routes.post('/resume/drop', [], async (ctx) => {
    const { session } = sessionOf(ctx);
    const kept = await screen.options.kept.ready(session);
    await screen.options.kept.drop(session);
    screen.redirect(ctx, kept?.page ?? screen.options.site().home);
  });
}

async function show(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  const kept = await screen.options.kept.ready(session.session);
  if (kept === undefined) {
    if (await screen.options.kept.isAwaited(session.session)) return screen.redirect(ctx, screen.path('/challenge'));
    return screen.alone(ctx, 'nothing-kept');
  }
  const [path = '/'] = kept.target.split('?', 1);
  const view = { target: kept.target, path, field: RESUME_FIELD, until: timeOf(kept.expiresAt, screen.now) };
  screen.show(ctx, 'resume', view, { title: TITLES.resume });
}
