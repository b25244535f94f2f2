/**
 * Keeps what this process holds in step with a store that others write to. A verified session is believed without asking
 * while everything that others do is being heard; anything else is asked for. It decides no rights.
 */
import { identityOf } from '../gate/session.ts';
import type { Elsewhere, SessionCollection, SessionRecord } from '../store/store.ts';
import type { Held } from './held.ts';
import { LiveSession } from './live.ts';

/** How often a record is read again because it changed while it was being read. */
const MOST_READS = 5;
/** Without a word from the store for so long, in ms, what runs for a session is ended: nobody could tell us of its end. */
export const DEAF_MS = 30_000;

export class Following {
  readonly #store: SessionCollection;
  readonly #elsewhere: Elsewhere;
  readonly #held: Held;
  #heardAt: number | undefined;

  constructor(store: SessionCollection, elsewhere: Elsewhere, held: Held) {
    this.#store = store;
    this.#elsewhere = elsewhere;
    this.#held = held;
    elsewhere.onChange((key) => this.#changed(key));
  }

  /** Whether the session may be used without asking the store. */
  isCurrent(session: LiveSession): boolean {
    return !session.stale && session.state === 'verified' && this.#elsewhere.isHeard();
  }

  /**
   * The session as the store has it now.
   * @throws StoreError when the store cannot be asked: then nobody knows whether it still exists (I6)
   */
  async ask(key: string): Promise<LiveSession | undefined> {
    for (let reads = 1; ; reads += 1) {
      const session = this.#held.get(key);
      const edits = session?.edits;
      const arrival = this.#held.expect(key);
      let record: SessionRecord | undefined;
      try {
        record = await this.#store.get(key);
      } finally {
        this.#held.arrived(key, arrival);
      }
      if (arrival.over && reads < MOST_READS) continue;
      const now = this.#held.get(key);
      if (now === undefined) {
        if (record === undefined || session?.ended === true) return undefined;
        return this.#adopt(key, record, arrival.over);
      }
      if (record === undefined) {
        // No key is used twice: what the store does not have any more has ended, whatever is still to be written about it.
        if (!this.#held.isUnborn(now)) this.#held.drop(now);
        return now.ended ? undefined : now;
      }
      const isBusy = now !== session || now.edits !== edits || now.edits !== now.written;
      if (isBusy && now.precedes(record)) {
        now.heed(record); // and asked for again: others may have changed what was not looked at
        return now.ended ? undefined : now;
      }
      this.#take(now, record);
      now.stale = arrival.over; // it never stood still: good for this once, and asked for again
      return now.ended ? undefined : now;
    }
  }

  /** Ends what runs when the store was not heard for too long; called with each look at the open sockets. */
  watch(now: number): void {
    if (this.#elsewhere.isHeard()) this.#heardAt = now;
    this.#heardAt ??= now;
    if (now - this.#heardAt < DEAF_MS) return;
    for (const session of this.#held.busy()) this.#held.abortAll(session);
  }

  #adopt(key: string, record: SessionRecord, isOver: boolean): LiveSession {
    const session = this.#held.add(new LiveSession(key, record));
    session.confidence.unconfirmed = true; // another process may have a request on its way
    session.stale = isOver;
    return session;
  }

  #take(session: LiveSession, record: SessionRecord): void {
    const before = session.record;
    session.take(record);
    const isSame = identityOf(before.session) === identityOf(record.session);
    if (!isSame || record.session.state !== 'verified') this.#held.abortAll(session);
    this.#held.classify(session);
  }

  #changed(key: string | undefined): void {
    if (key === undefined) {
      this.#held.overtake();
      this.#held.doubt(undefined);
      for (const session of this.#held.busy()) this.askSoon(session);
      return;
    }
    this.#held.overtake(key);
    const session = this.#held.doubt(key);
    if (session === undefined) return;
    // Nobody may ever ask for it again, and it would keep a socket open, or count as a session without a login.
    if (session.isBusy || session.state === 'anonymous') this.askSoon(session);
  }

  /** A store that cannot be asked says so by not being heard; when it is back, everything is asked about anew. */
  askSoon(session: LiveSession): void {
    this.ask(session.key).catch(() => undefined);
  }
}
