/**
 * Setting a factor up, one page per step: what it is and who gets what, then the first code, then the end of the session.
 * A secret is on the second page only, only while the draft lives, and never in an address (ASVS 14.2.1).
 */
import type { Available, DraftView } from '../ceremonies/ceremonies.ts';
import type { Refusal } from '../ceremonies/outcomes.ts';
import { identityOf } from '../gate/session.ts';
import type { FactorId } from '../gate/types.ts';
import { answerOf, channelOf, codeForm, insistOf } from './code-form.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { outcomeOf } from './outcomes.ts';
import { leave, type Notice, take } from './page-memory.ts';
import { backTo, person } from './person.ts';
import { codesView } from './recovery.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { disclosureText, TITLES } from './texts.ts';
import type { EnrolView } from './views.ts';
import { WORDS } from './words/words.ts';

/** Names the draft in what the pages remember; there is one per account. */
const DRAFT = 'draft';
/** Longest name that goes back into its field after an error. */
const LONGEST_TYPED = 100;

export function enrolPages(routes: Routes, screen: Screen): void {
  const { enroller } = screen.options.ceremonies;
  routes.post('/enrol/cancel', [], async (ctx) => {
    if (person(ctx, screen) === undefined) return;
    const session = sessionOf(ctx);
    const draft = await enroller.draft(session);
    await enroller.discard(session);
    if (draft !== undefined) await leave(ctx, { kind: 'draft-discarded', factor: draft.factor });
    screen.redirect(ctx, screen.path('/account'));
  });
  routes.get('/enrol/:factor', (ctx) => withFactor(ctx, screen, (factor) => explain(ctx, screen, factor)));
  routes.post('/enrol/:factor', [], (ctx) => withFactor(ctx, screen, (factor) => begin(ctx, screen, factor)));
  routes.get('/enrol/:factor/confirm', (ctx) => withFactor(ctx, screen, (factor) => instruct(ctx, screen, factor)));
  routes.post('/enrol/:factor/confirm', ['code', 'response', 'name'], (ctx, form) =>
    withFactor(ctx, screen, (factor) => confirm(ctx, form, screen, factor)),
  );
  routes.post('/enrol/:factor/send', ['channel', 'insist'], (ctx, form) =>
    withFactor(ctx, screen, (factor) => send(ctx, form, screen, factor)),
  );
}

async function withFactor(ctx: OwnContext, screen: Screen, go: (factor: FactorId) => Promise<void>): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const factor = screen.options.enabledFactors().find((one) => one === ctx.params['factor']);
  if (factor === undefined) return screen.alone(ctx, 'not-found');
  await go(factor);
}

async function explain(ctx: OwnContext, screen: Screen, factor: FactorId, refused?: Refusal): Promise<void> {
  const account = await screen.options.ceremonies.enroller.account(sessionOf(ctx));
  if (account.needsTicket) return screen.redirect(ctx, screen.path('/account'));
  const available = account.available.find((one) => one.factor === factor);
  if (available === undefined) {
    await leave(ctx, { kind: 'refused', code: 'factor-exists' });
    return screen.redirect(ctx, screen.path('/account'));
  }
  const error = refused === undefined ? screen.noticeError(await take(ctx)) : screen.errorOf(ctx, refused);
  const words = WORDS[factor];
  const heading = words.enrolTitle;
  const view: EnrolView = {
    heading,
    factor,
    provider: available.provider ?? '',
    role: words.role ?? '',
    discloses: available.discloses.map((one) => ({ what: disclosureText(one), value: one.value ?? '' })),
    needs: words.needs,
    needsScript: words.needsScript ?? '',
    caution: words.caution ?? '',
    phoneMissing: phoneMissing(available, account.phone),
    needsProof: account.needsProof,
    replaces: available.replaces,
    error,
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'enrol', view, { title: heading, status, isError: error !== false });
}

function phoneMissing(available: Available, phone: unknown): boolean {
  return available.needsPhone && phone === undefined;
}

async function begin(ctx: OwnContext, screen: Screen, factor: FactorId): Promise<void> {
  const begun = await screen.options.ceremonies.enroller.begin(sessionOf(ctx), factor);
  if (begun.ok) return screen.redirect(ctx, screen.path(`/enrol/${factor}/confirm`));
  if (begun.code === 'ticket-needed') return askTicket(ctx, screen);
  if (begun.code === 'fresh-proof-needed') return screen.askProof(ctx, backTo(screen, `/enrol/${factor}`));
  if (isEnd(begun)) return screen.end(ctx, begun);
  await explain(ctx, screen, factor, begun);
}

