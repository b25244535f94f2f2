/** A whole gateway on real sockets: stand-in Lucy behind it, stand-in Authy beside it, memory store, a clock that can be moved. */
import { randomBytes } from 'node:crypto';
import { TOTP } from 'otpauth';
import { type Assembled, assemble, type Rules } from '../../src/assemble.ts';
import { demandsOf } from '../../src/config/demands.ts';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { type StandInLucy, type StandInLucyOptions, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import type { Mailer } from '../../src/factors/factor.ts';
import { buildFactors, type FactorsOptions } from '../../src/factors/registry.ts';
import type { PolicyFor } from '../../src/gate/policy.ts';
import type { ClientFacts, Enrolment, Identity, PolicyLevel } from '../../src/gate/types.ts';
import type { Pair } from '../../src/listen/certificate.ts';
import type { ListenerLimits } from '../../src/listen/limits.ts';
import { Listener } from '../../src/listen/listener.ts';
import { createLog } from '../../src/log.ts';
import type { KnownPerson } from '../../src/people/people.ts';
import { loadProfile } from '../../src/profiles/load.ts';
import type { Profile } from '../../src/profiles/profile.ts';
import { Source } from '../../src/profiles/source.ts';
import { isInside, isPlacedIn, parseNetwork } from '../../src/request/client.ts';
import { type ApiClient, ApiClients } from '../../src/request/client-credential.ts';
import { ScopeRules } from '../../src/request/scope.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { openUpstream, type UpstreamOptions } from '../../src/upstream/http.ts';
import { signInPage } from '../../src/way.ts';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { TestClock } from '../fakes/clock.ts';
import { RoundRobin } from '../fakes/round-robin.ts';

export const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };
export const BOB = { email: 'bob@example.com', password: 'battery staple bob' };

export interface HarnessOptions {
  readonly app?: Partial<StandInLucyOptions>;
  readonly profile?: Record<string, unknown>;
  readonly level?: PolicyLevel;
  readonly policy?: (identity: Identity, from?: ClientFacts) => Partial<PolicyFor>;
  /** Factors beside TOTP and Authy, or other options for these. */
  readonly factors?: FactorsOptions;
  /** Whether Authy calls back when a request was answered. */
  readonly pushCallback?: boolean;
  /** What the administrator's list says. */
  readonly known?: Readonly<Record<string, KnownPerson>>;
  readonly mailer?: Mailer;
  /** Login attempts of one address in ten minutes. */
  readonly logins?: number;
  readonly trustedProxies?: readonly string[];
  readonly trustedNetworks?: readonly string[];
  readonly apiClients?: readonly ApiClient[];
  /** `policy.routes` and `policy.stepUp`. */
  readonly demands?: Partial<Parameters<typeof demandsOf>[0]>;
  readonly store?: (clock: TestClock) => Store;
  /** Several gateways, each over its own store, with a round-robin in front of them. */
  readonly stores?: (clock: TestClock) => readonly Store[] | Promise<readonly Store[]>;
  readonly upstreamUrl?: string;
  readonly upstream?: Partial<
    Pick<UpstreamOptions, 'headersTimeoutMs' | 'connections' | 'queue' | 'queueTimeoutMs' | 'ca' | 'pin'>
  >;
  readonly publicUrl?: string;
  readonly limits?: Partial<ListenerLimits>;
  /** With it the gateway speaks TLS, and HTTP/2 to whoever asks. */
  readonly pair?: Pair;
}

export const LIMITS: ListenerLimits = {
  headerBytes: 16_384,
  headers: 100,
  urlBytes: 8_192,
  headersTimeoutMs: 10_000,
  bodyIdleMs: 120_000,
  keepAliveMs: 65_000,
  connections: 10_000,
  connectionsPerAddress: 512,
};

export class Harness {
  readonly clock: TestClock;
  readonly app: StandInLucy;
  readonly authy: StandInAuthy;
  readonly store: Store;
  readonly port: number;
  readonly origin: string;
  readonly assembled: Assembled;
  /** All of them; `assembled` is the first. */
  readonly gateways: readonly Assembled[];
  /** In front of several gateways. */
  readonly front: RoundRobin | undefined;
  readonly logged: string[];
  /** Takes another profile into use, as a reload does. */
  readonly reload: (profile: Record<string, unknown>) => Promise<void>;
  readonly #close: () => Promise<void>;

