/**
 * Sessions and counters on disk: an append-only file that is fsynced once for each batch, and written anew when it has grown.
 * Memory is what is read; this file is only ever read at start. It never forgets a batch that was confirmed (I9).
 *
 * Each batch is one frame, sealed as a whole, so neither session content nor the identities in counter keys are readable.
 * Generation and number of the frame are bound into the seal: frames cannot be reordered, repeated or left out in the middle.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FILE_MODE, reason, syncFolder, temporaryName, writeFully } from './durable-file.ts';
import { encodeFrame } from './frames.ts';
import { damaged, generationsIn, type JournalOptions, journalPath, readJournal, sealedFor } from './journal-file.ts';
import { StoreError } from './store.ts';
import type { Medium, Records } from './table.ts';

/** Growth that is not worth a new generation, in bytes. */
const SMALL_GROWTH = 1024 * 1024;
/** Records that are sealed in one go when everything is written anew; less than 1 ms, and small enough to be forgotten soon when they are read again. */
const SLICE = 25;

export interface OpenedJournal<T> {
  readonly journal: Journal<T>;
  /** Bytes of an unfinished last write that were cut off. */
  readonly tornBytes: number;
  /** Whether a part of it is sealed with a key that is no longer current. */
  readonly hasOldKeys: boolean;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly generation: number;
  /** Length when the file was new. */
  readonly baseBytes: number;
  bytes: number;
  frames: number;
}

export class Journal<T> implements Medium<T> {
  readonly #options: JournalOptions<T>;
  #file: OpenFile | undefined;
  #lastGeneration: number;
  /** Length at which a compaction is tried again after one that failed. */
  #notBefore = 0;

  private constructor(options: JournalOptions<T>, lastGeneration: number, file?: OpenFile) {
    this.#options = options;
    this.#lastGeneration = lastGeneration;
    this.#file = file;
  }

  /**
   * Fills the shelf with what is in the file.
   * @param mayBeMissing the store has never used this journal: begin it.
   * @throws StoreError `damaged`, `unreadable`, `wrong-key` or `unwritable`
   */
  static async open<T>(options: JournalOptions<T>, mayBeMissing: boolean): Promise<OpenedJournal<T>> {
    const found = await readJournal(options);
    if (found === 'missing') {
      if (!mayBeMissing)
        throw damaged(journalPath(options, '*'), 'is missing although the store was in use', options.name);
      const journal = new Journal<T>(options, 0);
      await journal.rewrite(options.shelf);
      return { journal, tornBytes: 0, hasOldKeys: false };
    }
    const { generation, baseBytes, bytes, frames, tornBytes, hasOldKeys } = found;
    const handle = await open(journalPath(options, generation), 'r+');
    if (tornBytes > 0) {
      await handle.truncate(bytes);
      await handle.sync();
    }
    const journal = new Journal<T>(options, generation, { handle, generation, baseBytes, bytes, frames });
    await journal.#removeOthers(generation);
    return { journal, tornBytes, hasOldKeys };
  }

  async commit(changes: ReadonlyMap<string, T | null>): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error('the journal is not open');
    const frame = this.#frame(file.generation, file.frames, [...changes]);
    try {
      await writeFully(file.handle, frame, file.bytes);
      await file.handle.datasync();
    } catch (error) {
      // What was refused must not come back after a restart. If this fails too, the rewrite that follows sees to it.
      await file.handle.truncate(file.bytes).catch(() => undefined);
      throw this.#unwritable(error);
    }
    file.bytes += frame.length;
    file.frames += 1;
  }

  isDue(): boolean {
    if (this.#file === undefined) return false;
    const { bytes, baseBytes } = this.#file;
    const growth = bytes - baseBytes;
    return bytes >= this.#notBefore && growth > (this.#options.smallGrowth ?? SMALL_GROWTH) && growth > 2 * baseBytes;
  }

  async compact(records: Records<T>): Promise<void> {
    let prepared: OpenFile & { readonly temporary: string };
    try {
      prepared = await this.#prepare(records);
    } catch {
      // No room for a second file. The present one is whole and still takes batches: go on, and try again later.
      this.#notBefore = (this.#file?.bytes ?? 0) + (this.#options.smallGrowth ?? SMALL_GROWTH);
      return;
    }
    await this.#switchTo(prepared);
  }

  async rewrite(records: Records<T>): Promise<void> {
    await this.#switchTo(await this.#prepare(records));
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }

  /** The next generation under a temporary name, complete and durable. */
  async #prepare(records: Records<T>): Promise<OpenFile & { readonly temporary: string }> {
    this.#lastGeneration += 1; // never used twice, also not after a failure that left its file behind
    const generation = this.#lastGeneration;
    const temporary = temporaryName(journalPath(this.#options, generation));
    const entries = records[Symbol.iterator]();
    const frames = 1 + Math.ceil(records.size / SLICE);
    const handle = await open(temporary, 'wx', FILE_MODE);
    try {
      const head = { format: 1, collection: this.#options.name, generation, frames };
      let bytes = 0;
      for (let number = 0; number < frames; number += 1) {
        const content = number === 0 ? head : next(entries, SLICE);
        const frame = this.#frame(generation, number, content);
        await writeFully(handle, frame, bytes);
        bytes += frame.length;
        await nextTurn(); // requests that are being forwarded come first
      }
      await handle.sync();
      return { handle, generation, baseBytes: bytes, bytes, frames, temporary };
    } catch (error) {
      await handle.close().catch(() => undefined);
      await rm(temporary, { force: true }).catch(() => undefined);
      throw this.#unwritable(error);
    }
  }

  /** A crash in here leaves the old generation or both, and the higher one counts. */
  async #switchTo(prepared: OpenFile & { readonly temporary: string }): Promise<void> {
    const { temporary, ...file } = prepared;
    try {
      await rename(temporary, journalPath(this.#options, file.generation));
      await syncFolder(this.#options.folder);
    } catch (error) {
      await file.handle.close().catch(() => undefined);
      throw this.#unwritable(error); // which of the two a restart would see is unknown: neither may be written to
    }
    const old = this.#file;
    this.#file = file;
    this.#notBefore = 0;
    await old?.handle.close().catch(() => undefined);
    await this.#removeOthers(file.generation).catch(() => undefined); // lower generations do no harm; the next start sweeps
  }

  async #removeOthers(generation: number): Promise<void> {
    for (const other of await generationsIn(this.#options)) {
      if (other !== generation) await rm(journalPath(this.#options, other), { force: true });
    }
  }

  #frame(generation: number, number: number, content: unknown): Buffer {
    const { name, keys } = this.#options;
    return encodeFrame(keys.seal(sealedFor(name, generation, number), JSON.stringify(content)));
  }

  #unwritable(error: unknown): StoreError {
    const what = `The ${this.#options.name} in "${this.#options.folder}" cannot be written (${reason(error)})`;
    return new StoreError('unwritable', `${what}; free or repair the disk.`, { cause: error });
  }
}

/** The next ones, `most` at most. */
function next<E>(entries: Iterator<E>, most: number): E[] {
  const found: E[] = [];
  for (let at = entries.next(); at.done !== true; at = entries.next()) {
    found.push(at.value);
    if (found.length === most) break;
  }
  return found;
}
