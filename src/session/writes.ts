/**
 * How what this process holds of a session gets to the store: by compare-and-set, so that of two that race one wins, and with
 * what is not written yet known to whoever must not believe it.
 */
import type { Change, SessionCollection, SessionRecord } from '../store/store.ts';
import type { Following } from './following.ts';
import type { LiveSession } from './live.ts';

/** What becomes of a record. */
export type Successor = (current: SessionRecord) => SessionRecord;
type SessionChange = (current: SessionRecord | undefined) => Change<SessionRecord, boolean>;

export interface WriteParts {
  readonly store: SessionCollection;
  /** Present when other processes share the store. */
  readonly following: Following | undefined;
  /** A record that is about to be written, with the end of its time. */
  readonly stamped: Successor;
  /** Nobody waits for this. */
  readonly background: (work: Promise<unknown>) => void;
}

export class Writes {
  readonly #parts: WriteParts;

  constructor(parts: WriteParts) {
    this.#parts = parts;
  }

  /** Changes what is no right: here at once, in the store when its record still has the version that it had here. */
  patch(session: LiveSession, change: Successor): Promise<boolean> {
    if (session.ended) return Promise.resolve(false);
    const { stamped } = this.#parts;
    const { version } = session.record;
    session.record = stamped(change(session.record));
    return this.write(session, (current) =>
      current?.version === version && !session.ended
        ? { write: stamped(change(current)), result: true }
        : { result: false },
    );
  }

  /** @returns whether the store has it; when not, it was asked what it has instead, so that nobody believes what was not written. */
  write(session: LiveSession, change: SessionChange): Promise<boolean> {
    const written = this.#written(session, change);
    session.writing = written.then(() => undefined);
    this.#parts.background(session.writing);
    return written;
  }

  async #written(session: LiveSession, change: SessionChange): Promise<boolean> {
    const { following } = this.#parts;
    try {
      if (await this.update(session, change)) return true;
    } catch (error) {
      session.wake(); // it was read anew, and came to rest meanwhile: what it is told now must not be lost
      session.stale = following !== undefined;
      throw error;
    }
    if (!session.ended) await following?.ask(session.key);
    return false;
  }

  /** @returns what `change` gave as its result */
  async update(session: LiveSession, change: SessionChange): Promise<boolean> {
    session.edits += 1;
    let isWritten = false;
    try {
      isWritten = await this.#parts.store.update(session.key, change);
      return isWritten;
    } finally {
      session.written += 1;
      if (!isWritten) session.differs = true;
    }
  }
}
