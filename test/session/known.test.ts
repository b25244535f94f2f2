/** Session objects that nobody keeps: found as long as they exist, and the end of one says nothing about the next. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Known } from '../../src/session/known.ts';
import { LiveSession } from '../../src/session/live.ts';
import { sessionOf } from '../store/samples.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function added(known: Known): WeakRef<LiveSession> {
  const session = new LiveSession('key', sessionOf('alice'));
  known.add(session);
  return new WeakRef(session);
}

describe('the known objects', () => {
  it('are gone when nobody has them', async () => {
    const known = new Known();
    const first = added(known);
    expect(known.get('key')).toBe(first.deref());
    await nextTurn();
    collect();
    expect(first.deref()).toBeUndefined();
    expect(known.get('key')).toBeUndefined();
    expect([...known.all()]).toEqual([]);
  });

  it('are found although one before with the same key was collected, and its end is only told now', async () => {
    const known = new Known();
    const first = added(known);
    await nextTurn();
    collect();
    expect(first.deref()).toBeUndefined();
    const second = new LiveSession('key', sessionOf('alice'));
    known.add(second);
    for (let turns = 0; turns < 5; turns += 1) await nextTurn();
    expect(known.get('key')).toBe(second);
  });
});
