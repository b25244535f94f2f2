/** The packed map is a map: whatever is done to it, and while somebody goes through it. What was removed gives its room back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackedMap } from '../../src/store/packed-map.ts';

/** Few keys, so that they meet; sizes up to what needs a page of its own. */
const key = fc.oneof(fc.integer({ min: 0, max: 40 }).map(String), fc.string({ unit: 'grapheme', maxLength: 400 }));
const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 90_000 }));
const change = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, size }),
  fc.record({ do: fc.constant('delete' as const), key }),
);
type Changing = typeof change extends fc.Arbitrary<infer C> ? C : never;

/** Content that is not the same twice. */
function bytesOf(size: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, at) => (at * 31 + seed * 7) % 251));
}

function valueIn(map: PackedMap, wanted: string): Buffer | undefined {
  const slot = map.find(wanted);
  return slot < 0 ? undefined : Buffer.from(map.bytesAt(slot));
}

function apply(map: PackedMap, model: Map<string, Buffer>, changing: Changing, seed: number): void {
  const had = map.find(changing.key);
  if (changing.do === 'delete') {
    expect(map.delete(changing.key)).toBe(had);
    model.delete(changing.key);
    return;
  }
  const bytes = bytesOf(changing.size, seed);
  const slot = map.set(changing.key, bytes);
  if (had >= 0) expect(slot, 'an entry keeps its slot').toBe(had);
  model.set(changing.key, bytes);
}

function expectSame(map: PackedMap, model: Map<string, Buffer>): void {
  expect(map.size).toBe(model.size);
  for (const [wanted, bytes] of model) expect(valueIn(map, wanted)?.equals(bytes)).toBe(true);
  const keys = [...map.slots()].map((slot) => map.keyAt(slot));
  expect(keys.toSorted()).toEqual([...model.keys()].toSorted());
}

describe('the packed map', () => {
  it('is a map', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const map = new PackedMap();
        const model = new Map<string, Buffer>();
        for (const [seed, changing] of changes.entries()) {
          apply(map, model, changing, seed);
          expect(valueIn(map, changing.key)?.equals(model.get(changing.key) ?? Buffer.of()) ?? false).toBe(
            model.has(changing.key),
          );
        }
        expectSame(map, model);
      }),
    );
  });

  it('shows each entry that stays exactly once to whoever goes through them while others come, go and change', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 100 }), fc.array(change, { maxLength: 100 }), (first, meanwhile) => {
        const map = new PackedMap();
        const model = new Map<string, Buffer>();
        for (const [seed, changing] of first.entries()) apply(map, model, changing, seed);
        const leaving = new Set(meanwhile.filter((one) => one.do === 'delete').map((one) => one.key));
        const staying = [...model.keys()].filter((one) => !leaving.has(one));
        const seen: string[] = [];
        const waiting = [...meanwhile];
        for (const slot of map.slots()) {
          seen.push(map.keyAt(slot));
          for (const changing of waiting.splice(0, 3)) apply(map, model, changing, waiting.length);
        }
        expect(seen.filter((one) => staying.includes(one)).toSorted()).toEqual(staying.toSorted());
        for (const changing of waiting) apply(map, model, changing, waiting.length);
        expectSame(map, model);
      }),
    );
  });

  it('grows to many, and forgets most of them in any order', () => {
    const map = new PackedMap();
    const model = new Map<string, Buffer>();
    for (let i = 0; i < 20_000; i += 1) apply(map, model, { do: 'set', key: `key${i}`, size: i % 40 }, i);
    for (let i = 0; i < 20_000; i += 1) {
      const at = (i * 7_919) % 20_000;
      if (at % 10 !== 0) apply(map, model, { do: 'delete', key: `key${at}` }, i);
    }
    expectSame(map, model);
  });

  it('takes little more room than what is in it, however often that changes', () => {
    const map = new PackedMap();
    const bytes = Buffer.alloc(500);
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 2_000; i += 1) map.set(`key${(i * 7_919) % 2_000}`, bytes);
    }
    expect(map.bytes).toBeLessThan(1.3 * 2_000 * 512);
    map.set('large', Buffer.alloc(1_000_000));
    map.set('large', bytes);
    expect(map.bytes).toBeLessThan(1.3 * 2_000 * 512);
    for (let i = 0; i < 2_000; i += 1) map.delete(`key${i}`);
    expect(map.bytes, 'and gives it back').toBeLessThan(200_000);
    expect(valueIn(map, 'large')?.length).toBe(500);
  });
});
