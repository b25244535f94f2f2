/** Signing out, here and in the application. By a form only: a link or an image elsewhere signs nobody out. */
import { identityOf } from '../gate/session.ts';
import { sessionOf } from './context.ts';
import type { Routes } from './routes.ts';
import type { Screen } from './screen.ts';
import { TITLES } from './texts.ts';

export function logoutPages(routes: Routes, screen: Screen): void {
  routes.get('/logout', (ctx) => {
    const { session } = ctx.state.scope;
    if (session === undefined || session.ended || session.session.state === 'anonymous') {
      return screen.redirect(ctx, screen.options.site().loginPage);
    }
    screen.show(ctx, 'logout', { identity: identityOf(session.session) ?? '' }, { title: TITLES.logout });
  });
  routes.post('/logout', [], async (ctx) => {
    await screen.options.ceremonies.prover.signOut(sessionOf(ctx));
    screen.clearCookie(ctx);
    screen.redirect(ctx, screen.options.site().loginPage);
  });
}
