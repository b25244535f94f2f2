/** Sessions in this process's memory: a table that can also say which sessions are whose. */
import { identityOf } from '../gate/session.ts';
import type { Identity } from '../gate/types.ts';
import type { SessionShelf } from './session-shelf.ts';
import type { SessionCollection, SessionRecord } from './store.ts';
import { Table, type TableOptions } from './table.ts';

export class SessionTable extends Table<SessionRecord> implements SessionCollection {
  readonly #shelf: SessionShelf;

  constructor(options: TableOptions<SessionRecord> & { readonly records: SessionShelf }) {
    super(options);
    this.#shelf = options.records;
  }

  /** With what is on its way to the disk: what the next change of each would be built on. */
  async of(identity: Identity): Promise<readonly (readonly [key: string, record: SessionRecord])[]> {
    const found: (readonly [string, SessionRecord])[] = [];
    for (const key of new Set([...this.waiting(), ...this.#shelf.of(identity)])) {
      const record = this.newest(key);
      if (record !== undefined && identityOf(record.session) === identity) found.push([key, record]);
    }
    return found;
  }
}
