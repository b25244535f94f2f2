/** The administrator's page: the 2FA key, write-only, and the list of users. What happens to users: admin-users.ts. */
import { USER_FILTERS, type UserFilter, type UserRow } from '../ceremonies/ceremonies.ts';
import { messageOf } from './account.ts';
import { movingSummary } from './admin-moving.ts';
import { administrator, needsProof } from './administrator.ts';
import type { OwnContext } from './context.ts';
import type { Form } from './form.ts';
import { leave, type Notice, take } from './page-memory.ts';
import { backTo } from './person.ts';
import { numberOf, queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { FILTERS, KEY_REFUSALS, LEVELS, TITLES } from './texts.ts';
import { timeOf } from './times.ts';
import type { ErrorView, KeyView, UserView } from './views.ts';
import { WORDS } from './words/words.ts';

const LONGEST_SEARCH = 200;

export function adminPages(routes: Routes, screen: Screen): void {
  routes.get('/admin', (ctx) => showAdmin(ctx, screen));
  routes.post('/admin/key', ['key', 'insecureSharedKey'], (ctx, form) => saveKey(ctx, form, screen));
  routes.get('/admin/key/remove', async (ctx) => {
    if ((await administrator(ctx, screen)) === undefined) return;
    const key = screen.options.key.state();
    if (!key.set || !key.editable) return screen.redirect(ctx, screen.path('/admin'));
    screen.show(ctx, 'admin-key-remove', { ending: key.ending }, { title: TITLES.keyRemove });
  });
  routes.post('/admin/key/remove', [], (ctx) =>
    withProof(ctx, screen, async () => {
      const removed = await screen.options.key.save(null, false);
      if (removed.ok) log(ctx, screen, 'key_removed');
      await leave(ctx, removed.ok ? { kind: 'key-removed' } : { ...removed, kind: 'key-refused' });
    }),
  );
  routes.post('/admin/key/test', [], (ctx) =>
    withProof(ctx, screen, async () => {
      const checked = await screen.options.key.check();
      log(ctx, screen, 'key_tested', checked.ok ? 'accepted' : checked.reason);
      await leave(
        ctx,
        checked.ok ? { kind: 'key-works', application: checked.application } : { ...checked, kind: 'key-fails' },
      );
    }),
  );
}

async function saveKey(ctx: OwnContext, form: Form, screen: Screen): Promise<void> {
  await withProof(ctx, screen, async () => {
    const saved = await screen.options.key.save(form.get('key') ?? '', form.get('insecureSharedKey') === '1');
    log(ctx, screen, 'key_saved', saved.ok ? 'ok' : saved.reason);
    await leave(ctx, saved.ok ? { kind: 'key-saved' } : { ...saved, kind: 'key-refused' });
  });
}

/** Runs a change for an administrator whose proof is fresh, then leads back to the page. */
async function withProof(ctx: OwnContext, screen: Screen, change: () => Promise<void>): Promise<void> {
  const session = await administrator(ctx, screen);
  if (session === undefined) return;
  if (await needsProof(session, screen)) return screen.askProof(ctx, backTo(screen, '/admin'));
  await change();
  screen.redirect(ctx, screen.path('/admin'));
}

/** Who changed the key, and how it went; never the key. */
function log(ctx: OwnContext, screen: Screen, event: string, result = 'ok'): void {
  const { requestId, client, session } = ctx.state.scope;
  const state = session?.session;
  const identity = state?.state === 'verified' ? state.identity : undefined;
  screen.options.log.warn(`sys_config_${event}`, { requestId, client, identity, result });
}

async function showAdmin(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = await administrator(ctx, screen);
  if (session === undefined) return;
  const search = (queryValue(ctx, 'search') ?? '').slice(0, LONGEST_SEARCH);
  const page = numberOf(queryValue(ctx, 'page')) ?? 1;
  const only = USER_FILTERS.find((one) => one === queryValue(ctx, 'only')) ?? 'all';
  const found = await screen.options.ceremonies.administration.users(session, search, page, only);
  if (!found.ok) {
    if (isEnd(found)) return screen.end(ctx, found);
    if (found.code === 'fresh-proof-needed') return screen.askProof(ctx, backTo(screen, '/admin'));
    return screen.alone(ctx, 'internal', found.code);
  }
  // How long a page is, only the ceremony knows. The first page shows it, and the links carry it on.
  const size = page === 1 ? found.rows.length : (numberOf(queryValue(ctx, 'size')) ?? found.total);
  const notice = await take(ctx);
  const error = keyError(notice) ?? screen.noticeError(notice);
  screen.show(
    ctx,
    'admin',
    {
      error,
      notice: messageOf(notice),
      key: keyView(screen),
      needsProof: await needsProof(session, screen),
      moving: await movingSummary(session, screen),
      search,
      only,
      filters: USER_FILTERS.map((one) => ({ value: one, text: FILTERS[one] })),
      users: found.rows.map((row) => userView(row, screen)),
      total: found.total,
      page,
      previous: page > 1 ? pagePath(screen, search, only, page - 1, size) : '',
      next: size > 0 && page * size < found.total ? pagePath(screen, search, only, page + 1, size) : '',
    },
    { title: TITLES.admin, isError: error !== false },
  );
}

function keyView(screen: Screen): KeyView {
  const state = screen.options.key.state();
  return state.set ? state : { set: false, editable: state.editable, ending: '', shared: false };
}

function keyError(notice: Notice | undefined): ErrorView | undefined {
  if (notice?.kind !== 'key-refused') return undefined;
  const [first = '', ...more] = KEY_REFUSALS[notice.reason];
  return { field: 'key', first, more: notice.detail === undefined ? more : [...more, notice.detail] };
}

function userView(row: UserRow, screen: Screen): UserView {
  return {
    identity: row.identity,
    factors: row.factors.map((factor) => WORDS[factor].name).join(', '),
    level: LEVELS[row.level],
    sessions: row.sessions,
    waits: row.mayWaitUntil === undefined ? false : timeOf(row.mayWaitUntil, screen.now),
    codesLeft: row.codesLeft ?? -1,
    lock: row.lock,
    pausedUntil: row.pausedUntil === undefined ? false : timeOf(row.pausedUntil, screen.now),
    canTicket: row.needsTicket,
    canBypass: row.mayBypass,
    canReset: row.factors.length > 0,
    canUnlock: row.lock !== 'none',
    canEnd: row.sessions > 0 || (row.browsers ?? 0) > 0,
  };
}

function pagePath(screen: Screen, search: string, only: UserFilter, page: number, size: number): string {
  const query = new URLSearchParams({ search, only, page: String(page), size: String(size) });
  return `${screen.path('/admin')}?${query}`;
}
