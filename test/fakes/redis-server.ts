/** A real Redis server for tests, on a free port of loopback, which leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

export interface RedisProcess {
  readonly port: number;
  readonly folder: string;
  readonly child: ChildProcess;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

export interface ServerSettings {
  /** Arguments after those that every server gets. `PORT` stands for the port. */
  readonly args?: readonly string[];
  readonly port?: number;
  /** Kept when it is given: a server that is started again finds what it had. */
  readonly folder?: string;
  /** First argument: a config file. */
  readonly file?: string;
}

/** Resolves when the server accepts connections. */
export async function startRedis({ args = [], ...given }: ServerSettings = {}): Promise<RedisProcess> {
  const port = given.port ?? (await freePort());
  const folder = given.folder ?? (await mkdtemp(join(tmpdir(), 'lucy-redis-')));
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'notice'];
  const own = args.map((text) => (text === 'PORT' ? String(port) : text));
  const first = given.file === undefined ? [] : [given.file];
  const child = spawn('redis-server', [...first, ...fixed, '--daemonize', 'no', ...own], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (/Ready to accept connections|Sentinel ID is/.test(output)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${output}`)));
  });
  return {
    port,
    folder,
    child,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      if (given.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
