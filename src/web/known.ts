/** Before the first method: a code to the address or number that the administrator knows. Where it goes is in no form. */
import type { KnownAddress, KnownChannel } from '../ceremonies/ceremonies.ts';
import type { Refusal } from '../ceremonies/outcomes.ts';
import { answerOf, codeForm } from './code-form.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { outcomeOf } from './outcomes.ts';
import { leave, type Notice, take } from './page-memory.ts';
import { person } from './person.ts';
import { queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { knownText, TITLES } from './texts.ts';
import type { LinkView } from './views.ts';

const PATH = '/account/known';

export function knownPages(routes: Routes, screen: Screen): void {
  routes.get(PATH, async (ctx) => {
    const known = await knownOf(ctx, screen);
    if (known === undefined) return;
    const one = known.find(({ channel }) => channel === queryValue(ctx, 'way')) ?? known[0];
    if (one === undefined) return screen.redirect(ctx, screen.path('/account'));
    show(ctx, screen, known, one, await take(ctx));
  });
  routes.post(`${PATH}/send`, ['way', 'channel'], (ctx, form) => send(ctx, form, screen));
  routes.post(PATH, ['way', 'code'], (ctx, form) => prove(ctx, form, screen));
}

/** Links to the page, one for each address. */
export function knownLinks(screen: Screen, known: readonly KnownAddress[]): readonly LinkView[] {
  return known.map((one) => ({ href: pathOf(screen, one.channel), text: knownText(one) }));
}

async function send(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  const known = await knownOf(ctx, screen);
  if (known === undefined) return;
  const one = chosen(known, form);
  if (one === undefined) return screen.redirect(ctx, screen.path('/account'));
  const { channel } = one;
  const sent = await screen.options.ceremonies.enroller.sendToKnown(sessionOf(ctx), channel);
  if (sent.ok) {
    const { ending, nextAt } = sent;
    await leave(ctx, { kind: 'sent' }, { for: keyOf(channel), channel, toApp: false, ending, nextAt });
  } else if (isEnd(sent)) {
    return screen.end(ctx, sent);
  } else {
    screen.errorOf(ctx, sent);
    await leave(ctx, { kind: 'refused', code: sent.code, until: sent.until });
  }
  screen.redirect(ctx, pathOf(screen, channel));
}

async function prove(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  const known = await knownOf(ctx, screen);
  if (known === undefined) return;
  const one = chosen(known, form);
  if (one === undefined) return screen.redirect(ctx, screen.path('/account'));
  const proved = await screen.options.ceremonies.enroller.proveKnown(sessionOf(ctx), one.channel, answerOf(form));
  if (proved.ok) {
    await leave(ctx, { kind: 'known-proved' });
    return screen.redirect(ctx, screen.path('/account'));
  }
  if (isEnd(proved)) return screen.end(ctx, proved);
  show(ctx, screen, known, one, undefined, proved);
}

/** `undefined` when the request was answered otherwise. */
async function knownOf(ctx: OwnContext, screen: Screen): Promise<readonly KnownAddress[] | undefined> {
  const session = person(ctx, screen);
  return session === undefined ? undefined : (await screen.options.ceremonies.enroller.account(session)).known;
}

function chosen(known: readonly KnownAddress[], form: Form): KnownAddress | undefined {
  return known.find(({ channel }) => channel === form.get('way'));
}

function pathOf(screen: Screen, channel: KnownChannel): string {
  return `${screen.path(PATH)}?way=${channel}`;
}

/** What was sent last for it. */
function keyOf(channel: KnownChannel): string {
  return `known-${channel}`;
}

function show(
  ctx: OwnContext,
  screen: Screen,
  known: readonly KnownAddress[],
  one: KnownAddress,
  notice: Notice | undefined,
  refused?: Refusal,
): void {
  const error = refused === undefined ? undefined : screen.errorOf(ctx, refused, one.factor);
  const coded = { factor: one.factor, answer: 'digits', digits: one.digits, channels: [one.channel] } as const;
  const form = codeForm(ctx, screen, coded, keyOf(one.channel), notice, error);
  const view = {
    ...form,
    heading: TITLES.known,
    way: one.channel,
    shown: one.shown,
    others: knownLinks(
      screen,
      known.filter((other) => other !== one),
    ),
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'known', view, { title: TITLES.known, status, isError: form.error !== false });
}
