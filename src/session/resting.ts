/**
 * What must not be forgotten of a session that nobody uses, outside the heap of the engine. One of 100,000 sessions at rest is no
 * object: whoever asks for it gets one made of this, see held.ts. Knows no rules, and ends nothing.
 */
import type { Instant } from '../gate/types.ts';
import { Column } from '../store/column.ts';
import { PackedMap } from '../store/packed-map.ts';
import type { Aging } from './limits.ts';

/** Of a verified session, all that is needed without its record. */
export interface Remains {
  readonly createdAt: Instant;
  readonly rightsUntil: Instant | undefined;
  readonly isBoundToNetwork: boolean;
  /** Last activity, which the record has only to the minute. */
  readonly seenAt: Instant;
  /** Version of the record when the id came to be held here. */
  readonly heldFrom: number;
  /** The application must be asked before it is believed. */
  readonly unconfirmed: boolean;
  /** Another process changed the record. */
  readonly stale: boolean;
}

const NOTHING = new Uint8Array(0);
const BOUND = 1;
const UNCONFIRMED = 2;

export class Resting {
  /** The packed record, or nothing. */
  readonly #map = new PackedMap();
  readonly #createdAt = new Column(Float64Array);
  /** Of the few whose rights end by themselves. */
  readonly #rightsUntil = new Map<number, Instant>();
  readonly #seenAt = new Column(Float64Array);
  readonly #heldFrom = new Column(Uint32Array);
  readonly #flags = new Column(Uint8Array);
  /** Of what was to be heard when the session was known to be as others have it; what is older is stale. */
  readonly #age = new Column(Uint32Array);
  #now = 1;

  get size(): number {
    return this.#map.size;
  }

  has(key: string): boolean {
    return this.#map.find(key) >= 0;
  }

  /** @param packed the record in few bytes, when nobody else keeps it */
  set(key: string, remains: Remains, packed: Buffer | undefined): void {
    const slot = this.#map.set(key, packed ?? NOTHING);
    this.#createdAt.set(slot, remains.createdAt);
    if (remains.rightsUntil !== undefined) this.#rightsUntil.set(slot, remains.rightsUntil);
    this.#seenAt.set(slot, remains.seenAt);
    this.#heldFrom.set(slot, remains.heldFrom);
    this.#flags.set(slot, (remains.isBoundToNetwork ? BOUND : 0) | (remains.unconfirmed ? UNCONFIRMED : 0));
    this.#age.set(slot, remains.stale ? 0 : this.#now);
  }

  get(key: string): Remains | undefined {
    const slot = this.#map.find(key);
    if (slot < 0) return undefined;
    const flags = this.#flags.get(slot);
    return {
      createdAt: this.#createdAt.get(slot),
      rightsUntil: this.#rightsUntil.get(slot),
      seenAt: this.#seenAt.get(slot),
      heldFrom: this.#heldFrom.get(slot),
      isBoundToNetwork: (flags & BOUND) !== 0,
      unconfirmed: (flags & UNCONFIRMED) !== 0,
      stale: this.#age.get(slot) !== this.#now,
    };
  }

  /** Forgets it. @returns the packed record */
  take(key: string): Buffer | undefined {
    const slot = this.#map.find(key);
    if (slot < 0) return undefined;
    const bytes = Buffer.from(this.#map.bytesAt(slot));
    this.#map.delete(key);
    this.#rightsUntil.delete(slot);
    return bytes.length === 0 ? undefined : bytes;
  }

  /** Another process changed its record. */
  doubt(key: string): void {
    const slot = this.#map.find(key);
    if (slot >= 0) this.#age.set(slot, 0);
  }

  /** Another process may have changed any record. */
  doubtAll(): void {
    this.#now += 1;
  }

  /** Keys of those of whom `isOver` says it. */
  find(isOver: (aging: Aging, seenAt: Instant) => boolean): string[] {
    const found: string[] = [];
    for (const slot of this.#map.slots()) {
      const [createdAt, rightsUntil] = [this.#createdAt.get(slot), this.#rightsUntil.get(slot)];
      if (isOver({ state: 'verified', createdAt, rightsUntil }, this.#seenAt.get(slot)))
        found.push(this.#map.keyAt(slot));
    }
    return found;
  }
}
