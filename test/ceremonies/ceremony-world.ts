/** The ceremonies over the memory store, with real TOTP and the stand-in Authy over the wire, and a clock to move. */
import { randomBytes } from 'node:crypto';
import { TOTP } from 'otpauth';
import type { CeremonyLimits, CeremonyParts } from '../../src/ceremonies/accounts.ts';
import { Administrator } from '../../src/ceremonies/administrator.ts';
import { Audit } from '../../src/ceremonies/audit.ts';
import { Browsers } from '../../src/ceremonies/browsers.ts';
import { Counters } from '../../src/ceremonies/counters.ts';
import { FactorEnroller } from '../../src/ceremonies/enroller.ts';
import { Health } from '../../src/ceremonies/health.ts';
import { Occasions } from '../../src/ceremonies/notifying.ts';
import { Overview } from '../../src/ceremonies/overview.ts';
import { FactorProver } from '../../src/ceremonies/prover.ts';
import { Questions } from '../../src/ceremonies/questions.ts';
import { Reports } from '../../src/ceremonies/reports.ts';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import type { Factor, Judge, Verification } from '../../src/factors/factor.ts';
import { buildFactors, type Factors } from '../../src/factors/registry.ts';
import type { PolicyFor } from '../../src/gate/policy.ts';
import {
  type Enrolment,
  FACTOR_IDS,
  type FactorId,
  type Identity,
  type LoginId,
  type PolicyLevel,
  type ReturnPath,
} from '../../src/gate/types.ts';
import { silentLog } from '../../src/log.ts';
import type { KnownPerson } from '../../src/people/people.ts';
import type { EndReason } from '../../src/session/limits.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store, UserRecord } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';

export const ALICE = 'alice@example.com' as Identity;
export const BOB = 'bob@example.com' as Identity;
export const ADMIN = 'admin@example.com' as Identity;
export const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const KEY = 'test-key-of-the-stand-in';
export const BYPASS_MS = 900_000;
const WRONG = '000000';
const SITE = { service: 'Lucy', publicUrl: new URL('https://lucy.test') };

export class CeremonyWorld {
  readonly clock = new TestClock(Date.UTC(2026, 0, 1, 12));
  readonly store: Store;
  readonly counters: Counters;
  readonly occasions: Occasions;
  readonly audit: Audit;
  readonly health = new Health();
  readonly reports: Reports;
  readonly ended: { readonly session: LiveSession; readonly reason: EndReason }[] = [];
  readonly sessions: Sessions;
  readonly authy: StandInAuthy;
  prover: FactorProver;
  readonly enroller: FactorEnroller;
  readonly admin: Administrator;
  readonly overview: Overview;
  /** Codes that came as far as a factor. */
  readonly asked: string[] = [];
  level: PolicyLevel = 'optional';
  policy: Partial<PolicyFor> = {};
  limits: CeremonyLimits = {
    guesses: { free: 5, pausesMs: [30_000, 60_000], hard: 50 },
    perLogin: 5,
    sends: [
      { max: 1, perMs: 30_000 },
      { max: 5, perMs: 3_600_000 },
    ],
    pendingMs: 600_000,
    stepUpMs: 300_000,
    outlay: {
      prefix: { max: 1000, perMs: 3_600_000 },
      country: { max: 1000, perMs: 3_600_000 },
      address: { max: 1000, perMs: 3_600_000 },
      all: { max: 1000, perMs: 86_400_000 },
      countries: [],
    },
    draftMs: 900_000,
    ticketMs: 86_400_000,
  };
  /** What the administrator's list says. */
  readonly known = new Map<Identity, KnownPerson>();
  reach: Factors['reach'] = {};
  /** Runs before a factor is asked, in the gap between the look and the write. */
  inTheGap: () => Promise<void> = async () => undefined;
  /** Replaces what a factor says. */
  verdict: ((factor: Judge, enrolment: Enrolment, code: string) => Promise<Verification>) | undefined;
  /** Factors that are not in the registry, or stand for one that is. */
  readonly extra: Factor[] = [];
  /** Switched off by the configuration; codes of an administrator are on where they are the matter. */
  readonly off = new Set<FactorId>(['bypass']);
  readonly #factorsOf: () => Factors;
  readonly #parts: CeremonyParts;
  #factors: Factors;
  #logins = 0;

