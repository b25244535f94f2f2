/**
 * Session objects that somebody may still have although nobody keeps them. The collector takes them when nobody has them any more;
 * until then they are found again, and there is no second object for the same session.
 */
import type { LiveSession } from './live.ts';

class Reference extends WeakRef<LiveSession> {
  readonly key: string;

  constructor(session: LiveSession) {
    super(session);
    this.key = session.key;
  }
}

export class Known {
  readonly #references = new Map<string, Reference>();
  readonly #collected = new FinalizationRegistry<Reference>((reference) => {
    // Another object of the same session may have been made since.
    if (this.#references.get(reference.key) === reference) this.#references.delete(reference.key);
  });

  get(key: string): LiveSession | undefined {
    return this.#references.get(key)?.deref();
  }

  add(session: LiveSession): void {
    if (this.get(session.key) === session) return;
    const reference = new Reference(session);
    this.#references.set(session.key, reference);
    this.#collected.register(session, reference);
  }

  delete(key: string): void {
    this.#references.delete(key);
  }

  *all(): IterableIterator<LiveSession> {
    for (const reference of this.#references.values()) {
      const session = reference.deref();
      if (session !== undefined) yield session;
    }
  }
}
