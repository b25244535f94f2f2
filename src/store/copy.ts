/**
 * Copies everything from one store into another, of whatever kinds: what is there already stays, so a copy that was interrupted
 * goes on where it was. Nothing that differs is replaced unasked, and nothing counts as copied until it was read again.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock.ts';
import type { CollectionName } from './manifest.ts';
import type { Collection, Store } from './store.ts';

export interface CopyOptions {
  readonly from: Store;
  readonly to: Store;
  readonly clock: Clock;
  /** Replaces records that are in `to` already and differ. */
  readonly overwrite: boolean;
  /** Told after each {@link BATCH} records, and at the end of each collection. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly collection: CollectionName;
  readonly step: 'copying' | 'checking';
  readonly done: number;
}

export interface Copied {
  readonly collection: CollectionName;
  /** Records of `from`. */
  readonly found: number;
  /** Written now. */
  readonly written: number;
  /** Read again in `to`, and the same. */
  readonly alike: number;
  /** Keys of records that differ in `to` and were left as they are, at most {@link MOST_KEYS}. */
  readonly differing: readonly string[];
  /** Keys of records that could not be read again as they were written, at most {@link MOST_KEYS}. */
  readonly missing: readonly string[];
  /** Records of `to` that `from` does not have. */
  readonly others: number;
}

/** Records that are on their way at a time. */
export const BATCH = 200;
const MOST_KEYS = 20;

/** @throws StoreError when either cannot be read or written; what was copied stays, and the next try goes on from there */
export async function copyStore({ from, to, ...options }: CopyOptions): Promise<readonly Copied[]> {
  return [
    await copyCollection('users', from.users, to.users, options),
    await copyCollection('sessions', from.sessions, to.sessions, options),
    await copyCollection('counters', from.counters, to.counters, options),
  ];
}

export function isComplete({ differing, missing }: Copied): boolean {
  return differing.length === 0 && missing.length === 0;
}

async function copyCollection<T extends object>(
  collection: CollectionName,
  from: Collection<T>,
  to: Collection<T>,
  { clock, overwrite, onProgress }: Omit<CopyOptions, 'from' | 'to'>,
): Promise<Copied> {
  const tell = (step: Progress['step'], done: number): void => onProgress?.({ collection, step, done });
  // A record that means nothing any more is none in a store that forgets by itself.
  const isOver = (record: T): boolean => 'expiresAt' in record && Number(record.expiresAt) <= clock.now();
  const differing = new Set<string>();
  let written = 0;
  await inBatches(
    from,
    (done) => tell('copying', done),
    async ([key, record]) => {
      if (isOver(record)) return;
      const did = await to.update(key, (current) => {
        if (current !== undefined && isDeepStrictEqual(current, record)) return { result: 'same' };
        return current === undefined || overwrite ? { write: record, result: 'written' } : { result: 'differs' };
      });
      if (did === 'written') written += 1;
      if (did === 'differs') differing.add(key);
    },
  );

  const missing: string[] = [];
  let same = 0;
  const found = await inBatches(
    from,
    (done) => tell('checking', done),
    async ([key, record]) => {
      if (isOver(record)) return;
      if (isDeepStrictEqual(await to.get(key), record)) same += 1;
      else if (!differing.has(key)) missing.push(key);
    },
  );
  let held = 0;
  for await (const _entry of to.entries()) held += 1;
  const others = Math.max(0, held - same - differing.size);
  return {
    collection,
    found,
    written,
    alike: same,
    differing: [...differing].slice(0, MOST_KEYS),
    missing: missing.slice(0, MOST_KEYS),
    others,
  };
}

/** @returns how many there were */
async function inBatches<T>(
  from: Collection<T>,
  tell: (done: number) => void,
  each: (entry: readonly [key: string, record: T]) => Promise<void>,
): Promise<number> {
  let done = 0;
  let batch: Promise<void>[] = [];
  const settle = async (): Promise<void> => {
    await Promise.all(batch);
    done += batch.length;
    batch = [];
    tell(done);
  };
  for await (const entry of from.entries()) {
    batch.push(each(entry));
    if (batch.length === BATCH) await settle();
  }
  await settle();
  return done;
}
