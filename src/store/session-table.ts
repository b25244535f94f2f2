/** Sessions in this process's memory: a table that can also say which sessions are whose. */
import { identityOf } from '../gate/session.ts';
import type { Identity } from '../gate/types.ts';
import type { SessionCollection, SessionRecord } from './store.ts';
import { Table } from './table.ts';

export class SessionTable extends Table<SessionRecord> implements SessionCollection {
  async of(identity: Identity): Promise<readonly (readonly [key: string, record: SessionRecord])[]> {
    const found: (readonly [string, SessionRecord])[] = [];
    for (const [key, record] of this.newest()) {
      if (identityOf(record.session) === identity) found.push([key, record]);
    }
    return found;
  }
}
