/** For administrators: how many people, and who, have no method but Authy. Looks only; nothing is changed from here. */
import { administrator } from './administrator.ts';
import type { OwnContext } from './context.ts';
import { LEAVING } from './moving.ts';
import { backTo } from './person.ts';
import { numberOf, queryValue, type Routes } from './routes.ts';
import { isEnd, type Screen } from './screen.ts';
import { TITLES } from './texts.ts';
import { timeOf } from './times.ts';
import type { AdminView } from './views.ts';

const LONGEST_SEARCH = 200;

export function adminMovingPages(routes: Routes, screen: Screen): void {
  routes.get('/admin/moving', (ctx) => show(ctx, screen));
}

/** What the administrator's page says of it; nothing where nobody depends on Authy. */
export async function movingSummary(
  session: NonNullable<Awaited<ReturnType<typeof administrator>>>,
  screen: Screen,
): Promise<AdminView['moving']> {
  const found = await screen.options.ceremonies.administration.dependants(session, LEAVING, '', 1);
  if (!found.ok || found.total === 0) return false;
  return { count: found.total, hasOther: hasOther(screen) };
}

async function show(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = await administrator(ctx, screen);
  if (session === undefined) return;
  const search = (queryValue(ctx, 'search') ?? '').slice(0, LONGEST_SEARCH);
  const page = numberOf(queryValue(ctx, 'page')) ?? 1;
  const found = await screen.options.ceremonies.administration.dependants(session, LEAVING, search, page);
  if (!found.ok) {
    if (isEnd(found)) return screen.end(ctx, found);
    if (found.code === 'fresh-proof-needed') return screen.askProof(ctx, backTo(screen, '/admin'));
    return screen.alone(ctx, 'internal', found.code);
  }
  const link = (to: number) => `${screen.path('/admin/moving')}?${new URLSearchParams({ search, page: String(to) })}`;
  const people = found.rows.map(({ identity, lastUsedAt }) => ({
    identity,
    lastUsed: lastUsedAt === undefined ? (false as const) : timeOf(lastUsedAt, screen.now),
  }));
  screen.show(
    ctx,
    'admin-moving',
    {
      search,
      people,
      total: found.total,
      hasOther: hasOther(screen),
      page,
      previous: page > 1 ? link(page - 1) : '',
      next: page * found.pageSize < found.total ? link(page + 1) : '',
    },
    { title: TITLES.adminMoving },
  );
}

/** Whether anybody could move at all. */
function hasOther({ options }: Screen): boolean {
  return options.enabledFactors().some((factor) => factor !== LEAVING);
}
