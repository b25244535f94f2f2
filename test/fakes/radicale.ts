/**
 * A real Radicale (Debian's python3-radicale) on a loopback port, with two people in an htpasswd file and a folder of its own
 * that is gone afterwards. Its login is HTTP Basic, sent by the script of its page.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

/** The interpreter that Debian installs modules for, whatever else is called python3. */
const PYTHON = '/usr/bin/python3';
const MODULE = '/usr/lib/python3/dist-packages/radicale';
const START_TIMEOUT_MS = 20_000;

export const RADICALE_USERS = { alice: 'correct horse alice', bob: 'battery staple bob' } as const;

export interface Radicale {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Why its tests are left out here, or `undefined` to run them; in CI a missing package must fail. */
export function whySkipRadicale(): string | undefined {
  if (process.env['CI'] !== undefined || existsSync(MODULE)) return undefined;
  return 'the package python3-radicale is not installed';
}

/** Answers when its web interface does. */
export async function startRadicale(): Promise<Radicale> {
  const root = await mkdtemp(join(tmpdir(), 'radicale-'));
  const port = await freePort();
  const people = Object.entries(RADICALE_USERS).map(([name, password]) => `${name}:${password}\n`);
  await writeFile(join(root, 'users'), people.join(''));
  await writeFile(join(root, 'config'), settingsFor(root, port));
  const program = spawn(PYTHON, ['-m', 'radicale', '--config', join(root, 'config')], { stdio: 'ignore', cwd: root });
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

function settingsFor(root: string, port: number): string {
  return `[server]
hosts = 127.0.0.1:${port}
[auth]
type = htpasswd
htpasswd_filename = ${join(root, 'users')}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = ${join(root, 'collections')}
[rights]
type = owner_only
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
    if (program.exitCode !== null) throw new Error(`Radicale ended with ${program.exitCode}`);
    const answer = await fetch(`${url}/.web/`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Radicale does not answer');
}

async function end(program: ChildProcess): Promise<void> {
  if (program.pid === undefined || program.exitCode !== null || program.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => program.once('exit', () => resolve()));
  program.kill('SIGKILL');
  await gone;
}
