/**
 * START HERE: the benchmark. Starts the application, the alternatives and this gateway, measures them in turns, prints the
 * tables and writes docs/performance.md. It installs nothing, and nothing in the tests depends on it.
 *
 *   npm run bench [-- --quick | --only get1k,logins | --rounds 5 | --write | --profile | --list]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Children } from './children.ts';
import { measureColdStart } from './cold-start.ts';
import { documentOf } from './document.ts';
import { gatewayTarget, hasWorkers, passThrough, startRedis } from './gateways.ts';
import { makeLoad } from './load.ts';
import { measureLogins } from './logins.ts';
import { describeMachine, findTool, TOOLS } from './machine.ts';
import { goalsOf, type Measured } from './measured.ts';
import { profileGateway } from './profile.ts';
import { direct, haproxy, httpProxy, nginxProxy, nginxWithAuth } from './proxies.ts';
import { inTurns } from './rounds.ts';
import {
  GATEWAY,
  GATEWAY_COOKIES,
  GATEWAY_REDIS,
  loadOf,
  PASS_THROUGH,
  SCENARIOS,
  type Scenario,
} from './scenarios.ts';
import { measureSessions } from './sessions.ts';
import { documentFile, openSetting, type Setting } from './setting.ts';
import { measureStore } from './store.ts';
import { figureTable, goalTable, otherTables } from './tables.ts';
import { BROWSER_HEADERS, type Target } from './target.ts';
import { measureTransfers } from './transfers.ts';
import { measureWorkers } from './workers.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    write: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const OTHERS = ['logins', 'cold-start', 'sessions', 'store', 'transfers', 'workers'] as const;
/** What the quick run leaves out: each takes a minute by itself. */
const ONLY_FULL: readonly string[] = ['sessions', 'store', 'transfers', 'workers'];

const only = flags.only?.split(',');
const unknown = only?.filter((id) => !isPart(id)) ?? [];
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const tell = (line: string): void => void process.stderr.write(`${line}\n`);

