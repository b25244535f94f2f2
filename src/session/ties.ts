/**
 * What runs on behalf of one session, in places that are used again and never given back. A Set or an array that grows and shrinks
 * leaves its outgrown tables behind, and until the next full collection those keep every finished response in memory: measured,
 * that made each small collection eight times as long and a request a fifth dearer.
 */

/** Something that runs on behalf of a session: a response, a socket. */
export interface Endable {
  abort(): void;
}

export class Ties {
  readonly #places: (Endable | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(running: Endable): void {
    this.#size += 1;
    const free = this.#places.indexOf(undefined);
    if (free < 0) this.#places.push(running);
    else this.#places[free] = running;
  }

  /** Without effect when it is not there. */
  remove(running: Endable): void {
    const at = this.#places.indexOf(running);
    if (at < 0) return;
    this.#places[at] = undefined;
    this.#size -= 1;
  }

  /** Ends all of them; what ends takes itself out, and what comes meanwhile stays. */
  abortAll(): void {
    for (const running of [...this.#places]) {
      if (running === undefined) continue;
      this.remove(running);
      running.abort();
    }
  }
}
