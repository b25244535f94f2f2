/** What a handler finds on its request: the scope, set once by create.ts, and nothing that could be changed later. */
import type { Middleware, ParameterizedContext } from 'koa';
import type { LiveSession } from '../session/live.ts';
import type { StoredPage } from './page-memory.ts';
import type { WebScope } from './web.ts';

export interface OwnState {
  scope: WebScope;
}

export interface OwnExtras {
  /** koa-session's view of what the pages remember; use page-memory.ts. */
  session: StoredPage | null;
  params: Record<string, string>;
}

export type OwnContext = ParameterizedContext<OwnState, OwnExtras>;
export type OwnMiddleware = Middleware<OwnState, OwnExtras>;

/** For handlers of forms: routes.ts lets none through without a session. */
export function sessionOf(ctx: OwnContext): LiveSession {
  const { session } = ctx.state.scope;
  if (session === undefined) throw new Error('a form without a session');
  return session;
}
