/**
 * One session as this process holds it: the stored record, the open jar, and everything that must end when it ends. There is never
 * a second object for a session, so that whoever knows it learns of its end. A session at rest has none, or one that nobody keeps
 * but whoever has it still; whatever such a one is told from then on wakes it first, so that nothing is told in vain.
 */
import { identityOf, isBoundToNetwork, rightsUntil, type Session } from '../gate/session.ts';
import type { Instant } from '../gate/types.ts';
import { packed, unpacked } from '../store/pack.ts';
import { type SessionCollection, type SessionRecord, StoreError } from '../store/store.ts';
import { Jar } from './jar.ts';
import type { Remains } from './resting.ts';
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
  /** The session whose jar it is now: older ids of it speak of the same jar. */
  owner: LiveSession | undefined;

  /** Whether it can be made again from `unconfirmed` alone, when nobody has it any more. */
  get isPlain(): boolean {
    return this.unsafeInFlight === 0 && this.told === undefined;
  }

  /** The jar may speak for somebody else now. */
  shake(): void {
    this.unconfirmed = true;
    this.doubts += 1;
  }
}

/** Where the record of a session at rest can be had again. */
export type Keeper = Pick<SessionCollection, 'peek'>;

/** Who is told when a session at rest is needed again. @returns the record in few bytes, if it was kept so */
export interface Waker {
  woken(session: LiveSession): Buffer | undefined;
}

/** A session that was at rest, and where everything else about it is. */
export interface Resumed {
  readonly remains: Remains;
  readonly keeper: Keeper | undefined;
  readonly waker: Waker;
}

const DONE: Promise<unknown> = Promise.resolve();

export class LiveSession {
  readonly key: string;
  /** Set once and never back: nothing may be released, stored or started for an ended session. */
  ended = false;
  /** The object of the same session that took its place: whoever ends this one means that one. */
  heir: LiveSession | undefined;
  /** Another process changed the record since it was read. */
  stale = false;
  /** Writes of this process that were begun, and those that are done; equal when the store has all of them. */
  edits = 0;
  written = 0;
  /** A write did not succeed: what is held here is to be had nowhere else. */
  differs = false;
  /** Settles with the last write that was begun. */
  writing: Promise<void> | undefined;
  /** One login exchange at a time: the jar belongs to it meanwhile. */
  exchange = DONE;
  exchangesInFlight = 0;
  /** Somebody asked for it since held.ts last looked for sessions to lay to rest; and whether that looks at it at all. */
  isUsed = true;
  isListed = false;
  readonly #confidence: Confidence;
  /** Version of the record when this id came to be held here. */
  readonly #heldFrom: number;
  #state: Session['state'];
  #createdAt: Instant;
  #rightsUntil: Instant | undefined;
  #isBoundToNetwork: boolean;
  #record: SessionRecord | undefined;
  #jar: Jar | undefined;
  #running: Ties | undefined;
  #seenAt: Instant;
  /** While there is no record here: it in few bytes, or who has it. */
  #kept: Buffer | Keeper | undefined;
  /** Present at rest. */
  #waker: Waker | undefined;

  /** @param confidence of the session that this one follows; a session from the store begins with a doubt. */
  constructor(key: string, found: SessionRecord | Resumed, jar?: Jar, confidence = new Confidence()) {
    this.key = key;
    this.#confidence = confidence;
    confidence.owner = this;
    this.#jar = jar;
    if ('remains' in found) {
      const { remains } = found;
      this.#state = 'verified';
      this.#createdAt = remains.createdAt;
      this.#rightsUntil = remains.rightsUntil;
      this.#isBoundToNetwork = remains.isBoundToNetwork;
      this.#heldFrom = remains.heldFrom;
      this.#seenAt = remains.seenAt;
      this.#kept = found.keeper;
      this.#waker = found.waker;
      this.stale = remains.stale;
      confidence.unconfirmed = remains.unconfirmed;
    } else {
      this.#record = found;
      this.#state = found.session.state;
      this.#createdAt = found.createdAt;
      this.#rightsUntil = rightsUntil(found.session);
      this.#isBoundToNetwork = isBoundToNetwork(found.session);
      this.#heldFrom = found.version;
      this.#seenAt = found.lastSeenAt;
    }
  }

  /** Before anything is changed that must not be lost with the object. Without effect unless it is at rest. */
  wake(): void {
    const waker = this.#waker;
    if (waker === undefined) return;
    this.#waker = undefined;
    this.#kept = waker.woken(this) ?? this.#kept;
  }

