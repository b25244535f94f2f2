/** The own pages on a real server, with real sessions and doubles around them, and a person who sends requests to it. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { returnPath } from '../../src/gate/redirect.ts';
import type { SessionEvent } from '../../src/gate/session.ts';
import type { FactorId, Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import type { Facts } from '../../src/log.ts';
import { KeptForms } from '../../src/login/kept-forms.ts';
import { readCookies, sessionKey } from '../../src/session/cookie.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { createWeb } from '../../src/web/create.ts';
import type { KeySettings, KeyState, Site, Web } from '../../src/web/web.ts';
import { TestClock } from '../fakes/clock.ts';
import { CeremoniesDouble } from './ceremonies-double.ts';

export const COOKIE = 'lucy2fa';
export const ALICE = 'alice@example.com';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly cookies: readonly string[];
  readonly text: string;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Record<string, string | undefined>;
  readonly body?: string;
}

/** Write-only key, as the file-backed one would behave. */
export class KeyDouble implements KeySettings {
  current: string | undefined;
  editable = true;
  saved: (string | null)[] = [];
  detail: string | undefined;

  state(): KeyState {
    const { current, editable } = this;
    return current === undefined
      ? { set: false, editable }
      : { set: true, ending: current.slice(-4), shared: current.startsWith('shared'), editable };
  }

  async save(key: string | null, allowSharedKey: boolean): ReturnType<KeySettings['save']> {
    if (key === '') return { ok: false, reason: 'empty' };
    if (this.detail !== undefined) return { ok: false, reason: 'file-invalid', detail: this.detail };
    if (key?.startsWith('shared') === true && !allowSharedKey) return { ok: false, reason: 'shared-key-needs-switch' };
    this.saved.push(key);
    this.current = key ?? undefined;
    return { ok: true };
  }

  async check(): ReturnType<KeySettings['check']> {
    return this.current === undefined ? { ok: false, reason: 'no-key' } : { ok: true, application: 'Lucy <test>' };
  }
}

export class World {
  readonly clock = new TestClock(Date.UTC(2026, 4, 4, 12, 0, 0));
  readonly sessions: Sessions;
  readonly ceremonies: CeremoniesDouble;
  readonly kept = new KeptForms(memoryStore(this.clock).counters, this.clock);
  readonly key = new KeyDouble();
  readonly logged: { level: string; event: string; facts: Facts }[] = [];
  enabled: FactorId[] = ['totp', 'authy'];
  site: Site;
  readonly web: Web;
  readonly #server = createServer((req, res) => this.#serve(req, res));
  #port = 0;

  constructor() {
    this.sessions = new Sessions({
      store: memoryStore(this.clock).sessions,
      clock: this.clock,
      limits: () => ({ idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 100 }),
      onEnd: async () => undefined,
      onWriteError: (error) => {
        throw error;
      },
    });
    this.ceremonies = new CeremoniesDouble(this.sessions, this.clock);
    this.site = {
      service: 'Lucy',
      publicUrl: 'http://127.0.0.1',
      gatewayPath: '/_2fa',
      home: '/',
      loginPage: '/admin/login',
      contact: 'help@example.com',
      defaultCountry: 'CH',
      usesTickets: true,
      usesProvider: true,
    };
    const write =
      (level: string) =>
      (event: string, facts: Facts = {}) => {
        this.logged.push({ level, event, facts });
      };
    this.web = createWeb({
      ceremonies: this.ceremonies,
      sessions: this.sessions,
      kept: this.kept,
      key: this.key,
      site: () => this.site,
      cookieName: COOKIE,
      clock: this.clock,
      log: { info: write('info'), warn: write('warn'), error: write('error') },
      enabledFactors: () => this.enabled,
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    this.site = { ...this.site, publicUrl: `http://127.0.0.1:${this.#port}` };
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(req.url ?? '/', this.origin);
    const { key } = readCookies(req.headers.cookie, COOKIE, () => false);
    if (!url.pathname.startsWith('/_2fa')) {
      res.end(`the application at ${url.pathname}`);
      return;
    }
    const session = this.sessions.peek(key);
    const path = url.pathname.slice('/_2fa'.length);
    const facts = { requestId: 'req-0001', client: '127.0.0.1', agent: 'Firefox', wish: undefined, session, path };
    void this.web.handle(req, res, facts);
  }

  async person(event: 'anonymous' | 'challenge' | 'enrol' | 'pass' | 'proved', name = ALICE): Promise<Person> {
    const issued = this.sessions.create();
    if (event === 'anonymous') return new Person(this, issued.session, issued.id ?? '');
    const identity = name as Identity;
    const returnTo = (returnPath('/campaigns?tab=2', this.origin) ?? '/') as ReturnPath;
    const login = { id: 'login-1' as LoginId, identity, acceptedAt: this.clock.now(), returnTo };
    const standing = event === 'proved' ? 'challenge' : event;
    let next = await this.sessions.transition(issued.session, { type: 'login-accepted', login, standing });
    if (event === 'proved') {
      const proof = { loginId: login.id, identity, factor: 'totp' as const, at: this.clock.now() };
      const proved: SessionEvent = { type: 'factor-proved', proof };
      next = await this.sessions.transition(next.session, proved);
    }
    return new Person(this, next.session, next.id ?? '');
  }

  addFactor(factor: FactorId, id = `${factor}-1`): void {
    const ending = factor === 'authy' ? { ending: '67' } : {};
    this.ceremonies.enrolled.push({
      id,
      factor,
      createdAt: this.clock.now(),
      mayRemove: true,
      mayRename: factor === 'passkey',
      ...ending,
    });
  }

  send(path: string, { method = 'GET', headers = {}, body }: Sending = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
      const req = request(this.origin + path, { method, headers: Object.fromEntries(sent), agent: false }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            cookies: res.headers['set-cookie'] ?? [],
            text: Buffer.concat(chunks).toString(),
          }),
        );
        res.on('error', reject);
      });
      req.on('error', reject);
      req.end(body);
    });
  }
}

/** A browser of one session: it keeps its cookie and sends forms as its pages would. */
export class Person {
  readonly #world: World;
  id: string;
  csrf: string;

  constructor(world: World, session: LiveSession, id: string) {
    this.#world = world;
    this.id = id;
    this.csrf = session.csrf;
  }

  get session(): LiveSession | undefined {
    return this.#world.sessions.peek(sessionKey(this.id));
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#keep(
      await this.#world.send(`/_2fa${path}`, { headers: { cookie: `${COOKIE}=${this.id}`, ...headers } }),
    );
  }

  async post(path: string, fields: Record<string, string> = {}, sending: Sending = {}): Promise<Answer> {
    const { headers = {}, ...rest } = sending;
    return this.#keep(
      await this.#world.send(`/_2fa${path}`, {
        method: 'POST',
        body: new URLSearchParams({ csrf: this.csrf, ...fields }).toString(),
        ...rest,
        headers: {
          cookie: `${COOKIE}=${this.id}`,
          'content-type': 'application/x-www-form-urlencoded',
          origin: this.#world.origin,
          'sec-fetch-site': 'same-origin',
          ...headers,
        },
      }),
    );
  }

  #keep(answer: Answer): Answer {
    const set = answer.cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`));
    if (set !== undefined) this.id = /=([^;]*)/.exec(set)?.[1] ?? '';
    this.csrf = this.session?.csrf ?? this.csrf;
    return answer;
  }
}
