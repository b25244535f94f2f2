/**
 * Pieces of memory in which records lie one after the other: slot, key, bytes. Nothing is ever changed in its place. Of what was
 * removed the room comes back when the page is emptied, which costs a few copies and never leaves much unused. A page is small
 * enough to be emptied between two requests.
 */

/** @param to where it is from now on, or `undefined` for a question @returns whether the slot's bytes are the ones at `from` */
export type Owner = (slot: number, from: number, to: number | undefined) => boolean;

const PAGE_BYTES = 65_536;
/** What is larger has a page of its own: the rest of one must not stay empty because of it. */
const LARGE = PAGE_BYTES / 8;
/** Places are counted in units, so that 32 bits are enough for 16 GB. */
const UNIT = 4;
const UNITS = PAGE_BYTES / UNIT;
/** Slot, length of the key, length of the bytes. */
const HEAD = 12;
/** The part of a page that may be unused: with a sixteenth, one removal costs fifteen copies, a few microseconds. */
const MOST_UNUSED = 1 / 16;

interface Page {
  readonly memory: Buffer;
  readonly first: number;
  filled: number;
  unused: number;
}

export class Pages {
  readonly #owner: Owner;
  readonly #pages: (Page | undefined)[] = [];
  readonly #free: number[] = [];
  /** Enough of them is unused, perhaps. */
  readonly #due: Page[] = [];
  #newest: Page | undefined;
  #bytes = 0;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the place */
  add(slot: number, key: Uint8Array, bytes: Uint8Array): number {
    const length = HEAD + key.length + bytes.length;
    const page = this.#pageFor(length);
    const { filled, memory } = page;
    memory.writeUInt32LE(slot, filled);
    memory.writeUInt32LE(key.length, filled + 4);
    memory.writeUInt32LE(bytes.length, filled + 8);
    memory.set(key, filled + HEAD);
    memory.set(bytes, filled + HEAD + key.length);
    page.filled += rounded(length);
    return page.first + filled / UNIT;
  }

  remove(place: number): void {
    const page = this.#pageOf(place);
    page.unused += lengthAt(page.memory, offsetOf(place));
    if (page !== this.#newest) this.#due.push(page);
  }

  keyAt(place: number): Buffer {
    const { memory } = this.#pageOf(place);
    const at = offsetOf(place);
    return memory.subarray(at + HEAD, at + HEAD + memory.readUInt32LE(at + 4));
  }

  bytesAt(place: number): Buffer {
    const { memory } = this.#pageOf(place);
    const at = offsetOf(place);
    const begin = at + HEAD + memory.readUInt32LE(at + 4);
    return memory.subarray(begin, begin + memory.readUInt32LE(at + 8));
  }

  /** Empties the pages of which too much is unused; places change. */
  tidy(): void {
    for (let page = this.#due.pop(); page !== undefined; page = this.#due.pop()) {
      if (page.unused > MOST_UNUSED * page.filled && this.#pages[page.first / UNITS] === page) this.#empty(page);
    }
  }

  #empty(page: Page): void {
    const { first, memory } = page;
    for (let at = 0; at < page.filled; at += lengthAt(memory, at)) {
      const slot = memory.readUInt32LE(at);
      const place = first + at / UNIT;
      if (!this.#owner(slot, place, undefined)) continue;
      this.#owner(slot, place, this.add(slot, this.keyAt(place), this.bytesAt(place)));
    }
    this.#pages[first / UNITS] = undefined;
    this.#free.push(first / UNITS);
    this.#bytes -= memory.length;
  }

  #pageFor(length: number): Page {
    if (length > LARGE) return this.#newPage(rounded(length));
    const newest = this.#newest;
    if (newest !== undefined && newest.filled + rounded(length) <= PAGE_BYTES) return newest;
    if (newest !== undefined) this.#due.push(newest);
    this.#newest = this.#newPage(PAGE_BYTES);
    return this.#newest;
  }

  #newPage(length: number): Page {
    const number = this.#free.pop() ?? this.#pages.length;
    const page = { memory: Buffer.allocUnsafeSlow(length), first: number * UNITS, filled: 0, unused: 0 };
    this.#pages[number] = page;
    this.#bytes += length;
    return page;
  }

  #pageOf(place: number): Page {
    const page = this.#pages[Math.floor(place / UNITS)];
    if (page === undefined) throw new RangeError('nothing is there');
    return page;
  }
}

function offsetOf(place: number): number {
  return (place % UNITS) * UNIT;
}

function lengthAt(memory: Buffer, at: number): number {
  return rounded(HEAD + memory.readUInt32LE(at + 4) + memory.readUInt32LE(at + 8));
}

function rounded(length: number): number {
  return Math.ceil(length / UNIT) * UNIT;
}
