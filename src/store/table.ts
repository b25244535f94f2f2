/**
 * The one atomic primitive of every store in this process: records in memory, changes in batches, and a change is seen by
 * readers only after its batch is durable (I9). It never writes a file itself; that is the medium's work.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { Batch } from './batch.ts';
import { frozenCopy } from './frozen.ts';
import { type Change, type Collection, StoreError } from './store.ts';

/** Where a table keeps its records; a `Map` is one. */
export interface Shelf<T> extends Records<T> {
  get(key: string): T | undefined;
  set(key: string, record: T): unknown;
  delete(key: string): unknown;
}

/** All records of a table; they stay as they are while the medium reads them. */
export interface Records<T> extends Iterable<readonly [key: string, record: T]> {
  readonly size: number;
}

/** What a table is kept on. The table never calls two methods at the same time. */
export interface Medium<T> {
  /** Makes all changes durable in one write (`null`: removed). A rejection means that none of them may be believed. */
  commit(changes: ReadonlyMap<string, T | null>): Promise<void>;
  /** Writes everything anew, whatever state an earlier failure left behind. */
  rewrite(records: Records<T>): Promise<void>;
  /** Whether `compact` is worth its price now. */
  isDue(): boolean;
  /** Housekeeping between two batches. Rejects only when the medium can no longer be trusted. */
  compact(records: Records<T>): Promise<void>;
  close(): Promise<void>;
}

export interface TableOptions<T> {
  readonly clock: Clock;
  readonly medium: Medium<T>;
  /** Taken over, not copied. */
  readonly records: Shelf<T>;
  /** A record that means nothing any more; such records are forgotten without a write. */
  readonly isExpired?: (record: T) => boolean;
  /** Told about each failed write and each recovery, for the log. */
  readonly onTrouble?: (trouble: StoreError | undefined) => void;
}

/** How long after a failed write the table tries to write everything anew, in ms. */
export const RETRY_MS = 5_000;

/**
 * All updates that arrive while a write is running share the next one (group commit).
 *
 * A failed write fails closed: every update of that batch and every one that was built on it is refused, memory stays at
 * what is known to be durable, and all later updates are refused until a complete rewrite has succeeded.
 */
