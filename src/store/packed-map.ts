/**
 * A map from keys to bytes that lies outside the heap of the engine: however many there are, the collector has a few hundred objects
 * to look at. Bytes are appended to pages, and a page of which enough is no longer used is emptied into the newest one. Knows
 * nothing of what the bytes mean.
 *
 * Each entry has a number, its slot, which stays the same as long as the entry does: whoever wants to know more about it keeps
 * that in a column of its own, and whoever goes through the slots meets each entry that stays exactly once, whatever else comes,
 * goes or changes meanwhile. What comes meanwhile may be met or not.
 */
import { randomInt } from 'node:crypto';
import { Column } from './column.ts';
import { Pages } from './pages.ts';

/** Places of the table for each entry, at least; they are searched one after the other. */
const SPARSE = 1.5;
const FIRST = 1_024;

export class PackedMap {
  /** Nobody can choose keys that fall on the same place. */
  readonly #seed = randomInt(2 ** 32);
  readonly #hashes = new Column(Uint32Array);
  /** Where the bytes of a slot are, plus one; 0: the slot is free. */
  readonly #places = new Column(Uint32Array);
  readonly #pages: Pages;
  /** Slot plus one, at the place of its hash or after it. */
  #table = new Uint32Array(FIRST);
  readonly #free: number[] = [];
  #end = 0;
  #size = 0;
  /** The key that was asked for last, as bytes. */
  #key = Buffer.allocUnsafeSlow(256);
  #keyLength = 0;
  #hash = 0;

  constructor() {
    this.#pages = new Pages((slot, from, to) => {
      if (this.#places.get(slot) !== from + 1) return false;
      if (to !== undefined) this.#places.set(slot, to + 1);
      return true;
    });
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory that all of it takes, but for columns. */
  get bytes(): number {
    return this.#pages.bytes;
  }

  /** @returns the slot, or -1 */
  find(key: string): number {
    this.#ask(key);
    return (this.#table[this.#look()] ?? 0) - 1;
  }

  /** @param bytes are copied @returns the slot, which is the one that the key had, if it had one */
  set(key: string, bytes: Uint8Array): number {
    this.#ask(key);
    const found = (this.#table[this.#look()] ?? 0) - 1;
    const slot = found >= 0 ? found : this.#newSlot();
    const before = this.#places.get(slot);
    this.#places.set(slot, 1 + this.#pages.add(slot, this.#key.subarray(0, this.#keyLength), bytes));
    if (before > 0) this.#pages.remove(before - 1);
    this.#pages.tidy();
    return slot;
  }

  /** @returns the slot that it had, or -1 */
  delete(key: string): number {
    this.#ask(key);
    const at = this.#look();
    const slot = (this.#table[at] ?? 0) - 1;
    if (slot < 0) return -1;
    this.#close(at);
    this.#pages.remove(this.#places.get(slot) - 1);
    this.#places.set(slot, 0);
    this.#free.push(slot);
    this.#size -= 1;
    this.#pages.tidy();
    return slot;
  }

  /** What is there until the next change of any entry; not to be written to. */
  bytesAt(slot: number): Buffer {
    return this.#pages.bytesAt(this.#places.get(slot) - 1);
  }

  keyAt(slot: number): string {
    return this.#pages.keyAt(this.#places.get(slot) - 1).toString();
  }

  *slots(): IterableIterator<number> {
    for (let slot = 0; slot < this.#end; slot += 1) if (this.#places.get(slot) > 0) yield slot;
  }

  #ask(key: string): void {
    if (3 * key.length > this.#key.length) this.#key = Buffer.allocUnsafeSlow(3 * key.length);
    this.#keyLength = this.#key.write(key);
    let hash = this.#seed;
    for (let i = 0; i < this.#keyLength; i += 1) hash = Math.imul(hash ^ (this.#key[i] ?? 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    this.#hash = (hash ^ (hash >>> 13)) >>> 0;
  }

  /** Place in the table of what was asked for, or the one where it would be. */
  #look(): number {
    const mask = this.#table.length - 1;
    for (let at = this.#hash & mask; ; at = (at + 1) & mask) {
      const slot = (this.#table[at] ?? 0) - 1;
      if (slot < 0 || (this.#hashes.get(slot) === this.#hash && this.#isKeyOf(slot))) return at;
    }
  }

  #isKeyOf(slot: number): boolean {
    return this.#pages.keyAt(this.#places.get(slot) - 1).equals(this.#key.subarray(0, this.#keyLength));
  }

  #newSlot(): number {
    if ((this.#size + 1) * SPARSE > this.#table.length) this.#growTable();
    const slot = this.#free.pop() ?? this.#end;
    if (slot === this.#end) this.#end += 1;
    this.#hashes.set(slot, this.#hash);
    this.#table[this.#look()] = slot + 1;
    this.#size += 1;
    return slot;
  }

  #growTable(): void {
    const old = this.#table;
    const mask = 2 * old.length - 1;
    this.#table = new Uint32Array(mask + 1);
    for (const entry of old) {
      if (entry === 0) continue;
      let at = this.#hashes.get(entry - 1) & mask;
      while (this.#table[at] !== 0) at = (at + 1) & mask;
      this.#table[at] = entry;
    }
  }

  /** Empties a place of the table; whoever stands behind it only because it was taken moves up. */
  #close(at: number): void {
    const mask = this.#table.length - 1;
    let hole = at;
    for (let next = (hole + 1) & mask; ; next = (next + 1) & mask) {
      const entry = this.#table[next] ?? 0;
      if (entry === 0) break;
      const home = this.#hashes.get(entry - 1) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue; // it may not stand before its own place
      this.#table[hole] = entry;
      hole = next;
    }
    this.#table[hole] = 0;
  }
}
