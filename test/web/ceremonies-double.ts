/**
 * Ceremonies in memory, on real sessions: one person with factors, one right code, a count of what was sent. It behaves;
 * `refuseNext` makes the next call say no, for what only outages and budgets cause.
 */
import type {
  Account,
  Administration,
  Ceremonies,
  DraftView,
  Enrolled,
  Enroller,
  KnownAddress,
  News,
  Occasion,
  OwnBrowser,
  Prover,
  Report,
  Reporting,
  SelfService,
  UserRow,
} from '../../src/ceremonies/ceremonies.ts';
import { type Refusal, refusal } from '../../src/ceremonies/outcomes.ts';
import type { Clock } from '../../src/clock.ts';
import type { AnswerKind, Channel } from '../../src/factors/factor.ts';
import { awaited, identityOf, provedWithin } from '../../src/gate/session.ts';
import type { FactorId, Identity, Instant, LoginId, PolicyLevel } from '../../src/gate/types.ts';
import { readPhone } from '../../src/phone/phone.ts';
import type { LiveSession } from '../../src/session/live.ts';
import type { Sessions } from '../../src/session/sessions.ts';

export const RIGHT_CODE = '246810';
export const CODES = ['7K2M-X9QD-4TRA-HW5E', '0123-4567-89AB-CDEF'];
export const RIGHT_BYPASS = '6RST-7VWX-8YZ0-9ABC-DEFG';
export const RIGHT_TICKET = '1ABC-2DEF-3GHJ-4KMN-5PQR';
const FRESH_MS = 5 * 60_000;
const DIGITS = (factor: FactorId) => (factor === 'authy' ? { min: 6, max: 10 } : { min: 6, max: 6 });

const ANSWERS: Partial<Record<FactorId, AnswerKind>> = { recovery: 'recovery-code', bypass: 'bypass-code' };
const PUSH: readonly Channel[] = ['push'];

type Sending = { readonly what: 'prompt' | 'draft' | 'known'; readonly channel: Channel; readonly insist: boolean };

export class CeremoniesDouble implements Ceremonies {
  readonly sent: Sending[] = [];
  readonly proofs: string[] = [];
  readonly acted: { action: string; identity: string; reason: string }[] = [];
  enrolled: Enrolled[] = [];
  available: FactorId[] = ['totp', 'authy'];
  phone: Account['phone'] | undefined;
  level: PolicyLevel = 'optional';
  mayWaitUntil: Instant | undefined;
  needsTicket = false;
  known: KnownAddress[] = [];
  draftOf: FactorId | undefined;
  /** Requests in the Authy app are on. */
  hasPush = false;
  /** A request in the app was answered. */
  isAnswered = false;
  recovery: Account['recovery'];
  codesMade = 0;
  events: Occasion[] = [];
  browsers: OwnBrowser[] = [];
  trustMs: number | undefined;
  readonly trusting: boolean[] = [];
  readonly signedOut: string[] = [];
  administrators = new Set<string>();
  rows: UserRow[] = [];
  pageSize = 2;
  #next: Refusal | Error | undefined;
  /** Whether the factor comes before the application. */
  hasEntrance = false;
  readonly #sessions: Sessions;
  readonly #clock: Clock;

  constructor(sessions: Sessions, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
  }

  readonly entrance: Ceremonies['entrance'] = {
    isOpen: () => this.hasEntrance,
    spares: () => ['recovery-code', 'bypass-code'],
    enter: async () => this.#refused() ?? refusal('entrance-refused'),
    question: async () => this.#refused() ?? { ok: true, shown: { challenge: 'AAAA', allowCredentials: [] } },
    enterWithKey: async () => this.#refused() ?? refusal('assertion-refused'),
    showTicket: async () => this.#refused() ?? refusal('ticket-wrong'),
  };

  refuseNext(next: Refusal | Error): void {
    this.#next = next;
  }

