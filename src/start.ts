/**
 * From a config file to a running gateway, and back: opens what must be open, reloads what may change, drains what must end.
 * Every failure at start is a StartError with one sentence; nothing here touches the process.
 */
import { randomBytes } from 'node:crypto';
import { assemble, type Rules } from './assemble.ts';
import type { Clock } from './clock.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import type { Identity } from './gate/types.ts';
import { keySettings } from './key-settings.ts';
import { type Pair, readPair, watchPair } from './listen/certificate.ts';
import type { ListenerLimits } from './listen/limits.ts';
import { Listener, listen } from './listen/listener.ts';
import { createLog, type Log, reasonOf } from './log.ts';
import { serveManagement } from './management.ts';
import { readKnown } from './people/file.ts';
import type { KnownPeople } from './people/people.ts';
import { formatProblems, type Problem } from './profiles/problem.ts';
import { isInside } from './request/client.ts';
import { rulesFrom } from './rules.ts';
import { type Keys, openKeys } from './store/keys.ts';
import { hasStore, openStore, type StoreNote } from './store/open.ts';
import type { RedisNote } from './store/redis/open.ts';
import { type Store, StoreError } from './store/store.ts';
import { openUpstream } from './upstream/http.ts';
import type { Upstream } from './upstream/upstream.ts';
import { watchFile } from './watch.ts';

export type StartFailure = 'config' | 'store' | 'upstream' | 'listen' | 'tls';

