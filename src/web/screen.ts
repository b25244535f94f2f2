/** How handlers answer: a page, a page that stands alone, a redirect, a cookie. Nothing here decides which. */
import type { Refusal, RefusalCode } from '../ceremonies/outcomes.ts';
import type { FactorId, Instant, Json, ReturnPath } from '../gate/types.ts';
import { type BrowserCookie, browserCookieLine } from '../session/browser-cookie.ts';
import { clearOwnCookie, setOwnCookie } from '../session/cookie.ts';
import type { Issued } from '../session/sessions.ts';
import type { OwnContext } from './context.ts';
import type { WebOptions } from './options.ts';
import { outcomeOf } from './outcomes.ts';
import type { Notice } from './page-memory.ts';
import { type OwnPage, pageText, type WayOn } from './pages.ts';
import type { Render } from './render.ts';
import { END_TITLES, wayOn } from './texts.ts';
import { secondsUntil } from './times.ts';
import type { ErrorView, Views } from './views.ts';
import type { GatePage } from './web.ts';

const FIELD_IDS = {
  account: 'account-name',
  code: 'otp-code',
  number: 'phone-number',
  country: 'phone-country',
  name: 'method-name',
  ticket: 'ticket',
  reason: 'reason',
  form: '',
  end: '',
};

export class Screen {
  readonly options: WebOptions;
  readonly #render: Render;

  constructor(options: WebOptions, render: Render) {
    this.options = options;
    this.#render = render;
  }

  get now(): Instant {
    return this.options.clock.now();
  }

  /** Absolute path of an own page. */
  path(below: string): string {
    return this.options.site().gatewayPath + below;
  }

  show<Name extends keyof Views>(
    ctx: OwnContext,
    name: Name,
    view: Views[Name],
    facts: { readonly title: string; readonly status?: number; readonly isError?: boolean },
  ): void {
    const { session, requestId } = ctx.state.scope;
    ctx.status = facts.status ?? 200;
    ctx.type = 'html';
    ctx.body = this.#render(name, view, {
      title: facts.title,
      site: this.options.site(),
      requestId,
      csrf: session === undefined || session.ended ? '' : session.csrf,
      isError: facts.isError ?? false,
    });
  }

  /** For a script of ours. */
  json(ctx: OwnContext, value: Json): void {
    ctx.type = 'json';
    ctx.body = JSON.stringify(value);
  }

  /** A page that stands alone, with its status and its line in the log. */
  alone(ctx: OwnContext, page: GatePage | OwnPage, reason?: string): void {
    const text = pageText(page);
    this.options.log[text.log]('web_refused', {
      ...this.#request(ctx),
      page,
      ...(reason === undefined ? {} : { reason }),
    });
    this.#message(ctx, text.status, text.title, text.sentences, text.ways);
  }

  /** A refusal after which the form is of no use any more. */
  end(ctx: OwnContext, refusal: Refusal): void {
    const outcome = outcomeOf(refusal.code);
    this.#log(ctx, refusal);
    if (ctx.state.scope.session?.ended === true) this.clearCookie(ctx);
    const [title = '', ...sentences] = outcome.say({ ...refusal, now: this.now });
    const heading = END_TITLES[refusal.code];
    const said = heading === undefined ? sentences : [title, ...sentences];
    const isVerified = stateOf(ctx) === 'verified';
    this.#message(ctx, outcome.status, heading ?? title, said, isVerified ? ['account', 'home'] : ['sign-in']);
  }

  /** What a page shows of a refusal; also writes the log line and the status. */
  errorOf(ctx: OwnContext, refusal: Refusal, factor?: FactorId): ErrorView {
    const outcome = outcomeOf(refusal.code);
    this.#log(ctx, refusal);
    if (refusal.until !== undefined && outcome.status === 429) {
      ctx.set('Retry-After', String(secondsUntil(refusal.until, this.now)));
    }
    return this.#errorView(refusal, factor);
  }

  /** A refusal that waited for this page, if the notice is one. */
  noticeError(notice: Notice | undefined, factor?: FactorId): ErrorView | false {
    if (notice?.kind !== 'refused') return false;
    const until = notice.until === undefined ? {} : { until: notice.until };
    return this.#errorView({ ok: false, code: notice.code, ...until }, factor);
  }

  #errorView(refusal: Refusal, factor?: FactorId): ErrorView {
    const outcome = outcomeOf(refusal.code);
    const facts = { ...refusal, now: this.now, ...(factor === undefined ? {} : { factor }) };
    const [first = '', ...more] = outcome.say(facts);
    return { field: FIELD_IDS[outcome.at], first, more };
  }

  /** 303, so that a reload of what follows never sends a form again (RFC 9110 15.4.4). */
  redirect(ctx: OwnContext, target: string): void {
    ctx.status = 303;
    ctx.set('Location', target);
    ctx.body = null;
    ctx.status = 303; // Koa makes a 204 of an empty body
  }

  setCookie(ctx: OwnContext, issued: Issued): void {
    if (issued.id !== undefined) ctx.append('Set-Cookie', setOwnCookie(this.options.cookieName, issued.id));
  }

  /** What a trusted browser keeps; `undefined` takes it away. */
  setBrowser(ctx: OwnContext, cookie: BrowserCookie | undefined): void {
    ctx.append('Set-Cookie', browserCookieLine(this.options.cookieName, cookie));
  }

  clearCookie(ctx: OwnContext): void {
    ctx.append('Set-Cookie', clearOwnCookie(this.options.cookieName));
  }

  /** Leads through the prompt and back; for what only a fresh proof allows (ASVS 7.5.1). */
  async askProof(ctx: OwnContext, returnTo: ReturnPath | undefined): Promise<void> {
    const { session } = ctx.state.scope;
    if (session === undefined || returnTo === undefined || session.session.state !== 'verified') {
      this.end(ctx, { ok: false, code: 'session-gone' });
      return;
    }
    this.setCookie(ctx, await this.options.ceremonies.prover.stepUp(session, returnTo));
    this.redirect(ctx, this.path('/challenge'));
  }

  #message(ctx: OwnContext, status: number, title: string, sentences: readonly string[], ways: readonly WayOn[]): void {
    const site = this.options.site();
    const target = { challenge: this.path('/challenge'), account: this.path('/account'), again: site.home };
    // The gate keeps the application's login page from a login that is under way: only leaving it leads there.
    const leave = LEAVE[stateOf(ctx)];
    const open = leave === '' ? ways : ways.filter((way) => way !== 'sign-in');
    const links = open.map((way) => wayOn(way, site, target));
    const view = { heading: title, sentences, links, leave, reference: ctx.state.scope.requestId };
    this.show(ctx, 'message', view, { title, status });
  }

  #log(ctx: OwnContext, { code }: { readonly code: RefusalCode }): void {
    this.options.log[outcomeOf(code).log]('web_refused', { ...this.#request(ctx), refusal: code });
  }

  #request(ctx: OwnContext) {
    const { requestId, client, path } = ctx.state.scope;
    return { requestId, client, path, method: ctx.method };
  }
}

/** The form that takes a person out of a login that cannot go on. */
const LEAVE = { anonymous: '', pending: '/cancel', enrolling: '/logout', verified: '' } as const;

function stateOf(ctx: OwnContext): keyof typeof LEAVE {
  const { session } = ctx.state.scope;
  return session === undefined || session.ended ? 'anonymous' : session.session.state;
}

/** Whether a refusal leaves nothing to do on the page that it came from. */
export function isEnd(refusal: Refusal): boolean {
  return outcomeOf(refusal.code).at === 'end';
}
