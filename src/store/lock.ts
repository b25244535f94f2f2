/**
 * One store folder, one process: a second one would overwrite what the first confirmed (attack "several instances"). A lock
 * outlives `kill -9`, so a dead holder's lock is taken over, by exactly one starter. It never takes a lock from the living.
 *
 * A lock can only be succeeded: the successor of the lock with nonce N is the file `lock.after-N`, created with `link`,
 * which fails when the name exists. The holder is the end of that chain. Whoever created a link looks at the chain once
 * more, because only what was the end then was really succeeded; the winner renames its file to `lock`.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { errorCode, FILE_MODE, reason, temporaryName } from './durable-file.ts';
import { type Holder, lifeOf, parseHolder, thisProcess } from './holder.ts';
import { StoreError } from './store.ts';

/** How often the holder touches its lock, in ms. */
export const HEARTBEAT_MS = 1_000;
/** How long a holder whose process we cannot see may be silent before it counts as dead, in ms. */
export const SILENCE_MS = 6_000;

const ATTEMPTS = 20;

export interface Lock {
  /** The dead process whose lock was taken over. */
  readonly tookOverFrom: number | undefined;
  release(): void;
}

export interface LockOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Another process took the lock while this one slept for too long: everything must be refused from now on. */
  readonly onLost: (error: StoreError) => void;
  /** Default {@link SILENCE_MS}. */
  readonly silenceMs?: number;
}

interface Link {
  readonly path: string;
  readonly holder: Holder;
}

/** @throws StoreError `locked` when a living process holds it, `unwritable` when the folder cannot be written. */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const me = thisProcess(randomBytes(16).toString('hex'));
  const path = join(options.folder, 'lock');
  const claim = temporaryName(path);
  try {
    writeFileSync(claim, JSON.stringify(me), { flag: 'wx', mode: FILE_MODE, flush: true });
  } catch (error) {
    throw unwritable(options.folder, error);
  }
  try {
    const predecessor = await claimLock(path, claim, me, options);
    return hold(path, me, predecessor, options);
  } catch (error) {
    throw error instanceof StoreError ? error : unwritable(options.folder, error);
  } finally {
    removeIfThere(claim);
  }
}

async function claimLock(path: string, claim: string, me: Holder, options: LockOptions): Promise<Holder | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const end = endOfChain(path);
    if (end !== undefined && !(await isDead(end, me, options))) continue;
    const name = end === undefined ? path : successorOf(path, end.holder);
    if (!tryLink(claim, name, options.folder)) continue; // another starter was faster: look who it is
    if (endOfChain(path)?.holder.nonce !== me.nonce) {
      removeIfThere(name); // it succeeded a lock that somebody had succeeded before
      continue;
    }
    if (name !== path) renameSync(name, path);
    removeOldLinks(path, options.folder);
    return end?.holder;
  }
  throw locked(options.folder, 'one of several gateways that are starting at once; start only one');
}

/**
 * @returns false when the lock changed hands meanwhile.
 * @throws StoreError `locked` when the holder lives.
 */
async function isDead(end: Link, me: Holder, options: LockOptions): Promise<boolean> {
  const life = lifeOf(end.holder, me);
  if (life === 'dead') return true;
  if (life === 'alive') throw locked(options.folder, `the running gateway with process id ${end.holder.pid}`);

  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const before = touchedAt(end.path);
  if (before === undefined) return false;
  // The same boot is the same machine, whose clock both sides read. Another machine's clock proves nothing: wait.
  if (end.holder.boot === me.boot && Date.now() - before > silenceMs) return true;
  await wait(silenceMs); // real time, and it keeps the process alive: another process is being watched, not our own flow
  const after = touchedAt(end.path);
  if (after === undefined) return false;
  if (after === before) return true;
  throw locked(options.folder, `a gateway in another container or machine (process id ${end.holder.pid} there)`);
}

function hold(path: string, me: Holder, predecessor: Holder | undefined, options: LockOptions): Lock {
  let held = true;
  let cancel = (): void => undefined;
  const beat = (): void => {
    if (!held) return;
    if (!isMine(path, me)) {
      held = false;
      options.onLost(locked(options.folder, 'another gateway, which took over while this one did not run'));
      return;
    }
    const now = new Date();
    utimes(path, now, now).catch(() => undefined); // a full or read-only disk is found out by the next write
    cancel = options.clock.after(HEARTBEAT_MS, beat);
  };
  beat();
  return {
    tookOverFrom: predecessor?.pid,
    release() {
      cancel();
      if (held && isMine(path, me)) removeIfThere(path);
      held = false;
    },
  };
}

/** The holder: the lock itself, or the last that succeeded it. `undefined` when nobody ever locked. */
function endOfChain(path: string): Link | undefined {
  let end: Link | undefined;
  for (let next = path; ; next = successorOf(path, end.holder)) {
    const holder = readHolder(next);
    if (holder === undefined) return end;
    end = { path: next, holder };
  }
}

function successorOf(path: string, holder: Holder): string {
  return `${path}.after-${holder.nonce}`;
}

/** @throws StoreError `locked` for a file that is no lock of ours: nobody can say who holds it. */
function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const holder = parseHolder(text);
  if (holder !== undefined) return holder;
  throw new StoreError(
    'locked',
    `The lock file "${path}" is damaged; remove it if no gateway is running on this folder.`,
  );
}

/** False only when it is certain: a file that cannot be opened just now (too many open files) has not changed hands. */
function isMine(path: string, me: Holder): boolean {
  try {
    return readHolder(path)?.nonce === me.nonce;
  } catch (error) {
    return !(error instanceof StoreError);
  }
}

function tryLink(claim: string, name: string, folder: string): boolean {
  try {
    linkSync(claim, name);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return false;
    // Whoever got the lock meanwhile has swept our claim away.
    if (code === 'ENOENT') throw locked(folder, 'another gateway that has just started');
    throw error;
  }
}

function removeOldLinks(path: string, folder: string): void {
  const prefix = `${basename(path)}.after-`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix)) removeIfThere(join(folder, name));
  }
}

function touchedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function removeIfThere(path: string): void {
  rmSync(path, { force: true });
}

function locked(folder: string, by: string): StoreError {
  return new StoreError(
    'locked',
    `The store "${folder}" is in use by ${by}; stop that one, or give this one its own folder.`,
  );
}

function unwritable(folder: string, cause: unknown): StoreError {
  const what = `The store folder "${folder}" cannot be written (${reason(cause)})`;
  return new StoreError('unwritable', `${what}; give it to the account that the gateway runs as.`, { cause });
}
