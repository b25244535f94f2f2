/** Sessions that are packed read like those that are not, belong to the same people, and are gone when they are gone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { packed, unpacked } from '../../src/store/pack.ts';
import { SessionShelf } from '../../src/store/session-shelf.ts';
import type { SessionRecord } from '../../src/store/store.ts';
import { session, sessionOf } from './samples.ts';

/** More than the shelf leaves as they are. */
const MANY = 1_500;

function recordOf(i: number): SessionRecord {
  return { ...sessionOf(`person${i % 500}`), version: i, jar: [['sid', `value ${i}`, '/', null]] };
}

function full(): SessionShelf {
  const shelf = new SessionShelf();
  for (let i = 0; i < MANY; i += 1) shelf.set(`key${i}`, recordOf(i));
  return shelf;
}

describe('a packed record', () => {
  it('comes back as it was, whatever stands in it, and nobody can change it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue())), (jar) => {
        const record: SessionRecord = { ...sessionOf('ünï@例え.jp'), jar: JSON.parse(JSON.stringify(jar)) };
        expect(unpacked(packed(record))).toEqual(record);
      }),
    );
    const back = unpacked<SessionRecord>(packed(sessionOf('alice')));
    expect([back, back.session, back.jar].every(Object.isFrozen)).toBe(true);
  });

  it('keeps to its own bytes, also a long one among short ones', () => {
    const sizes = [1, 100, 5_000, 70_000, 3, 16_384];
    const records = sizes.map((size, i) =>
      session(i, Array.from({ length: size }, (_, at) => (at * 7919 * (i + 1)) % 9973).join()),
    );
    const all = records.map(packed);
    expect(all.map((bytes) => unpacked(bytes))).toEqual(records);
  });
});

describe('the shelf', () => {
  it('gives back every session, packed or not', () => {
    const shelf = full();
    expect(shelf.size).toBe(MANY);
    for (const i of [0, 1, 499, 500, MANY - 1]) expect(shelf.get(`key${i}`)).toEqual(recordOf(i));
    expect([...shelf].map(([key, record]) => [key, record.version])).toEqual(
      Array.from({ length: MANY }, (_, i) => [`key${i}`, i]),
    );
    expect(shelf.get('nobody')).toBeUndefined();
  });

  it('shows each once to whoever goes through them while they are written', () => {
    const shelf = full();
    let seen = 0;
    for (const [key, record] of shelf) {
      seen += 1;
      expect(seen).toBeLessThanOrEqual(MANY);
      shelf.set(key, { ...record, version: record.version + 1 });
    }
    expect(shelf.get('key3')?.version).toBe(4);
  });

  it('packs all but the latest', () => {
    const shelf = full();
    expect(shelf.get('key0')).not.toBe(shelf.get('key0'));
    expect(shelf.get(`key${MANY - 1}`)).toBe(shelf.get(`key${MANY - 1}`));
  });

  it('knows whose they are through every change', () => {
    const shelf = full();
    const person7 = 'person7' as Identity;
    expect(shelf.of(person7)).toEqual(['key7', 'key507', 'key1007']);
    shelf.set('key7', sessionOf('person8'));
    shelf.delete('key507');
    expect(shelf.of(person7)).toEqual(['key1007']);
    expect(shelf.of('person8' as Identity)).toContain('key7');
    shelf.set('key1007', session(1));
    expect(shelf.of(person7)).toEqual([]);
    shelf.set('again', sessionOf('person7'));
    expect(shelf.of(person7)).toEqual(['again']);
    shelf.delete('again');
    shelf.delete('again');
    expect(shelf.of(person7)).toEqual([]);
    expect(shelf.size).toBe(MANY - 1);
  });
});
