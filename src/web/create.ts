/** Builds the own pages. START HERE in this folder: the order of a request is the order of the `use` lines below. */
import Router from '@koa/router';
import Koa from 'koa';
import { GateError } from '../gate/types.ts';
import { reasonOf } from '../log.ts';
import { SessionGone } from '../session/sessions.ts';
import { StoreError } from '../store/store.ts';
import { accountPages } from './account.ts';
import { activityPages } from './activity.ts';
import { adminPages } from './admin.ts';
import { adminMovingPages } from './admin-moving.ts';
import { adminReportPages } from './admin-report.ts';
import { userPages } from './admin-users.ts';
import { type Assets, loadAssets } from './assets.ts';
import { browserPages } from './browsers.ts';
import { challengePages } from './challenge.ts';
import type { OwnContext, OwnExtras, OwnMiddleware, OwnState } from './context.ts';
import { enrolPages } from './enrol.ts';
import { entrancePages } from './entrance.ts';
import { ClientGone } from './form.ts';
import { gracePages } from './grace.ts';
import { pageHeaders } from './headers.ts';
import { knownPages } from './known.ts';
import { logoutPages } from './logout.ts';
import { movingPages } from './moving.ts';
import { newsPages } from './news.ts';
import type { WebOptions } from './options.ts';
import { pageMemory } from './page-memory.ts';
import { pushPages } from './push.ts';
import { recoveryPages } from './recovery.ts';
import { createRefuse } from './refuse.ts';
import { removePages } from './remove.ts';
import { renamePages } from './rename.ts';
import { createRender } from './render.ts';
import { resumePages } from './resume.ts';
import { type OwnRouter, routesOn, unanswered } from './routes.ts';
import { Screen } from './screen.ts';
import { stepUpPages } from './step-up.ts';
import { ticketPages } from './ticket.ts';
import type { Web, WebScope } from './web.ts';

/** The same from src/web and from dist/web. */
const TEMPLATES = new URL('../../templates/', import.meta.url);

/** @throws when a template or an asset is missing. */
export function createWeb(options: WebOptions): Web {
  const assets = loadAssets(new URL('assets/', TEMPLATES));
  const render = createRender(TEMPLATES, assets);
  const screen = new Screen(options, render);
  const refuse = createRefuse(options, render);
  const scopes = new WeakMap<object, WebScope>();

  const router: OwnRouter = new Router<OwnState, OwnExtras>({ strict: true, sensitive: true });
  const routes = routesOn(router, screen);
  for (const add of [
    entrancePages,
    challengePages,
    pushPages,
    stepUpPages,
    resumePages,
    newsPages,
    accountPages,
    gracePages,
    ticketPages,
    knownPages,
    enrolPages,
    renamePages,
    removePages,
    movingPages,
    recoveryPages,
    activityPages,
    browserPages,
    adminPages,
    userPages,
    adminReportPages,
    adminMovingPages,
    logoutPages,
  ]) {
    add(routes, screen);
  }
  routes.get('/assets/:name', (ctx) => sendAsset(ctx, assets, screen));

  const app = new Koa<OwnState, OwnExtras>();
  app.silent = true;
  app.on('error', (error: unknown) => options.log.warn('web_response_failed', { reason: reasonOf(error) }));
  app.use(bindScope(scopes, options));
  app.use(answerErrors(screen));
  app.use(pageMemory(app, options));
  app.use(router.routes());
  app.use((ctx) => unanswered(ctx, router, screen));
  const callback = app.callback();

  return {
    loginScript: `/assets/${assetName(assets, 'login.js')}`,
    async handle(req, res, scope) {
      scopes.set(req, scope);
      try {
        await callback(req, res);
      } catch (error) {
        options.log.error('web_failed', { requestId: scope.requestId, reason: reasonOf(error) });
        refuse(req, res, 'internal', { requestId: scope.requestId, asPage: true });
      }
    },
    refuse,
  };
}

/** The path below `gatewayPath` is the gateway's canonical one; nothing is parsed a second time (I7). */
function bindScope(scopes: WeakMap<object, WebScope>, options: WebOptions): OwnMiddleware {
  return async function scope(ctx, next) {
    const found = scopes.get(ctx.req);
    if (found === undefined) throw new Error('a request without a scope');
    ctx.state.scope = found;
    ctx.path = found.path;
    ctx.set(pageHeaders(options.site().publicUrl));
    await next();
  };
}

/** Rendered, not thrown on: an error that Koa answers loses every header, cookies too. */
function answerErrors(screen: Screen): OwnMiddleware {
  return async function errorPage(ctx, next) {
    try {
      await next();
    } catch (error) {
      if (error instanceof ClientGone) {
        ctx.res.destroy();
        return;
      }
      ctx.remove('Set-Cookie');
      if (error instanceof SessionGone) return screen.alone(ctx, 'session-ended', reasonOf(error));
      if (error instanceof StoreError) return screen.alone(ctx, 'store-unavailable', reasonOf(error));
      if (error instanceof GateError) return screen.alone(ctx, 'session-ended', reasonOf(error));
      screen.alone(ctx, 'internal', reasonOf(error));
    }
  };
}

function assetName({ names }: Assets, file: string): string {
  const name = names.get(file);
  if (name === undefined) throw new Error(`there is no asset ${file}`);
  return name;
}

function sendAsset(ctx: OwnContext, assets: Assets, screen: Screen): void {
  const asset = assets.find(ctx.params['name'] ?? '');
  if (asset === undefined) {
    screen.alone(ctx, 'not-found');
    return;
  }
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
  ctx.set('Content-Type', asset.type);
  ctx.body = asset.body;
}