  private constructor(
    fields: Omit<Harness, 'close' | 'browser' | 'enrolTotp' | 'totp' | 'logIn'> & { end: () => Promise<void> },
  ) {
    this.clock = fields.clock;
    this.app = fields.app;
    this.authy = fields.authy;
    this.store = fields.store;
    this.port = fields.port;
    this.origin = fields.origin;
    this.assembled = fields.assembled;
    this.gateways = fields.gateways;
    this.front = fields.front;
    this.logged = fields.logged;
    this.reload = fields.reload;
    this.#close = fields.end;
  }

  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const clock = new TestClock();
    const app = await startStandInLucy({ clock, ...options.app });
    const authy = await startStandInAuthy({ apiKey: 'test-key-of-the-stand-in', clock });
    const stores = (await options.stores?.(clock)) ?? [(options.store ?? memoryStore)(clock)];
    const [store] = stores;
    if (store === undefined) throw new Error('a gateway needs a store');
    const logged: string[] = [];
    const log = createLog('debug', { write: (line) => void logged.push(line) });
    const upstreamUrl = new URL(options.upstreamUrl ?? app.url);
    const upstream = openUpstream({ url: upstreamUrl.origin, clock, ...options.upstream });
    let profile = await profileWith(options.profile ?? {});
    const reload = async (values: Record<string, unknown>): Promise<void> => {
      profile = await profileWith(values);
    };
    const factors = buildFactors(
      {
        totp: { issuer: 'Lucy' },
        authy: {
          apiKey: 'test-key-of-the-stand-in',
          baseUrl: authy.url,
          timeoutMs: 1000,
          emailDomain: 'example.com',
          push: true,
          pushCallback: options.pushCallback ?? false,
        },
        ...options.factors,
      },
      {
        clock,
        log,
        randomBytes,
        mac: (label, text) => store.mac(label, text),
        site: { service: 'Lucy', publicUrl: new URL(options.publicUrl ?? 'http://localhost') },
        ...(options.mailer === undefined ? {} : { mailer: options.mailer }),
      },
    );
    const demands = demandsOf({ routes: [], stepUp: [], ...options.demands });
    const trustedProxies = (options.trustedProxies ?? []).map(parseNetwork);
    const trustedNetworks = (options.trustedNetworks ?? []).map(parseNetwork);
    const isTrustedPlace = (client: string): boolean => isPlacedIn(client, trustedNetworks, trustedProxies);
    let publicUrl = new URL(options.publicUrl ?? 'http://127.0.0.1');
    const rules = (): Rules => ({
      profile,
      publicUrl,
      gatewayPath: '/_2fa',
      scopeRules: new ScopeRules(publicUrl, trustedProxies, profile.isPublicHost),
      isTrustedPlace,
      demands,
      loginBudgets: [{ max: options.logins ?? 20, perMs: 600_000 }],
      apiClients: new ApiClients(options.apiClients ?? []),
      sessions: { idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 100 },
      ceremonies: {
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
      },
      factors,
      site: {
        service: 'Lucy',
        publicUrl: publicUrl.origin,
        gatewayPath: '/_2fa',
        home: profile.home,
        loginPage: signInPage(profile, '/_2fa'),
        contact: 'Ask the help desk.',
        defaultCountry: 'CH',
        usesTickets: true,
        usesProvider: true,
      },
      policy: (identity, from): PolicyFor => ({
        level: options.level ?? 'optional',
        first: { needs: 'nothing' },
        isTrustedNetwork: from !== undefined && isTrustedPlace(from.address),
        ...options.policy?.(identity, from),
      }),
      known: (identity) => options.known?.[identity],
      email: (identity: Identity, named) => options.known?.[identity]?.email ?? named ?? identity,
      isAdmin: (identity: Identity) => identity === 'admin@example.com',
    });
    const over = (store: Store): Assembled =>
      assemble({
        rules,
        store,
        upstream,
        upstreamUrl,
        clock,
        log,
        key: {
          state: () => ({ set: true, ending: 'abcd', shared: false, editable: false }),
          save: async () => ({ ok: false, reason: 'set-elsewhere' }),
          check: async () => ({ ok: false, reason: 'no-key' }),
        },
      });
    const gateways = stores.map(over);
    const [assembled] = gateways;
    if (assembled === undefined) throw new Error('there is no gateway');
    const listeners = gateways.map(
      ({ gateway }) =>
        new Listener(gateway, {
          limits: { ...LIMITS, ...options.limits },
          http2: true,
          isExempt: (address) => isInside(address, trustedProxies),
          clock,
          log,
          ...(options.pair === undefined ? {} : { pair: options.pair }),
        }),
    );
    for (const listener of listeners) await listener.listen(0, '127.0.0.1');
    const [first] = listeners;
    const front = listeners.length > 1 ? await RoundRobin.start() : undefined;
    if (front !== undefined) front.targets = listeners.map((listener) => listener.port);
    const port = front?.port ?? first?.port ?? 0;
    if (options.publicUrl === undefined) {
      publicUrl = new URL(front === undefined ? (first?.address ?? '') : `http://127.0.0.1:${port}`);
    }
    const end = async () => {
      for (const { stop } of gateways) stop();
      await front?.close();
      for (const listener of listeners) await listener.close();
      await upstream.close();
      await factors.close();
      await app.close();
      await authy.close();
      for (const one of stores) await one.close();
    };
    return new Harness({
      clock,
      app,
      authy,
      store,
      port,
      origin: publicUrl.origin,
      assembled,
      gateways,
      front,
      logged,
      reload,
      end,
    });
  }

  browser(headers?: Record<string, string>): FakeBrowser {
    const extra = headers === undefined ? {} : { headers: Object.entries(headers) };
    return new FakeBrowser({ origin: this.origin, port: this.port, ...extra });
  }

  /** Puts a TOTP factor in place without the pages, for tests that begin after enrolment. */
  async enrolTotp(email: string, secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'): Promise<string> {
    const enrolment: Enrolment = { id: `e-${email}`, factor: 'totp', data: { secret }, createdAt: this.clock.now() };
    await this.store.users.update(email, () => ({
      write: { identity: email as Identity, enrolments: [enrolment], factorVersion: 1 },
      result: undefined,
    }));
    return secret;
  }

  totp(secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'): string {
    return new TOTP({ secret, digits: 6, period: 30 }).generate({ timestamp: this.clock.now() });
  }

  /** Types a password into the application's own form, as a person does. */
  async logIn(
    browser: FakeBrowser,
    who: { email: string; password: string },
    fields: Record<string, string> = {},
  ): Promise<Page> {
    const form = await browser.get('/admin/login');
    return browser.submit(form, { 'LoginForm[email]': who.email, 'LoginForm[password]': who.password, ...fields });
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

async function profileWith(values: Record<string, unknown>): Promise<Profile> {
  const overrides = { values, source: new Source('test', ''), at: [] };
  const loaded = await loadProfile({ ref: 'lucy', folder: '.', overrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.profile;
}
