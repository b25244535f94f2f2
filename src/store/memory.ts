/** A store without a disk, for tests and demonstrations. It keeps the contract but nothing else: it never outlives the process. */
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { SessionShelf } from './session-shelf.ts';
import { SessionTable } from './session-table.ts';
import type { CounterRecord, Store, UserRecord } from './store.ts';
import { type Medium, Table } from './table.ts';

export function memoryStore(clock: Clock): Store {
  const key = randomBytes(32);
  const users = new Table<UserRecord>({ clock, medium: nowhere(), records: new Map() });
  const sessions = new SessionTable({ clock, medium: nowhere(), records: new SessionShelf() });
  const counters = new Table<CounterRecord>({
    clock,
    medium: nowhere(),
    records: new Map(),
    isExpired: (record) => record.expiresAt <= clock.now(),
  });
  const tables = [users, sessions, counters];
  return {
    users,
    sessions,
    counters,
    mac: (label, text) => createHmac('sha256', key).update(`${label}\0${text}`).digest(),
    healthy: () => tables.every((table) => table.isHealthy()),
    close: async () => {
      await Promise.all(tables.map((table) => table.close()));
    },
  };
}

function nowhere<T>(): Medium<T> {
  return {
    commit: async () => undefined,
    rewrite: async () => undefined,
    isDue: () => false,
    compact: async () => undefined,
    close: async () => undefined,
  };
}