export class StartError extends Error {
  readonly code: StartFailure;
  constructor(code: StartFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}

export interface StartOptions {
  readonly configPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Starts although the application does not answer; it is asked again with each request. */
  readonly withoutUpstream: boolean;
  /** Where the log goes; standard output when absent. */
  readonly logTo?: { write(line: string): void };
}

export interface Started {
  /** `http://127.0.0.1:8080`, as it really listens. */
  readonly address: string;
  readonly publicUrl: string;
  reload(): Promise<void>;
  /** Lets requests finish for at most `drainMs`, event streams and WebSockets for two seconds; then ends. Sessions stay. */
  stop(drainMs: number): Promise<void>;
}

const UPSTREAM_PATIENCE_MS = 10_000;
const UPSTREAM_TRY_MS = 2_000;
/** Notes of a store that are more than information. */
const LEVELS: Readonly<Record<string, 'warn' | 'error'>> = {
  trouble: 'error',
  'many-users': 'warn',
  'server-may-evict': 'warn',
  'server-not-persistent': 'warn',
  'server-not-examined': 'warn',
};

export async function startGateway(options: StartOptions): Promise<Started> {
  const { clock, configPath, env } = options;
  const loaded = await loadConfig(configPath, env);
  if (!loaded.ok) throw new StartError('config', formatProblems(loaded.problems, configPath));
  const { config } = loaded;
  const log = createLog(config.log.level, options.logTo);
  warn(log, loaded.warnings);

  const store = await openConfigured(loaded, clock, log);
  const cleanUp: (() => Promise<unknown>)[] = [() => store.close()];
  try {
    const upstreamUrl = new URL(config.upstream.url);
    const upstream = await openChecked(loaded, clock, options.withoutUpstream, log);
    cleanUp.push(() => upstream.close());

    const keys = await openKeys(config.secrets.keyFile, { create: false });
    let known = await knownPeople(config.people.file, keys);
    const needs = {
      clock,
      log,
      randomBytes,
      mac: (label: string, text: string) => store.mac(label, text),
      known: (identity: Identity) => known.get(identity),
    };
    const takeKnown = async (): Promise<void> => {
      try {
        known = await knownPeople(config.people.file, keys);
        log.info('people_reloaded', { count: known.size });
      } catch (error) {
        log.error('people_reload_refused', { reason: reasonOf(error) }); // what was known before goes on to hold
      }
    };
    let current: { readonly loaded: LoadedConfig; readonly rules: Rules } = {
      loaded,
      rules: rulesFrom(loaded, needs),
    };
    cleanUp.push(() => current.rules.factors.close());
    const reload = async (): Promise<readonly Problem[]> => {
      const next = await loadConfig(configPath, env);
      if (!next.ok) {
        log.error('config_reload_refused', { problems: formatProblems(next.problems, configPath) });
        return next.problems;
      }
      warn(log, next.warnings);
      const fixed = unchangeable(current.loaded, next);
      if (fixed.length > 0) log.warn('config_restart_needed', { keys: fixed });
      const old = current;
      current = { loaded: next, rules: rulesFrom(keepFixed(old.loaded, next), needs) };
      await old.rules.factors.close();
      log.info('config_reloaded');
      return [];
    };

    const key = keySettings({ configPath, env, clock, log, loaded: () => current.loaded, reload });
    const assembled = assemble({ rules: () => current.rules, store, upstream, upstreamUrl, key, clock, log });
    const outdated = assembled.sessions.endOutdated(
      async (identity) => (await store.users.get(identity))?.factorVersion ?? 0,
    );
    // Others serve the same sessions all the while, so that waiting for it would protect nobody.
    if (assembled.sessions.isShared)
      outdated.catch((error) => log.error('store_unreadable', { reason: reasonOf(error) }));
    else await outdated;
    const { tls } = config.listen;
    const pair = tls === undefined ? undefined : await pairOf(tls);
    const listener = new Listener(assembled.gateway, {
      limits: listenerLimits(config),
      http2: tls?.http2 ?? false,
      isExempt: (address) => isInside(address, current.rules.scopeRules.trustedProxies),
      clock,
      log,
      ...(pair === undefined ? {} : { pair }),
    });
    await openPort(listener.listen(config.listen.port, config.listen.host), config.listen);
    cleanUp.push(() => listener.close());
    const certificate =
      tls === undefined || pair === undefined
        ? undefined
        : watchPair(tls, pair, { clock, log, use: (next) => listener.use(next) });
    cleanUp.push(async () => certificate?.stop());
    let isStopping = false;
    const management =
      config.management === undefined
        ? undefined
        : serveManagement({
            isStopping: () => isStopping,
            storeHealthy: () => store.healthy(),
            upstreamReachable: () => upstream.reachable(UPSTREAM_TRY_MS),
          });
    if (management !== undefined && config.management !== undefined) {
      await openPort(listen(management, config.management.port, config.management.host), config.management);
    }
    const watchers = [
      watchFile(configPath, clock, () => void reload()),
      watchFile(config.people.file, clock, () => void takeKnown()),
    ];
    const { address } = listener;
    log.info('sys_startup', { address, publicUrl: config.publicUrl, profile: loaded.profile.name });

    return {
      address,
      publicUrl: config.publicUrl,
      async reload() {
        await Promise.all([reload(), certificate?.reload(), takeKnown()]);
      },
      async stop(drainMs) {
        isStopping = true;
        for (const watcher of watchers) watcher.close();
        assembled.stop();
        log.info('sys_shutdown');
        certificate?.stop();
        await listener.drain(drainMs);
        management?.close();
        await upstream.close();
        await current.rules.factors.close();
        await store.close();
      },
    };
  } catch (error) {
    for (const close of cleanUp.reverse()) await close().catch(() => {});
    throw error;
  }
}

/** @throws StartError `store`, with the sentence of the file */
async function knownPeople(path: string, keys: Keys): Promise<KnownPeople> {
  try {
    return await readKnown(path, keys);
  } catch (error) {
    if (error instanceof StoreError) throw new StartError('store', error.message, { cause: error });
    throw error;
  }
}

/** @throws StartError `store`, with the sentence of the store */
export async function openConfigured({ config }: LoadedConfig, clock: Clock, log: Log): Promise<Store> {
  try {
    const { keyFile } = config.secrets;
    const onNote = (note: StoreNote | RedisNote): void =>
      log[LEVELS[note.note] ?? 'info'](`store_${note.note.replaceAll('-', '_')}`, { ...note });
    if (config.store.kind === 'redis') {
      const { server, prefix } = config.store;
      const { password, ...open } = server;
      const { openRedisStore } = await import('./store/redis/open.ts'); // with its client, which few need
      return await openRedisStore({
        server: password === undefined ? open : { ...open, password: password.reveal() },
        prefix,
        clock,
        onNote,
        openKeys: (options) => openKeys(keyFile, options),
      });
    }
    const { path } = config.store;
    // A new key beside old data would read as a loss of everything: only an empty folder gets one.
    const keys = await openKeys(keyFile, { create: !(await hasStore(path)) });
    return await openStore({ kind: 'lowdb', path, keys, clock, onNote });
  } catch (error) {
    if (error instanceof StoreError) throw new StartError('store', error.message, { cause: error });
    throw error;
  }
}

async function openChecked(
  { config, profile }: LoadedConfig,
  clock: Clock,
  withoutUpstream: boolean,
  log: Log,
): Promise<Upstream> {
  const { url, ca, pin, servername, timeouts, connections, queue } = config.upstream;
  const upstream = openUpstream({
    url,
    clock,
    connections,
    queue,
    queueTimeoutMs: timeouts.queue,
    connectTimeoutMs: timeouts.connect,
    headersTimeoutMs: timeouts.headers,
    ...(ca === undefined ? {} : { ca }),
    ...(pin === undefined ? {} : { pin }),
    ...(servername === undefined ? {} : { servername }),
  });
  const until = clock.now() + UPSTREAM_PATIENCE_MS;
  for (;;) {
    if (await upstream.reachable(UPSTREAM_TRY_MS)) return upstream;
    if (withoutUpstream) {
      log.warn('upstream_failed', { reason: `${profile.name} does not answer at ${url}` });
      return upstream;
    }
    if (clock.now() >= until) break;
    await new Promise<void>((resolve) => void clock.after(500, resolve));
  }
  await upstream.close();
  throw new StartError(
    'upstream',
    `The application does not answer at ${url} (upstream.url); start it first, or start with --without-upstream.`,
  );
}

/** @throws StartError that says what to do about the port. */
async function openPort(opening: Promise<void>, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await opening;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : reasonOf(error);
    const why =
      code === 'EADDRINUSE'
        ? 'is in use by another program; stop it or choose another port'
        : code === 'EACCES'
          ? 'may not be used without more rights; choose a port above 1023 or allow it'
          : `cannot be used (${code})`;
    throw new StartError('listen', `${host} port ${port} ${why}.`, { cause: error });
  }
}

