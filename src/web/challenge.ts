/** The prompt, and sending a code for it. Loading the page sends nothing; what is asked and whose it is comes from the session. */
import type { Prompt, Way } from '../ceremonies/ceremonies.ts';
import { type Refusal, refusal } from '../ceremonies/outcomes.ts';
import type { AnswerKind } from '../factors/factor.ts';
import { trustFor } from '../gate/trusted-browsers.ts';
import type { LiveSession } from '../session/live.ts';
import { AttemptOnce } from './attempt-once.ts';
import { answerOf, channelOf, codeForm, insistOf } from './code-form.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { goOn } from './news.ts';
import { outcomeOf } from './outcomes.ts';
import { leave, type Notice, take } from './page-memory.ts';
import { queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { wayBack } from './step-up.ts';
import { sendText, TITLES, trustText, wayText } from './texts.ts';
import { secondsUntil, timeOf } from './times.ts';
import type { LinkView, TrustView } from './views.ts';

export function challengePages(routes: Routes, screen: Screen): void {
  const { prover } = screen.options.ceremonies;
  const attempts = new AttemptOnce(screen.options.clock);
  routes.get('/challenge', (ctx) => showPrompt(ctx, screen));
  routes.post('/challenge', ['way', 'code', 'response', 'trust'], (ctx, form) => prove(ctx, form, screen, attempts));
  routes.post('/challenge/send', ['way', 'channel', 'insist'], (ctx, form) => send(ctx, form, screen));
  routes.post('/cancel', [], async (ctx) => {
    const session = sessionOf(ctx);
    const back = wayBack(screen, session);
    await screen.options.kept.drop(session.session);
    await prover.cancel(session);
    if (session.ended) screen.clearCookie(ctx);
    screen.redirect(ctx, back.path);
  });
}

async function showPrompt(ctx: OwnContext, screen: Screen): Promise<void> {
  const { session } = ctx.state.scope;
  if (session === undefined || session.ended) return screen.end(ctx, refusal('login-expired'));
  const prompt = await screen.options.ceremonies.prover.prompt(session);
  if (!prompt.ok) return notAsked(ctx, screen, session, prompt);
  const wanted = queryValue(ctx, 'way');
  const way = wanted === undefined ? prompt.ways[0] : prompt.ways.find((one) => one.id === wanted);
  if (way !== undefined) return render(ctx, screen, session, prompt, way, await take(ctx));
  if (prompt.ways.length === 0) return screen.alone(ctx, 'no-way-in');
  screen.redirect(ctx, screen.path('/challenge')); // an old link: the way is gone
}

/** Nothing is asked of this session: it is through already, or it never came so far, or it may go no further. */
export function notAsked(ctx: OwnContext, screen: Screen, session: LiveSession, refused: Refusal): void {
  if (refused.code !== 'session-gone' || session.ended) screen.end(ctx, refused);
  else if (session.session.state === 'verified') screen.redirect(ctx, screen.options.site().home);
  else if (session.session.state === 'enrolling') screen.redirect(ctx, screen.path('/account'));
  else screen.end(ctx, refusal('login-expired'));
}

async function prove(ctx: OwnContext, form: Form, screen: Screen, attempts: AttemptOnce): Promise<void> {
  const { prover } = screen.options.ceremonies;
  const session = sessionOf(ctx);
  const isStepUp = session.session.state === 'verified';
  const wayId = form.get('way') ?? '';
  const code = answerOf(form);
  const trust = wantsTrust(form);
  const check = () => prover.prove(session, wayId, code, trust);
  const answer = await attempts.run(session, JSON.stringify([wayId, code]), check);
  if (answer.ok) return goOn(ctx, screen, answer, isStepUp);
  if (answer.code === 'session-gone') return notAsked(ctx, screen, session, answer);
  if (isEnd(answer)) return screen.end(ctx, answer);
  const prompt = await prover.prompt(session);
  if (!prompt.ok) return notAsked(ctx, screen, session, prompt);
  const way = prompt.ways.find((one) => one.id === wayId) ?? prompt.ways[0];
  if (way === undefined) return screen.alone(ctx, 'no-way-in');
  await render(ctx, screen, session, prompt, way, undefined, { refused: answer, trust });
}

async function send(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  const channel = channelOf(form);
  const way = form.get('way') ?? '';
  if (channel === undefined) return screen.alone(ctx, 'bad-request', 'channel');
  const session = sessionOf(ctx);
  const sent = await screen.options.ceremonies.prover.send(session, way, channel, insistOf(form));
  const query = `?way=${encodeURIComponent(way)}`;
  if (sent.ok && sent.channel === 'push') return screen.redirect(ctx, screen.path('/challenge/push') + query);
  if (sent.ok) {
    const { ending, nextAt } = sent;
    await leave(ctx, { kind: 'sent' }, { for: way, channel: sent.channel, toApp: false, ending, nextAt });
  } else if (sent.code === 'session-gone') {
    return notAsked(ctx, screen, session, sent);
  } else if (isEnd(sent)) {
    return screen.end(ctx, sent);
  } else if (sent.code === 'app-instead') {
    await leave(ctx, { kind: 'sent' }, { for: way, channel, toApp: true, nextAt: sent.until });
  } else {
    screen.errorOf(ctx, sent);
    await leave(ctx, { kind: 'refused', code: sent.code, until: sent.until });
  }
  screen.redirect(ctx, screen.path('/challenge') + query);
}

/** Links to the prompt of each other way. */
export function otherWays(screen: Screen, prompt: Prompt, way: Way): readonly LinkView[] {
  return prompt.ways
    .filter((other) => other.id !== way.id)
    .map((other) => ({ href: promptPath(screen, other.id), text: wayText(other) }));
}

/** The box to tick, where a right answer can make this browser a trusted one. */
export function trustView(prompt: Prompt, { factor }: Way, isTicked: boolean): TrustView | false {
  const { isStepUp, trustMs } = prompt;
  const forMs = trustMs === undefined ? undefined : trustFor({ browserMs: trustMs }, factor, isStepUp);
  return forMs === undefined ? false : { text: trustText(forMs), isTicked };
}

export function wantsTrust(form: Form): boolean {
  return form.get('trust') === '1';
}

function promptPath(screen: Screen, way: string): string {
  return `${screen.path('/challenge')}?way=${encodeURIComponent(way)}`;
}

function titleOf({ answer }: Way): string {
  if (answer === 'recovery-code') return TITLES.recoveryCode;
  if (answer === 'bypass-code') return TITLES.bypassCode;
  return answer === 'assertion' ? TITLES.useKey : TITLES.challenge;
}

async function render(
  ctx: OwnContext,
  screen: Screen,
  session: LiveSession,
  prompt: Prompt,
  way: Way,
  notice: Notice | undefined,
  { refused, trust = false }: { readonly refused?: Refusal; readonly trust?: boolean } = {},
): Promise<void> {
  const { now } = screen;
  const error = refused === undefined ? undefined : screen.errorOf(ctx, refused, way.factor);
  const form = codeForm(ctx, screen, way, way.id, notice, error);
  const sent = form.dispatch === false ? titleOf(way) : form.dispatch.heading;
  const heading = prompt.isStepUp ? TITLES.stepUp : sent;
  const pathOf = (answer: AnswerKind): string => {
    const spare = prompt.ways.find((other) => other.id !== way.id && other.answer === answer);
    return spare === undefined ? '' : promptPath(screen, spare.id);
  };
  const view = {
    ...form,
    heading,
    identity: prompt.identity,
    way: way.id,
    others: otherWays(screen, prompt, way),
    push: way.channels.includes('push') ? sendText('push', undefined) : '',
    recoveryPath: pathOf('recovery-code'),
    bypassPath: pathOf('bypass-code'),
    expiresAt: timeOf(prompt.expiresAt, now),
    expiresIn: secondsUntil(prompt.expiresAt, now),
    pausedUntil: prompt.pausedUntil === undefined ? (false as const) : timeOf(prompt.pausedUntil, now),
    isStepUp: prompt.isStepUp,
    trust: trustView(prompt, way, trust),
    keepsForm: prompt.isStepUp && (await screen.options.kept.isAwaited(session.session)),
    backTo: wayBack(screen, session).text,
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'challenge', view, { title: heading, status, isError: form.error !== false });
}
