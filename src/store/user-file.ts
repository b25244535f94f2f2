/**
 * The format of users.json: identity and sealed record in pairs, one a line, and a seal over all of them, so that a record
 * cannot be changed, swapped, or taken out by hand. Reading is all or nothing.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errorCode, lastGoodOf, reason } from './durable-file.ts';
import { deepFreeze } from './frozen.ts';
import type { Keys } from './keys.ts';
import { isObject, isUserRecord } from './records.ts';
import { StoreError, type UserRecord } from './store.ts';

/** Identity to sealed record. A map, because an identity may be called `__proto__`. */
export type Rows = Map<string, string>;

const SEALED = /^[A-Za-z0-9._-]+$/;

export interface UserFile {
  readonly content: Buffer;
  readonly rows: Rows;
  readonly records: Map<string, UserRecord>;
}

export function sealUser(keys: Keys, identity: string, record: UserRecord): string {
  return keys.seal(`users\0${identity}`, JSON.stringify(record));
}

export function encodeUserFile(keys: Keys, rows: Rows): Buffer {
  const lines = linesOf(rows);
  const seal = keys.seal('users.json', digest(lines));
  return Buffer.concat([Buffer.from('{"format":1,"users":[\n'), lines, Buffer.from(`\n],"seal":"${seal}"}\n`)]);
}

/** @throws StoreError `damaged`, `wrong-key` or `unreadable` */
export async function readUserFile(path: string, keys: Keys): Promise<UserFile | 'missing'> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'missing';
    const what = `The file "${path}" cannot be read (${reason(error)}); give it to the account that the gateway runs as.`;
    throw new StoreError('unreadable', what, { cause: error });
  }
  const content = parse(bytes.toString('utf8'));
  if (content === undefined) throw await damaged(path, 'is not complete JSON');
  if (!isUsersFile(content)) throw await damaged(path, 'is not a users file of this version');
  const rows = rowsOf(content['users']);
  if (rows === undefined || typeof content['seal'] !== 'string') throw await damaged(path, 'is not a users file');
  const records = await openRows(path, keys, rows);
  await checkSeal(path, keys, rows, content['seal']);
  return { content: bytes, rows, records };
}

function isUsersFile(content: unknown): content is Readonly<Record<string, unknown>> {
  return isObject(content) && content['format'] === 1;
}

async function openRows(path: string, keys: Keys, rows: Rows): Promise<Map<string, UserRecord>> {
  const records = new Map<string, UserRecord>();
  const failed: string[] = [];
  let unknownKey = false;
  for (const [identity, sealed] of rows) {
    let record: unknown;
    try {
      record = parse(keys.open(`users\0${identity}`, sealed).toString('utf8'));
    } catch (error) {
      unknownKey ||= error instanceof StoreError && error.code === 'wrong-key';
      failed.push(identity);
      continue;
    }
    if (!isUserRecord(identity, record)) throw await damaged(path, 'holds a record of another version');
    records.set(identity, deepFreeze(record));
  }
  if (failed.length === 0) return records;
  if (unknownKey || (failed.length === rows.size && rows.size > 1)) throw wrongKey(path);
  throw await damaged(path, `holds ${failed.length} of ${rows.size} records that were changed or swapped`);
}

async function checkSeal(path: string, keys: Keys, rows: Rows, seal: string): Promise<void> {
  let sealed: Buffer;
  try {
    sealed = keys.open('users.json', seal);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'wrong-key') throw wrongKey(path);
    // With no record to compare, a key that opens nothing and a changed seal look the same.
    throw rows.size === 0 ? wrongKey(path) : await damaged(path, 'has a seal that was changed');
  }
  if (!sealed.equals(digest(linesOf(rows))))
    throw await damaged(path, 'lacks records, or holds some that do not belong there');
}

function linesOf(rows: Rows): Buffer {
  const lines: string[] = [];
  // Sealed text needs no escapes, and the JSON of 1 000 of them would be most of the cost of a write.
  for (const [identity, sealed] of rows) lines.push(`[${JSON.stringify(identity)},"${sealed}"]`);
  return Buffer.from(lines.join(',\n'));
}

function digest(lines: Buffer): Buffer {
  return createHash('sha256').update(lines).digest();
}

function rowsOf(users: unknown): Rows | undefined {
  if (!Array.isArray(users)) return undefined;
  const rows: Rows = new Map();
  for (const row of users) {
    const [identity, sealed, ...rest]: unknown[] = Array.isArray(row) ? row : [];
    if (typeof identity !== 'string' || rest.length > 0) return undefined;
    if (typeof sealed !== 'string' || !SEALED.test(sealed)) return undefined;
    if (rows.has(identity)) return undefined;
    rows.set(identity, sealed);
  }
  return rows;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // without the error: its message quotes the file
  }
}

function wrongKey(path: string): StoreError {
  return new StoreError(
    'wrong-key',
    `The file "${path}" cannot be opened with the keys in the key file; put the key file back that belongs to it.`,
  );
}

export async function damaged(path: string, what: string): Promise<StoreError> {
  const copy = lastGoodOf(path);
  // Only whether it is a file of ours: its seals are checked when it is put in place.
  const hasCopy = await readFile(copy, 'utf8').then(
    (text) => isUsersFile(parse(text)),
    () => false,
  );
  const advice = hasCopy
    ? `The last good copy is "${copy}": keep the damaged file aside, copy this one over it and start again; only the last ` +
      'change to a factor can be missing.'
    : 'There is no second copy; restore the store folder from a backup.';
  return new StoreError('damaged', `The file "${path}" ${what}, so it is not known who has a factor. ${advice}`);
}
