/**
 * A real qBittorrent (Debian's qbittorrent-nox) with its Web UI on a loopback port, in a folder of its own that is gone
 * afterwards. It looks for nobody on the network.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const PROGRAM = '/usr/bin/qbittorrent-nox';
const START_TIMEOUT_MS = 20_000;

/** What it is delivered with. */
export const QBITTORRENT_USER = { name: 'admin', password: 'adminadmin' } as const;

export interface QBittorrent {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Why its tests are left out here, or `undefined` to run them; in CI a missing package must fail. */
export function whySkipQBittorrent(): string | undefined {
  if (process.env['CI'] !== undefined || existsSync(PROGRAM)) return undefined;
  return 'the package qbittorrent-nox is not installed';
}

/** Answers when the Web UI does. */
export async function startQBittorrent(): Promise<QBittorrent> {
  const root = await mkdtemp(join(tmpdir(), 'qbittorrent-'));
  const port = await freePort();
  const settings = join(root, 'qBittorrent', 'config');
  await mkdir(settings, { recursive: true });
  await writeFile(join(settings, 'qBittorrent.conf'), settingsFor(port));
  const program = spawn(PROGRAM, [`--profile=${root}`], { stdio: 'ignore', env: { ...process.env, HOME: root } });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(program);
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await answers(program, url);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settingsFor(port: number): string {
  return `[LegalNotice]
Accepted=true

[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Interface=lo
Session\\InterfaceName=lo

[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port=${port}
WebUI\\UseUPnP=false
`;
}

async function answers(program: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let failure: Error | undefined;
  program.once('error', (error) => {
    failure = error;
  });
  while (Date.now() < deadline) {
    if (failure !== undefined) throw failure;
    if (program.exitCode !== null) throw new Error(`qBittorrent ended with ${program.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true && (await answer.text()).includes('loginform')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('qBittorrent does not answer');
}

async function end(program: ChildProcess): Promise<void> {
  if (program.pid === undefined || program.exitCode !== null || program.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => program.once('exit', () => resolve()));
  program.kill('SIGKILL');
  await gone;
}
