/**
 * Users and their factors: a lowdb database in one JSON file, each record sealed, replaced whole and durably with every batch
 * of changes. A file that is not exactly what was written stops the start; it never reads as "nobody has a factor" (I9,
 * attack "store damaged"). Right up to about 1 000 identities: the whole file is written for each batch, and from there on
 * the operator is told once in each run.
 */
import { readFile } from 'node:fs/promises';
import { type Adapter, Low } from 'lowdb';
import { lastGoodOf, reason, writeDurably } from './durable-file.ts';
import type { Keys } from './keys.ts';
import { StoreError, type UserRecord } from './store.ts';
import type { Medium, Records } from './table.ts';
import { damaged, encodeUserFile, type Rows, readUserFile, sealUser } from './user-file.ts';

export interface OpenedUsers {
  readonly medium: LowdbUsers;
  readonly records: Map<string, UserRecord>;
  /** Whether a record is sealed with a key that is no longer current. */
  readonly hasOldKeys: boolean;
}

/**
 * From so many identities on, another kind of store is worth the trouble: at 1 000 a change of one takes about 10 to 30 ms and
 * stops everything else for 3 to 7 of them; at 10 000 it is ten times that (bench/store.ts).
 */
export const MANY_USERS = 1_000;

export class LowdbUsers implements Medium<UserRecord> {
  readonly #keys: Keys;
  readonly #adapter: DurableAdapter;
  readonly #database: Low<Rows>;
  readonly #onMany: (users: number) => void;
  #told = false;

  private constructor(path: string, keys: Keys, onMany: (users: number) => void) {
    this.#keys = keys;
    this.#onMany = onMany;
    this.#adapter = new DurableAdapter(path, keys);
    this.#database = new Low(this.#adapter, new Map());
  }

  /**
   * @param mayBeMissing the store has never kept users: begin with an empty file.
   * @param onMany told once when there are {@link MANY_USERS} or more.
   * @throws StoreError `damaged`, `wrong-key`, `unreadable` or `unwritable`
   */
  static async open(
    path: string,
    keys: Keys,
    mayBeMissing: boolean,
    onMany: (users: number) => void,
  ): Promise<OpenedUsers> {
    const medium = new LowdbUsers(path, keys, onMany);
    const records = await medium.#adapter.load();
    if (records !== 'missing') await medium.#database.read();
    else if (mayBeMissing) await medium.#database.write();
    else throw await damaged(path, 'is missing although the store was in use');
    medium.#count();
    const hasOldKeys = [...medium.#database.data.values()].some((sealed) => !keys.isCurrent(sealed));
    return { medium, records: records === 'missing' ? new Map() : records, hasOldKeys };
  }

  async commit(changes: ReadonlyMap<string, UserRecord | null>): Promise<void> {
    const next = new Map(this.#database.data);
    for (const [identity, record] of changes) {
      if (record === null) next.delete(identity);
      else next.set(identity, sealUser(this.#keys, identity, record));
    }
    await this.#replace(next);
    this.#count();
  }

  async rewrite(records: Records<UserRecord>): Promise<void> {
    const next: Rows = new Map();
    for (const [identity, record] of records) next.set(identity, sealUser(this.#keys, identity, record));
    await this.#replace(next);
  }

  isDue(): boolean {
    return this.#adapter.needsCopy;
  }

  /** The second copy is made when the callers already have their answer. */
  async compact(): Promise<void> {
    await this.#adapter.copy().catch(() => undefined); // the file itself is whole; the next batch tries again
  }

  async close(): Promise<void> {
    // There is nothing open between two writes.
  }

  #count(): void {
    const { size } = this.#database.data;
    if (this.#told || size < MANY_USERS) return;
    this.#told = true;
    this.#onMany(size);
  }

  /** The database holds what is on the disk: after a failure that is what it held before. */
  async #replace(next: Rows): Promise<void> {
    const before = this.#database.data;
    this.#database.data = next;
    try {
      await this.#database.write();
    } catch (error) {
      this.#database.data = before;
      throw error;
    }
  }
}

/** lowdb's own file adapter has neither fsync nor file modes, and reads a missing file as an empty database. */
class DurableAdapter implements Adapter<Rows> {
  readonly #path: string;
  readonly #keys: Keys;
  #rows: Rows | null = null;
  #written: Buffer | undefined;

  constructor(path: string, keys: Keys) {
    this.#path = path;
    this.#keys = keys;
  }

  /** Whether the second copy is behind the file. */
  get needsCopy(): boolean {
    return this.#written !== undefined;
  }

  /** Reads and checks the whole file; `read` then gives its rows to the database. */
  async load(): Promise<Map<string, UserRecord> | 'missing'> {
    const file = await readUserFile(this.#path, this.#keys);
    if (file === 'missing') return 'missing';
    this.#rows = file.rows;
    const copy = await readFile(lastGoodOf(this.#path)).catch(() => undefined);
    if (copy?.equals(file.content) !== true) this.#written = file.content;
    return file.records;
  }

  async read(): Promise<Rows | null> {
    return this.#rows;
  }

  async write(rows: Rows): Promise<void> {
    const content = encodeUserFile(this.#keys, rows);
    try {
      await writeDurably(this.#path, content);
    } catch (error) {
      const what = `The file "${this.#path}" cannot be written (${reason(error)})`;
      throw new StoreError('unwritable', `${what}; free or repair the disk.`, { cause: error });
    }
    this.#written = content;
  }

  async copy(): Promise<void> {
    if (this.#written === undefined) return;
    await writeDurably(lastGoodOf(this.#path), this.#written);
    this.#written = undefined;
  }
}
