/** Removing a factor: a page that says what follows, then the deed. Never by following a link (ux: consequences first). */
import type { Account } from '../ceremonies/ceremonies.ts';
import { type Refusal, refusal } from '../ceremonies/outcomes.ts';
import { type OwnContext, sessionOf } from './context.ts';
import { outcomeOf } from './outcomes.ts';
import { leave } from './page-memory.ts';
import { backTo, person } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { enrolledText, nounOf } from './texts.ts';
import { WORDS } from './words/words.ts';

export function removePages(routes: Routes, screen: Screen): void {
  routes.get('/remove/:id', (ctx) => ask(ctx, screen));
  routes.post('/remove/:id', [], (ctx) => remove(ctx, screen));
}

async function ask(ctx: OwnContext, screen: Screen, refused?: Refusal): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  const account = await screen.options.ceremonies.enroller.account(session);
  const one = named(account, ctx);
  if (one === undefined) return screen.alone(ctx, 'not-found');
  const noun = nounOf(one);
  const heading = `Remove ${noun}`;
  const others = account.enrolled.filter((other) => other.id !== one.id);
  const shown = refused ?? (one.mayRemove ? undefined : refusal('factor-required'));
  const error = shown === undefined ? (false as const) : screen.errorOf(ctx, shown);
  screen.show(
    ctx,
    'remove',
    {
      heading,
      noun,
      path: screen.path(`/remove/${encodeURIComponent(one.id)}`),
      consequence: WORDS[one.factor].removeConsequence ?? '',
      isLast: others.length === 0,
      comesFirst: screen.options.ceremonies.entrance.isOpen(),
      left: others.map(enrolledText),
      needsProof: account.needsProof,
      error,
    },
    { title: heading, status: shown === undefined ? 200 : outcomeOf(shown.code).status, isError: error !== false },
  );
}

async function remove(ctx: OwnContext, screen: Screen): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const session = sessionOf(ctx);
  const { enroller } = screen.options.ceremonies;
  const one = named(await enroller.account(session), ctx);
  if (one === undefined) return screen.alone(ctx, 'not-found');
  const removed = await enroller.remove(session, one.id);
  if (removed.ok) {
    await leave(ctx, { kind: 'factor-removed', factor: one.factor });
    return screen.redirect(ctx, screen.path('/account'));
  }
  if (removed.code === 'fresh-proof-needed') {
    return screen.askProof(ctx, backTo(screen, `/remove/${encodeURIComponent(one.id)}`));
  }
  if (isEnd(removed)) return screen.end(ctx, removed);
  await ask(ctx, screen, removed);
}

/** Looked up among the session's own: an id of somebody else's is simply not there (ASVS 8.2.2). */
function named(account: Account, ctx: OwnContext): Account['enrolled'][number] | undefined {
  return account.enrolled.find((one) => one.id === ctx.params['id']);
}
