/** The name that a person gives to one of several passkeys, changed later. Nothing else of a method can be changed. */
import type { Account } from '../ceremonies/ceremonies.ts';
import type { Refusal } from '../ceremonies/outcomes.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { outcomeOf } from './outcomes.ts';
import { leave } from './page-memory.ts';
import { backTo, person } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { nounOf, TITLES } from './texts.ts';

/** Characters that go back into the field after an error. */
const LONGEST_TYPED = 100;

export function renamePages(routes: Routes, screen: Screen): void {
  routes.get('/rename/:id', (ctx) => ask(ctx, screen));
  routes.post('/rename/:id', ['name'], (ctx, form) => rename(ctx, form, screen));
}

/** Where the page of one method is. */
export function renamePath(screen: Screen, id: string): string {
  return screen.path(`/rename/${encodeURIComponent(id)}`);
}

async function ask(ctx: OwnContext, screen: Screen, refused?: Refusal, typed?: string): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  const account = await screen.options.ceremonies.enroller.account(session);
  const one = named(account, ctx);
  if (one === undefined) return screen.alone(ctx, 'not-found');
  const error = refused === undefined ? (false as const) : screen.errorOf(ctx, refused);
  const view = {
    noun: nounOf(one),
    path: renamePath(screen, one.id),
    typedName: typed?.slice(0, LONGEST_TYPED) ?? one.name ?? '',
    needsProof: account.needsProof,
    error,
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'rename', view, { title: TITLES.rename, status, isError: error !== false });
}

async function rename(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const session = sessionOf(ctx);
  const { enroller } = screen.options.ceremonies;
  const one = named(await enroller.account(session), ctx);
  if (one === undefined) return screen.alone(ctx, 'not-found');
  const typed = form.get('name') ?? '';
  const renamed = await enroller.rename(session, one.id, typed);
  if (renamed.ok) {
    await leave(ctx, { kind: 'factor-renamed' });
    return screen.redirect(ctx, screen.path('/account'));
  }
  if (renamed.code === 'fresh-proof-needed') {
    return screen.askProof(ctx, backTo(screen, `/rename/${encodeURIComponent(one.id)}`));
  }
  if (isEnd(renamed)) return screen.end(ctx, renamed);
  await ask(ctx, screen, renamed, typed);
}

/** Looked up among the session's own: an id of somebody else's is simply not there (ASVS 8.2.2). */
function named(account: Account, ctx: OwnContext): Account['enrolled'][number] | undefined {
  return account.enrolled.find((one) => one.id === ctx.params['id'] && one.mayRename);
}