if (flags.list) {
  for (const { id, title } of SCENARIOS) print(`${id.padEnd(12)} ${title}`);
  for (const id of OTHERS) print(id);
} else if (unknown.length > 0) {
  tell(`There is no ${unknown.join(', ')}; --list names what there is.`);
  process.exitCode = 2;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'lucy-2fa-bench-'));
  const children = new Children();
  try {
    const setting = await openSetting(folder, children, 200);
    if (flags.profile) await profile(setting);
    else await measure(setting);
  } finally {
    await children.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the scenarios that were asked for, or of the first. */
async function profile(setting: Setting): Promise<void> {
  for (const scenario of SCENARIOS.filter(({ id }, at) => only?.includes(id) ?? at === 0)) {
    print(`\n### ${scenario.title}\n`);
    for (const line of await profileGateway(setting, scenario, flags.quick ? 5 : 15)) print(line);
  }
}

async function measure(setting: Setting): Promise<void> {
  const redis = await startRedis(setting);
  const scenarios = SCENARIOS.filter(({ id, quick }) => isWanted(id) && (only !== undefined || !flags.quick || quick));
  const targets = scenarios.length === 0 ? [] : await startTargets(setting, scenarios, redis);
  const found: Measured['scenarios'][number][] = [];
  for (const scenario of scenarios) {
    const rounds = Number(flags.rounds ?? (flags.quick ? 2 : scenario.rounds));
    const those = targetsOf(scenario, targets);
    tell(`${scenario.title}: ${those.length} targets, ${rounds} rounds`);
    const load = loadOf(scenario, BROWSER_HEADERS);
    const figures = await inTurns(those, {
      rounds,
      folder: setting.folder,
      refused: scenario.anonymous === true,
      load,
    });
    found.push({ scenario, rounds, figures });
    print([`\n### ${scenario.title}\n`, ...figureTable(figures)].join('\n'));
  }
  const measured: Measured = {
    date: new Date(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    machine: describeMachine(),
    missing: missing(redis),
    scenarios: found,
    sessions: await sessionsOf(setting, redis),
    transfers: isWanted('transfers') ? await measureTransfers(setting) : [],
    ...(isWanted('logins') ? { logins: await measureLogins(setting, flags.quick ? 20 : 100) } : {}),
    ...(isWanted('cold-start') ? { coldStart: await measureColdStart(setting, flags.quick ? 3 : 9) } : {}),
    ...(isWanted('store') ? { store: await measureStore(setting.folder, [100, 1_000, 10_000, 100_000]) } : {}),
    ...(isWanted('workers') && redis !== undefined && hasWorkers()
      ? { workers: await measureWorkers(setting, redis, Number(flags.rounds ?? 8)) }
      : {}),
  };
  print(otherTables(measured).join('\n'));
  const goals = goalsOf(measured).filter(({ value }) => value !== undefined);
  print(['\n### Goals\n', ...goalTable(goals), '', ...measured.missing.map((one) => `Left out: ${one}.`)].join('\n'));
  if (!flags.write && (flags.quick || only !== undefined)) return;
  writeFileSync(documentFile('performance.md'), documentOf(measured));
  tell('docs/performance.md was written');
}

/** Those that the scenarios name; a way that cannot be had here is left out. */
async function startTargets(
  setting: Setting,
  scenarios: readonly Scenario[],
  redis: string | undefined,
): Promise<Target[]> {
  const memory = { kind: 'lowdb' } as const;
  const ways: Readonly<Record<string, () => Target | undefined | Promise<Target | undefined>>> = {
    direct: () => direct(setting),
    nginx: () => nginxProxy(setting),
    'nginx + auth_request': () => nginxWithAuth(setting),
    haproxy: () => haproxy(setting),
    'http-proxy': () => httpProxy(setting, true),
    'http-proxy, default malloc': () => httpProxy(setting, false),
    [PASS_THROUGH]: () => passThrough(setting),
    [GATEWAY]: () => gatewayTarget(setting, { name: GATEWAY, store: memory }),
    [GATEWAY_COOKIES]: () => gatewayTarget(setting, { name: GATEWAY_COOKIES, store: memory, recheck: 'cookies' }),
    [GATEWAY_REDIS]: () =>
      redis === undefined
        ? undefined
        : gatewayTarget(setting, { name: GATEWAY_REDIS, store: { kind: 'redis', url: redis } }),
  };
  const named = new Set(scenarios.flatMap(namesOf));
  const targets: Target[] = [];
  for (const [name, start] of Object.entries(ways)) {
    const target = named.has(name) ? await start() : undefined;
    if (target !== undefined) targets.push(target);
  }
  for (const target of targets) await warm(target, setting.folder);
  return targets;
}

/** An engine that compiles while it runs is not itself in its first seconds. */
async function warm(target: Target, folder: string): Promise<void> {
  const [scenario] = SCENARIOS;
  if (scenario === undefined) return;
  await makeLoad({ ...loadOf(scenario, BROWSER_HEADERS)(target), seconds: 2 }, folder, false);
}

function namesOf(scenario: Scenario): readonly string[] {
  return flags.quick ? (scenario.quick ?? scenario.targets) : scenario.targets;
}

function targetsOf(scenario: Scenario, targets: readonly Target[]): Target[] {
  return targets.filter(({ name }) => namesOf(scenario).includes(name));
}

async function sessionsOf(setting: Setting, redis: string | undefined): Promise<Measured['sessions']> {
  if (!isWanted('sessions')) return [];
  const stores = [{ kind: 'lowdb' } as const, ...(redis === undefined ? [] : [{ kind: 'redis', url: redis } as const])];
  const found: Measured['sessions'][number][] = [];
  for (const store of stores) {
    tell(`100,000 sessions, ${store.kind}`);
    found.push({ store: store.kind, figures: await measureSessions(setting, store, 100_000) });
  }
  return found;
}

function missing(redis: string | undefined): string[] {
  const absent: string[] = TOOLS.filter((tool) => findTool(tool) === undefined).map(
    (tool) => `${tool} is not installed`,
  );
  if (redis === undefined) absent.push('the store on Redis is not available');
  else if (!hasWorkers()) absent.push('several workers are not available');
  return absent;
}

function isPart(id: string): boolean {
  return SCENARIOS.some((scenario) => scenario.id === id) || OTHERS.some((other) => other === id);
}

function isWanted(id: string): boolean {
  return only === undefined ? !(flags.quick && ONLY_FULL.includes(id)) : only.includes(id);
}
