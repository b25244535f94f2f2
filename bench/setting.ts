/** What every part of a run is given: a folder, the processes, where the application is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/fakes/free-port.ts';
import type { Children } from './children.ts';
import { findTool, treeOf } from './machine.ts';
import { nginxConfig } from './nginx.ts';
import { BODIES, ECHO_PATH, TAKE_PATH } from './people.ts';

/** Compiled into dist/bench/bench: this is `dist`, and its parent is the project. */
const DIST = fileURLToPath(new URL('../../', import.meta.url));
const PROJECT = join(DIST, '..');

/** The gateway as it is delivered. */
export const MAIN = join(DIST, 'main.js');
export const sourceFile = (name: string): string => join(PROJECT, 'bench', name);
export const documentFile = (name: string): string => join(PROJECT, 'docs', name);
export const compiled = (name: string): string => join(DIST, 'bench', 'bench', name);

export interface Setting {
  readonly folder: string;
  readonly children: Children;
  /** `http://127.0.0.1:port` of the application: nginx with files where there is one, else Node alone. */
  readonly upstream: string;
  readonly upstreamPort: number;
  upstreamPids(): readonly number[];
  /** Folder of the files that nginx serves, when there is one. */
  readonly files: string | undefined;
  /** How many people can log in. */
  readonly people: number;
}

/** Starts the application on the core of the load. */
export async function openSetting(folder: string, children: Children, people: number): Promise<Setting> {
  const [lucyPort, frontPort] = [await freePort(), await freePort()];
  const args = [compiled('processes/application.js'), ...[lucyPort, frontPort, people].map(String)];
  const application = await children.start([process.execPath, ...args], { core: 'load', port: frontPort });
  const at = (port: number, pid: number, files: string | undefined): Setting => ({
    folder,
    files,
    children,
    people,
    upstream: `http://127.0.0.1:${port}`,
    upstreamPort: port,
    upstreamPids: () => treeOf(pid),
  });
  const nginx = findTool('nginx');
  if (nginx === undefined) return at(frontPort, application.pid, undefined);
  const port = await freePort();
  const root = join(folder, 'files');
  mkdirSync(join(root, 'admin/bench'), { recursive: true });
  for (const { path, bytes } of BODIES) writeFileSync(join(root, path), 'x'.repeat(bytes));
  const server = `
    listen 127.0.0.1:${port} backlog=1024;
    client_max_body_size 0;
    location /admin/bench/ { root ${root}; default_type text/html; }
    location = /admin/bench/post { return 200 "${'x'.repeat(1_024)}"; }
    location = ${ECHO_PATH} {
      proxy_pass http://127.0.0.1:${frontPort};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }
    location = ${TAKE_PATH} { proxy_pass http://127.0.0.1:${frontPort}; proxy_http_version 1.1; proxy_request_buffering off; }
    location / { proxy_pass http://lucy; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }`;
  const more = `upstream lucy { server 127.0.0.1:${lucyPort}; keepalive 64; }`;
  const command = [nginx, ...nginxConfig(join(folder, 'application'), server, more)];
  const { pid } = await children.start(command, { core: 'load', port });
  return at(port, pid, root);
}
