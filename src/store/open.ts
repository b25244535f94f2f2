/**
 * Opens the embedded store: lock, manifest, users, journals, in this order. Either everything is readable and writable, or
 * the start stops with one sentence (I9); nothing is ever repaired by guessing.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { ensureFolder, errorCode, reason, removeLeftovers } from './durable-file.ts';
import { Journal, type OpenedJournal } from './journal.ts';
import type { Keys } from './keys.ts';
import { acquireLock, type Lock } from './lock.ts';
import { LowdbUsers, type OpenedUsers } from './lowdb-users.ts';
import {
  COLLECTIONS,
  type CollectionName,
  damagedManifest,
  type Manifest,
  readManifest,
  writeManifest,
} from './manifest.ts';
import { type IsRecord, isCounterRecord, isSessionRecord } from './records.ts';
import { SessionShelf } from './session-shelf.ts';
import { SessionTable } from './session-table.ts';
import { type CounterRecord, type SessionRecord, type Store, StoreError, type UserRecord } from './store.ts';
import { type Shelf, Table } from './table.ts';

export interface StoreOptions {
  readonly kind: 'lowdb';
  /** Folder, created with mode 0700 when it is missing. */
  readonly path: string;
  readonly keys: Keys;
  readonly clock: Clock;
  /** What an operator may want to read in the log; never a secret. */
  readonly onNote?: (note: StoreNote) => void;
}

export type StoreNote =
  | { readonly note: 'opened'; readonly users: number; readonly sessions: number; readonly counters: number }
  /** The gateway before this one was killed. */
  | { readonly note: 'lock-taken-over'; readonly pid: number }
  /** An unfinished write of a gateway that was killed; nothing in it was confirmed. */
  | { readonly note: 'torn-write-removed'; readonly collection: 'sessions' | 'counters'; readonly bytes: number }
  | { readonly note: 'sealed-with-new-key' }
  /** It works, and becomes slow. */
  | { readonly note: 'many-users'; readonly users: number; readonly advice: string }
  /** Updates are refused until `recovered`, or for good when the code is `locked`. */
  | { readonly note: 'trouble'; readonly code: StoreError['code']; readonly message: string }
  | { readonly note: 'recovered' };

const MANY =
  'every change of a user writes all of them anew and holds up requests meanwhile; move to Redis: lucy-2fa store copy, docs/deployment.md';

/** @throws StoreError with one sentence for the operator */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path: folder, clock } = options;
  await ensureFolder(folder);
  const life: { store?: OpenedStore; lost?: StoreError } = {};
  const lock = await acquireLock({
    folder,
    clock,
    onLost: (error) => {
      life.lost = error;
      life.store?.condemn(error);
      tell(options, error);
    },
  });
  if (lock.tookOverFrom !== undefined) options.onNote?.({ note: 'lock-taken-over', pid: lock.tookOverFrom });
  try {
    const store = compose(options, lock, await openFiles(options));
    life.store = store;
    if (life.lost !== undefined) store.condemn(life.lost);
    return store;
  } catch (error) {
    lock.release();
    if (error instanceof StoreError) throw error;
    const what = `The store folder "${folder}" cannot be used (${reason(error)})`;
    throw new StoreError('unreadable', `${what}; check that it belongs to the account that the gateway runs as.`, {
      cause: error,
    });
  }
}

/**
 * Whether there is a store in this folder: then a key file that is missing must not be made anew.
 * @throws StoreError `unreadable`
 */
export async function hasStore(folder: string): Promise<boolean> {
  try {
    return holdsData(await readdir(folder));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    const what = `The store folder "${folder}" cannot be read (${reason(error)}); check the path and its owner.`;
    throw new StoreError('unreadable', what, { cause: error });
  }
}

interface OnShelf<T, S> extends OpenedJournal<T> {
  readonly records: S;
}

interface OpenedFiles {
  readonly users: OpenedUsers;
  readonly sessions: OnShelf<SessionRecord, SessionShelf>;
  readonly counters: OnShelf<CounterRecord, Map<string, CounterRecord>>;
}

interface OpenedStore extends Store {
  /** The folder belongs to another process now: refuse everything. */
  condemn(reason: StoreError): void;
}