/** @throws StartError `tls`, with what is wrong with the two files */
export async function pairOf(files: { readonly cert: string; readonly key: string }): Promise<Pair> {
  try {
    return await readPair(files);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError('tls', `The certificate or key of listen.tls cannot be used: ${why}.`, { cause: error });
  }
}

function listenerLimits({ limits }: LoadedConfig['config']): ListenerLimits {
  return {
    headerBytes: limits.headerBytes,
    headers: limits.headers,
    urlBytes: limits.urlBytes,
    headersTimeoutMs: limits.headersTimeout,
    bodyIdleMs: limits.bodyIdle,
    keepAliveMs: limits.keepAlive,
    connections: limits.connections,
    connectionsPerAddress: limits.connectionsPerAddress,
  };
}

function warn(log: Log, warnings: readonly Problem[]): void {
  for (const { path, rule } of warnings) log.warn('config_warning', { path, rule });
}

/** Keys that are read once; a reload that changes them says so and keeps the old value. */
const FIXED = {
  limits: [
    'headerBytes',
    'headers',
    'urlBytes',
    'headersTimeout',
    'bodyIdle',
    'keepAlive',
    'connections',
    'connectionsPerAddress',
  ],
  upstream: ['url', 'ca', 'pin', 'servername', 'timeouts', 'connections', 'queue'],
} as const;

function unchangeable(before: LoadedConfig, after: LoadedConfig): string[] {
  const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);
  const blocks = ['listen', 'publicUrl', 'store', 'secrets', 'people', 'management'] as const;
  const { limits, upstream } = before.config;
  return [
    ...blocks.filter((key) => differs(before.config[key], after.config[key])),
    ...FIXED.limits.filter((key) => differs(limits[key], after.config.limits[key])).map((key) => `limits.${key}`),
    ...FIXED.upstream
      .filter((key) => differs(upstream[key], after.config.upstream[key]))
      .map((key) => `upstream.${key}`),
  ];
}

function keepFixed(before: LoadedConfig, after: LoadedConfig): LoadedConfig {
  return { ...after, config: { ...after.config, publicUrl: before.config.publicUrl } };
}
