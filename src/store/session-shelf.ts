/**
 * Sessions in this process's memory, by key and by identity. All but the latest are packed, outside the heap of the engine: of
 * 100,000 sessions a few thousand are in use, and the others only wait for somebody to come back.
 */
import { createHash, randomBytes } from 'node:crypto';
import { identityOf } from '../gate/session.ts';
import type { Identity } from '../gate/types.ts';
import { Column } from './column.ts';
import { packed, unpacked } from './pack.ts';
import { PackedMap } from './packed-map.ts';
import type { SessionRecord } from './store.ts';
import type { Shelf } from './table.ts';

/** Written last and left as they are: what a login writes several times within seconds is packed once. */
const MOST_LOOSE = 64;
const NOTHING = new Uint8Array(0);
const NOBODY = 0;

export class SessionShelf implements Shelf<SessionRecord> {
  /** All of them; of those that are loose only the key counts. */
  readonly #packed = new PackedMap();
  /** What is not packed, oldest first. */
  readonly #loose = new Map<string, SessionRecord>();
  /** By slot: whose it is, as a number. Another identity with the same one costs a look at the record. */
  readonly #owners = new Column(Uint32Array);
  /** Nobody can choose a name that has the number of somebody else's. */
  readonly #seed = randomBytes(16);

  get size(): number {
    return this.#packed.size;
  }

  get(key: string): SessionRecord | undefined {
    const loose = this.#loose.get(key);
    if (loose !== undefined) return loose;
    const slot = this.#packed.find(key);
    return slot < 0 ? undefined : unpacked(this.#packed.bytesAt(slot));
  }

  set(key: string, record: SessionRecord): void {
    const found = this.#packed.find(key);
    const slot = found < 0 ? this.#packed.set(key, NOTHING) : found;
    this.#owners.set(slot, this.#numberOf(identityOf(record.session)));
    this.#loose.delete(key);
    this.#loose.set(key, record);
    if (this.#loose.size > MOST_LOOSE) this.#packOldest();
  }

  delete(key: string): void {
    const slot = this.#packed.delete(key);
    if (slot >= 0) this.#owners.set(slot, NOBODY);
    this.#loose.delete(key);
  }

  /** Whoever goes through them meets each that stays once, whatever is written meanwhile. */
  *[Symbol.iterator](): IterableIterator<readonly [key: string, record: SessionRecord]> {
    for (const slot of this.#packed.slots()) {
      const key = this.#packed.keyAt(slot);
      yield [key, this.#loose.get(key) ?? unpacked(this.#packed.bytesAt(slot))];
    }
  }

  /** Keys of the sessions in which this identity logged in; there may be others among them, so the record has the last word. */
  of(identity: Identity): readonly string[] {
    const number = this.#numberOf(identity);
    const keys: string[] = [];
    for (let slot = this.#owners.find(number, 0); slot >= 0; slot = this.#owners.find(number, slot + 1)) {
      keys.push(this.#packed.keyAt(slot));
    }
    return keys;
  }

  #numberOf(identity: Identity | undefined): number {
    if (identity === undefined) return NOBODY;
    return createHash('sha256').update(this.#seed).update(identity).digest().readUInt32LE() || 1;
  }

  #packOldest(): void {
    for (const [key, record] of this.#loose) {
      this.#packed.set(key, packed(record));
      this.#loose.delete(key);
      return;
    }
  }
}