async function openFiles(options: StoreOptions): Promise<OpenedFiles> {
  const { path: folder, keys } = options;
  await removeLeftovers(folder);
  const manifest = await manifestOf(folder, keys);
  const isNew = (name: CollectionName): boolean => !manifest.collections.includes(name);

  const users = await LowdbUsers.open(join(folder, 'users.json'), keys, isNew('users'), (count) =>
    options.onNote?.({ note: 'many-users', users: count, advice: MANY }),
  );
  const sessions = await openJournal(options, 'sessions', isSessionRecord, new SessionShelf(), isNew('sessions'));
  let counters: OnShelf<CounterRecord, Map<string, CounterRecord>> | undefined;
  try {
    counters = await openJournal(
      options,
      'counters',
      isCounterRecord,
      new Map<string, CounterRecord>(),
      isNew('counters'),
    );
    const isOldKey = !manifest.keyIsCurrent || [users, sessions, counters].some((opened) => opened.hasOldKeys);
    if (isOldKey) {
      await users.medium.rewrite(users.records);
      await sessions.journal.rewrite(sessions.records);
      await counters.journal.rewrite(counters.records);
    }
    await users.medium.compact();
    // Last: a first start or a change of keys that was interrupted is done again.
    if (isOldKey || COLLECTIONS.some(isNew)) await writeManifest(folder, keys, COLLECTIONS);
    if (isOldKey) options.onNote?.({ note: 'sealed-with-new-key' });
    return { users, sessions, counters };
  } catch (error) {
    await sessions.journal.close();
    await counters?.journal.close();
    throw error;
  }
}

async function openJournal<T, S extends Shelf<T>>(
  options: StoreOptions,
  name: 'sessions' | 'counters',
  isRecord: IsRecord<T>,
  shelf: S,
  isNew: boolean,
): Promise<OnShelf<T, S>> {
  const opened = await Journal.open<T>({ folder: options.path, name, keys: options.keys, isRecord, shelf }, isNew);
  if (opened.tornBytes > 0) options.onNote?.({ note: 'torn-write-removed', collection: name, bytes: opened.tornBytes });
  return { ...opened, records: shelf };
}

function compose(options: StoreOptions, lock: Lock, files: OpenedFiles): OpenedStore {
  const { clock } = options;
  const onTrouble = (trouble: StoreError | undefined): void => tell(options, trouble);
  const { users: u, sessions: s, counters: c } = files;
  const users = new Table<UserRecord>({ clock, onTrouble, medium: u.medium, records: u.records });
  const sessions = new SessionTable({ clock, onTrouble, medium: s.journal, records: s.records });
  const isExpired = (record: CounterRecord): boolean => record.expiresAt <= clock.now();
  const counters = new Table<CounterRecord>({ clock, onTrouble, medium: c.journal, records: c.records, isExpired });
  options.onNote?.({ note: 'opened', users: u.records.size, sessions: s.records.size, counters: c.records.size });

  const tables = [users, sessions, counters];
  return {
    users,
    sessions,
    counters,
    mac: (label, text) => options.keys.hmac(label, text),
    healthy: () => tables.every((table) => table.isHealthy()),
    condemn(reason) {
      for (const table of tables) table.condemn(reason);
    },
    async close() {
      await Promise.all(tables.map((table) => table.close()));
      lock.release();
    },
  };
}

/** The manifest, or the first one of a folder that holds nothing yet. */
async function manifestOf(folder: string, keys: Keys): Promise<Manifest> {
  const manifest = await readManifest(folder, keys);
  if (manifest !== 'missing') return manifest;
  if (holdsData(await readdir(folder))) throw damagedManifest(folder, 'is missing beside stored data');
  await writeManifest(folder, keys, []);
  return { collections: [], keyIsCurrent: true };
}

function holdsData(names: readonly string[]): boolean {
  return names.some((name) => /^(store\.json|users\.json(\.last-good)?|(sessions|counters)\.[0-9]+\.log)$/.test(name));
}

function tell(options: StoreOptions, trouble: StoreError | undefined): void {
  if (trouble === undefined) options.onNote?.({ note: 'recovered' });
  else options.onNote?.({ note: 'trouble', code: trouble.code, message: trouble.message });
}
