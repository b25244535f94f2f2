/**
 * What a journal's file is called and what is in it. Read at start only; it changes nothing. What it cannot read is damage,
 * never an empty journal (I6, I9).
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { reason } from './durable-file.ts';
import { decodeFrames, frameBytes } from './frames.ts';
import { deepFreeze } from './frozen.ts';
import type { Keys } from './keys.ts';
import { type IsRecord, isObject } from './records.ts';
import { StoreError } from './store.ts';
import type { Shelf } from './table.ts';

export interface JournalOptions<T> {
  readonly folder: string;
  /** Name of the collection: the files are `<name>.<generation>.log`. */
  readonly name: string;
  readonly keys: Keys;
  readonly isRecord: IsRecord<T>;
  /** Where the records go; empty. */
  readonly shelf: Shelf<T>;
  /** Default 1 MiB. */
  readonly smallGrowth?: number;
}

type Named = Pick<JournalOptions<never>, 'folder' | 'name'>;

export interface FoundJournal {
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

/** Bytes that are read at a time, at most; more only for a frame that is longer. */
const READ_BYTES = 256 * 1024;

/** @throws StoreError `damaged`, `unreadable` or `wrong-key` */
export async function readJournal<T>(options: JournalOptions<T>): Promise<FoundJournal | 'missing'> {
  const generation = (await generationsIn(options)).at(-1);
  if (generation === undefined) return 'missing';
  const path = journalPath(options, generation);
  const replay = new Replay(options, path, generation);
  const end = await eachFrame(path, (payload) => replay.take(payload));
  if (end.rest === 'damaged') throw damaged(path, `is not readable from byte ${end.bytes} on`, options.name);
  // The first frames were durable before the file got its name: nothing can be torn there.
  if (replay.frames < replay.baseFrames) throw damaged(path, 'ends too early', options.name);
  const { frames, baseBytes, hasOldKeys } = replay;
  const { bytes, tornBytes } = end;
  return { generation, frames, bytes, baseBytes, tornBytes, hasOldKeys };
}

/** The file is not held as a whole: it may be larger than what it says. */
async function eachFrame(path: string, take: (payload: string) => void) {
  const file = await unlessUnreadable(path, open(path));
  try {
    let bytes = 0;
    let buffer = Buffer.allocUnsafe(READ_BYTES); // one for all of it: what is read is not left to be collected
    for (let held = 0; ; ) {
      if (held === buffer.length) buffer = Buffer.concat([buffer], 2 * buffer.length);
      const room = buffer.length - held;
      const { bytesRead } = await unlessUnreadable(path, file.read(buffer, held, room, bytes + held));
      const known = buffer.subarray(0, held + bytesRead);
      const { payloads, length, rest } = decodeFrames(known);
      for (const payload of payloads) take(payload);
      bytes += length;
      held = known.length - length;
      if (bytesRead === 0) return { bytes, rest, tornBytes: held };
      known.copyWithin(0, length);
    }
  } finally {
    await file.close();
  }
}

async function unlessUnreadable<R>(path: string, reading: Promise<R>): Promise<R> {
  return reading.catch((error: unknown) => {
    const what = `The file "${path}" cannot be read (${reason(error)}); give it to the account that the gateway runs as.`;
    throw new StoreError('unreadable', what, { cause: error });
  });
}

/** Puts on the shelf what the frames say, one after the other. */
class Replay<T> {
  frames = 0;
  baseFrames = 1;
  baseBytes = 0;
  hasOldKeys = false;
  readonly #options: JournalOptions<T>;
  readonly #path: string;
  readonly #generation: number;

  constructor(options: JournalOptions<T>, path: string, generation: number) {
    this.#options = options;
    this.#path = path;
    this.#generation = generation;
  }

  /** @throws StoreError `damaged` or `wrong-key` */
  take(payload: string): void {
    const number = this.frames;
    const content = opened(this.#options, this.#path, this.#generation, number, payload);
    if (number > 0) this.#changes(content);
    else if (isObject(content) && content['format'] === 1 && typeof content['frames'] === 'number') {
      this.baseFrames = content['frames'];
    } else throw damaged(this.#path, 'was written by another version', this.#options.name);
    if (!this.#options.keys.isCurrent(payload)) this.hasOldKeys = true;
    if (number < this.baseFrames) this.baseBytes += frameBytes(payload);
    this.frames += 1;
  }

  #changes(content: unknown): void {
    const { isRecord, shelf } = this.#options;
    if (!Array.isArray(content)) throw this.#unknown();
    for (const entry of content) {
      const [key, record]: unknown[] = Array.isArray(entry) ? entry : [];
      if (typeof key !== 'string') throw this.#unknown();
      if (record === null) shelf.delete(key);
      else if (isRecord(key, record)) shelf.set(key, deepFreeze(record));
      else throw this.#unknown();
    }
  }

  #unknown(): StoreError {
    return damaged(this.#path, `has an unknown record in frame ${this.frames}`, this.#options.name);
  }
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
