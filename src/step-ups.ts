/**
 * A verified session at an address that demands a fresher proof: people go to the prompt and come back, programs are told where
 * it is. A form that a person sent from a page of ours waits meanwhile, and is given back once. Nothing here decides, and nothing
 * reaches the application from here.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Counters } from './ceremonies/counters.ts';
import type { Clock } from './clock.ts';
import { isSafe } from './gate/decide.ts';
import { isFromOwnPage } from './gate/own-page.ts';
import { proofPage } from './gate/proof-age.ts';
import { returnPath } from './gate/redirect.ts';
import type { Identity, LoginId, ReturnPath } from './gate/types.ts';
import type { Log } from './log.ts';
import { FORM_LIFE_MS, type KeptForm, type KeptForms, type TakenForm } from './login/kept-forms.ts';
import type { Replies } from './replies.ts';
import { requestAgain } from './request/again.ts';
import { redirect } from './request/answers.ts';
import { type BodyStart, bodyType, readBodyStart } from './request/body.ts';
import type { LiveSession } from './session/live.ts';
import type { Sessions } from './session/sessions.ts';
import { isToken } from './session/token.ts';
import type { Collection, UserRecord } from './store/store.ts';
import type { UpstreamError } from './upstream/upstream.ts';
import { type Arrival, stepUpPath, type Way } from './way.ts';

export interface StepUpParts {
  readonly sessions: Sessions;
  readonly users: Collection<UserRecord>;
  readonly kept: KeptForms;
  readonly counters: Pick<Counters, 'spend'>;
  readonly replies: Replies;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest form that is kept, in bytes. */
const MOST_BYTES = 65_536;
/** How long it may take to arrive, in ms. */
const BODY_TIMEOUT_MS = 30_000;
/** Forms that are kept within the life of one: 26 MB of everybody's, where each is as long as it may be. */
const MOST_OF_ONE = 20;
const MOST_OF_ALL = 300;
/** What forms of a page come as; a type that is not told plainly is none of them. */
const KEPT_TYPES = /^(?:application\/x-www-form-urlencoded|multipart\/form-data|application\/json)(?:\s*;|$)/i;

export class StepUps {
  readonly #parts: StepUpParts;

  constructor(parts: StepUpParts) {
    this.#parts = parts;
  }

  /** A person on the way to a page. */
  ask(way: Way): Promise<void> | void {
    const { req, res, scope, settings, session } = way;
    if (!isSafe(req.method ?? '')) {
      return session !== undefined && mayBeKept(way) ? this.#keep(way, session) : this.#sendBack(way, true);
    }
    const { home } = settings.profile;
    redirect(res, stepUpPath(settings, returnPath(scope.target.target, settings.publicUrl.origin) ?? home));
  }

  /** A program, which is told where its person can give the proof. */
  refuse(way: Way): void {
    this.#sendBack(way, false);
  }

