/**
 * A gateway's store in a process of its own, for tests that kill it. Confirms each update on stdout, one line each, before
 * it makes the next one; a line that was read is a promise that was given.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { openKeys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { counterAt, KEYS, sessionAt, userAt } from './steps.ts';

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Step after step on every key of every collection, all keys at once, for ever. */
async function write(store: Store, from: number): Promise<void> {
  const steps = async (kind: string, key: string, step: (n: number) => Promise<void>): Promise<void> => {
    for (let n = from; ; n += 1) {
      await step(n);
      say(`${kind} ${key} ${n}`);
    }
  };
  await Promise.all(
    KEYS.flatMap((key) => [
      steps('users', key, (n) => store.users.update(key, () => ({ write: userAt(key, n), result: undefined }))),
      steps('sessions', key, (n) => store.sessions.update(key, () => ({ write: sessionAt(n), result: undefined }))),
      steps('counters', key, (n) => store.counters.update(key, () => ({ write: counterAt(n), result: undefined }))),
    ]),
  );
}

/** Writes to one collection until a write is refused, then says what the store looks like. */
async function fill(store: Store, kind: 'users' | 'sessions'): Promise<void> {
  for (let n = 1; ; n += 1) {
    const key = `k${n}`;
    try {
      if (kind === 'users') await store.users.update(key, () => ({ write: userAt(key, 1), result: undefined }));
      else await store.sessions.update(key, () => ({ write: sessionAt(1), result: undefined }));
      say(`confirmed ${key}`);
    } catch (error) {
      const code = error instanceof StoreError ? error.code : String(error);
      const next = await store[kind].update('next', () => ({ result: 'accepted' })).catch(() => 'refused');
      say(`refused ${key} ${code} ${(await store[kind].get(key)) === undefined} ${store.healthy()} ${next}`);
      return;
    }
  }
}

async function main(folder: string, mode: string, argument: string): Promise<void> {
  const keys = await openKeys(join(folder, 'keys.json'), { create: true });
  const store = await openStore({ kind: 'lowdb', path: join(folder, 'data'), keys, clock: systemClock });
  say(`ready ${process.pid}`);
  if (mode === 'write') await write(store, Number(argument));
  else if (mode === 'fill') await fill(store, argument === 'users' ? 'users' : 'sessions');
  else setInterval(() => undefined, 60_000); // holds the store until it is killed
}

const [, , folder = '', mode = '', argument = ''] = process.argv;
main(folder, mode, argument).catch((error: unknown) => {
  say(error instanceof StoreError ? `error ${error.code} ${error.message}` : `error ${String(error)}`);
  process.exitCode = 1;
});