  /** Last activity in ms since the epoch; written to the store at most once a minute. */
  get seenAt(): Instant {
    return this.#seenAt;
  }

  set seenAt(now: Instant) {
    this.wake();
    this.#seenAt = now;
  }

  /**
   * What the store has, or will have once the running write is done.
   * @throws StoreError for a session at rest, when the store can no longer be believed
   */
  get record(): SessionRecord {
    const record = this.#awakened();
    if (record === undefined) throw new StoreError('unreadable', 'The record of a session at rest is gone.');
    return record;
  }

  set record(record: SessionRecord) {
    this.wake();
    this.#record = record;
    this.#kept = undefined;
    this.#state = record.session.state;
    this.#createdAt = record.createdAt;
    this.#rightsUntil = rightsUntil(record.session);
    this.#isBoundToNetwork = isBoundToNetwork(record.session);
  }

  #awakened(): SessionRecord | undefined {
    this.wake();
    if (this.#record !== undefined) return this.#record;
    this.#record = Buffer.isBuffer(this.#kept) ? unpacked(this.#kept) : this.#kept?.peek(this.key);
    if (this.#record !== undefined) this.#kept = undefined;
    return this.#record;
  }

  /** For good. What it was can be read all the same, by whoever still holds it. */
  end(): void {
    this.ended = true;
    this.#awakened();
  }

  get jar(): Jar {
    this.#jar ??= Jar.fromJson(this.record.jar);
    return this.#jar;
  }

  /** Responses and sockets that are open now. */
  get running(): Ties {
    this.wake();
    this.#running ??= new Ties();
    return this.#running;
  }

  get isBusy(): boolean {
    return this.#running !== undefined && this.#running.size > 0;
  }

  /** Known without the record, as {@link createdAt} is. */
  get state(): Session['state'] {
    return this.#state;
  }

  get createdAt(): Instant {
    return this.#createdAt;
  }

  get rightsUntil(): Instant | undefined {
    return this.#rightsUntil;
  }

  /** Known without the record: every request of a verified session asks it. */
  get isBoundToNetwork(): boolean {
    return this.#isBoundToNetwork;
  }

  /**
   * Lets go of the record and the open jar, until somebody asks for them.
   * @param keeper has the record; without one it is in what remains
   * @param waker is told before anything changes
   * @returns what must not be forgotten, with the record unless `keeper` has it; `undefined` when something is in the way
   */
  rest(keeper: Keeper | undefined, waker: Waker): [Remains, packed: Buffer | undefined] | undefined {
    const isQuiet = !this.isBusy && this.exchangesInFlight === 0 && this.#jar?.isUnsaved !== true;
    const isStored = this.edits === this.written && !this.differs;
    if (this.#state !== 'verified' || this.ended || !isQuiet || !isStored || !this.#confidence.isPlain)
      return undefined;
    const bytes = keeper === undefined ? this.#packed() : undefined;
    this.#kept = keeper;
    this.#waker = waker;
    this.#record = undefined;
    this.#jar = undefined;
    this.#running = undefined;
    this.writing = undefined;
    this.exchange = DONE;
    const remains = {
      createdAt: this.#createdAt,
      rightsUntil: this.#rightsUntil,
      isBoundToNetwork: this.#isBoundToNetwork,
      seenAt: this.#seenAt,
      heldFrom: this.#heldFrom,
      unconfirmed: this.#confidence.unconfirmed,
      stale: this.stale,
    };
    return [remains, bytes];
  }

  #packed(): Buffer {
    return this.#record === undefined && Buffer.isBuffer(this.#kept) ? this.#kept : packed(this.record);
  }

  /** It may be another id that speaks of this jar by now, and what is told to one is told to the other. */
  get confidence(): Confidence {
    const { owner } = this.#confidence;
    if (owner !== undefined) owner.wake();
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
    const { jar } = this; // of the record that it has until now
    this.record = record;
    this.stale = false;
    this.differs = false; // a write that is still on its way says so itself
    if (record.lastSeenAt > this.seenAt) this.seenAt = record.lastSeenAt;
    if (jar.follow(record.jar)) this.#confidence.shake();
  }

  /**
   * Whether an answer that was asked for under `version` may still go out (attack "race between login and a request"). Rights
   * rise only with a new id, which is another object: what changes here without taking them is a question for a fresh proof.
   */
  stillVerified(version: number): boolean {
    return !this.ended && version >= this.#heldFrom && this.#state === 'verified';
  }
}
