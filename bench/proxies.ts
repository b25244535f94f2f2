/**
 * The alternatives to the gateway, each as a site would run it for this purpose and at its cheapest: one worker, kept-alive
 * connections, no log, X-Forwarded-* set.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/fakes/free-port.ts';
import { MALLOC } from './children.ts';
import { findTool, treeOf } from './machine.ts';
import { nginxConfig } from './nginx.ts';
import { compiled, type Setting, sourceFile } from './setting.ts';
import { APP_COOKIES, type Target } from './target.ts';

const FORWARDED = `proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection $connection_or_upgrade;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;`;

export function direct({ upstreamPort: port, upstreamPids: pids }: Setting): Target {
  return { name: 'direct', port, pids, cookie: APP_COOKIES, checks: false, upgrades: true };
}

export async function nginxProxy(setting: Setting): Promise<Target | undefined> {
  const nginx = findTool('nginx');
  if (nginx === undefined) return undefined;
  const port = await freePort();
  const server = `
    listen 127.0.0.1:${port} backlog=1024;
    client_max_body_size 0;
    location / { proxy_pass http://application; ${FORWARDED} }`;
  const args = nginxConfig(join(setting.folder, 'nginx'), server, keptAlive('application', setting.upstreamPort));
  const { pid } = await setting.children.start([nginx, ...args], { core: 'target', port });
  return { name: 'nginx', port, pids: () => treeOf(pid), cookie: APP_COOKIES, checks: false, upgrades: true };
}

/** The forward-auth pattern: nginx asks a small service about each request. Both are counted. */
export async function nginxWithAuth(setting: Setting): Promise<Target | undefined> {
  const nginx = findTool('nginx');
  if (nginx === undefined) return undefined;
  const [port, authPort] = [await freePort(), await freePort()];
  const id = randomBytes(32).toString('base64url');
  const built = buildAuthService(setting.folder);
  const command = built === undefined ? [process.execPath, compiled('processes/auth-service.js')] : [built];
  const env = built === undefined ? MALLOC : { GOMAXPROCS: '1' };
  const auth = await setting.children.start([...command, String(authPort), id], {
    core: 'target',
    port: authPort,
    env,
  });
  const server = `
    listen 127.0.0.1:${port} backlog=1024;
    client_max_body_size 0;
    location / {
      auth_request /auth;
      auth_request_set $user $upstream_http_remote_user;
      proxy_set_header Remote-User $user;
      proxy_pass http://application;
      ${FORWARDED}
    }
    location = /auth {
      internal;
      proxy_pass http://auth;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-URI $request_uri;
    }`;
  const more = `${keptAlive('application', setting.upstreamPort)}\n  ${keptAlive('auth', authPort)}`;
  const args = nginxConfig(join(setting.folder, 'nginx-auth'), server, more);
  const front = await setting.children.start([nginx, ...args], { core: 'target', port });
  return {
    name: 'nginx + auth_request',
    note: built === undefined ? 'the service in Node, for want of Go: a dearer one' : 'the service in Go',
    port,
    pids: () => [...treeOf(front.pid), ...treeOf(auth.pid)],
    cookie: `auth_session=${id}; ${APP_COOKIES}`,
    checks: true,
    upgrades: true,
  };
}

export async function haproxy(setting: Setting): Promise<Target | undefined> {
  const program = findTool('haproxy');
  if (program === undefined) return undefined;
  const port = await freePort();
  const file = join(setting.folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  http-reuse always
  option forwardfor
frontend front
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend application
backend application
  server one 127.0.0.1:${setting.upstreamPort} pool-max-conn 256
`,
  );
  const { pid } = await setting.children.start([program, '-db', '-f', file], { core: 'target', port });
  return { name: 'haproxy', port, pids: () => treeOf(pid), cookie: APP_COOKIES, checks: false, upgrades: true };
}

/** @param tuned with settings of the allocator, see children.ts. */
export async function httpProxy(setting: Setting, tuned: boolean): Promise<Target> {
  const port = await freePort();
  const command = [process.execPath, sourceFile('processes/http-proxy.mjs'), String(port), setting.upstream];
  const env = tuned ? MALLOC : {};
  const { pid } = await setting.children.start(command, { core: 'target', port, env });
  const name = tuned ? 'http-proxy' : 'http-proxy, default malloc';
  return { name, port, pids: () => treeOf(pid), cookie: APP_COOKIES, checks: false, upgrades: true };
}

function keptAlive(name: string, port: number): string {
  return `upstream ${name} { server 127.0.0.1:${port}; keepalive 256; keepalive_requests 100000000; }`;
}

/** @returns the program, or `undefined` without Go. */
function buildAuthService(folder: string): string | undefined {
  const go = findTool('go');
  if (go === undefined) return undefined;
  const program = join(folder, 'auth-service');
  const built = spawnSync(go, ['build', '-o', program, sourceFile('auth-service.go')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the auth service did not build:\n${built.stderr}`);
  return program;
}