  private constructor(
    authy: StandInAuthy,
    factorsOf: (clock: TestClock) => Factors,
    storeOf: (clock: TestClock) => Store,
  ) {
    this.authy = authy;
    this.store = storeOf(this.clock);
    this.counters = new Counters(this.store.counters);
    this.occasions = new Occasions(this.store.counters, this.clock, silentLog);
    this.audit = new Audit(this.store.counters, this.clock, silentLog);
    this.#factorsOf = () => factorsOf(this.clock);
    this.#factors = this.#factorsOf();
    this.sessions = new Sessions({
      store: this.store.sessions,
      clock: this.clock,
      limits: () => ({ idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 1000 }),
      onEnd: async (session, reason) => void this.ended.push({ session, reason }),
      onWriteError: (error) => {
        throw error;
      },
    });
    const factors = (): Factor[] =>
      [...this.extra, ...this.#factors.list()]
        .filter(({ id }, at, all) => !this.off.has(id) && all.findIndex((one) => one.id === id) === at)
        .toSorted((a, b) => FACTOR_IDS.indexOf(a.id) - FACTOR_IDS.indexOf(b.id))
        .map((one) => this.#watched(one));
    this.#parts = {
      audit: this.audit,
      health: this.health,
      store: this.store,
      sessions: this.sessions,
      counters: this.counters,
      browsers: new Browsers({
        store: this.store.counters,
        sessions: this.sessions,
        notify: this.occasions,
        clock: this.clock,
        log: silentLog,
        randomBytes,
      }),
      questions: new Questions(this.store.counters, () => randomBytes(12).toString('base64url')),
      notify: this.occasions,
      clock: this.clock,
      log: silentLog,
      randomId: () => randomBytes(12).toString('base64url'),
      limits: () => this.limits,
      factor: (id) => factors().find((one) => one.id === id),
      factors,
      recovery: () => {
        const { recovery } = this.#factors;
        if (recovery === undefined || this.off.has('recovery')) return undefined;
        return { ...recovery, verify: this.#watchedVerify(recovery) };
      },
      bypass: () => {
        const { bypass } = this.#factors;
        if (bypass === undefined || this.off.has('bypass')) return undefined;
        return { ...bypass, verify: this.#watchedVerify(bypass) };
      },
      known: (identity) => this.known.get(identity),
      reach: (channel) => this.reach[channel],
      email: (identity, named) => this.known.get(identity)?.email ?? named ?? identity,
      policy: (): PolicyFor => ({ level: this.level, first: { needs: 'nothing' }, ...this.policy }),
      identify: (name) => (name.trim() === '' ? undefined : (name.trim().toLowerCase() as Identity)),
      isAdmin: (identity) => identity === ADMIN,
    };
    this.prover = new FactorProver(this.#parts);
    this.enroller = new FactorEnroller(this.#parts);
    this.admin = new Administrator(this.#parts);
    this.reports = new Reports(this.#parts);
    this.overview = new Overview(this.#parts);
  }

  static async start(storeOf: (clock: TestClock) => Store = memoryStore): Promise<CeremonyWorld> {
    const holder: { world?: CeremonyWorld } = {};
    const authy = await startStandInAuthy({
      apiKey: KEY,
      clock: { now: () => now(holder.world), after: later(holder) },
    });
    const world = new CeremonyWorld(
      authy,
      (clock) =>
        buildFactors(
          {
            totp: { issuer: 'Lucy' },
            recovery: { codes: 4 },
            bypass: { life: BYPASS_MS },
            authy: { apiKey: KEY, baseUrl: authy.url, timeoutMs: 1000, emailDomain: 'example.com', push: true },
          },
          { clock, log: silentLog, randomBytes, mac: (label, text) => store(holder).mac(label, text), site: SITE },
        ),
      storeOf,
    );
    holder.world = world;
    return world;
  }

  /** As after a reload or a start: factors and ceremonies are new, the store is what it was. */
  reload(): void {
    this.#factors = this.#factorsOf();
    this.prover = new FactorProver(this.#parts);
  }

  /** An accepted password: a login that waits for its token, or one that the policy lets in. */
  async login(identity: Identity, standing: 'challenge' | 'pass' | 'enrol' = 'challenge'): Promise<LiveSession> {
    this.#logins += 1;
    const login = {
      id: `login-${this.#logins}` as LoginId,
      identity,
      acceptedAt: this.clock.now(),
      returnTo: '/admin' as ReturnPath,
    };
    const { session } = this.sessions.create();
    return (await this.sessions.transition(session, { type: 'login-accepted', login, standing })).session;
  }

  /** Verified with a token, on a time step of its own. */
  async proved(identity: Identity): Promise<LiveSession> {
    this.clock.advance(30_000);
    const session = await this.login(identity);
    const done = await this.prover.prove(session, `totp-${identity}`, this.totp());
    if (!done.ok) throw new Error(done.code);
    return done.issued.session;
  }

  async enrolTotp(identity: Identity, secret = SECRET): Promise<string> {
    const id = `totp-${identity}`;
    await this.enrol(identity, { id, factor: 'totp', data: { secret }, createdAt: this.clock.now() });
    return id;
  }

  /** @param number national mobile number of Switzerland; two people with one number share an id at Authy. */
  async enrolAuthy(identity: Identity, number = '791234567'): Promise<{ way: string; authyId: string }> {
    const phone = { e164: `+41${number}`, callingCode: '41', country: 'CH' };
    const begun = await this.#factors.get('authy')?.begin({ identity, phone }, this.clock.now());
    if (begun?.ok !== true) throw new Error('no user at the stand-in');
    const id = `authy-${identity}`;
    await this.enrol(identity, { id, factor: 'authy', data: begun.data, createdAt: this.clock.now() });
    return { way: id, authyId: (begun.data as { authyId: string }).authyId };
  }

  async enrol(identity: Identity, enrolment: Enrolment): Promise<void> {
    await this.store.users.update(identity, (user) => ({
      write: {
        ...(user ?? { identity, enrolments: [] }),
        enrolments: [...(user?.enrolments ?? []), enrolment],
        factorVersion: (user?.factorVersion ?? 0) + 1,
      },
      result: undefined,
    }));
  }

  /** Recovery codes of somebody who has a factor. */
  async giveCodes(identity: Identity): Promise<readonly string[]> {
    const made = await this.#factors.recovery?.make(identity);
    if (made === undefined) throw new Error('recovery codes are off');
    await this.store.users.update(identity, (user) => {
      if (user === undefined) throw new Error('nobody has codes without a factor');
      return { write: { ...user, recovery: { codes: made.kept, madeAt: this.clock.now() } }, result: undefined };
    });
    return made.shown;
  }

  totp(secret = SECRET): string {
    return new TOTP({ secret, digits: 6, period: 30 }).generate({ timestamp: this.clock.now() });
  }

  user(identity: Identity): Promise<UserRecord | undefined> {
    return this.store.users.get(identity);
  }

  /** Guesses that count against an identity now. */
  async guesses(identity: Identity): Promise<number> {
    const count = (await this.store.counters.get(`guess:${identity}`))?.['count'];
    return typeof count === 'number' ? count : 0;
  }

  /** A code that is wrong now, whatever the time. */
  wrong(): string {
    return this.totp() === WRONG ? '111111' : WRONG;
  }

  async close(): Promise<void> {
    await this.#factors.close();
    await this.authy.close();
    await this.store.close();
  }

  #watched(factor: Factor): Factor {
    return {
      ...factor,
      begin: async (person, at) => {
        await this.inTheGap();
        return factor.begin(person, at);
      },
      verify: this.#watchedVerify(factor),
    };
  }

  #watchedVerify(factor: Judge): Judge['verify'] {
    return async (asked, answer) => {
      this.asked.push(answer);
      await this.inTheGap();
      return this.verdict?.(factor, asked.enrolment, answer) ?? factor.verify(asked, answer);
    };
  }
}

function store({ world }: { world?: CeremonyWorld }): Store {
  if (world === undefined) throw new Error('there is no world yet');
  return world.store;
}

function now(world: CeremonyWorld | undefined): number {
  return world?.clock.now() ?? 0;
}

function later(holder: { world?: CeremonyWorld }) {
  return (ms: number, callback: () => void) => holder.world?.clock.after(ms, callback) ?? (() => undefined);
}
