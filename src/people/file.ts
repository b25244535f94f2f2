/**
 * The file of what is known of people: sealed like every record, replaced as a whole, readable while a gateway runs. A file that
 * cannot be read is never taken for an empty one (I6).
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Identity } from '../gate/types.ts';
import { ensureFolder, errorCode, reason, writeDurably } from '../store/durable-file.ts';
import type { Keys } from '../store/keys.ts';
import { StoreError } from '../store/store.ts';
import type { KnownPeople, KnownPerson } from './people.ts';

const SEALED_AS = 'known-people';

/** Nobody is known where there is no file. @throws StoreError `unreadable`, `damaged` or `wrong-key` */
export async function readKnown(path: string, keys: Keys): Promise<KnownPeople> {
  let sealed: string;
  try {
    sealed = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map();
    throw new StoreError(
      'unreadable',
      `The file "${path}" cannot be read (${reason(error)}); give it to the gateway's account.`,
      { cause: error },
    );
  }
  const people = peopleIn(open(path, keys, sealed));
  if (people === undefined) throw broken(path, 'damaged');
  return people;
}

/** @throws StoreError `unwritable` */
export async function writeKnown(path: string, keys: Keys, people: KnownPeople): Promise<void> {
  await ensureFolder(dirname(path));
  try {
    await writeDurably(path, `${keys.seal(SEALED_AS, JSON.stringify([...people]))}\n`);
  } catch (error) {
    throw new StoreError('unwritable', `The file "${path}" cannot be written (${reason(error)}).`, { cause: error });
  }
}

function open(path: string, keys: Keys, sealed: string): unknown {
  try {
    return JSON.parse(keys.open(SEALED_AS, sealed).toString('utf8'));
  } catch (error) {
    throw broken(path, error instanceof StoreError && error.code === 'wrong-key' ? 'wrong-key' : 'damaged');
  }
}

function broken(path: string, code: 'wrong-key' | 'damaged'): StoreError {
  const why = code === 'damaged' ? 'was changed or is no such file' : 'cannot be opened with the keys in the key file';
  return new StoreError(code, `The file "${path}" ${why}; import the whole list again, with --replace.`);
}

function peopleIn(content: unknown): KnownPeople | undefined {
  if (!Array.isArray(content)) return undefined;
  const people = new Map<Identity, KnownPerson>();
  for (const row of content) {
    const [identity, person]: unknown[] = Array.isArray(row) ? row : [];
    if (typeof identity !== 'string' || !isPerson(person)) return undefined;
    people.set(identity as Identity, person);
  }
  return people;
}

function isPerson(value: unknown): value is KnownPerson {
  if (typeof value !== 'object' || value === null) return false;
  const { email, phone } = value as Readonly<Record<string, unknown>>;
  if (email !== undefined && typeof email !== 'string') return false;
  if (phone === undefined) return true;
  if (typeof phone !== 'object' || phone === null) return false;
  return ['e164', 'callingCode', 'country'].every(
    (part) => typeof (phone as Record<string, unknown>)[part] === 'string',
  );
}
