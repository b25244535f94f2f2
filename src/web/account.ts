/** Self-service, as Lucy's handbook had it: phone, Save, Configure 2FA. Shows only what works here and now. */
import type { Account } from '../ceremonies/ceremonies.ts';
import { countries } from '../phone/phone.ts';
import type { LiveSession } from '../session/live.ts';
import { eventViews, sessionViews } from './activity.ts';
import { availableView } from './available.ts';
import { browserViews } from './browsers.ts';
import { type OwnContext, sessionOf } from './context.ts';
import type { Form } from './form.ts';
import { graceView } from './grace.ts';
import { knownLinks } from './known.ts';
import { moveOf } from './moving.ts';
import { leave, type Notice, take } from './page-memory.ts';
import { backTo, person } from './person.ts';
import { renamePath } from './rename.ts';
import type { Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { enrolledText, keptText, LEVELS, noticeText, TITLES } from './texts.ts';
import { dayOf, timeOf } from './times.ts';
import type { AccountView, EnrolledView, PhoneView } from './views.ts';
import { WORDS } from './words/words.ts';

/** Longest number that goes back into the field after an error; ceremonies look at no more either. */
const LONGEST_TYPED = 100;

/** Pages that ask for a fresh proof with a button of their own. */
const PROVED: Readonly<Record<string, string>> = { admin: '/admin', report: '/admin/report', recovery: '/recovery' };

export function accountPages(routes: Routes, screen: Screen): void {
  routes.get('/account', (ctx) => showAccount(ctx, screen));
  routes.post('/account/phone', ['country', 'number'], (ctx, form) => savePhone(ctx, form, screen));
  routes.post('/proof', ['for'], async (ctx, form) => {
    if (person(ctx, screen) === undefined) return;
    await screen.askProof(ctx, backTo(screen, PROVED[form.get('for') ?? ''] ?? '/account'));
  });
}

async function showAccount(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  const { enroller, administration, entrance } = screen.options.ceremonies;
  // At once: a store that several processes share is asked in one go instead of one thing after the other.
  const [account, sessions, browsers, events] = await Promise.all([
    enroller.account(session),
    sessionViews(session, screen),
    browserViews(ctx, session, screen),
    eventViews(session, screen),
  ]);
  const notice = await take(ctx);
  const error = screen.noticeError(notice);
  screen.show(
    ctx,
    'account',
    {
      identity: account.identity,
      mustEnrol: session.session.state === 'enrolling',
      level: LEVELS[account.level],
      error,
      notice: messageOf(notice),
      enrolled: account.enrolled.map((one) => enrolledView(one, screen)),
      comesFirst: entrance.isOpen(),
      available: account.available.map(availableView),
      offersKeys: account.available.some(({ factor }) => WORDS[factor].needsScript !== undefined),
      draft:
        account.draft === undefined
          ? false
          : { name: WORDS[account.draft].name, path: screen.path(`/enrol/${account.draft}/confirm`) },
      needsProof: account.needsProof,
      needsTicket: account.needsTicket,
      known: knownLinks(screen, account.known),
      grace: graceView(account.mayWaitUntil, screen.now),
      moving: moveOf(account)?.next ?? '',
      phone: phoneView(account, notice, screen),
      recovery: recoveryView(account),
      sessions,
      browsers,
      events,
      isAdministrator: administration.isAdministrator(session) || administration.mayProve(session),
    },
    { title: TITLES.account, isError: error !== false },
  );
}

async function savePhone(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  if (person(ctx, screen) === undefined) return;
  const session: LiveSession = sessionOf(ctx);
  const typed = { country: form.get('country') ?? '', number: (form.get('number') ?? '').slice(0, LONGEST_TYPED) };
  const saved = await screen.options.ceremonies.enroller.savePhone(session, typed);
  if (saved.ok) {
    await leave(ctx, { kind: 'phone-saved' });
  } else if (saved.code === 'fresh-proof-needed') {
    return screen.askProof(ctx, backTo(screen, '/account'));
  } else if (isEnd(saved)) {
    return screen.end(ctx, saved);
  } else {
    screen.errorOf(ctx, saved);
    await leave(ctx, { kind: 'refused', code: saved.code, until: saved.until, typed });
  }
  screen.redirect(ctx, screen.path('/account'));
}

/** Only where some factor uses it: with no key configured, nobody is asked for a number. */
function phoneView(account: Account, notice: Notice | undefined, screen: Screen): PhoneView | false {
  if (!account.available.some((one) => one.needsPhone)) return false;
  const typed = notice?.kind === 'refused' ? notice.typed : undefined;
  const saved = account.phone;
  return {
    countries: countries('en'),
    country: typed?.country ?? saved?.country ?? screen.options.site().defaultCountry,
    typed: typed?.number ?? '',
    ending: saved === undefined ? '' : saved.international.slice(-2),
    saved: notice?.kind === 'phone-saved' && saved !== undefined ? saved.international : '',
  };
}

function recoveryView({ recovery }: Account): AccountView['recovery'] {
  if (recovery === undefined) return false;
  return { left: recovery.left, made: recovery.madeAt === undefined ? false : dayOf(recovery.madeAt) };
}

function enrolledView(one: Account['enrolled'][number], screen: Screen): EnrolledView {
  return {
    name: enrolledText(one),
    kept: keptText(one),
    added: dayOf(one.createdAt),
    lastUsed: one.lastUsedAt === undefined ? false : timeOf(one.lastUsedAt, screen.now),
    removePath: screen.path(`/remove/${encodeURIComponent(one.id)}`),
    mayRemove: one.mayRemove,
    renamePath: one.mayRename ? renamePath(screen, one.id) : '',
  };
}

export function messageOf(notice: Notice | undefined): readonly string[] {
  if (notice === undefined || notice.kind === 'refused' || notice.kind === 'key-refused' || notice.kind === 'sent') {
    return [];
  }
  return noticeText(notice);
}
