/**
 * Where the embedded store stops being sensible: ms for an update by size of the directory, how long it keeps the event loop
 * from other work, and how many updates of sessions the journal takes in a second. It runs in the process of the benchmark.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import type { Identity } from '../src/gate/types.ts';
import { openKeys } from '../src/store/keys.ts';
import { openStore } from '../src/store/open.ts';
import type { SessionRecord, Store, UserRecord } from '../src/store/store.ts';
import { median } from './rounds.ts';

export interface StoreFigures {
  readonly directory: readonly {
    readonly users: number;
    readonly updateMs: number;
    readonly blockMs: number;
    readonly longestBlockMs: number;
    readonly updatesPerSecond: number;
  }[];
  readonly journal: readonly {
    readonly callers: number;
    readonly updatesPerSecond: number;
    readonly updateMs: number;
  }[];
}

/** Updates of a directory, fewer when they take longer than this. */
const MOST_UPDATES = 100;
const UPDATES_MS = 6_000;
const JOURNAL_MS = 3_000;
/** After an update the store writes a second copy; that belongs to its cost. */
const SETTLE_MS = 20;
const AT_ONCE = 50;

export async function measureStore(folder: string, sizes: readonly number[]): Promise<StoreFigures> {
  const directory: StoreFigures['directory'][number][] = [];
  for (const size of sizes) directory.push(await inStore(folder, `users-${size}`, (store) => updates(store, size)));
  const journal: StoreFigures['journal'][number][] = [];
  for (const callers of [1, AT_ONCE]) {
    journal.push(await inStore(folder, `journal-${callers}`, (store) => sessions(store, callers)));
  }
  return { directory, journal };
}

async function inStore<T>(folder: string, name: string, run: (store: Store) => Promise<T>): Promise<T> {
  const keys = await openKeys(join(folder, 'store-keys.json'), { create: true });
  const store = await openStore({ kind: 'lowdb', path: join(folder, name), keys, clock: systemClock });
  try {
    return await run(store);
  } finally {
    await store.close();
  }
}

async function updates(store: Store, count: number): Promise<StoreFigures['directory'][number]> {
  const names = Array.from({ length: count }, (_, n) => `user${n}@example.com`);
  const update = (name: string, version: number): Promise<number> =>
    store.users.update(name, () => ({ write: user(name, version), result: version }));
  await Promise.all(names.map((name) => update(name, 0)));
  const times: number[] = [];
  const blocks: number[] = [];
  const end = performance.now() + UPDATES_MS;
  for (let n = 1; n <= MOST_UPDATES && performance.now() < end; n += 1) {
    const gap = longestGap();
    const begin = performance.now();
    await update(`user${n % count}@example.com`, n);
    times.push(performance.now() - begin);
    await sleep(SETTLE_MS);
    blocks.push(gap.end());
  }
  const begin = performance.now();
  await Promise.all(names.slice(0, AT_ONCE).map((name) => update(name, 9)));
  const updatesPerSecond = (AT_ONCE * 1_000) / (performance.now() - begin);
  return {
    users: count,
    updateMs: median(times),
    blockMs: median(blocks),
    longestBlockMs: Math.max(...blocks),
    updatesPerSecond,
  };
}

async function sessions(store: Store, callers: number): Promise<StoreFigures['journal'][number]> {
  const times: number[] = [];
  const begin = performance.now();
  const end = begin + JOURNAL_MS;
  const caller = async (number: number): Promise<void> => {
    for (let n = 0; performance.now() < end; n += 1) {
      const started = performance.now();
      await store.sessions.update(`${number}-${n % 20}`, () => ({ write: session(n), result: 0 }));
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  const updatesPerSecond = (times.length * 1_000) / (performance.now() - begin);
  return { callers, updatesPerSecond, updateMs: median(times) };
}

/** Longest time in which a turn of the loop could not begin. */
function longestGap(): { end(): number } {
  let longest = 0;
  let last = performance.now();
  let running = true;
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    end() {
      running = false;
      return longest;
    },
  };
}

function user(name: string, factorVersion: number): UserRecord {
  const data = { secret: 'A'.repeat(32), steps: Array.from({ length: 10 }, () => 'B'.repeat(60)) };
  return {
    identity: name as Identity,
    phone: { e164: '+41790000000', callingCode: '41', country: 'CH' },
    enrolments: [{ id: 'e', factor: 'totp', data, createdAt: 1 }],
    factorVersion,
  };
}

function session(version: number): SessionRecord {
  return { version, session: { state: 'anonymous' }, jar: 'c'.repeat(200), createdAt: 1, lastSeenAt: 1, csrf: 'c' };
}
