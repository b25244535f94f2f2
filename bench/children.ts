/**
 * The processes of a run: started on a core and a free port, waited for until they answer, and all ended with the run. Output
 * of a process is only shown when it ended by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Core, pinned } from './machine.ts';

/** What `http-proxy` needs for large answers (docs/decisions/0007); a Node process must find them at its start. */
export const MALLOC: Readonly<Record<string, string>> = {
  MALLOC_TRIM_THRESHOLD_: '268435456',
  MALLOC_TOP_PAD_: '16777216',
  MALLOC_MMAP_THRESHOLD_: '4194304',
};

const START_TIMEOUT_MS = 120_000;
const KEPT_OUTPUT = 4_000;

export interface Child {
  readonly pid: number;
  /** Asks it to end and waits. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ChildOptions {
  readonly core: Core;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The child answers there when it is ready. */
  readonly port: number;
}

export class Children {
  readonly #running = new Set<Child>();

  /** @throws with what the child said, when it ends or does not listen in time. */
  async start(command: readonly string[], options: ChildOptions): Promise<Child> {
    const [program = '', ...args] = pinned(options.core, command);
    const process_ = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...withoutMalloc(process.env), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let said = '';
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
    };
    process_.stdout.on('data', keep);
    process_.stderr.on('data', keep);
    const child: Child = {
      pid: process_.pid ?? 0,
      stop: async (signal = 'SIGTERM') => {
        this.#running.delete(child);
        await end(process_, signal);
      },
    };
    this.#running.add(child);
    process_.once('error', keep);
    for (const until = Date.now() + START_TIMEOUT_MS; !(await answers(options.port)); await sleep(3)) {
      if (hasEnded(process_) || Date.now() > until) throw new Error(`${command.join(' ')} did not start:\n${said}`);
    }
    return child;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => child.stop()));
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(late);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/** The settings of the shell that started the run must not decide what is measured. */
function withoutMalloc(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MALLOC_')));
}

/** Whether somebody listens on a port of 127.0.0.1. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
