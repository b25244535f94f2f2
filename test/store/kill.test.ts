/** I9 as a test: what was confirmed survives `kill -9` at any moment, and the next start works. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { startChild, useChildren } from './processes.ts';
import { newFolder, openIn } from './samples.ts';
import { isRemoval, KEYS } from './steps.ts';

useChildren();

const ROUNDS = 24;
/** More steps than a round can take, so that every step of a later round has a higher number. */
const STRIDE = 100_000;

async function stepOf(store: Store, name: string): Promise<number | undefined> {
  const [kind = '', key = ''] = name.split(' ');
  if (kind === 'users') return (await store.users.get(key))?.factorVersion;
  if (kind === 'sessions') return store.sessions.peek(key)?.version;
  const n = (await store.counters.get(key))?.['n'];
  return n === undefined ? undefined : Number(n);
}

const after = (n: number): number | undefined => (n === 0 || isRemoval(n) ? undefined : n);

it(`loses nothing that was confirmed in ${ROUNDS} rounds of kill -9`, { timeout: 120_000 }, async () => {
  const folder = await newFolder();
  const names = ['users', 'sessions', 'counters'].flatMap((kind) => KEYS.map((key) => `${kind} ${key}`));
  const reached = new Map(names.map((name) => [name, 0])); // the last step that is known to be on the disk
  let confirmedInAll = 0;

  for (let round = 1; round <= ROUNDS; round += 1) {
    const from = round * STRIDE + 1;
    const killAfter = Math.floor(Math.random() ** 2 * 1500);
    const confirmed = new Map<string, number>();
    const child = startChild([folder, 'write', String(from)]);
    let count = 0;
    child.lines.on('line', (line: string) => {
      const [, name, n] = /^((?:users|sessions|counters) \w) (\d+)$/.exec(line) ?? [];
      if (name !== undefined) confirmed.set(name, Number(n));
      else expect(line).toMatch(/^ready /);
      count += 1;
      if (count > killAfter) child.kill();
    });
    await child.ended;
    confirmedInAll += count;

    const { store, notes } = await openIn(folder);
    expect(notes).toContainEqual({ note: 'lock-taken-over', pid: child.pid });
    for (const name of names) {
      const last = confirmed.get(name);
      // The step after the last confirmed one was under way: it may be there or not, but nothing else may.
      const possible = [last ?? reached.get(name) ?? 0, last === undefined ? from : last + 1];
      const found = await stepOf(store, name);
      const where = `round ${round}, killed after ${killAfter} lines, ${name}: possible steps ${possible}`;
      expect(possible.map(after), where).toContain(found);
      reached.set(name, possible.find((n) => after(n) === found) ?? 0);
    }
    await store.close();
  }
  expect(confirmedInAll).toBeGreaterThan(ROUNDS * 50);
});