  #refused(): Refusal | undefined {
    const next = this.#next;
    this.#next = undefined;
    if (next instanceof Error) throw next;
    return next;
  }

  #needsProof(session: LiveSession): boolean {
    return this.enrolled.length > 0 && !provedWithin(session.session, this.#clock.now(), FRESH_MS);
  }

  #codeProblem(code: unknown, factor: FactorId): Refusal | undefined {
    const digits = DIGITS(factor);
    if (factor === 'bypass') return code === RIGHT_BYPASS ? undefined : refusal('bypass-wrong');
    const text = String(code).replace(/\D/g, '');
    if (String(code).trim() === '') return refusal('code-empty', { digits });
    if (text.length < digits.min) return refusal('code-too-short', { digits });
    if (text.length > digits.max) return refusal('code-too-long', { digits });
    return text === RIGHT_CODE ? undefined : refusal('code-wrong', { left: 2, wrongInARow: 2 });
  }

  occasions: Occasion[] = [];

  readonly news: News = {
    unseen: async () => this.occasions,
    seen: async () => {
      this.occasions = [];
    },
  };

  readonly selfService: SelfService = {
    sessions: async (session) =>
      (await this.#sessions.of(identityOf(session.session) ?? ('' as Identity))).map((one) => ({
        id: one.key,
        isThis: one.key === session.key,
        isVerified: one.session.state === 'verified',
        signedInAt: one.record.createdAt,
        seenAt: one.seenAt,
        ...(one.record.from === undefined ? {} : { from: one.record.from }),
      })),
    events: async () => this.events,
    endSession: async (session, id) => {
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      this.signedOut.push(id);
      return { ok: true, count: 1 };
    },
    endOthers: async (session) => {
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      this.signedOut.push('others');
      return { ok: true, count: 2 };
    },
    browsers: async () => this.browsers,
    forgetBrowsers: async (session, id) => {
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      const gone = this.browsers.filter((one) => id === undefined || one.id === id);
      this.browsers = this.browsers.filter((one) => !gone.includes(one));
      return { ok: true, count: gone.length, isThis: gone.some(({ isThis }) => isThis) };
    },
  };

  readonly prover: Prover = {
    prompt: async (session) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      const login = session.ended ? undefined : awaited(session.session);
      if (login === undefined) return refusal('session-gone');
      return {
        ok: true,
        identity: login.identity,
        ways: this.enrolled.map(({ id, factor, ending }) => ({
          id,
          factor,
          answer: ANSWERS[factor] ?? ('digits' as const),
          digits: DIGITS(factor),
          channels: factor === 'authy' ? [...(['sms', 'call'] as const), ...(this.hasPush ? PUSH : [])] : [],
          ...(ending === undefined ? {} : { ending }),
        })),
        expiresAt: login.acceptedAt + 600_000,
        isStepUp: session.session.state === 'verified',
        ...(this.trustMs === undefined ? {} : { trustMs: this.trustMs }),
      };
    },
    send: async (_session, way, channel, insist) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (!this.enrolled.some((one) => one.id === way)) return refusal('way-unknown');
      this.sent.push({ what: 'prompt', channel, insist });
      return { ok: true, channel, ending: '67', nextAt: this.#clock.now() + 30_000 };
    },
    prove: async (session, way, code, trust = false) => {
      this.trusting.push(trust);
      this.proofs.push(String(code));
      const refused = this.#refused();
      if (refused !== undefined) {
        if (refused.code === 'guesses-spent') await this.#sessions.end(session, 'refused');
        return refused;
      }
      const login = session.ended ? undefined : awaited(session.session);
      if (login === undefined) return refusal('session-gone');
      const chosen = this.enrolled.find((one) => one.id === way);
      if (chosen === undefined) return refusal('way-unknown');
      const problem = this.#codeProblem(code, chosen.factor);
      if (problem !== undefined) return problem;
      const proof = { loginId: login.id, identity: login.identity, factor: chosen.factor, at: this.#clock.now() };
      const issued = await this.#sessions.transition(session, { type: 'factor-proved', proof });
      const left = chosen.factor === 'recovery' ? { codesLeft: 3 } : {};
      return { ok: true, issued, returnTo: login.returnTo, ...left };
    },
    look: async () => this.#refused() ?? refusal('push-waiting'),
    waiting: async () =>
      this.#refused() ?? {
        ok: true,
        shown: { word: 'amber 42' },
        until: this.#clock.now() + 120_000,
        isAnswered: this.isAnswered,
      },
    stepUp: (session, returnTo) => {
      const identity = identityOf(session.session) ?? ('' as Identity);
      const login = { id: 'step-up' as LoginId, identity, acceptedAt: this.#clock.now(), returnTo };
      return this.#sessions.transition(session, { type: 'step-up-asked', login });
    },
    cancel: async (session) => {
      if (session.session.state === 'verified') {
        await this.#sessions.transition(session, { type: 'step-up-cancelled' });
      } else await this.#sessions.end(session, 'cancelled');
    },
    signOut: (session) => this.#sessions.end(session, 'logout'),
  };

  readonly enroller: Enroller = {
    account: async (session) => ({
      identity: identityOf(session.session) ?? ('' as Identity),
      level: this.level,
      ...(this.phone === undefined ? {} : { phone: this.phone }),
      enrolled: this.enrolled,
      available: this.available.map((factor) => ({
        factor,
        discloses: factor === 'authy' ? [{ what: 'email', value: 'alice@example.com' }, { what: 'login-time' }] : [],
        needsPhone: factor === 'authy',
        replaces: this.enrolled.some((one) => one.factor === factor),
        ...(factor === 'authy' ? { provider: 'Authy, a service of Twilio' } : {}),
      })),
      ...(this.draftOf === undefined ? {} : { draft: this.draftOf }),
      needsProof: this.#needsProof(session),
      needsTicket: this.needsTicket,
      known: this.needsTicket ? this.known : [],
      ...(this.mayWaitUntil === undefined ? {} : { mayWaitUntil: this.mayWaitUntil }),
      ...(this.recovery === undefined ? {} : { recovery: this.recovery }),
    }),
    savePhone: async (session, input) => {
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      const read = readPhone(input);
      if (!read.ok) return refusal(`phone-${read.problem}`);
      this.phone = { international: read.international, country: read.phone.country, national: input.number };
      return { ok: true };
    },
    begin: async (session, factor) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      if (factor === 'authy' && this.phone === undefined) return refusal('phone-missing');
      this.draftOf = factor;
      return { ok: true };
    },
    draft: async (): Promise<DraftView | undefined> => {
      if (this.draftOf === undefined) return undefined;
      return this.draftOf === 'totp'
        ? {
            factor: 'totp',
            answer: 'digits',
            digits: DIGITS('totp'),
            channels: [],
            instructions: {
              totp: {
                uri: 'otpauth://totp/Lucy:alice?secret=ABCDEFGH&issuer=Lucy',
                secret: 'ABCD EFGH',
                qrSvg:
                  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#ffffff" d="M0 0h9v9H0z"/><path stroke="#000000" d="M1 1.5h3M5 3.5h3M1 5.5h1M4 7.5h2"/></svg>',
              },
            },
          }
        : {
            factor: 'authy',
            answer: 'digits',
            provider: 'Authy, a service of Twilio',
            digits: DIGITS('authy'),
            channels: ['sms', 'call'],
            instructions: { phoneEnding: '67' },
          };
    },
    sendToDraft: async (_session, channel, insist) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      this.sent.push({ what: 'draft', channel, insist });
      return { ok: true, channel, ending: '67', nextAt: this.#clock.now() + 30_000 };
    },
    confirm: async (session, code) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      const factor = this.draftOf;
      if (factor === undefined) return refusal('draft-missing');
      const problem = this.#codeProblem(code, factor);
      if (problem !== undefined) return problem;
      this.enrolled.push({
        id: `new-${factor}`,
        factor,
        createdAt: this.#clock.now(),
        mayRemove: true,
        mayRename: false,
      });
      this.draftOf = undefined;
      await this.#sessions.end(session, 'revoked');
      return this.recovery === undefined ? { ok: true, factor } : { ok: true, factor, codes: CODES };
    },
    makeCodes: async (session) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      this.codesMade += 1;
      this.recovery = { left: CODES.length };
      return { ok: true, codes: CODES };
    },
    discard: async () => {
      this.draftOf = undefined;
    },
    showTicket: async (_session, typed) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (typed !== RIGHT_TICKET) return refusal('ticket-wrong');
      this.needsTicket = false;
      return { ok: true };
    },
    sendToKnown: async (_session, channel) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      this.sent.push({ what: 'known', channel, insist: false });
      return { ok: true, channel, nextAt: this.#clock.now() + 30_000 };
    },
    proveKnown: async (_session, channel, code) => {
      const refused = this.#refused() ?? this.#codeProblem(code, channel);
      if (refused !== undefined) return refused;
      this.needsTicket = false;
      return { ok: true };
    },
    postpone: async (session) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (this.mayWaitUntil === undefined) return refusal('grace-over');
      if (session.session.state !== 'enrolling') return refusal('session-gone');
      const { returnTo } = session.session.login;
      const event = { type: 'enrolment-postponed', until: this.mayWaitUntil } as const;
      return { ok: true, issued: await this.#sessions.transition(session, event), returnTo };
    },
    rename: async (session, id, name) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      if (name.length > 40) return refusal('name-invalid');
      this.enrolled = this.enrolled.map((one) => (one.id === id ? { ...one, name } : one));
      return { ok: true };
    },
    remove: async (session, id) => {
      const refused = this.#refused();
      if (refused !== undefined) return refused;
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      this.enrolled = this.enrolled.filter((one) => one.id !== id);
      return { ok: true };
    },
  };

  report: Report = {
    sends: { today: 3, most: 1000, countries: [{ country: 'CH', count: 2 }], mostForCountry: 200 },
    services: [],
    events: [],
    hasMore: false,
  };

  readonly reporting: Reporting = {
    report: async (session) =>
      this.administration.isAdministrator(session) ? { ok: true, ...this.report } : refusal('not-an-administrator'),
    liftStop: async (session, reason) => {
      if (!this.administration.isAdministrator(session)) return refusal('not-an-administrator');
      if (this.#needsProof(session)) return refusal('fresh-proof-needed');
      if (reason.trim() === '') return refusal('reason-missing');
      this.acted.push({ action: 'lift-stop', identity: '', reason });
      return { ok: true };
    },
  };

  readonly administration: Administration = {
    isAdministrator: (session) => {
      const state = session.session;
      return (
        state.state === 'verified' && state.grounds.how === 'factor' && this.administrators.has(String(state.identity))
      );
    },
    mayProve: (session) => {
      const state = session.session;
      return (
        state.state === 'verified' && state.grounds.how === 'network' && this.administrators.has(String(state.identity))
      );
    },
    users: async (_session, search, page, only) => {
      const fits = (row: UserRow) => only !== 'none' || row.factors.length === 0;
      const found = this.rows.filter((row) => row.identity.includes(search) && fits(row));
      const rows = found.slice((page - 1) * this.pageSize, page * this.pageSize);
      return { ok: true, rows, total: found.length };
    },
    dependants: async (session, factor, search, page) => {
      if (!this.administration.isAdministrator(session)) return refusal('not-an-administrator');
      const found = this.rows
        .filter(
          ({ factors, identity }) =>
            identity.includes(search) && factors.length > 0 && !factors.some((one) => one !== factor),
        )
        .map(({ identity }) => ({ identity, lastUsedAt: this.#clock.now() }));
      const { pageSize } = this;
      return { ok: true, rows: found.slice((page - 1) * pageSize, page * pageSize), total: found.length, pageSize };
    },
    reset: async (session, identity, reason) => this.#act(session, 'reset', identity, reason) ?? { ok: true },
    makeTicket: async (session, identity, reason) => {
      const until = this.#clock.now() + 86_400_000;
      const made = { ok: true, identity: identity as Identity, ticket: RIGHT_TICKET, until } as const;
      return this.#act(session, 'ticket', identity, reason) ?? made;
    },
    makeBypass: async (session, identity, reason) => {
      const until = this.#clock.now() + 900_000;
      const made = { ok: true, identity: identity as Identity, code: RIGHT_BYPASS, until } as const;
      return this.#act(session, 'bypass', identity, reason) ?? made;
    },
    unlock: async (session, identity, reason) => this.#act(session, 'unlock', identity, reason) ?? { ok: true },
    endSessions: async (session, identity, reason) =>
      this.#act(session, 'end-sessions', identity, reason) ?? { ok: true, count: 2 },
  };

  #act(session: LiveSession, action: string, identity: string, reason: string): Refusal | undefined {
    if (!this.administration.isAdministrator(session)) return refusal('not-an-administrator');
    if (this.#needsProof(session)) return refusal('fresh-proof-needed');
    if (!this.rows.some((row) => row.identity === identity)) return refusal('user-unknown');
    this.acted.push({ action, identity, reason });
    return undefined;
  }
}