export class Table<T> implements Collection<T> {
  readonly #options: TableOptions<T>;
  readonly #records: Shelf<T>;
  #gathering = new Batch<T>();
  #writing: Batch<T> | undefined;
  #running: Promise<void> | undefined;
  #trouble: StoreError | undefined;
  #closing: StoreError | undefined;
  /** The end: closed, or another process owns the files now. */
  #ended: StoreError | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(options: TableOptions<T>) {
    this.#options = options;
    this.#records = options.records;
    this.#forgetExpired();
  }

  peek(key: string): T | undefined {
    return this.#ended === undefined ? this.#durable(key) : undefined;
  }

  async get(key: string): Promise<T | undefined> {
    if (this.#ended !== undefined) throw this.#ended;
    return this.#durable(key);
  }

  async update<R>(key: string, change: (current: T | undefined) => Change<T, R>): Promise<R> {
    const { current, write, result } = this.#ask(key, change);
    if (write === undefined || (write === null && current === undefined)) return this.#settled(key, result);
    await this.#write([key, write === null ? null : frozenCopy(write)]);
    return result;
  }

  /** Both keys change in one batch, and a batch is durable as a whole or not at all. */
  async move<R>(from: string, to: string, change: (current: T | undefined) => Change<T, R>): Promise<R> {
    const { write, result } = this.#ask(from, change);
    if (write === undefined || write === null) return this.#settled(from, result);
    await this.#write([from, null], [to, frozenCopy(write)]);
    return result;
  }

  #ask<R>(key: string, change: (current: T | undefined) => Change<T, R>): Change<T, R> & { current: T | undefined } {
    const refusal = this.#ended ?? this.#closing ?? this.#trouble;
    if (refusal !== undefined) throw refusal;
    const current = this.#latest(key);
    return { current, ...change(current) };
  }

  /** The answer may rest on a change that is still on its way to the disk: then it is worth no more than that change. */
  async #settled<R>(key: string, result: R): Promise<R> {
    await (this.#gathering.holds(key) ? this.#gathering : this.#writing?.holds(key) ? this.#writing : undefined)?.done;
    return result;
  }

  #write(...changes: readonly (readonly [key: string, record: T | null])[]): Promise<void> {
    const batch = this.#gathering;
    for (const [key, record] of changes) batch.changes.set(key, record);
    this.#running ??= this.#drain();
    return batch.done;
  }

  async *entries(): AsyncIterable<readonly [key: string, record: T]> {
    if (this.#ended !== undefined) throw this.#ended;
    for (const [key, record] of this.#records) {
      if (this.#options.isExpired?.(record) !== true) yield [key, record];
    }
  }

  /** Keys of what is on its way to the disk. */
  protected waiting(): string[] {
    return [...(this.#writing?.changes.keys() ?? []), ...this.#gathering.changes.keys()];
  }

  /** The record with what is on its way to the disk. @throws StoreError when the table has ended */
  protected newest(key: string): T | undefined {
    if (this.#ended !== undefined) throw this.#ended;
    return this.#latest(key);
  }

  isHealthy(): boolean {
    return this.#trouble === undefined && this.#ended === undefined;
  }

  /** Refuses everything from now on, reads too: what is in memory is no longer the truth. */
  condemn(reason: StoreError): void {
    this.#ended ??= reason;
  }

  /** Ends what is running, then the medium. Updates that were accepted before are written. */
  async close(): Promise<void> {
    this.#closing = new StoreError('unwritable', 'The store is closed.');
    this.#cancelRetry?.();
    await this.#running;
    this.condemn(this.#closing);
    await this.#options.medium.close();
  }

  /** Newest value, durable or not: what the next change is built on. */
  #latest(key: string): T | undefined {
    for (const batch of [this.#gathering, this.#writing]) {
      const change = batch?.changes.get(key);
      if (change === undefined) continue;
      return change === null || this.#options.isExpired?.(change) === true ? undefined : change;
    }
    return this.#durable(key);
  }

  #durable(key: string): T | undefined {
    const record = this.#records.get(key);
    return record === undefined || this.#options.isExpired?.(record) === true ? undefined : record;
  }

  #forgetExpired(): void {
    const { isExpired } = this.#options;
    if (isExpired === undefined) return;
    for (const [key, record] of this.#records) {
      if (isExpired(record)) this.#records.delete(key);
    }
  }

  async #drain(): Promise<void> {
    await nextTurn(); // everything that arrived in this turn of the loop shares the first write
    try {
      while (this.#gathering.changes.size > 0) await this.#writeBatch();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = undefined; // in the same step as the last look at `gathering`: no update can fall between
    }
  }

  async #writeBatch(): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    const batch = this.#gathering;
    this.#gathering = new Batch();
    this.#writing = batch;
    await this.#options.medium.commit(batch.changes);
    for (const [key, record] of batch.changes) {
      if (record === null) this.#records.delete(key);
      else this.#records.set(key, record);
    }
    this.#writing = undefined;
    batch.resolve();
    if (!this.#options.medium.isDue()) return;
    this.#forgetExpired();
    await this.#options.medium.compact(this.#records);
  }

  #fail(error: unknown): void {
    const trouble = error instanceof StoreError ? error : unwritable(error);
    this.#trouble = trouble;
    const refused = [this.#writing, this.#gathering];
    this.#writing = undefined;
    this.#gathering = new Batch();
    for (const batch of refused) batch?.reject(trouble);
    this.#options.onTrouble?.(trouble);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#ended !== undefined || this.#closing !== undefined) return;
    this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => {
      this.#running ??= this.#recover();
    });
  }

  async #recover(): Promise<void> {
    try {
      if (this.#ended !== undefined) return;
      this.#forgetExpired();
      await this.#options.medium.rewrite(this.#records);
      this.#trouble = undefined;
      this.#options.onTrouble?.(undefined);
    } catch {
      this.#retryLater(); // still refusing every update; the trouble was reported when it began
    } finally {
      this.#running = undefined;
    }
  }
}

function unwritable(cause: unknown): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError('unwritable', `The store cannot be written (${why}); free or repair the disk.`, { cause });
}
