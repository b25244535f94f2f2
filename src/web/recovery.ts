/**
 * Recovery codes: a page that says what new ones do, and what shows them, once, as the answer to the form that made them.
 * They stand in no address, in nothing that pages remember, and in no second answer.
 */
import type { Identity } from '../gate/types.ts';
import { type OwnContext, sessionOf } from './context.ts';
import { backTo, person } from './person.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { TITLES } from './texts.ts';
import { dayOf } from './times.ts';
import type { CodesView } from './views.ts';

export function recoveryPages(routes: Routes, screen: Screen): void {
  routes.get('/recovery', (ctx) => explain(ctx, screen));
  routes.post('/recovery', [], (ctx) => make(ctx, screen));
}

async function explain(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  const account = await screen.options.ceremonies.enroller.account(session);
  if (account.recovery === undefined) return screen.alone(ctx, 'not-found');
  const { left } = account.recovery;
  const view = { left, needsProof: account.needsProof, error: false as const };
  screen.show(ctx, 'recovery', view, { title: TITLES.recovery });
}

async function make(ctx: OwnContext, screen: Screen): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const session = sessionOf(ctx);
  const { enroller } = screen.options.ceremonies;
  const { identity } = await enroller.account(session);
  const made = await enroller.makeCodes(session);
  if (made.ok) {
    const codes = codesView(screen, identity, made.codes, screen.path('/account'));
    return screen.show(ctx, 'recovery-codes', { codes }, { title: TITLES.recoveryCodes });
  }
  if (made.code === 'fresh-proof-needed') return screen.askProof(ctx, backTo(screen, '/recovery'));
  if (made.code === 'factor-off') return screen.alone(ctx, 'not-found');
  if (isEnd(made)) return screen.end(ctx, made);
  const error = screen.errorOf(ctx, made);
  const view = { left: 0, needsProof: false, error };
  screen.show(ctx, 'recovery', view, { title: TITLES.recovery, status: 429, isError: true });
}

/** @param target where "Continue" leads: a path with its query */
export function codesView(screen: Screen, identity: Identity, list: readonly string[], target: string): CodesView {
  const { service } = screen.options.site();
  const made = dayOf(screen.now);
  const url = new URL(target, screen.options.site().publicUrl);
  const lines = [
    `Recovery codes for ${service}`,
    `Account: ${identity}`,
    `Made: ${made.text}`,
    '',
    ...list.map((code, i) => `${String(i + 1).padStart(2)}. ${code}`),
    '',
    'Each code works once. New codes replace these.',
    '',
  ];
  return {
    list,
    identity,
    made,
    file: {
      name: 'recovery-codes.txt',
      href: `data:text/plain;charset=utf-8,${encodeURIComponent(lines.join('\r\n'))}`,
    },
    // A form that is sent with GET loses the query of its address: it becomes fields.
    next: { path: url.pathname, fields: [...url.searchParams].map(([name, value]) => ({ name, value })) },
  };
}
