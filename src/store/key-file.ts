/**
 * The file that holds the master keys. It is created once, never changed by the gateway, and refused when anybody else can
 * read it or when a key in it is one that somebody could guess (ASVS 11.2, 13.3).
 */
import { randomBytes } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureFolder, errorCode, reason, syncFolder, temporaryName, writeNew } from './durable-file.ts';
import { StoreError } from './store.ts';

export const KEY_BYTES = 32;
const KEY_ID = /^[a-z][a-z0-9-]{0,15}$/;
const MAX_FILE_BYTES = 64 * 1024;

export interface MasterKeys {
  /** Id of the key that new records are sealed with. */
  readonly current: string;
  /** In the order of the file; the first one also makes the HMACs. */
  readonly keys: ReadonlyMap<string, Buffer>;
}

/** @throws StoreError `wrong-key` when the file is missing or weak, `unreadable` when it cannot be read. */
export async function readKeyFile(path: string): Promise<MasterKeys | 'missing'> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, `cannot be opened (${reason(error)}); let the gateway's account read it`, error);
  });
  if (handle === undefined) return 'missing';
  try {
    const { mode, size } = await handle.stat(); // of the opened file: it cannot be swapped after the check
    if ((mode & 0o077) !== 0) {
      throw unreadable(
        path,
        'can be read by other accounts; run "chmod 600" on it, and change the keys if others had access',
      );
    }
    if (size > MAX_FILE_BYTES) throw unreadable(path, 'is too long to be a key file; check the path');
    return parse(path, (await handle.readFile()).toString('utf8'));
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw unreadable(path, `cannot be read (${reason(error)}); check the path`, error);
  } finally {
    await handle.close();
  }
}

/**
 * Creates the file with one fresh key, whole or not at all, durably. Does nothing when another process was faster.
 * @throws StoreError `unwritable`
 */
export async function createKeyFile(path: string): Promise<void> {
  await ensureFolder(dirname(path));
  const content = { format: 1, current: 'k1', keys: { k1: randomBytes(KEY_BYTES).toString('base64') } };
  const temporary = temporaryName(path);
  try {
    await writeNew(temporary, `${JSON.stringify(content, null, 2)}\n`);
    await link(temporary, path); // as O_EXCL, but nobody ever sees a half-written key
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') {
      const what = `The key file "${path}" cannot be created (${reason(error)}); give its folder to the gateway's account.`;
      throw new StoreError('unwritable', what, { cause: error });
    }
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
}

function parse(path: string, text: string): MasterKeys {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw malformed(path, 'is not JSON'); // without the cause: its message quotes the file
  }
  if (!isObject(content) || content['format'] !== 1) throw malformed(path, 'has no "format": 1');
  const { current, keys } = content;
  if (!isObject(keys)) throw malformed(path, 'has no "keys"');
  const parsed = new Map<string, Buffer>();
  for (const [id, value] of Object.entries(keys)) {
    if (!KEY_ID.test(id)) throw malformed(path, 'has a key id that is not lower case letters, digits and hyphens');
    parsed.set(id, parseKey(path, id, value));
  }
  if (typeof current !== 'string' || !parsed.has(current)) throw malformed(path, 'names no existing key as "current"');
  return { current, keys: parsed };
}

function parseKey(path: string, id: string, value: unknown): Buffer {
  if (typeof value !== 'string') throw malformed(path, `has a key "${id}" that is not text`);
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw malformed(path, `has a key "${id}" that is not base64`);
  if (bytes.length !== KEY_BYTES)
    throw malformed(path, `has a key "${id}" of ${bytes.length} bytes instead of ${KEY_BYTES}`);
  if (isWeak(bytes)) throw weak(path, id);
  return bytes;
}

/**
 * Keys that no random generator makes: zeros, patterns, countings, sentences. Each check is wrong about a random key less
 * than once in 10^12 times.
 */
export function isWeak(key: Buffer): boolean {
  if (new Set(key).size < KEY_BYTES / 2) return true;
  if (key.subarray(0, KEY_BYTES / 2).equals(key.subarray(KEY_BYTES / 2))) return true;
  if (key.every((byte) => byte >= 0x20 && byte <= 0x7e)) return true; // typed, not drawn
  const steps = key.subarray(1).map((byte, index) => byte - (key[index] ?? 0));
  return new Set(steps).size === 1;
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(path: string, what: string, cause?: unknown): StoreError {
  return new StoreError('unreadable', `The key file "${path}" ${what}.`, cause === undefined ? {} : { cause });
}

function malformed(path: string, what: string): StoreError {
  return new StoreError('wrong-key', `The key file "${path}" ${what}; put the right file back from your backup.`);
}

function weak(path: string, id: string): StoreError {
  const advice = 'replace it by 32 random bytes in base64 ("openssl rand -base64 32")';
  return new StoreError('wrong-key', `The key "${id}" in "${path}" can be guessed; ${advice}.`);
}
