/** Puts the parts together: the only place besides main.ts that sees concrete ones. Reloadable rules come as one function. */
import { randomBytes } from 'node:crypto';
import type { CeremonyLimits, CeremonyParts } from './ceremonies/accounts.ts';
import { Administrator } from './ceremonies/administrator.ts';
import { Audit } from './ceremonies/audit.ts';
import { Browsers } from './ceremonies/browsers.ts';
import { CalledBack } from './ceremonies/called-back.ts';
import { Counters } from './ceremonies/counters.ts';
import { noteEmail } from './ceremonies/email-address.ts';
import { FactorEnroller } from './ceremonies/enroller.ts';
import { FactorEntrance } from './ceremonies/entrance.ts';
import { Health } from './ceremonies/health.ts';
import { Notices } from './ceremonies/notices.ts';
import { Occasions } from './ceremonies/notifying.ts';
import { Overview } from './ceremonies/overview.ts';
import { FactorProver } from './ceremonies/prover.ts';
import { Questions } from './ceremonies/questions.ts';
import { Reports } from './ceremonies/reports.ts';
import type { Clock } from './clock.ts';
import type { Mailer } from './factors/factor.ts';
import type { Factors } from './factors/registry.ts';
import type { PolicyFor } from './gate/policy.ts';
import type { ClientFacts, Identity, Instant } from './gate/types.ts';
import { Gateway, type Settings } from './gateway.ts';
import { type Log, reasonOf } from './log.ts';
import { AppQuestions } from './login/app.ts';
import { KeptAnswers } from './login/kept-answers.ts';
import { KeptForms } from './login/kept-forms.ts';
import { Rechecks } from './login/recheck.ts';
import type { KnownPerson } from './people/people.ts';
import { cookieNameFor } from './session/cookie.ts';
import type { EndReason, SessionLimits } from './session/limits.ts';
import type { LiveSession } from './session/live.ts';
import { Sessions } from './session/sessions.ts';
import type { Store } from './store/store.ts';
import type { Upstream } from './upstream/upstream.ts';
import { createWeb } from './web/create.ts';
import { noticeMail } from './web/notice-mail.ts';
import type { KeySettings, Site } from './web/web.ts';

/** Everything that a reload may change. */
export interface Rules extends Settings {
  readonly sessions: SessionLimits;
  readonly ceremonies: CeremonyLimits;
  readonly factors: Factors;
  /** Present when mail can be sent. */
  readonly mailer?: Mailer;
  readonly site: Site;
  /** @param from the browser that signed in, where one did */
  policy(identity: Identity, from?: ClientFacts): PolicyFor;
  /** What the administrator's list says of a person. */
  known(identity: Identity): KnownPerson | undefined;
  /** The address that the administrator, or else the application, knows a person by; `undefined` when there is none. */
  email(identity: Identity, named: string | undefined): string | undefined;
  isAdmin(identity: Identity): boolean;
}

