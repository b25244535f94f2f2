/** One session as this process holds it: the stored record, the open jar, and everything that must end when it ends. */

import { identityOf, type Session } from '../gate/session.ts';
import type { Instant } from '../gate/types.ts';
import type { SessionRecord } from '../store/store.ts';
import { Jar } from './jar.ts';
import { Ties } from './ties.ts';

/**
 * Whether the application can still be believed to mean the same person; see login/recheck.ts. It belongs to the jar and moves
 * on with it when the session id changes: a request that is on its way does not stop because somebody proved a factor.
 */
export class Confidence {
  /** Unsafe requests on their way. */
  unsafeInFlight = 0;
  /** Something may have changed hands since the application was last asked. */
  unconfirmed = false;
  /** Rises whenever the application may have changed its mind; a question that began at another count proves nothing. */
  doubts = 0;
  /** Under which the other processes know what is doubted here; see sessions.ts. */
  name: string | undefined;
  /** Settles when they know. */
  told: Promise<void> | undefined;
  toldUntil: Instant = 0;

  /** The jar may speak for somebody else now. */
  shake(): void {
    this.unconfirmed = true;
    this.doubts += 1;
  }
}

export class LiveSession {
  readonly key: string;
  readonly jar: Jar;
  /** What the store has, or will have once the running write is done. */
  record: SessionRecord;
  /** Last activity in ms since the epoch; written to the store at most once a minute. */
  seenAt: Instant;
  /** Set once and never back: nothing may be released, stored or started for an ended session. */
  ended = false;
  /** Another process changed the record since it was read. */
  stale = false;
  /** Writes of this process that were begun, and those that are done; equal when the store has all of them. */
  edits = 0;
  written = 0;
  /** Settles with the last write that was begun. */
  writing: Promise<void> = Promise.resolve();
  /** Responses and sockets that are open now. */
  readonly running = new Ties();
  readonly #confidence: Confidence;
  /** One login exchange at a time: the jar belongs to it meanwhile. */
  exchange: Promise<unknown> = Promise.resolve();
  exchangesInFlight = 0;
  /** Version of the record when this id came to be held here. */
  readonly #heldFrom: number;

  /** @param confidence of the session that this one follows; a session from the store begins with a doubt. */
  constructor(key: string, record: SessionRecord, jar: Jar = Jar.fromJson(record.jar), confidence = new Confidence()) {
    this.key = key;
    this.#confidence = confidence;
    this.record = record;
    this.#heldFrom = record.version;
    this.jar = jar;
    this.seenAt = record.lastSeenAt;
  }

  get confidence(): Confidence {
    return this.#confidence;
  }

  get session(): Session {
    return this.record.session;
  }

  get csrf(): string {
    return this.record.csrf;
  }

  /**
   * Whether what is held here is what follows `record`, and is on its way to the store. Rights never rise under one id, so
   * whatever came after a record without them has none either.
   */
  precedes(record: SessionRecord): boolean {
    if (record.version > this.record.version) return false;
    if (this.record.session.state !== 'verified') return true;
    return record.session.state === 'verified' && identityOf(record.session) === identityOf(this.record.session);
  }

  /** What other processes doubt, in a record that is not taken. */
  heed({ doubts = {} }: SessionRecord): void {
    const { [this.#confidence.name ?? '']: _own, ...others } = doubts;
    if (Object.keys(others).length === 0) return;
    this.record = { ...this.record, doubts: { ...others, ...this.record.doubts } };
  }

  /** What another process wrote, with what this one has not written yet. */
  take(record: SessionRecord): void {
    this.record = record;
    this.stale = false;
    if (record.lastSeenAt > this.seenAt) this.seenAt = record.lastSeenAt;
    if (this.jar.follow(record.jar)) this.#confidence.shake();
  }

  /**
   * Whether an answer that was asked for under `version` may still go out (attack "race between login and a request"). Rights
   * rise only with a new id, which is another object: what changes here without taking them is a question for a fresh proof.
   */
  stillVerified(version: number): boolean {
    return !this.ended && version >= this.#heldFrom && this.record.session.state === 'verified';
  }
}
