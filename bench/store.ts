/**
 * What the embedded store costs: ms for each update of a user by size of the directory, how long it keeps the event loop from
 * other work, and journal updates per second with 50 callers. Prints a table; it checks nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../src/clock.ts';
import type { Identity } from '../src/gate/types.ts';
import { openKeys } from '../src/store/keys.ts';
import { openStore } from '../src/store/open.ts';
import type { SessionRecord, Store, UserRecord } from '../src/store/store.ts';

const folder = await mkdtemp(join(tmpdir(), 'lucy-bench-'));
try {
  for (const count of [100, 1000, 5000]) await inStore(`users-${count}`, (store) => users(store, count));
  for (const callers of [1, 50]) await inStore(`journal-${callers}`, (store) => journal(store, callers));
  await inStore('start', start);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function inStore(name: string, run: (store: Store, path: string) => Promise<void>): Promise<void> {
  const path = join(folder, name);
  const store = await opened(path);
  await run(store, path);
  await store.close();
}

async function opened(path: string): Promise<Store> {
  const keys = await openKeys(join(folder, 'keys.json'), { create: true });
  return openStore({ kind: 'lowdb', path, keys, clock: systemClock });
}

async function users(store: Store, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, n) => `user${n}@example.com`);
  await Promise.all(names.map((name) => store.users.update(name, () => ({ write: user(name, 0), result: 0 }))));
  const times: number[] = [];
  const blocks: number[] = [];
  for (let n = 1; n <= 200; n += 1) {
    const name = `user${n % count}@example.com`;
    const gap = longestGap();
    const begin = performance.now();
    await store.users.update(name, () => ({ write: user(name, n), result: 0 }));
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 5)); // the second copy belongs to the cost
    blocks.push(gap.end());
  }
  print(`users update, ${count} users`, `${median(times)} ms median, ${high(times)} ms p95`);
  print('  longest event-loop block', `${median(blocks)} ms median, ${high(blocks)} ms p95`);
  const begin = performance.now();
  await Promise.all(
    names.slice(0, 50).map((name) => store.users.update(name, () => ({ write: user(name, 9), result: 0 }))),
  );
  print('  50 at once', `${(performance.now() - begin).toFixed(1)} ms for all`);
}

async function journal(store: Store, callers: number): Promise<void> {
  let done = 0;
  const times: number[] = [];
  const gap = longestGap();
  const begin = performance.now();
  const end = begin + 3000;
  const caller = async (number: number): Promise<void> => {
    for (let n = 0; performance.now() < end; n += 1) {
      const started = performance.now();
      await store.sessions.update(`${number}-${n % 20}`, () => ({ write: session(n), result: 0 }));
      times.push(performance.now() - started);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  const perSecond = Math.round((done * 1000) / (performance.now() - begin));
  print(`journal, ${callers} callers`, `${perSecond} updates/s, ${median(times)} ms median, ${high(times)} ms p95`);
  print('  longest event-loop block', `${gap.end().toFixed(1)} ms`);
}

async function start(store: Store, path: string): Promise<void> {
  const keys = Array.from({ length: 20_000 }, (_, n) => `s${n}`);
  await Promise.all(keys.map((key) => store.sessions.update(key, () => ({ write: session(1), result: 0 }))));
  await store.close();
  const begin = performance.now();
  const again = await opened(path);
  print('start with 20000 sessions', `${(performance.now() - begin).toFixed(0)} ms`);
  await again.close();
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

function median(values: number[]): string {
  return at(values, 0.5);
}

function high(values: number[]): string {
  return at(values, 0.95);
}

function at(values: number[], part: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2);
}

function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(34)} ${figure}\n`);
}