export interface Ingredients {
  readonly rules: () => Rules;
  readonly store: Store;
  readonly upstream: Upstream;
  readonly upstreamUrl: URL;
  readonly key: KeySettings;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Assembled {
  readonly gateway: Gateway;
  readonly sessions: Sessions;
  /** Ends the sweeping; sessions stay in the store. */
  stop(): void;
}

/** How often sessions with open sockets are looked at, and how often all are, in ms. */
const SWEEP_MS = 500;
const FULL_SWEEP_EVERY = 120;

export function assemble(ingredients: Ingredients): Assembled {
  const { clock, key, log, rules, store, upstream, upstreamUrl } = ingredients;
  const cookieName = cookieNameFor(rules().publicUrl.href);
  const app = new AppQuestions({
    upstream,
    profile: () => rules().profile,
    publicUrl: () => rules().publicUrl,
    upstreamHost: upstreamUrl.host,
    onEmail: (identity, email) => noteEmail(store.users, identity, email),
    clock,
    log,
  });
  const sessions = new Sessions({
    store: store.sessions,
    clock,
    limits: () => rules().sessions,
    onEnd: (session, reason) => ended(session, reason, app, log),
    onWriteError: (error) => log.error('store_write_failed', { reason: reasonOf(error) }),
  });
  const counters = new Counters(store.counters);
  const randomId = () => randomBytes(12).toString('base64url');
  const policy = (identity: Identity, from?: ClientFacts) => rules().policy(identity, from);
  const audit = new Audit(store.counters, clock, log);
  const notices = new Notices({
    kept: new Occasions(store.counters, clock, log),
    unread: new Occasions(store.counters, clock, log, 'news'),
    audit,
    mailer: () => rules().mailer,
    email: async (identity) => rules().email(identity, (await store.users.get(identity))?.email),
    compose: (identity, occasion) => noticeMail(rules().site, identity, occasion),
    clock,
    log,
  });
  const browsers = new Browsers({ store: store.counters, sessions, notify: notices, clock, log, randomBytes });
  const parts: CeremonyParts = {
    store,
    sessions,
    counters,
    browsers,
    questions: new Questions(store.counters, randomId),
    notify: notices,
    audit,
    health: new Health(),
    clock,
    log,
    policy,
    known: (identity) => rules().known(identity),
    reach: (channel) => rules().factors.reach[channel],
    email: (identity, named) => rules().email(identity, named),
    randomId,
    limits: () => rules().ceremonies,
    factor: (id) => rules().factors.get(id),
    factors: () => rules().factors.list(),
    recovery: () => rules().factors.recovery,
    bypass: () => rules().factors.bypass,
    identify: (name) => rules().profile.identify(name),
    isAdmin: (identity) => rules().isAdmin(identity),
  };
  const kept = new KeptForms(store.counters, clock);
  const prover = new FactorProver(parts);
  const entrance = new FactorEntrance(parts, prover, {
    isOpen: () => rules().profile.mode === 'gateway-first',
    budgets: () => rules().loginBudgets,
  });
  const web = createWeb({
    kept,
    ceremonies: {
      entrance,
      prover,
      enroller: new FactorEnroller(parts),
      administration: new Administrator(parts),
      reporting: new Reports(parts),
      selfService: new Overview(parts),
      news: notices,
    },
    sessions,
    key,
    site: () => rules().site,
    cookieName,
    clock,
    log,
    enabledFactors: () =>
      rules()
        .factors.list()
        .map((factor) => factor.id),
  });
  const accept = {
    users: store.users,
    sessions,
    browsers,
    clock,
    log,
    policy,
    noteWithoutFactor: (identity: Identity, now: Instant) => counters.noteWithoutFactor(identity, now),
  };
  const rechecks = new Rechecks(app, sessions, clock, log);
  const gateway = new Gateway({
    settings: rules,
    cookieName,
    upstream,
    upstreamHost: upstreamUrl.host,
    sessions,
    counters,
    users: store.users,
    kept,
    web,
    callbacks: new CalledBack(parts),
    exchange: {
      upstream,
      sessions,
      app,
      accept,
      answers: new KeptAnswers({ store: store.counters, sessions, clock }),
      clock,
      log,
    },
    pass: { upstream, upstreamOrigin: upstreamUrl.origin, sessions, app, rechecks, accept, clock, log },
    clock,
    log,
  });
  return { gateway, sessions, stop: sweepForever(sessions, clock) };
}

/** Ends the application's session with ours, when somebody was logged in there and it was not the application's own doing. */
async function ended(session: LiveSession, reason: EndReason, app: AppQuestions, log: Log): Promise<void> {
  // A refused login is still anonymous here, and logged in there.
  if (session.session.state === 'anonymous' && reason !== 'refused') return;
  log.info('session_ended', { session: session.key.slice(0, 12), reason });
  if (reason !== 'app-logout') await app.signOut(session.jar, 'unknown');
}

function sweepForever(sessions: Sessions, clock: Clock): () => void {
  let round = 0;
  let cancel = (): void => {};
  const next = (): void => {
    cancel = clock.after(SWEEP_MS, () => {
      round += 1;
      sessions.sweep(round % FULL_SWEEP_EVERY === 0);
      next();
    });
  };
  next();
  return () => cancel();
}