async function instruct(ctx: OwnContext, screen: Screen, factor: FactorId): Promise<void> {
  const draft = await screen.options.ceremonies.enroller.draft(sessionOf(ctx));
  if (draft?.factor !== factor) return screen.redirect(ctx, screen.path(`/enrol/${factor}`));
  showDraft(ctx, screen, draft, await take(ctx));
}

async function confirm(ctx: OwnContext, form: Form, screen: Screen, factor: FactorId): Promise<void> {
  const { enroller } = screen.options.ceremonies;
  const session = sessionOf(ctx);
  const draft = await enroller.draft(session);
  if (draft?.factor !== factor) return lost(ctx, screen, factor);
  const confirmed = await enroller.confirm(session, answerOf(form), form.get('name'));
  if (confirmed.ok) {
    screen.clearCookie(ctx);
    const { name, noun } = WORDS[confirmed.factor];
    const identity = identityOf(session.session);
    const codes =
      confirmed.codes === undefined || identity === undefined
        ? (false as const)
        : codesView(screen, identity, confirmed.codes, screen.options.site().loginPage);
    screen.show(ctx, 'enrol-done', { factor: confirmed.factor, name, noun, codes }, { title: TITLES.done });
    return;
  }
  if (confirmed.code === 'fresh-proof-needed') return screen.askProof(ctx, backTo(screen, `/enrol/${factor}/confirm`));
  if (confirmed.code === 'ticket-needed') return askTicket(ctx, screen);
  if (confirmed.code === 'draft-missing' || confirmed.code === 'draft-spent') {
    return lost(ctx, screen, factor, confirmed.code);
  }
  if (isEnd(confirmed)) return screen.end(ctx, confirmed);
  // A key's question is used up by now; the page gets a new one.
  showDraft(ctx, screen, (await enroller.draft(session)) ?? draft, undefined, confirmed, form.get('name'));
}

/** The ticket ran out, or was shown in another session meanwhile. */
async function askTicket(ctx: OwnContext, screen: Screen): Promise<void> {
  await leave(ctx, { kind: 'refused', code: 'ticket-needed' });
  screen.redirect(ctx, screen.path('/account'));
}

/** The draft ran out, another tab began a new one, or too many codes were wrong. */
async function lost(
  ctx: OwnContext,
  screen: Screen,
  factor: FactorId,
  code: 'draft-missing' | 'draft-spent' = 'draft-missing',
): Promise<void> {
  await leave(ctx, { kind: 'refused', code });
  screen.redirect(ctx, screen.path(`/enrol/${factor}`));
}

async function send(ctx: OwnContext, form: Form, screen: Screen, factor: FactorId): Promise<void> {
  const channel = channelOf(form);
  if (channel === undefined) return screen.alone(ctx, 'bad-request', 'channel');
  const sent = await screen.options.ceremonies.enroller.sendToDraft(sessionOf(ctx), channel, insistOf(form));
  if (sent.ok) {
    const { ending, nextAt } = sent;
    await leave(ctx, { kind: 'sent' }, { for: DRAFT, channel: sent.channel, toApp: false, ending, nextAt });
  } else if (sent.code === 'app-instead') {
    await leave(ctx, { kind: 'sent' }, { for: DRAFT, channel, toApp: true, nextAt: sent.until });
  } else if (sent.code === 'fresh-proof-needed') {
    return screen.askProof(ctx, backTo(screen, `/enrol/${factor}/confirm`));
  } else if (sent.code === 'draft-missing') {
    return lost(ctx, screen, factor);
  } else if (isEnd(sent)) {
    return screen.end(ctx, sent);
  } else {
    screen.errorOf(ctx, sent);
    await leave(ctx, { kind: 'refused', code: sent.code, until: sent.until });
  }
  screen.redirect(ctx, screen.path(`/enrol/${factor}/confirm`));
}

function showDraft(
  ctx: OwnContext,
  screen: Screen,
  draft: DraftView,
  notice: Notice | undefined,
  refused?: Refusal,
  typedName = '',
): void {
  const error = refused === undefined ? undefined : screen.errorOf(ctx, refused, draft.factor);
  const form = codeForm(ctx, screen, draft, DRAFT, notice, error);
  const heading = WORDS[draft.factor].enrolTitle;
  const view = {
    ...form,
    heading,
    factor: draft.factor,
    typedName: typedName.slice(0, LONGEST_TYPED),
    phoneEnding: draft.instructions.phoneEnding ?? '',
    totp: draft.instructions.totp ?? (false as const),
  };
  const status = refused === undefined ? 200 : outcomeOf(refused.code).status;
  screen.show(ctx, 'enrol-confirm', view, { title: heading, status, isError: form.error !== false });
}
