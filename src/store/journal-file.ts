/**
 * What a journal's file is called and what is in it. Read at start only; it changes nothing. What it cannot read is damage,
 * never an empty journal (I6, I9).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reason } from './durable-file.ts';
import { decodeFrames, encodeFrame } from './frames.ts';
import { deepFreeze } from './frozen.ts';
import type { Keys } from './keys.ts';
import { type IsRecord, isObject } from './records.ts';
import { StoreError } from './store.ts';

export interface JournalOptions<T> {
  readonly folder: string;
  /** Name of the collection: the files are `<name>.<generation>.log`. */
  readonly name: string;
  readonly keys: Keys;
  readonly isRecord: IsRecord<T>;
  /** Default 1 MiB. */
  readonly smallGrowth?: number;
}

type Named = Pick<JournalOptions<never>, 'folder' | 'name'>;

export interface FoundJournal<T> {
  readonly records: Map<string, T>;
  readonly generation: number;
  readonly frames: number;
  /** Bytes of whole frames. */
  readonly bytes: number;
  /** Bytes of the frames that were there when the file was new. */
  readonly baseBytes: number;
  /** Bytes of an unfinished last write that follow. */
  readonly tornBytes: number;
  readonly hasOldKeys: boolean;
}

/** @throws StoreError `damaged`, `unreadable` or `wrong-key` */
export async function readJournal<T>(options: JournalOptions<T>): Promise<FoundJournal<T> | 'missing'> {
  const generation = (await generationsIn(options)).at(-1);
  if (generation === undefined) return 'missing';
  const path = journalPath(options, generation);
  const content = await readFile(path).catch((error: unknown) => {
    const what = `The file "${path}" cannot be read (${reason(error)}); give it to the account that the gateway runs as.`;
    throw new StoreError('unreadable', what, { cause: error });
  });
  const { payloads, length, rest } = decodeFrames(content);
  if (rest === 'damaged') throw damaged(path, `is not readable from byte ${length} on`, options.name);
  const { records, baseFrames } = replay(options, path, generation, payloads);
  // The first frames were durable before the file got its name: nothing can be torn there.
  if (payloads.length < baseFrames) throw damaged(path, 'ends too early', options.name);
  return {
    records,
    generation,
    frames: payloads.length,
    bytes: length,
    baseBytes: payloads.slice(0, baseFrames).reduce((sum, payload) => sum + encodeFrame(payload).length, 0),
    tornBytes: content.length - length,
    hasOldKeys: !payloads.every((payload) => options.keys.isCurrent(payload)),
  };
}

function replay<T>(options: JournalOptions<T>, path: string, generation: number, payloads: readonly string[]) {
  const records = new Map<string, T>();
  let baseFrames = 1;
  for (const [number, payload] of payloads.entries()) {
    const content = opened(options, path, generation, number, payload);
    if (number === 0) {
      if (!isObject(content) || content['format'] !== 1 || typeof content['frames'] !== 'number') {
        throw damaged(path, 'was written by another version', options.name);
      }
      baseFrames = content['frames'];
      continue;
    }
    if (!Array.isArray(content)) throw damaged(path, `has an unknown record in frame ${number}`, options.name);
    for (const entry of content) {
      const [key, record]: unknown[] = Array.isArray(entry) ? entry : [];
      if (typeof key !== 'string') throw damaged(path, `has an unknown record in frame ${number}`, options.name);
      if (record === null) records.delete(key);
      else if (options.isRecord(key, record)) records.set(key, deepFreeze(record));
      else throw damaged(path, `has an unknown record in frame ${number}`, options.name);
    }
  }
  return { records, baseFrames };
}

function opened<T>(
  options: JournalOptions<T>,
  path: string,
  generation: number,
  number: number,
  payload: string,
): unknown {
  try {
    return JSON.parse(options.keys.open(sealedFor(options.name, generation, number), payload).toString('utf8'));
  } catch (error) {
    if (error instanceof StoreError && error.code === 'wrong-key') {
      const what = `The file "${path}" is sealed with a key that is not in the key file; put the key back.`;
      throw new StoreError('wrong-key', what, { cause: error });
    }
    throw damaged(path, `has a frame that does not belong there (number ${number})`, options.name, error);
  }
}

/** What the seal of a frame is bound to. */
export function sealedFor(name: string, generation: number, number: number): string {
  return `journal\0${name}\0${generation}\0${number}`;
}

export function journalPath(options: Named, generation: number | '*'): string {
  return join(
    options.folder,
    `${options.name}.${typeof generation === 'number' ? String(generation).padStart(8, '0') : generation}.log`,
  );
}

/** In rising order. */
export async function generationsIn(options: Named): Promise<number[]> {
  const generations: number[] = [];
  for (const file of await readdir(options.folder)) {
    const [, name, digits] = /^([a-z]+)\.([0-9]{8,15})\.log$/.exec(file) ?? [];
    if (name === options.name && digits !== undefined) generations.push(Number(digits));
  }
  return generations.sort((a, b) => a - b);
}

/** @param name the collection, as store.json lists it */
export function damaged(path: string, what: string, name: string, cause?: unknown): StoreError {
  return new StoreError(
    'damaged',
    `The file "${path}" ${what}, so the ${name} are not known; restore the store folder from a backup, or, to accept that ` +
      `all ${name} are lost, remove this file and the word "${name}" from "collections" in store.json.`,
    cause === undefined ? {} : { cause },
  );
}