  /** What was sent is not passed on; after the proof the person is on the page that it came from. */
  #sendBack(way: Way, asPage: boolean): void {
    const challenge = stepUpPath(way.settings, pageBehind(way) ?? way.settings.profile.home);
    this.#parts.replies.refuse(way.req, way.res, 'proof-needed', asPage, { challenge });
  }

  async #keep(way: Way, session: LiveSession): Promise<void> {
    const { clock, kept, log, replies, sessions } = this.#parts;
    const { req, res, scope, settings } = way;
    const start = way.start ?? (await readBodyStart(req, MOST_BYTES, clock, BODY_TIMEOUT_MS));
    if (start === undefined) return; // the client went away
    const form = formOf(way, start);
    if (form === undefined) return this.#sendBack(way, true);
    const { session: state } = session;
    if (!(await sessions.stands(session)) || state.state !== 'verified') {
      return replies.refuse(req, res, 'session-ended', true);
    }
    const page = pageBehind(way) ?? settings.profile.home;
    if (proofPage(await this.#hasFactor(state.identity)) === 'enrol') return redirect(res, stepUpPath(settings, page));
    if (!(await this.#hasRoom(state.identity))) return this.#sendBack(way, true);
    const login = {
      id: randomBytes(16).toString('base64url') as LoginId,
      identity: state.identity,
      acceptedAt: clock.now(),
      returnTo: `${settings.gatewayPath}/resume` as ReturnPath,
    };
    const asked = await sessions.transition(session, { type: 'step-up-asked', login });
    await kept.keep(asked.session.session, form);
    log.info('form_kept', { identity: state.identity, path: scope.target.path, bytes: form.body.length });
    redirect(res, `${settings.gatewayPath}/challenge`);
  }

  /** A session has one form at a time; these bound what is written for all sessions of one person, and of everybody. */
  async #hasRoom(identity: Identity): Promise<boolean> {
    const { clock, counters, log } = this.#parts;
    for (const [budget, whose, max] of [
      ['keeping', identity, MOST_OF_ONE],
      ['keeping-all', '', MOST_OF_ALL],
    ] as const) {
      const ruling = await counters.spend(`${budget}:${whose}`, clock.now(), [{ max, perMs: FORM_LIFE_MS }]);
      if (ruling.allowed) continue;
      log.warn('excess_rate_limit_exceeded', { identity, budget });
      return false;
    }
    return true;
  }

  async #hasFactor(identity: Identity): Promise<boolean> {
    return ((await this.#parts.users.get(identity))?.enrolments.length ?? 0) > 0;
  }

  /**
   * Somebody asks to send what was kept, at the address that it was sent to: from a page of ours, in that session, with its token.
   * @returns the request to be served now; `undefined` when it was answered
   */
  async resume(
    arrival: Arrival,
    session: LiveSession | undefined,
    token: string,
  ): Promise<{ readonly req: IncomingMessage; readonly form: TakenForm } | undefined> {
    const { req, res, scope, settings } = arrival;
    const form = await this.#taken(arrival, session, token);
    if (form === undefined) {
      this.#parts.replies.refuse(req, res, 'nothing-kept', scope.isNavigation);
      return undefined;
    }
    this.#parts.log.info('form_resumed', { path: scope.target.path, bytes: form.body.length });
    const referer = form.page === undefined ? undefined : settings.publicUrl.origin + form.page;
    return { req: requestAgain(req, { ...form, referer }), form };
  }

  /** The application gave no answer: the person is told, and tries again where it is known that nothing arrived. */
  async unanswered({ req, res, session, scope }: Way, form: TakenForm, { isUnsent }: UpstreamError): Promise<void> {
    const { kept, log, replies } = this.#parts;
    const isKept = isUnsent && session !== undefined && (await kept.giveBack(session.session, form));
    log.warn('form_unanswered', { path: scope.target.path, kept: isKept });
    replies.refuse(req, res, isKept ? 'still-kept' : 'sent-unanswered', scope.isNavigation);
  }

  async #taken(
    { req, scope, settings }: Arrival,
    session: LiveSession | undefined,
    token: string,
  ): Promise<TakenForm | undefined> {
    if (session === undefined || !cameFromHere(req, settings.publicUrl) || !isToken(token, session.csrf))
      return undefined;
    if (!(await this.#parts.sessions.stands(session))) return undefined;
    return this.#parts.kept.take(session.session, scope.target.target);
  }
}

/**
 * A form that another site sends is never kept: after the proof it would be sent with more rights than its sender could ask for.
 * Nor is a password.
 */
function mayBeKept({ req, route, settings }: Way): boolean {
  const isLogin = route.login !== undefined || route.isOracle;
  return req.method === 'POST' && !isLogin && cameFromHere(req, settings.publicUrl);
}

function cameFromHere({ headers }: IncomingMessage, { origin }: URL): boolean {
  const site = headers['sec-fetch-site'];
  return isFromOwnPage(headers.origin, Array.isArray(site) ? site.join() : site, origin);
}

/** @returns `undefined` for what is too long, or of a type that forms do not have. */
function formOf(way: Way, { bytes, complete }: BodyStart): KeptForm | undefined {
  const type = bodyType(way.req);
  if (!complete || (type === undefined ? bytes.length > 0 : !KEPT_TYPES.test(type))) return undefined;
  const page = pageBehind(way);
  return {
    target: way.scope.target.target,
    body: bytes,
    ...(type === undefined ? {} : { type }),
    ...(page === undefined ? {} : { page }),
  };
}

/** The page of our own origin that a request came from, as far as it says so. */
function pageBehind({ req, settings }: Way): ReturnPath | undefined {
  const { referer } = req.headers;
  return referer === undefined ? undefined : returnPath(referer, settings.publicUrl.origin);
}
