/** How much memory a transfer of 1 GB takes, down and up: resident memory at its highest over what it was before. */
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Pool } from 'undici';
import { gatewayTarget } from './gateways.ts';
import { makeLoad } from './load.ts';
import { residentOf } from './machine.ts';
import { TAKE_PATH } from './people.ts';
import { httpProxy, nginxProxy } from './proxies.ts';
import { loadOf, SCENARIOS } from './scenarios.ts';
import type { Setting } from './setting.ts';
import { BROWSER_HEADERS, type Target } from './target.ts';

export interface TransferFigures {
  readonly name: string;
  readonly downBytes: number;
  readonly upBytes: number;
}

const SIZE = 1024 * 1024 * 1024;
const LARGE = '/admin/bench/1g';
const LOOK_MS = 20;

/** @returns nothing without an nginx to serve the file. */
export async function measureTransfers(setting: Setting): Promise<TransferFigures[]> {
  if (setting.files === undefined) return [];
  const file = join(setting.files, LARGE);
  writeFileSync(file, '');
  truncateSync(file, SIZE);
  const targets = [
    await nginxProxy(setting),
    await httpProxy(setting, true),
    await gatewayTarget(setting, { name: 'gateway, transfers', store: { kind: 'lowdb' } }),
  ];
  const found: TransferFigures[] = [];
  for (const target of targets.filter((one) => one !== undefined)) {
    await warm(target, setting.folder);
    found.push({
      name: target.name.replace(', transfers', ''),
      downBytes: await growth(target, () => download(target)),
      upBytes: await growth(target, () => upload(target)),
    });
  }
  return found;
}

/** The first large answers take the buffers that every later one uses again. */
async function warm(target: Target, folder: string): Promise<void> {
  const large = SCENARIOS.filter(({ id }) => id === 'get1m' || id === 'post1k');
  for (const scenario of large) await makeLoad(loadOf(scenario, BROWSER_HEADERS)(target), folder, false);
}

async function growth(target: Target, run: () => Promise<void>): Promise<number> {
  const pids = target.pids();
  const before = residentOf(pids);
  let highest = before;
  const look = setInterval(() => {
    highest = Math.max(highest, residentOf(pids));
  }, LOOK_MS);
  try {
    await run();
  } finally {
    clearInterval(look);
  }
  return Math.max(highest, residentOf(pids)) - before;
}

async function download({ port, cookie }: Target): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
  const { statusCode, body } = await pool.request({ path: LARGE, method: 'GET', headers: { cookie } });
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  await pool.close();
  if (statusCode !== 200 || bytes !== SIZE)
    throw new Error(`the download brought ${bytes} bytes, status ${statusCode}`);
}

async function upload({ port, cookie }: Target): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const head = `POST ${TAKE_PATH} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\nConnection: close\r\n`;
  socket.write(`${head}Content-Type: application/octet-stream\r\nContent-Length: ${SIZE}\r\n\r\n`);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => socket.destroy());
  const ended = new Promise((resolve) => socket.once('close', resolve));
  const chunk = Buffer.alloc(65_536);
  for (let sent = 0; sent < SIZE && !socket.destroyed; sent += chunk.length) {
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), ended]);
  }
  await ended;
  if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`the upload was answered with ${answer.slice(0, 40)}`);
}
