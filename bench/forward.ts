/**
 * What a proxied request of a verified session costs, beside bare http-proxy with keep-alive and no check at all. Both sides
 * run in one go, in turns, against the same application; the figure is CPU time of the proxy's process per request, and the
 * result is a ratio. Run `npm run bench` (it builds first); nothing in the tests depends on it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';

const ROUNDS = 8;
const REQUESTS = 4_000;
const CONNECTIONS = 32;
const PATH = '/admin/poll';
const GATEWAY_PORT = 18_480;
const PROXY_PORT = 18_481;
const APP_PORT = 18_482;
/** Compiled into dist/bench/bench; the gateway is in dist. */
const ROOT = new URL('../../', import.meta.url);

const APP = `
import { startStandInLucy } from '${new URL('demo/stand-in-lucy/server.js', ROOT).href}';
await startStandInLucy({ port: ${APP_PORT} });
console.log('ready');`;

const HTTP_PROXY = `
import http from 'node:http';
import httpProxy from 'http-proxy';
const proxy = httpProxy.createProxyServer({ target: 'http://127.0.0.1:${APP_PORT}', agent: new http.Agent({ keepAlive: true, maxSockets: 256 }) });
http.createServer((req, res) => proxy.web(req, res, {}, () => res.destroy())).listen(${PROXY_PORT}, '127.0.0.1', () => console.log('ready'));`;

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly pool: Pool;
  readonly cookie: string;
  readonly perRequestUs: number[];
}

function start(args: readonly string[], isReady: (line: string) => boolean): Promise<ChildProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: new URL('..', ROOT) });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a process of the benchmark ended with ${code}`)));
    child.stdout.on('data', (chunk: Buffer) => isReady(chunk.toString()) && resolve(child));
  });
}

/** CPU time of all threads of a process, in ns, from the scheduler's own accounting. */
function cpuOf(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return total;
}

/** Signs in through `port` with the application's own form. @returns the Cookie line that the sign-in left behind. */
async function signIn(port: number): Promise<string> {
  const origin = `http://127.0.0.1:${port}`;
  const jar = new Map<string, string>();
  const visit = async (path: string, body?: string) => {
    const headers: Record<string, string> = { cookie: line(jar), accept: 'text/html' };
    if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
    const answer = await fetch(origin + path, {
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return answer.text();
  };
  const token = /name="YII_CSRF_TOKEN" value="([^"]+)"/.exec(await visit('/admin/login'))?.[1] ?? '';
  await visit(
    '/admin/login',
    new URLSearchParams({
      YII_CSRF_TOKEN: token,
      'LoginForm[email]': 'alice@example.com',
      'LoginForm[password]': 'correct horse alice',
    }).toString(),
  );
  return line(jar);
}

function line(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
}

async function slice(target: Target): Promise<void> {
  const before = cpuOf(target.pid);
  let left = REQUESTS;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { statusCode, body } = await target.pool.request({
        method: 'GET',
        path: PATH,
        headers: { cookie: target.cookie },
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${target.name} answered ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  target.perRequestUs.push((cpuOf(target.pid) - before) / 1_000 / REQUESTS);
}

function low(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 4)] ?? Number.NaN;
}

const folder = mkdtempSync(join(tmpdir(), 'lucy-2fa-bench-'));
const config = join(folder, 'gateway.yaml');
writeFileSync(
  config,
  `listen: { host: 127.0.0.1, port: ${GATEWAY_PORT} }
publicUrl: http://127.0.0.1:${GATEWAY_PORT}
upstream: { url: 'http://127.0.0.1:${APP_PORT}', profile: lucy }
store: { path: ${join(folder, 'data')} }
secrets: { keyFile: ${join(folder, 'keys.json')} }
management: false
`,
);
const isReady = (text: string): boolean => text.includes('ready') || text.includes('sys_startup');
const app = await start(['--input-type=module', '-e', APP], isReady);
const proxy = await start(['--input-type=module', '-e', HTTP_PROXY], isReady);
const gateway = await start([new URL('main.js', ROOT).pathname, 'start', '--config', config], isReady);

const targets: Target[] = [];
for (const [name, child, port] of [
  ['http-proxy', proxy, PROXY_PORT],
  ['gateway', gateway, GATEWAY_PORT],
] as const) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS });
  targets.push({ name, pid: child.pid ?? 0, pool, cookie: await signIn(port), perRequestUs: [] });
}
for (const target of targets) await slice(target); // warm
for (const target of targets) target.perRequestUs.length = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (const target of round % 2 === 0 ? targets : targets.toReversed()) await slice(target);
}
const [bare, ours] = targets.map((target) => low(target.perRequestUs));
for (const target of targets) {
  process.stdout.write(`${target.name.padEnd(12)} ${low(target.perRequestUs).toFixed(1)} us of CPU per request\n`);
}
process.stdout.write(`gateway / http-proxy = ${((ours ?? 0) / (bare ?? 1)).toFixed(2)}\n`);
for (const target of targets) await target.pool.close();
for (const child of [gateway, proxy, app]) {
  child.removeAllListeners('exit');
  child.kill();
}
rmSync(folder, { recursive: true, force: true });
