/**
 * All sessions: found by one map look-up, changed only through the gate's `transition`, and dead for good once ended.
 * The store is asked with compare-and-set, so of two that race one wins and a slow request never brings a session back.
 * Where several processes share the store, following.ts keeps this one in step; everything else is the same.
 */
import { randomBytes as cryptoRandomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import {
  ANONYMOUS,
  forgetsTokens,
  identityOf,
  isQuestion,
  rightsUntil,
  rotates,
  type SessionEvent,
  transition,
} from '../gate/session.ts';
import type { ClientFacts, Identity, Instant } from '../gate/types.ts';
import type { SessionCollection, SessionRecord } from '../store/store.ts';
import { sessionKey } from './cookie.ts';
import { Doubts, SessionGone, withoutDoubt } from './doubts.ts';
import { Following } from './following.ts';
import { Held } from './held.ts';
import { Jar } from './jar.ts';
import { type Aging, type EndReason, overBecause, type SessionLimits, TOUCH_MS, withExpiry } from './limits.ts';
import { LiveSession } from './live.ts';
import type { Endable } from './ties.ts';
import { type Successor, Writes } from './writes.ts';

export { SessionGone } from './doubts.ts';

/** A session and, when it has a new id, the id for the browser. */
export interface Issued {
  readonly session: LiveSession;
  readonly id: string | undefined;
}

/** What is written down beside the state. */
export interface TransitionFacts {
  /** Of the account, when rights change. */
  readonly factorVersion?: number;
  /** The browser, when a password was accepted. */
  readonly from?: ClientFacts;
}

/** Somebody who logs in again and again while all of his sessions are being ended does not keep us for ever. */
const MOST_LOOKS = 10;
/** Records of the store that are looked at with each sweep, about a millisecond's work. */
const LOOKS_AT_ONCE = 50;
/** Of them so many are ended at most: each is signed out of the application, which must not be flooded after a long stop. */
const ENDS_AT_ONCE = 3;

/**
 * As many as work at the same moment on a large site: a request that has to wake its session costs twice as much as another. More
 * would cost more than themselves: what lives for a while and not for good is the dearest garbage.
 */
export const MOST_AWAKE = 384;

export interface SessionsOptions {
  readonly store: SessionCollection;
  readonly clock: Clock;
  readonly limits: () => SessionLimits;
  readonly randomBytes?: (size: number) => Buffer;
  /** Sessions that are held with record and open jar; the others are at rest. Default {@link MOST_AWAKE}. */
  readonly mostAwake?: number;
  /** Called once for each session that ended, with its jar still full: the application is signed out with it. Never rejects. */
  readonly onEnd: (session: LiveSession, reason: EndReason) => Promise<void>;
  /** Called when a write failed that nobody waits for. */
  readonly onWriteError: (error: unknown) => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #random: (size: number) => Buffer;
  readonly #held: Held;
  /** Present when other processes share the store. */
  readonly #following: Following | undefined;
  readonly #writes: Writes;
  readonly #doubts: Doubts;
  /** Where the store is looked through for those that are over, and whether somebody is at it. */
  #walk: AsyncIterator<readonly [key: string, record: SessionRecord]> | undefined;
  #isTidying = false;
  /** Keys whose removal is not on the disk yet; the store may still show them, we never do. */
  readonly #ending = new Set<string>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#random = options.randomBytes ?? cryptoRandomBytes;
    const { mostAwake = MOST_AWAKE, store } = options;
    this.#held = new Held(mostAwake, store.elsewhere === undefined ? store : undefined);
    if (store.elsewhere !== undefined) this.#following = new Following(store, store.elsewhere, this.#held);
    const stamped = (record: SessionRecord): SessionRecord => this.#stamped(record);
    const background = (work: Promise<unknown>): void => this.#background(work);
    this.#writes = new Writes({ store, following: this.#following, stamped, background });
    this.#doubts = new Doubts({
      elsewhere: store.elsewhere,
      clock: options.clock,
      randomBytes: this.#random,
      patch: (session, change) => this.#writes.patch(session, change),
    });
  }

  /**
   * The session of a key, which is the hash of what the browser sent. Waits only when the store is shared and has to be asked:
   * always when `fresh` is wanted, and for everything but a verified session that this process knows.
   * @throws StoreError (the promise) when it cannot be asked
   */
  find(key: string | undefined, fresh: boolean): LiveSession | undefined | Promise<LiveSession | undefined> {
    if (key === undefined || this.#following === undefined) return this.peek(key);
    const session = this.#held.get(key);
    const isGood = !fresh && session !== undefined && this.#following.isCurrent(session);
    if (isGood && this.#over(session, this.#options.clock.now()) === undefined) {
      this.#held.use(session);
      return session;
    }
    return this.#asked(this.#following, key);
  }

  /** Whether everything that others did to a session is known here, so that nobody need be asked; never where rights are missing. */
  isCurrent(session: LiveSession): boolean {
    return this.#following === undefined || this.#following.isCurrent(session);
  }

  /**
   * Whether a session that was found a while ago still is one, as it is held here now. The store is asked unless it is current.
   * @throws StoreError (the promise) when it cannot be asked
   */
  stands(session: LiveSession): boolean | Promise<boolean> {
    if (this.#following === undefined || this.#following.isCurrent(session)) return !session.ended;
    return this.#asked(this.#following, session.key).then((now) => now === session);
  }

  /** The session of a key as far as this process knows, without asking anybody. */
  peek(key: string | undefined): LiveSession | undefined {
    if (key === undefined) return undefined;
    let session = this.#held.get(key);
    if (session === undefined) {
      if (this.#ending.has(key)) return undefined;
      const record = this.#options.store.peek(key);
      if (record === undefined) return undefined;
      session = this.#held.add(new LiveSession(key, record));
      session.confidence.unconfirmed = true; // whoever stopped the process may have left a request on its way
    }
    return this.#unlessOver(session);
  }

  async #asked(following: Following, key: string): Promise<LiveSession | undefined> {
    if (this.#ending.has(key)) return undefined;
    const session = await following.ask(key);
    if (session === undefined || session.ended) return undefined;
    if (!this.#ending.has(key)) return this.#unlessOver(session);
    this.#held.drop(session); // it was read while its removal was on the way
    return undefined;
  }

  #unlessOver(session: LiveSession): LiveSession | undefined {
    const over = this.#over(session, this.#options.clock.now());
    if (over === undefined) {
      this.#held.use(session);
      return session;
    }
    this.#background(this.end(session, over));
    return undefined;
  }

  #over(session: LiveSession, now: Instant): EndReason | undefined {
    return this.#overBecause(session, session.seenAt, now);
  }

  #overBecause(aging: Aging, seenAt: Instant, now: Instant): EndReason | undefined {
    // Others tell of their activity once a minute: what they told is not the last there was.
    return overBecause(aging, this.#following === undefined ? seenAt : seenAt + TOUCH_MS, now, this.#options.limits());
  }

  /** A new session that may do nothing. Kept because a login page needs its cookies. */
  create(): Issued {
    const now = this.#options.clock.now();
    const { id, key } = this.#newId();
    const record = this.#stamped({
      version: 1,
      session: ANONYMOUS,
      jar: [],
      createdAt: now,
      lastSeenAt: now,
      csrf: this.#random(24).toString('base64url'),
    });
    const session = this.#held.bear(new LiveSession(key, record));
    this.#evict();
    const born = (): void => this.#held.born(session);
    this.#writes.write(session, () => ({ write: record, result: true })).then(born, born);
    return { session, id };
  }

  /**
   * The only way a session changes its rights. Durable before it resolves; with a new id when the event says so.
   * @throws SessionGone when another request was faster, GateError when the gate forbids it.
   */
  async transition(session: LiveSession, event: SessionEvent, facts: TransitionFacts = {}): Promise<Issued> {
    if (session.ended) throw new SessionGone();
    if (isQuestion(event)) return this.#question(session, event);
    const now = this.#options.clock.now();
    const before = session.record;
    const next = transition(before.session, event, now, this.#options.limits().pendingMs);
    if (forgetsTokens(event)) session.jar.changeBearers({ forget: 'all' });
    const heard = session.jar.unsaved();
    // A fresh proof inside a session gives it no second life: the absolute limit counts from the login (ASVS 7.3.2).
    const isSameLogin = before.session.state === 'verified' && event.type === 'factor-proved';
    const csrf = this.#random(24).toString('base64url');
    // The application was asked who it is: of what left through this process nothing is in doubt any more.
    const ownDoubt = event.type === 'login-accepted' ? this.#doubts.take(session) : undefined;
    // Jar and other doubts are those of the store: another process may have written to them.
    const after: Successor = (current) =>
      this.#stamped({
        ...withoutPage(ownDoubt === undefined ? current : withoutDoubt(current, ownDoubt, now)),
        version: before.version + 1,
        session: next,
        jar: Jar.merged(current.jar, heard),
        lastSeenAt: now,
        ...facts,
        ...(rotates(event) ? { csrf, createdAt: isSameLogin ? before.createdAt : now } : {}),
      });
    return rotates(event) ? this.#rotate(session, after) : this.#change(session, after, event.type === 'network-left');
  }

  /**
   * A question gives no rights and takes none. Whoever is slower than another process, with as many tabs open, asks it of what the
   * session is by now, and ends nothing.
   */
  async #question(session: LiveSession, event: SessionEvent): Promise<Issued> {
    const now = this.#options.clock.now();
    const { pendingMs } = this.#options.limits();
    const asked: Successor = (record) => ({
      ...withoutPage(record),
      session: transition(record.session, event, now, pendingMs),
      lastSeenAt: Math.max(record.lastSeenAt, now),
    });
    const { state } = session;
    for (let tries = 1; tries <= MOST_LOOKS && !session.ended && session.state === state; tries += 1) {
      if (await this.#writes.patch(session, asked)) return { session, id: undefined };
    }
    throw new SessionGone();
  }

  async #change(session: LiveSession, after: Successor, onlyTakes: boolean): Promise<Issued> {
    const expected = session.record.version;
    const record = after(session.record);
    session.record = record; // at once: a request that comes now must see the rights it will have, not the old ones
    if (record.session.state !== 'verified') this.#held.abortAll(session);
    const won = await this.#writes.update(session, (current) =>
      current?.version === expected ? { write: after(current), result: true } : { result: false },
    );
    if (!won || session.ended) {
      // Who only takes rights away leaves what a faster one made of it: nothing is given, and the person keeps the login.
      if (onlyTakes) this.#held.drop(session);
      else await this.end(session, 'replaced');
      throw new SessionGone();
    }
    this.#held.classify(session);
    return { session, id: undefined };
  }

  /** The old id dies by compare-and-set: of fifty right codes exactly one is the heir (attack "double spend"). */
  async #rotate(old: LiveSession, after: Successor): Promise<Issued> {
    const expected = old.record.version;
    this.#forget(old);
    const { id, key } = this.#newId();
    const arrival = this.#held.expect(key);
    let record: SessionRecord | undefined;
    try {
      record = await this.#options.store.move<SessionRecord | undefined>(old.key, key, (current) => {
        const write = current?.version === expected ? after(current) : undefined;
        return write === undefined ? { result: undefined } : { write, result: write };
      });
    } finally {
      this.#held.arrived(key, arrival);
    }
    this.#gone(old.key);
    if (record === undefined || arrival.over) throw new SessionGone();
    if (old.jar.follow(record.jar) || old.confidence.unsafeInFlight > 0) old.confidence.shake();
    const other = this.#held.get(key); // made for whoever looked at all sessions of its owner meanwhile
    if (other !== undefined) this.#held.drop(other);
    const session = this.#held.add(new LiveSession(key, record, old.jar, old.confidence));
    if (other !== undefined) other.heir = session;
    return { session, id };
  }

  /** Ends a session for good. The memory forgets it at once; the promise resolves when disk and application have too. */
  async end(session: LiveSession, reason: EndReason): Promise<void> {
    if (session.ended) return session.heir === undefined ? undefined : this.end(session.heir, reason);
    this.#forget(session);
    const told = this.#options.onEnd(session, reason);
    await this.#options.store.update(session.key, () => ({ write: null, result: undefined }));
    await told;
    this.#gone(session.key); // after a failed write it stays: dead here, whatever the disk says
  }

  /** Ends all sessions of an identity, but the one named. @returns how many. */
  async endAll(identity: Identity, reason: EndReason, except?: LiveSession): Promise<number> {
    let ended = 0;
    // A session whose id changes meanwhile has another key in the next look; one look without any is the proof.
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const found = (await this.#options.store.of(identity)).filter(([key]) => key !== except?.key);
      if (found.length === 0) break;
      await Promise.all(found.map(([key, record]) => this.#revoke(key, record, reason)));
      ended += found.length;
    }
    return ended;
  }

  async #revoke(key: string, record: SessionRecord, reason: EndReason): Promise<void> {
    // Somebody here is just moving or removing it: whoever reaches the store first wins.
    if (this.#ending.has(key)) await this.#options.store.update(key, () => ({ write: null, result: undefined }));
    else await this.end(this.#heldOr(key, record), reason);
  }

  /** All sessions in which this identity logged in, pending ones included. */
  async of(identity: Identity): Promise<LiveSession[]> {
    const found: LiveSession[] = [];
    for (const [key, record] of await this.#options.store.of(identity)) {
      const session = this.#ending.has(key) ? undefined : this.#unlessOver(this.#heldOr(key, record));
      if (session !== undefined) found.push(session);
    }
    return found;
  }

  /**
   * Ends what a crash left behind: sessions from before the last change of their owner's factors. In a running process that
   * change ends them by itself; a process that was killed between the two could not.
   */
  async endOutdated(factorVersion: (identity: Identity) => Promise<number>): Promise<void> {
    const versions = new Map<Identity, number>();
    for await (const [key, record] of this.#options.store.entries()) {
      const identity = identityOf(record.session);
      if (identity === undefined || this.#ending.has(key)) continue;
      const version = versions.get(identity) ?? (await factorVersion(identity));
      versions.set(identity, version);
      if (record.factorVersion !== version) await this.end(this.#heldOr(key, record), 'revoked');
    }
  }

  /** Writes the jar and the last activity. */
  save(session: LiveSession): void {
    const heard = session.jar.unsaved();
    const { seenAt } = session;
    void this.#writes.patch(session, (record) => ({
      ...record,
      jar: Jar.merged(record.jar, heard),
      lastSeenAt: Math.max(record.lastSeenAt, seenAt),
    }));
  }

  setPage(session: LiveSession, page: SessionRecord['page']): void {
    void this.#writes.patch(session, ({ page: _old, ...record }) =>
      page === undefined ? record : { ...record, page },
    );
  }

  /**
   * Before an unsafe request leaves: the other processes must not believe answers in this session either (T3).
   * @returns `undefined` when there are none, or they know. @throws StoreError (the promise): then it may not leave.
   */
  announceDoubt(session: LiveSession): Promise<void> | undefined {
    return this.#doubts.announce(session);
  }

  withdrawDoubt(session: LiveSession): void {
    this.#doubts.withdraw(session);
  }

  /** Whether an answer may be somebody else's because of a request that left through another process. */
  isDoubtedElsewhere(session: LiveSession): boolean {
    return this.#doubts.isElsewhere(session);
  }

  /**
   * What an answer must wait for, because the next request may reach another process: that the store has what was written
   * for this session. `undefined` when no other process shares the store. Rejects with a StoreError when it has not.
   */
  settled(session: LiveSession): Promise<void> | undefined {
    if (this.#following === undefined || session.edits === session.written) return undefined;
    return session.writing;
  }

  /** A person did something: moves the idle limit. The hot path writes nothing but a number (once a minute a record). */
  touch(session: LiveSession, now: Instant): void {
    session.seenAt = now;
    if (now - session.record.lastSeenAt >= TOUCH_MS) this.save(session);
  }

  /** Ties something that is running to a session, so that it ends with it. */
  attach(session: LiveSession, running: Endable): void {
    this.#held.attach(session, running);
    // Changed elsewhere between the look and now: who was told of that had nothing to end yet.
    if (session.stale) this.#following?.askSoon(session);
  }

  detach(session: LiveSession, running: Endable): void {
    this.#held.detach(session, running);
  }

  /** Ends what is over; sessions with open sockets are looked at each time, all others when `everything` is set. */
  sweep(everything: boolean): void {
    const now = this.#options.clock.now();
    this.#following?.watch(now);
    const isOver = (aging: Aging, seenAt: Instant): boolean => this.#overBecause(aging, seenAt, now) !== undefined;
    for (const session of everything ? this.#held.over(isOver) : this.#held.busy()) {
      const over = this.#over(session, now);
      if (over === undefined) continue;
      // Somebody may have been active elsewhere.
      if (this.#following !== undefined) this.#background(this.#asked(this.#following, session.key));
      else this.#background(this.end(session, over));
    }
    if (this.#following === undefined) this.#background(this.#tidy(now));
  }

  /** Of those that nobody has asked for since the start, only the store knows: a few of them at each call, round and round. */
  async #tidy(now: Instant): Promise<void> {
    if (this.#isTidying) return;
    this.#isTidying = true;
    try {
      this.#walk ??= this.#options.store.entries()[Symbol.asyncIterator]();
      for (let looks = 0, ends = 0; looks < LOOKS_AT_ONCE && ends < ENDS_AT_ONCE; looks += 1) {
        const at = await this.#walk.next();
        if (at.done === true) {
          this.#walk = undefined;
          return;
        }
        const [key, record] = at.value;
        if (this.#held.has(key) || this.#ending.has(key)) continue;
        const { session, createdAt } = record;
        const aging = { state: session.state, session, createdAt, rightsUntil: rightsUntil(session) };
        const over = overBecause(aging, record.lastSeenAt, now, this.#options.limits());
        if (over === undefined) continue;
        ends += 1;
        this.#background(this.end(this.#heldOr(key, record), over));
      }
    } catch (error) {
      this.#walk = undefined;
      throw error;
    } finally {
      this.#isTidying = false;
    }
  }

  /** Whether other processes use the same sessions. */
  get isShared(): boolean {
    return this.#following !== undefined;
  }

  /** How many this process holds. */
  get size(): number {
    return this.#held.size;
  }

  /** @param record read a while ago: what was told since then was told to nobody here, so it is asked for before it is used */
  #heldOr(key: string, record: SessionRecord): LiveSession {
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const session = this.#held.add(new LiveSession(key, record));
    session.confidence.unconfirmed = true; // whoever had it before may have left a request on its way
    session.stale = this.#following !== undefined;
    return session;
  }

  /** The store has it no more: nor does anybody here who read it a moment before. */
  #gone(key: string): void {
    this.#ending.delete(key);
    const left = this.#held.get(key);
    if (left !== undefined) this.#held.drop(left);
  }

  #forget(session: LiveSession): void {
    this.#ending.add(session.key);
    this.#held.drop(session);
  }

  #stamped(record: SessionRecord): SessionRecord {
    return withExpiry(record, this.#options.limits());
  }

  #evict(): void {
    for (;;) {
      const oldest = this.#held.surplus(this.#options.limits().maxAnonymous);
      if (oldest === undefined) return;
      this.#background(this.end(oldest, 'evicted'));
    }
  }

  #newId(): { id: string; key: string } {
    const id = this.#random(32).toString('base64url');
    return { id, key: sessionKey(id) };
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.onWriteError(error));
  }
}

function withoutPage(record: SessionRecord): SessionRecord {
  const { page: _page, ...rest } = record;
  return rest;
}
