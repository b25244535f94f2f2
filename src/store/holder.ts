/**
 * Which process holds a lock, and whether it still lives. A process id alone says nothing after a restart: ids are given
 * again, and in a container every gateway has the same one. It never sends a signal that does anything.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { errorCode } from './durable-file.ts';

export interface Holder {
  /** Unique for each attempt to take a lock. */
  readonly nonce: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot; absent where there is no /proc. */
  readonly started?: string;
  /** Which boot of which machine; absent where there is no /proc. */
  readonly boot?: string;
  /** Which PID namespace (container) the id is from; absent where there is no /proc. */
  readonly namespace?: string;
}

/** `elsewhere`: its ids mean nothing here (another container, another machine, another boot); only a heartbeat can tell. */
export type Life = 'alive' | 'dead' | 'elsewhere';

export function thisProcess(nonce: string): Holder {
  const started = startOf('self');
  const boot = contentOf('/proc/sys/kernel/random/boot_id');
  const namespace = namespaceOf();
  return {
    nonce,
    pid: process.pid,
    ...(started === undefined ? {} : { started }),
    ...(boot === undefined ? {} : { boot }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

export function lifeOf(holder: Holder, me: Holder): Life {
  if (holder.boot !== me.boot || holder.namespace !== me.namespace) return 'elsewhere';
  if (!exists(holder.pid)) return 'dead';
  if (holder.started === undefined) return 'alive';
  return startOf(String(holder.pid)) === holder.started ? 'alive' : 'dead';
}

/** @returns `undefined` for anything that is no holder. */
export function parseHolder(text: string): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isHolder(value) ? value : undefined;
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  if (!('nonce' in value) || typeof value.nonce !== 'string' || !/^[0-9a-f]{32}$/.test(value.nonce)) return false;
  return 'pid' in value && typeof value.pid === 'number' && Number.isSafeInteger(value.pid) && value.pid > 0;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM'; // another account's process, but a process
  }
}

/** Field 22 of /proc/<pid>/stat; `undefined` also for a process that is dead and only waits for its parent. */
function startOf(pid: string): string | undefined {
  const stat = contentOf(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before it may hold blanks and brackets
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return fields[19];
}

function namespaceOf(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
