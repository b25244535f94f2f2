/**
 * The way in where the factor comes before the application: name and code, name and key, or name and ticket. Whoever stands here
 * has proved nothing, so no page says anything about a name. Absent where the application's login comes first.
 */
import type { Arriving, Proved, Spare } from '../ceremonies/ceremonies.ts';
import type { Refusal } from '../ceremonies/outcomes.ts';
import { returnPath } from '../gate/redirect.ts';
import type { FactorId, Json, ReturnPath } from '../gate/types.ts';
import { loginCookies, wishedFor } from '../session/cookie.ts';
import { AttemptOnce } from './attempt-once.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { goOn } from './news.ts';
import { outcomeOf } from './outcomes.ts';
import { leaveWith } from './page-memory.ts';
import { queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { codeHint, TITLES } from './texts.ts';
import type { ErrorView } from './views.ts';
import { WORDS } from './words/words.ts';

type Kind = 'digits' | Spare;

/** How a form and an address name each kind of code, what its field says, and the link to it. */
const SPARES: Readonly<Record<Spare, { readonly query: string; readonly factor: FactorId; readonly link: string }>> = {
  'recovery-code': { query: 'recovery', factor: 'recovery', link: 'Use a recovery code' },
  'bypass-code': { query: 'bypass', factor: 'bypass', link: 'Use a code from an administrator' },
};

export function entrancePages(routes: Routes, screen: Screen): void {
  const { entrance } = screen.options.ceremonies;
  const attempts = new AttemptOnce(screen.options.clock);
  routes.get('/entrance', async (ctx) => {
    if (!(await arrive(ctx, screen))) return;
    const wanted = queryValue(ctx, 'with');
    const spare = entrance.spares().find((one) => SPARES[one].query === wanted);
    showEntrance(ctx, screen, { name: '', kind: spare ?? 'digits' });
  });
  routes.get('/entrance/ticket', async (ctx) => {
    if (await arrive(ctx, screen)) showTicket(ctx, screen, '');
  });
  routes.post('/entrance', ['name', 'code', 'with'], async (ctx, form) => {
    const session = sessionOf(ctx);
    const name = form.get('name') ?? '';
    const code = form.get('code') ?? '';
    const what = JSON.stringify([name, code]);
    const answer = await attempts.run(session, what, () => entrance.enter(session, arriving(ctx, screen, form), code));
    if (answer.ok) return enter(ctx, screen, answer);
    const kind = entrance.spares().find((one) => one === form.get('with')) ?? 'digits';
    refuse(ctx, screen, answer, 'totp', (error) => showEntrance(ctx, screen, { name, kind, error, refused: answer }));
  });
  routes.post('/entrance/key', ['name', 'code', 'with'], async (ctx, form) => {
    const name = form.get('name') ?? '';
    const asked = await entrance.question(sessionOf(ctx), arriving(ctx, screen, form));
    if (asked.ok) return showKey(ctx, screen, { name, question: asked.shown });
    refuse(ctx, screen, asked, 'passkey', (error) =>
      showEntrance(ctx, screen, { name, kind: 'digits', error, refused: asked }),
    );
  });
  routes.post('/entrance/key/answer', ['name', 'response'], async (ctx, form) => {
    const session = sessionOf(ctx);
    const name = form.get('name') ?? '';
    const answer = await entrance.enterWithKey(session, arriving(ctx, screen, form), form.get('response') ?? '');
    if (answer.ok) return enter(ctx, screen, answer);
    // A key answers each question once, so the next try begins where a new one is asked.
    refuse(ctx, screen, answer, 'passkey', (error) =>
      showEntrance(ctx, screen, { name, kind: 'digits', error, refused: answer }),
    );
  });
  routes.post('/entrance/ticket', ['name', 'ticket'], async (ctx, form) => {
    const name = form.get('name') ?? '';
    const who = arriving(ctx, screen, form);
    const shown = await entrance.showTicket(sessionOf(ctx), who, form.get('ticket') ?? '');
    if (!shown.ok) return refuse(ctx, screen, shown, undefined, (error) => showTicket(ctx, screen, name, error, shown));
    screen.setCookie(ctx, shown.issued);
    await leaveWith(screen.options, shown.issued.session, { kind: 'ticket-accepted' });
    screen.redirect(ctx, screen.path('/account'));
  });
}

/** Whoever is in already goes on; everybody else gets a session for the form. @returns whether the page is to be shown. */
async function arrive(ctx: OwnContext, screen: Screen): Promise<boolean> {
  const { ceremonies, sessions, site } = screen.options;
  if (!ceremonies.entrance.isOpen()) {
    screen.alone(ctx, 'not-found');
    return false;
  }
  const { session } = ctx.state.scope;
  const state = session === undefined || session.ended ? undefined : session.session.state;
  if (state === 'verified') screen.redirect(ctx, site().home);
  else if (state === 'pending') screen.redirect(ctx, screen.path('/challenge'));
  else if (state === 'enrolling') screen.redirect(ctx, screen.path('/account'));
  if (state !== undefined) return state === 'anonymous';
  const issued = sessions.create();
  await sessions.settled(issued.session);
  screen.setCookie(ctx, issued);
  ctx.state.scope = { ...ctx.state.scope, session: issued.session };
  return true;
}

function arriving(ctx: OwnContext, screen: Screen, form: Form): Arriving {
  const { client, agent, wish } = ctx.state.scope;
  const { home, publicUrl } = screen.options.site();
  const { origin } = new URL(publicUrl);
  const wanted = returnPath(wishedFor(wish) ?? '', origin) ?? returnPath(home, origin) ?? ('/' as ReturnPath);
  return { name: form.get('name') ?? '', from: { address: client, agent }, returnTo: wanted };
}

async function enter(ctx: OwnContext, screen: Screen, proved: Proved): Promise<void> {
  await goOn(ctx, screen, proved, false);
  for (const line of loginCookies(screen.options.cookieName, undefined, ctx.state.scope.wish)) {
    ctx.append('Set-Cookie', line);
  }
}

function refuse(
  ctx: OwnContext,
  screen: Screen,
  refused: Refusal,
  factor: FactorId | undefined,
  show: (error: ErrorView) => void,
): void {
  if (isEnd(refused)) return screen.end(ctx, refused);
  show(screen.errorOf(ctx, refused, factor));
}

function showEntrance(
  ctx: OwnContext,
  screen: Screen,
  {
    name,
    kind,
    error = false,
    refused,
  }: { readonly name: string; readonly kind: Kind; readonly error?: ErrorView | false; readonly refused?: Refusal },
): void {
  const factors = screen.options.enabledFactors();
  const hasApp = factors.includes('totp');
  const others = screen.options.ceremonies.entrance
    .spares()
    .filter((one) => one !== kind)
    .map((one) => ({ href: `${screen.path('/entrance')}?with=${SPARES[one].query}`, text: SPARES[one].link }));
  const back = hasApp ? 'Use a code from your authenticator app' : 'Use a passkey or security key';
  const view = {
    answer: kind,
    name,
    error,
    hint: codeHint(kind === 'digits' ? 'totp' : SPARES[kind].factor, { min: 0, max: 1 }),
    hasKeys: factors.includes('passkey'),
    hasCodes: kind !== 'digits' || hasApp,
    others: kind === 'digits' ? others : [{ href: screen.path('/entrance'), text: back }, ...others],
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'entrance', view, { title: TITLES.entrance, status, isError: error !== false });
}

function showKey(ctx: OwnContext, screen: Screen, { name, question }: { name: string; question: Json }): void {
  const { needsScript = '' } = WORDS.passkey;
  const view = { name, needsScript, question: JSON.stringify(question), hint: codeHint('passkey', { min: 0, max: 0 }) };
  screen.show(ctx, 'entrance-key', view, { title: TITLES.useKey });
}

function showTicket(
  ctx: OwnContext,
  screen: Screen,
  name: string,
  error: ErrorView | false = false,
  refused?: Refusal,
): void {
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  const view = { name, error };
  screen.show(ctx, 'entrance-ticket', view, { title: TITLES.entranceTicket, status, isError: error !== false });
}
