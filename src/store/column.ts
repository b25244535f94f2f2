/** One number for each entry of a {@link PackedMap}, beside it: grows as it is written, and no number is an object. Pure. */

type Numbers = Float64Array | Uint32Array | Uint8Array;

const FIRST = 1_024;

export class Column<A extends Numbers = Numbers> {
  readonly #make: new (
    length: number,
  ) => A;
  #numbers: A;

  constructor(make: new (length: number) => A) {
    this.#make = make;
    this.#numbers = new make(FIRST);
  }

  /** 0 where nothing was written. */
  get(at: number): number {
    return this.#numbers[at] ?? 0;
  }

  set(at: number, number: number): void {
    if (at >= this.#numbers.length) this.#grow(at);
    this.#numbers[at] = number;
  }

  /** @returns the first entry from `from` on that has this number, which is not 0; or -1 */
  find(number: number, from: number): number {
    return this.#numbers.indexOf(number, from);
  }

  #grow(at: number): void {
    let length = this.#numbers.length;
    while (length <= at) length *= 2;
    const numbers = new this.#make(length);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}
