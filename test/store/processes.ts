/** Starts child.ts as a real process: compiled once for each test file, read line by line. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let output = '';
const running = new Set<ChildProcess>();

/** Call at the top of a test file. Only the store and what it imports is compiled. */
export function useChildren(): void {
  beforeAll(async () => {
    const cache = join(ROOT, 'node_modules', '.cache');
    await mkdir(cache, { recursive: true });
    output = await mkdtemp(join(cache, 'store-'));
    const compilerOptions = { noEmit: false, rootDir: ROOT, outDir: join(output, 'out') };
    const config = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions,
      files: [join(ROOT, 'test/store/child.ts')],
    };
    await writeFile(join(output, 'tsconfig.json'), JSON.stringify({ ...config, include: [] }));
    await writeFile(join(output, 'package.json'), '{"type":"module"}');
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
    await promisify(execFile)(tsc, ['-p', join(output, 'tsconfig.json')]);
  }, 60_000);
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await rm(output, { recursive: true, force: true });
  });
}

export interface Child {
  readonly pid: number;
  readonly lines: Interface;
  readonly ended: Promise<unknown>;
  kill(): void;
}

/** @param prelude shell commands that run before it in the same process, for example a limit. */
export function startChild(args: readonly string[], prelude = ':'): Child {
  const program = [process.execPath, join(output, 'out', 'test', 'store', 'child.js'), ...args];
  const child = spawn('sh', ['-c', `${prelude}; exec "$@"`, 'sh', ...program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const lines = createInterface({ input: child.stdout });
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).finally(() => running.delete(child));
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

export async function firstLine(child: Child): Promise<string> {
  const [line]: unknown[] = await once(child.lines, 'line');
  return String(line);
}

export async function allLines(child: Child): Promise<string[]> {
  const lines: string[] = [];
  child.lines.on('line', (line) => lines.push(line));
  await child.ended;
  return lines;
}
