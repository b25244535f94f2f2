/**
 * What the machine says: CPU time and memory of a process tree from the kernel's own accounting, which tools are installed,
 * and on what the run was made. It starts nothing but `--version`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

/** Programs that are used when they are there; nothing is ever installed. */
export type Tool = 'nginx' | 'haproxy' | 'wrk' | 'redis-server' | 'go' | 'taskset';
export const TOOLS: readonly Tool[] = ['nginx', 'haproxy', 'wrk', 'redis-server', 'go', 'taskset'];

/** Where a program lies, or `undefined`. Debian keeps servers outside the PATH of ordinary accounts. */
export function findTool(tool: Tool): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, tool)).find((path) => existsSync(path));
}

/** Targets run on the first core, load and application on the second; elsewhere without two cores or without taskset. */
export const CORES = { target: '0', load: '1', all: '0,1' } as const;
export type Core = keyof typeof CORES;

/** @returns the command line that keeps `command` on a core, or the command itself where that cannot be done. */
export function pinned(core: Core, command: readonly string[]): readonly string[] {
  const taskset = availableParallelism() > 1 ? findTool('taskset') : undefined;
  return taskset === undefined ? command : [taskset, '-c', CORES[core], ...command];
}

/** The process and everything it started, by the parent ids of /proc. */
export function treeOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readOr(`/proc/${name}/stat`);
    // The name of the program stands in parentheses and may hold anything; the parent is the second field behind it.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (Number.isInteger(parent)) parents.set(Number(name), parent);
  }
  const tree = [root];
  for (let at = 0; at < tree.length; at += 1) {
    for (const [pid, parent] of parents) if (parent === tree[at]) tree.push(pid);
  }
  return tree;
}

/** CPU time of all threads of these processes so far, in ns, as the scheduler counts it. */
export function cpuOf(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    for (const task of tasksOf(pid)) total += Number(readOr(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]);
  }
  return total;
}

/** Resident memory of these processes in bytes; pages that they share count in each. */
export function residentOf(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) total += Number(/^VmRSS:\s+(\d+)/m.exec(readOr(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  return total;
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it ended meanwhile
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Machine and versions, one fact a line. */
export function describeMachine(): string[] {
  const kernel = `Linux ${release()}, ${Math.round(totalmem() / 2 ** 30)} GB of memory`;
  const cores = cpus();
  return [
    `${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), ${kernel}`,
    `Node ${process.versions.node}`,
    ...TOOLS.map((tool) => `${tool}: ${versionOf(tool)}`),
  ];
}

const VERSION_ARGUMENT: Record<Tool, string> = {
  nginx: '-v',
  haproxy: '-v',
  wrk: '-v',
  'redis-server': '--version',
  go: 'version',
  taskset: '--version',
};

function versionOf(tool: Tool): string {
  const path = findTool(tool);
  if (path === undefined) return 'not installed';
  const { stdout, stderr } = spawnSync(path, [VERSION_ARGUMENT[tool]], { encoding: 'utf8' });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}\n${stderr}`)?.[0] ?? 'version unknown';
}
