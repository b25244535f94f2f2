/** Reset, unlock, end sessions, make a ticket or a code: each on a page that shows who and what and asks why. Names are in the form, never in the path. */
import type { Administration } from '../ceremonies/ceremonies.ts';
import { type Refusal, refusal } from '../ceremonies/outcomes.ts';
import type { LiveSession } from '../session/live.ts';
import { administrator, needsProof } from './administrator.ts';
import type { OwnContext } from './context.ts';
import type { Form } from './form.ts';
import { outcomeOf } from './outcomes.ts';
import { leave, type Notice } from './page-memory.ts';
import { backTo } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { ACTIONS, consequencesOf, type UserAction } from './texts.ts';
import { tellTicket } from './ticket.ts';

type Made = Extract<Awaited<ReturnType<Administration['makeTicket' | 'makeBypass']>>, { ok: true }>;

const ALL: readonly UserAction[] = ['reset', 'unlock', 'end-sessions', 'ticket', 'bypass'];

export function userPages(routes: Routes, screen: Screen): void {
  routes.post('/admin/users/confirm', ['identity', 'action'], async (ctx, form) => {
    const session = await administrator(ctx, screen);
    if (session === undefined) return;
    const action = ALL.find((one) => one === form.get('action'));
    if (action === undefined) return screen.alone(ctx, 'bad-request', 'action');
    // Asked for here already, so that a reason once written is not lost on the way through the prompt.
    if (await needsProof(session, screen)) return askProof(ctx, screen, form);
    show(ctx, screen, action, form);
  });
  for (const action of ALL) {
    routes.post(`/admin/users/${action}`, ['identity', 'reason'], (ctx, form) => act(ctx, screen, action, form));
  }
}

async function act(ctx: OwnContext, screen: Screen, action: UserAction, form: Form): Promise<void> {
  const session = await administrator(ctx, screen);
  if (session === undefined) return;
  const reason = (form.get('reason') ?? '').trim();
  if (reason === '') return show(ctx, screen, action, form, refusal('reason-missing'));
  const done = await carryOut(session, screen, action, form.get('identity') ?? '', reason);
  if ('kind' in done) {
    await leave(ctx, done);
    return screen.redirect(ctx, screen.path('/admin'));
  }
  if (done.ok) return tellTicket(ctx, screen, done);
  if (done.code === 'fresh-proof-needed') return askProof(ctx, screen, form);
  if (isEnd(done)) return screen.end(ctx, done);
  show(ctx, screen, action, form, done);
}

async function carryOut(
  session: LiveSession,
  screen: Screen,
  action: UserAction,
  identity: string,
  reason: string,
): Promise<Notice | Made | Refusal> {
  const { administration } = screen.options.ceremonies;
  switch (action) {
    case 'reset': {
      const done = await administration.reset(session, identity, reason);
      return done.ok ? { kind: 'user-reset', identity } : done;
    }
    case 'ticket':
      return administration.makeTicket(session, identity, reason);
    case 'bypass':
      return administration.makeBypass(session, identity, reason);
    case 'unlock': {
      const done = await administration.unlock(session, identity, reason);
      return done.ok ? { kind: 'user-unlocked', identity } : done;
    }
    case 'end-sessions': {
      const done = await administration.endSessions(session, identity, reason);
      return done.ok ? { kind: 'sessions-ended', identity, count: done.count } : done;
    }
    default:
      return action satisfies never;
  }
}

/** Comes back to the list with this user found. */
async function askProof(ctx: OwnContext, screen: Screen, form: Form): Promise<void> {
  const query = new URLSearchParams({ search: form.get('identity') ?? '' });
  await screen.askProof(ctx, backTo(screen, `/admin?${query}`) ?? backTo(screen, '/admin'));
}

function show(ctx: OwnContext, screen: Screen, action: UserAction, form: Form, refused?: Refusal): void {
  const { title, button } = ACTIONS[action];
  const error = refused === undefined ? (false as const) : screen.errorOf(ctx, refused);
  const view = {
    heading: title,
    identity: form.get('identity') ?? '',
    action,
    button,
    consequences: consequencesOf(action, screen.options.ceremonies.entrance.isOpen()),
    reason: form.get('reason') ?? '',
    error,
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'admin-confirm', view, { title, status, isError: error !== false });
}
