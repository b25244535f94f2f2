/**
 * This gateway in the ways it can be run, each with a person who logged in through it; and its forwarder alone. A way that
 * this version or this machine does not have is left out, never an error.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeBrowser } from '../test/fakes/browser.ts';
import { freePort } from '../test/fakes/free-port.ts';
import type { Child } from './children.ts';
import { type Core, findTool, treeOf } from './machine.ts';
import { people } from './people.ts';
import { compiled, MAIN, type Setting } from './setting.ts';
import { APP_COOKIES, type Target } from './target.ts';

export interface GatewayOptions {
  /** Also the name of its folder. */
  readonly name: string;
  /** `lowdb` holds sessions in the memory of the process and writes a journal behind. */
  readonly store: { readonly kind: 'lowdb' } | { readonly kind: 'redis'; readonly url: string };
  /** `unsafe` (the default of the gateway): after a POST the application is asked who is signed in. */
  readonly recheck?: 'unsafe' | 'cookies';
  readonly workers?: number;
  readonly core?: Core;
  /** Arguments for Node itself. */
  readonly node?: readonly string[];
}

export interface Gateway {
  readonly child: Child;
  readonly port: number;
  readonly origin: string;
  pids(): number[];
}

/** Where a gateway of that name keeps its files. */
export function placesOf(setting: Setting, name: string): { config: string; data: string; keys: string } {
  const folder = join(setting.folder, name.replaceAll(/[^a-z0-9]+/g, '-'));
  mkdirSync(folder, { recursive: true });
  return { config: join(folder, 'gateway.yaml'), data: join(folder, 'data'), keys: join(folder, 'keys.json') };
}

/** Each has a key file of its own, so each needs records of its own; the workers of one gateway share both. */
export function prefixOf(name: string): string {
  return `${name.replaceAll(/[^a-z0-9]+/g, '-')}:`;
}

/** Writes the configuration. @returns the command that starts the gateway. */
export function gatewayCommand(setting: Setting, options: GatewayOptions, port: number): string[] {
  const { config, data, keys } = placesOf(setting, options.name);
  const { store } = options;
  writeFileSync(
    config,
    `listen: { host: 127.0.0.1, port: ${port} }
publicUrl: http://127.0.0.1:${port}
upstream:
  url: ${setting.upstream}
  profile: lucy
${options.recheck === undefined ? '' : `  whoami: { recheck: ${options.recheck} }\n`}store: ${
      store.kind === 'lowdb'
        ? `{ kind: lowdb, path: ${data} }`
        : `{ kind: redis, url: '${store.url}', prefix: '${prefixOf(options.name)}' }`
    }
secrets: { keyFile: ${keys} }
management: false
# One address makes all the requests of a run.
limits: { logins: { perMinute: 10000, perHour: 100000 } }
`,
    { mode: 0o600 },
  );
  const workers = options.workers === undefined ? [] : ['--workers', String(options.workers)];
  return [process.execPath, ...(options.node ?? []), MAIN, 'start', '--config', config, ...workers];
}

export async function startGateway(setting: Setting, options: GatewayOptions): Promise<Gateway> {
  const port = await freePort();
  const command = gatewayCommand(setting, options, port);
  const child = await setting.children.start(command, { core: options.core ?? 'target', port });
  return { child, port, origin: `http://127.0.0.1:${port}`, pids: () => treeOf(child.pid) };
}

/** A gateway with somebody signed in. */
export async function gatewayTarget(setting: Setting, options: GatewayOptions): Promise<Target> {
  const gateway = await startGateway(setting, options);
  const { port } = gateway;
  return {
    name: options.name,
    port,
    pids: gateway.pids,
    cookie: await signIn(gateway.origin, port),
    checks: true,
    upgrades: true,
  };
}

/** The forwarder of the gateway and nothing of the gate. */
export async function passThrough(setting: Setting): Promise<Target> {
  const port = await freePort();
  const command = [process.execPath, compiled('processes/pass-through.js'), String(port), setting.upstream];
  const { pid } = await setting.children.start(command, { core: 'target', port });
  return {
    name: 'pass-through without gate',
    port,
    pids: () => treeOf(pid),
    cookie: APP_COOKIES,
    checks: false,
    upgrades: false,
  };
}

/** Signs the person without a factor in. @returns the Cookie line that a browser sends from then on. */
export async function signIn(origin: string, port: number): Promise<string> {
  const [who] = people(1);
  const browser = new FakeBrowser({ origin, port });
  const form = await browser.get('/admin');
  const inside = await browser.submit(form, {
    'LoginForm[email]': who?.email ?? '',
    'LoginForm[password]': who?.password ?? '',
  });
  if (inside.url.pathname !== '/admin') throw new Error(`the login ended at ${inside.url.href}: ${inside.status}`);
  return browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}

/** A Redis of this run, when there is one and this gateway can use it. @returns its address. */
export async function startRedis(setting: Setting): Promise<string | undefined> {
  const program = findTool('redis-server');
  if (program === undefined) return undefined;
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const [node = '', ...args] = gatewayCommand(setting, { name: 'redis', store: { kind: 'redis', url } }, port);
  const check = args.map((word) => (word === 'start' ? 'check' : word));
  if (spawnSync(node, check).status !== 0) return undefined;
  const folder = join(setting.folder, 'redis-server');
  mkdirSync(folder, { recursive: true });
  const settings = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'yes',
  ];
  await setting.children.start([program, ...settings], { core: 'load', port });
  return url;
}

/** Whether `start --workers` is there. */
export function hasWorkers(): boolean {
  return spawnSync(process.execPath, [MAIN, 'start', '--help'], { encoding: 'utf8' }).stdout.includes('--workers');
}
