/**
 * Files that survive a power cut: written whole under another name, fsynced, renamed, and the folder fsynced (I9). A reader
 * sees the old content or the new, never a mixture. It never overwrites a file in place.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError } from './store.ts';

/** Only the gateway's own account reads or writes (security requirement "files mode 0600, directory 0700"). */
export const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

const TEMPORARY = '.tmp-';
let count = 0;

/** A name in the same folder that no other process uses and that {@link removeLeftovers} recognises. */
export function temporaryName(path: string): string {
  count += 1;
  return `${path}${TEMPORARY}${process.pid}-${Date.now().toString(36)}-${count}`;
}

/** Where a second copy of the newest content is kept, in blocks of its own. */
export function lastGoodOf(path: string): string {
  return `${path}.last-good`;
}

/**
 * Replaces the file at `path`; resolves when the new content survives a power cut.
 * @throws the error of the file system; then the old content stands, unless only the folder's fsync failed.
 */
export async function writeDurably(path: string, content: Buffer | string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeNew(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Writes and fsyncs a file that must not exist yet. Its name is durable only after {@link syncFolder}. */
export async function writeNew(path: string, content: Buffer | string): Promise<void> {
  const handle = await open(path, 'wx', FILE_MODE);
  try {
    await writeFully(handle, Buffer.isBuffer(content) ? content : Buffer.from(content), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes all of `bytes` at `position`, in as many calls as the system needs. */
export async function writeFully(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Makes created, renamed and removed names in the folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates the folder and what is missing above it, with mode 0700, durably. An existing folder keeps its mode.
 * @throws StoreError `unwritable`
 */
export async function ensureFolder(folder: string): Promise<void> {
  try {
    const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    const last = dirname(first);
    for (let parent = dirname(folder); parent.length >= last.length; parent = dirname(parent)) {
      await syncFolder(parent);
      if (parent === dirname(parent)) break;
    }
  } catch (error) {
    throw new StoreError(
      'unwritable',
      `The folder "${folder}" cannot be created (${reason(error)}); create it and give it to the account that the gateway runs as.`,
      { cause: error },
    );
  }
}

/** Removes what writers that were killed left behind. Only for the one process that holds the lock of the folder. */
export async function removeLeftovers(folder: string): Promise<number> {
  const leftovers = (await readdir(folder)).filter((name) => name.includes(TEMPORARY));
  for (const name of leftovers) await rm(join(folder, name), { force: true });
  if (leftovers.length > 0) await syncFolder(folder);
  return leftovers.length;
}

/** The code of a file system error (`ENOSPC`), or its message. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return errorCode(error) ?? error.message;
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
