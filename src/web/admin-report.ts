/** For administrators: what was sent, how outside services answer, and what happened lately. One thing can be changed: the stop. */
import type { AuditEvent, Deed, Report } from '../ceremonies/ceremonies.ts';
import { administrator, needsProof } from './administrator.ts';
import { browserName } from './browser-name.ts';
import type { OwnContext } from './context.ts';
import type { Form } from './form.ts';
import { leave, take } from './page-memory.ts';
import { backTo } from './person.ts';
import { numberOf, queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { happeningText, noticeText, TITLES } from './texts.ts';
import { timeOf } from './times.ts';
import type { AdminReportView } from './views.ts';
import { WORDS } from './words/words.ts';

const PATH = '/admin/report';

export function adminReportPages(routes: Routes, screen: Screen): void {
  routes.get(PATH, (ctx) => show(ctx, screen));
  routes.post(`${PATH}/lift`, ['reason'], (ctx, form) => lift(ctx, form, screen));
}

async function show(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = await administrator(ctx, screen);
  if (session === undefined) return;
  const page = numberOf(queryValue(ctx, 'page')) ?? 1;
  const report = await screen.options.ceremonies.reporting.report(session, page);
  if (!report.ok) return screen.end(ctx, report);
  const notice = await take(ctx);
  const error = screen.noticeError(notice);
  const link = (to: number): string => `${screen.path(PATH)}?page=${to}`;
  const view: AdminReportView = {
    error,
    notice: notice?.kind === 'stop-lifted' ? noticeText(notice) : [],
    needsProof: await needsProof(session, screen),
    sends: sendsView(report, screen),
    services: report.services.map((one) => serviceView(one, screen)),
    events: report.events.map((event) => eventRow(event, screen)),
    page,
    previous: page > 1 ? link(page - 1) : '',
    next: report.hasMore ? link(page + 1) : '',
  };
  screen.show(ctx, 'admin-report', view, { title: TITLES.adminReport, isError: error !== false });
}

async function lift(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  const session = await administrator(ctx, screen);
  if (session === undefined) return;
  const lifted = await screen.options.ceremonies.reporting.liftStop(session, form.get('reason') ?? '');
  if (lifted.ok) {
    await leave(ctx, { kind: 'stop-lifted' });
  } else if (lifted.code === 'fresh-proof-needed') {
    return screen.askProof(ctx, backTo(screen, PATH));
  } else if (isEnd(lifted)) {
    return screen.end(ctx, lifted);
  } else {
    screen.errorOf(ctx, lifted);
    await leave(ctx, { kind: 'refused', code: lifted.code });
  }
  screen.redirect(ctx, screen.path(PATH));
}

function sendsView({ sends }: Report, screen: Screen): AdminReportView['sends'] {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });
  return {
    today: sends.today,
    most: sends.most,
    stoppedUntil: sends.stoppedUntil === undefined ? false : timeOf(sends.stoppedUntil, screen.now),
    countries: sends.countries.map(({ count, country }) => ({ name: names.of(country) ?? country, count })),
    mostForCountry: sends.mostForCountry,
  };
}

function serviceView(one: Report['services'][number], screen: Screen): AdminReportView['services'][number] {
  const { answeredAt, factor, failedAt, failure, provider } = one;
  const { name } = WORDS[factor];
  const isDown = failedAt !== undefined && failedAt >= (answeredAt ?? 0);
  return {
    name: provider === undefined || provider.startsWith(name) ? (provider ?? name) : `${name} (${provider})`,
    state: isDown && failure !== undefined ? FAILURES[failure] : answeredAt === undefined ? NOT_ASKED : 'Answers',
    isDown,
    answered: answeredAt === undefined ? false : timeOf(answeredAt, screen.now),
    failed: failedAt === undefined ? false : timeOf(failedAt, screen.now),
  };
}

const NOT_ASKED = 'Not asked since the gateway started';
const FAILURES = {
  unavailable: 'Does not answer',
  misconfigured: 'Does not take the key or the settings: check the configuration',
} as const;

function eventRow(event: AuditEvent, screen: Screen): AdminReportView['events'][number] {
  const at = timeOf(event.at, screen.now);
  const identity = event.identity ?? '';
  if ('happening' in event) {
    const { from } = event;
    const by = from === undefined ? '' : `${browserName(from.agent)}, ${from.address}`;
    return { at, identity, text: happeningText(event.happening), by, reason: '' };
  }
  return { at, identity, text: DEEDS[event.deed], by: event.actor, reason: event.reason };
}

const DEEDS: Readonly<Record<Deed, string>> = {
  admin_factors_reset: 'An administrator reset two-factor authentication.',
  admin_ticket_made: 'An administrator made a ticket.',
  admin_bypass_made: 'An administrator made a code for one sign-in.',
  admin_unlocked: 'An administrator unlocked the account.',
  admin_sessions_ended: 'An administrator ended all sessions.',
  admin_spending_stop_lifted: 'An administrator let texts and calls be sent again.',
};
