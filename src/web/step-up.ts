/** From an address of the application that asks for a fresh proof to the prompt, or to the account of somebody with nothing to prove. */
import { proofPage } from '../gate/proof-age.ts';
import { returnPath } from '../gate/redirect.ts';
import type { LiveSession } from '../session/live.ts';
import type { OwnContext } from './context.ts';
import { leave } from './page-memory.ts';
import { person } from './person.ts';
import { queryValue, type Routes } from './routes.ts';
import type { Screen } from './screen.ts';

export function stepUpPages(routes: Routes, screen: Screen): void {
  routes.get('/step-up', (ctx) => ask(ctx, screen));
}

/** Asking gives nobody anything, so a link may do it. Where it leads on to is of our own origin only (T10). */
async function ask(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  if (session.session.state !== 'verified') return screen.redirect(ctx, screen.path('/account'));
  // A form waits for the question that is open: another one would leave it behind.
  if (await screen.options.kept.isAwaited(session.session)) return screen.redirect(ctx, screen.path('/challenge'));
  const { home, publicUrl } = screen.options.site();
  const { enrolled } = await screen.options.ceremonies.enroller.account(session);
  if (proofPage(enrolled.length > 0) === 'enrol') {
    await leave(ctx, { kind: 'factor-demanded' });
    return screen.redirect(ctx, screen.path('/account'));
  }
  const to = returnPath(queryValue(ctx, 'to') ?? '', new URL(publicUrl).origin);
  await screen.askProof(ctx, to ?? returnPath(home, new URL(publicUrl).origin));
}

/** Where somebody goes who does not answer the question: to where it was asked, as far as that asks nothing itself. */
export function wayBack(screen: Screen, { session }: LiveSession): { readonly path: string; readonly text: string } {
  const { home, loginPage, service } = screen.options.site();
  if (session.state !== 'verified') return { path: loginPage, text: 'sign-in' };
  const to = session.stepUp?.returnTo ?? '';
  const isOurs = to.startsWith(screen.path('/')) && to !== screen.path('/resume');
  return isOurs ? { path: screen.path('/account'), text: 'your account' } : { path: home, text: service };
}
