/**
 * The page that waits until a request in an app is answered. Looking at it, or at how the request stands, lets nobody in: the
 * answer is collected by its form, which a script sends when there is one (see templates/assets/push.js).
 */
import type { Prompt, Waiting, Way } from '../ceremonies/ceremonies.ts';
import { type Refusal, refusal } from '../ceremonies/outcomes.ts';
import type { Json } from '../gate/types.ts';
import { notAsked, otherWays, trustView, wantsTrust } from './challenge.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { goOn } from './news.ts';
import { leave, type Notice, take } from './page-memory.ts';
import { queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { wayBack } from './step-up.ts';
import { TITLES } from './texts.ts';
import { secondsUntil, timeOf } from './times.ts';

export function pushPages(routes: Routes, screen: Screen): void {
  routes.get('/challenge/push', (ctx) => show(ctx, screen));
  routes.get('/challenge/push/state', (ctx) => tell(ctx, screen));
  routes.post('/challenge/push', ['way', 'trust'], (ctx, form) => collect(ctx, form, screen));
}

async function show(ctx: OwnContext, screen: Screen): Promise<void> {
  const { session } = ctx.state.scope;
  if (session === undefined || session.ended) return screen.end(ctx, refusal('login-expired'));
  const { prover } = screen.options.ceremonies;
  const prompt = await prover.prompt(session);
  if (!prompt.ok) return notAsked(ctx, screen, session, prompt);
  const wanted = queryValue(ctx, 'way');
  const way = prompt.ways.find((one) => one.id === wanted && one.channels.includes('push'));
  if (way === undefined) return screen.redirect(ctx, screen.path('/challenge'));
  const waiting = await prover.waiting(session, way.id);
  const keepsForm = prompt.isStepUp && (await screen.options.kept.isAwaited(session.session));
  if (waiting.ok) return render(ctx, screen, { ...prompt, keepsForm }, way, waiting, await take(ctx));
  await refused(ctx, screen, way.id, waiting);
}

/** For the script. `wait: false` says only that there is something to collect: a yes, a no, or the end of waiting. */
async function tell(ctx: OwnContext, screen: Screen): Promise<void> {
  const { session } = ctx.state.scope;
  const isThere = session !== undefined && !session.ended;
  const waiting = isThere
    ? await screen.options.ceremonies.prover.waiting(session, queryValue(ctx, 'way') ?? '')
    : undefined;
  screen.json(ctx, { wait: waiting?.ok === true && !waiting.isAnswered });
}

async function collect(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  const session = sessionOf(ctx);
  const isStepUp = session.session.state === 'verified';
  const way = form.get('way') ?? '';
  const answer = await screen.options.ceremonies.prover.look(session, way, wantsTrust(form));
  if (answer.ok) return goOn(ctx, screen, answer, isStepUp);
  if (answer.code === 'session-gone') return notAsked(ctx, screen, session, answer);
  await refused(ctx, screen, way, answer);
}

/** Back to where it can be waited for, or to the code field when there is nothing to wait for. */
async function refused(ctx: OwnContext, screen: Screen, way: string, refused: Refusal): Promise<void> {
  if (isEnd(refused)) return screen.end(ctx, refused);
  screen.errorOf(ctx, refused);
  await leave(ctx, { kind: 'refused', code: refused.code, until: refused.until });
  const isOver = refused.code === 'push-expired' || refused.code === 'way-unknown';
  screen.redirect(ctx, screen.path(`/challenge${isOver ? '' : '/push'}?way=${encodeURIComponent(way)}`));
}

function render(
  ctx: OwnContext,
  screen: Screen,
  prompt: Prompt & { readonly keepsForm: boolean },
  way: Way,
  waiting: Waiting,
  notice: Notice | undefined,
): void {
  const { now } = screen;
  const heading = waiting.isAnswered ? TITLES.pushAnswered : TITLES.push;
  const error = screen.noticeError(notice, way.factor);
  const query = `?way=${encodeURIComponent(way.id)}`;
  const view = {
    heading,
    error,
    identity: prompt.identity,
    isStepUp: prompt.isStepUp,
    keepsForm: prompt.keepsForm,
    trust: trustView(prompt, way, false),
    backTo: wayBack(screen, sessionOf(ctx)).text,
    way: way.id,
    word: wordOf(waiting.shown),
    isAnswered: waiting.isAnswered,
    until: timeOf(waiting.until, now),
    seconds: secondsUntil(waiting.until, now),
    statePath: `${screen.path('/challenge/push/state')}${query}`,
    others: [
      { href: screen.path('/challenge') + query, text: 'Enter a code instead' },
      ...otherWays(screen, prompt, way),
    ],
  };
  screen.show(ctx, 'push', view, { title: heading, isError: error !== false });
}

function wordOf(shown: Json | undefined): string {
  if (shown === undefined || shown === null || typeof shown !== 'object' || !('word' in shown)) return '';
  return typeof shown.word === 'string' ? shown.word : '';
}
