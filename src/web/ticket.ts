/**
 * The field for an enrolment ticket, and the page that tells an administrator a new one, or a code for one sign-in: once, in the
 * answer to the form.
 */
import type { Instant } from '../gate/types.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { leave } from './page-memory.ts';
import { person } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { TITLES } from './texts.ts';
import { timeOf } from './times.ts';

export function ticketPages(routes: Routes, screen: Screen): void {
  routes.post('/account/ticket', ['ticket'], (ctx, form) => take(ctx, form, screen));
}

/** Kept nowhere: who reloads the page makes another one. */
export function tellTicket(
  ctx: OwnContext,
  screen: Screen,
  made: { readonly identity: string; readonly until: Instant } & (
    | { readonly ticket: string }
    | { readonly code: string }
  ),
): void {
  const { identity, until } = made;
  const isTicket = 'ticket' in made;
  const title = isTicket ? TITLES.ticket : TITLES.bypass;
  const code = isTicket ? made.ticket : made.code;
  const address = screen.options.site().publicUrl;
  const view = { heading: title, isTicket, identity, code, until: timeOf(until, screen.now), address };
  screen.show(ctx, 'admin-ticket', view, { title });
}

async function take(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const taken = await screen.options.ceremonies.enroller.showTicket(sessionOf(ctx), form.get('ticket') ?? '');
  if (taken.ok) {
    await leave(ctx, { kind: 'ticket-accepted' });
  } else if (isEnd(taken)) {
    return screen.end(ctx, taken);
  } else {
    screen.errorOf(ctx, taken);
    await leave(ctx, { kind: 'refused', code: taken.code, until: taken.until });
  }
  screen.redirect(ctx, screen.path('/account'));
}
