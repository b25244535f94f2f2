/**
 * Sessions in this process's memory, by key and by identity. All but the latest are packed: of 100,000 sessions a few thousand
 * are in use, and the others only wait for somebody to come back.
 */
import { identityOf } from '../gate/session.ts';
import type { Identity } from '../gate/types.ts';
import { packed, unpacked } from './pack.ts';
import type { SessionRecord } from './store.ts';
import type { Shelf } from './table.ts';

/** Written last and left as they are: what a login writes several times within seconds is packed once. */
const MOST_LOOSE = 1_000;

interface Owner {
  readonly identity: Identity;
  /** One key alone needs no set: the usual case, and a fifth of the memory. */
  keys: string | Set<string>;
}

interface Place {
  readonly owner: Owner | undefined;
  record: SessionRecord | Buffer;
}

export class SessionShelf implements Shelf<SessionRecord> {
  readonly #places = new Map<string, Place>();
  readonly #owners = new Map<Identity, Owner>();
  /** Keys of what is not packed, oldest first. */
  readonly #loose = new Set<string>();

  get size(): number {
    return this.#places.size;
  }

  get(key: string): SessionRecord | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : recordIn(place);
  }

  set(key: string, record: SessionRecord): void {
    const identity = identityOf(record.session);
    const place = this.#places.get(key);
    if (place !== undefined && place.owner?.identity === identity) {
      place.record = record; // where it was: who goes through all of them meets each once
      this.#loose.delete(key);
    } else {
      this.delete(key);
      this.#places.set(key, { owner: this.#own(key, identity), record });
    }
    this.#loose.add(key);
    if (this.#loose.size > MOST_LOOSE) this.#packOldest();
  }

  delete(key: string): void {
    const owner = this.#places.get(key)?.owner;
    this.#places.delete(key);
    this.#loose.delete(key);
    if (owner === undefined) return;
    if (typeof owner.keys === 'string') this.#owners.delete(owner.identity);
    else {
      owner.keys.delete(key);
      if (owner.keys.size === 0) this.#owners.delete(owner.identity);
    }
  }

  *[Symbol.iterator](): IterableIterator<readonly [key: string, record: SessionRecord]> {
    for (const [key, place] of this.#places) yield [key, recordIn(place)];
  }

  /** The sessions in which this identity logged in. */
  of(identity: Identity): readonly string[] {
    const keys = this.#owners.get(identity)?.keys ?? [];
    return typeof keys === 'string' ? [keys] : [...keys];
  }

  #own(key: string, identity: Identity | undefined): Owner | undefined {
    if (identity === undefined) return undefined;
    const owner = this.#owners.get(identity);
    if (owner === undefined) {
      const first = { identity, keys: key };
      this.#owners.set(identity, first);
      return first;
    }
    if (typeof owner.keys === 'string') owner.keys = new Set([owner.keys]);
    owner.keys.add(key);
    return owner;
  }

  #packOldest(): void {
    for (const key of this.#loose) {
      this.#loose.delete(key);
      const place = this.#places.get(key);
      if (place !== undefined && !Buffer.isBuffer(place.record)) place.record = packed(place.record);
      return;
    }
  }
}

function recordIn({ record }: Place): SessionRecord {
  return Buffer.isBuffer(record) ? unpacked(record) : record;
}
