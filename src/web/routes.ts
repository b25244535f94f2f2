/**
 * Every address of ours, its methods, and the fields that its forms may have. A POST reaches its handler only from a page
 * of ours, in a session, with that session's token (ASVS 3.5.1, 4.1.4).
 */
import type Router from '@koa/router';
import { isToken } from '../session/token.ts';
import type { OwnContext, OwnExtras, OwnState } from './context.ts';
import { type Form, readForm } from './form.ts';
import { comesFromOwnPage } from './same-site.ts';
import type { Screen } from './screen.ts';

export type OwnRouter = Router<OwnState, OwnExtras>;
export type Get = (ctx: OwnContext) => Promise<void> | void;
export type Post = (ctx: OwnContext, form: Form) => Promise<void> | void;

export interface Routes {
  get(path: string, handler: Get): void;
  /** @param fields names that the form may have, each at most once; `csrf` is always among them. */
  post(path: string, fields: readonly string[], handler: Post): void;
}

export function routesOn(router: OwnRouter, screen: Screen): Routes {
  return {
    get: (path, handler) => {
      router.get(path, async (ctx: OwnContext) => handler(ctx));
    },
    post: (path, fields, handler) => {
      router.post(path, async (ctx: OwnContext) => guarded(ctx, screen, fields, handler));
    },
  };
}

async function guarded(ctx: OwnContext, screen: Screen, fields: readonly string[], handler: Post): Promise<void> {
  const { session } = ctx.state.scope;
  if (!comesFromOwnPage(ctx.req.headers, screen.options.site().publicUrl)) {
    screen.alone(ctx, 'form-refused', 'foreign-page');
    return closeUnread(ctx);
  }
  if (session === undefined || session.ended) {
    screen.alone(ctx, 'form-refused', 'no-session');
    return closeUnread(ctx);
  }
  if (ctx.querystring !== '') {
    screen.alone(ctx, 'bad-request', 'query-on-form');
    return closeUnread(ctx);
  }
  const read = await readForm(ctx.req, ['csrf', ...fields]);
  if (!read.ok) {
    screen.alone(ctx, read.problem);
    return closeUnread(ctx);
  }
  if (!isToken(read.form.get('csrf'), session.csrf)) {
    screen.alone(ctx, 'form-refused', 'token');
    return;
  }
  // The form may have taken its time; what others ended meanwhile changes nothing any more (I6).
  if (!(await screen.options.sessions.stands(session))) {
    screen.alone(ctx, 'form-refused', 'no-session');
    return;
  }
  await handler(ctx, read.form);
}

/** A body that nobody read makes the connection useless; a client that sends on is cut off. */
function closeUnread(ctx: OwnContext): void {
  if (!ctx.req.complete) ctx.set('Connection', 'close');
}

/** What is left when no route answered: another method of a known address, or nothing of ours. */
export function unanswered(ctx: OwnContext, router: OwnRouter, screen: Screen): void {
  const methods = new Set(router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods));
  if (methods.size === 0) {
    screen.alone(ctx, 'not-found');
  } else {
    ctx.set('Allow', [...methods].sort().join(', '));
    screen.alone(ctx, 'method-not-allowed');
  }
  closeUnread(ctx);
}

/** One value of the query, or `undefined` when it is absent or doubled. */
export function queryValue(ctx: OwnContext, name: string): string | undefined {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : undefined;
}

/** A number from 1 on, as a page of a list has it, or `undefined`. */
export function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;
}
