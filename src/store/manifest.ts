/**
 * What the store folder holds (store.json), written before any of it: so a file that is gone is told from one that never was.
 * It also knows the key, so that a wrong key file is found out even while nothing is stored.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, reason, writeDurably } from './durable-file.ts';
import { checkKeys, keyChecks } from './key-check.ts';
import type { Keys } from './keys.ts';
import { isObject } from './records.ts';
import { StoreError } from './store.ts';

export const COLLECTIONS = ['users', 'sessions', 'counters'] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

export interface Manifest {
  /** Collections whose files must be there. */
  readonly collections: readonly CollectionName[];
  /** Whether the key that sealed the store last is still the current one. */
  readonly keyIsCurrent: boolean;
}

const KEY_CHECK = 'store.json';

/** @throws StoreError `damaged`, `wrong-key` or `unreadable` */
export async function readManifest(folder: string, keys: Keys): Promise<Manifest | 'missing'> {
  const path = manifestPath(folder);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'missing';
    if (error instanceof SyntaxError) throw damagedManifest(folder, 'is not complete JSON');
    const what = `The file "${path}" cannot be read (${reason(error)}); give it to the account that the gateway runs as.`;
    throw new StoreError('unreadable', what, { cause: error });
  }
  if (!isObject(content) || content['format'] !== 1) throw damagedManifest(folder, 'is not of this version');
  const { collections, keyCheck, firstKeyCheck } = content;
  if (!Array.isArray(collections) || !collections.every(isCollectionName)) {
    throw damagedManifest(folder, 'names collections that are not known');
  }
  if (typeof keyCheck !== 'string' || typeof firstKeyCheck !== 'string') {
    throw damagedManifest(folder, 'has no key check');
  }
  checkKeys(keys, KEY_CHECK, { keyCheck, firstKeyCheck }, `The store "${folder}"`);
  return { collections, keyIsCurrent: keys.isCurrent(keyCheck) };
}

export async function writeManifest(folder: string, keys: Keys, collections: readonly CollectionName[]): Promise<void> {
  const content = { format: 1, collections, ...keyChecks(keys, KEY_CHECK) };
  try {
    await writeDurably(manifestPath(folder), `${JSON.stringify(content, null, 2)}\n`);
  } catch (error) {
    const what = `The store folder "${folder}" cannot be written (${reason(error)})`;
    throw new StoreError('unwritable', `${what}; give it to the account that the gateway runs as, or free the disk.`, {
      cause: error,
    });
  }
}

export function damagedManifest(folder: string, what: string): StoreError {
  return new StoreError(
    'damaged',
    `The file "${manifestPath(folder)}" ${what}, so it is not known what the store should hold; restore the store folder ` +
      'from a backup.',
  );
}

function manifestPath(folder: string): string {
  return join(folder, 'store.json');
}

function isCollectionName(value: unknown): value is CollectionName {
  return COLLECTIONS.some((name) => name === value);
}
