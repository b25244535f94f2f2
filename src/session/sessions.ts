/**
 * All sessions: found by one map look-up, changed only through the gate's `transition`, and dead for good once ended.
 * The store is asked with compare-and-set, so of two that race one wins and a slow request never brings a session back.
 */
import { randomBytes as cryptoRandomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { ANONYMOUS, identityOf, isExpired, rotates, type SessionEvent, transition } from '../gate/session.ts';
import type { Identity, Instant } from '../gate/types.ts';
import type { SessionCollection, SessionRecord } from '../store/store.ts';
import { sessionKey } from './cookie.ts';
import type { Jar } from './jar.ts';
import { type Endable, LiveSession } from './live.ts';

export interface SessionLimits {
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly pendingMs: number;
  /** Sessions without a login; the oldest go first. */
  readonly maxAnonymous: number;
}

export type EndReason =
  | 'logout'
  | 'app-logout'
  | 'cancelled'
  | 'idle'
  | 'absolute'
  | 'pending-expired'
  | 'evicted'
  | 'revoked'
  | 'replaced'
  | 'refused';

/** A session and, when it has a new id, the id for the browser. */
export interface Issued {
  readonly session: LiveSession;
  readonly id: string | undefined;
}

/** The session ended or changed while the caller was busy; nothing was written. The only answer is a refusal. */
export class SessionGone extends Error {
  constructor() {
    super('the session ended or changed meanwhile');
    this.name = 'SessionGone';
  }
}

const TOUCH_MS = 60_000;
/** Somebody who logs in again and again while all of his sessions are being ended does not keep us for ever. */
const MOST_LOOKS = 10;

export interface SessionsOptions {
  readonly store: SessionCollection;
  readonly clock: Clock;
  readonly limits: () => SessionLimits;
  readonly randomBytes?: (size: number) => Buffer;
  /** Called once for each session that ended, with its jar still full: the application is signed out with it. Never rejects. */
  readonly onEnd: (session: LiveSession, reason: EndReason) => Promise<void>;
  /** Called when a write failed that nobody waits for. */
  readonly onWriteError: (error: unknown) => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #random: (size: number) => Buffer;
  readonly #live = new Map<string, LiveSession>();
  readonly #anonymous = new Set<LiveSession>();
  readonly #busy = new Set<LiveSession>();
  /** Keys whose removal is not on the disk yet; the store may still show them, we never do. */
  readonly #ending = new Set<string>();

  /** New ids whose record is on its way; `over` when it was revoked before anybody here could hold it. */
  readonly #arriving = new Map<string, { over: boolean }>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#random = options.randomBytes ?? cryptoRandomBytes;
  }

  /** The session of an id, or `undefined`; never waits. Ends it here when its time is over. */
  find(id: string | undefined): LiveSession | undefined {
    if (id === undefined) return undefined;
    return this.#current(sessionKey(id));
  }

  byKey(key: string): LiveSession | undefined {
    return this.#current(key);
  }

  #current(key: string): LiveSession | undefined {
    let session = this.#live.get(key);
    if (session === undefined) {
      if (this.#ending.has(key)) return undefined;
      const record = this.#options.store.peek(key);
      if (record === undefined) return undefined;
      session = this.#adopt(new LiveSession(key, record));
      session.confidence.unconfirmed = true; // whoever stopped the process may have left a request on its way
    }
    const over = this.#over(session, this.#options.clock.now());
    if (over === undefined) return session;
    this.#background(this.end(session, over));
    return undefined;
  }

  /** Why a session may not go on, or `undefined`. */
  #over(session: LiveSession, now: Instant): EndReason | undefined {
    const limits = this.#options.limits();
    const state = session.session;
    if ((state.state === 'pending' || state.state === 'enrolling') && isExpired(state.login, now, limits.pendingMs)) {
      return 'pending-expired';
    }
    if (now - session.record.createdAt >= limits.absoluteMs) return 'absolute';
    return now - session.seenAt >= limits.idleMs ? 'idle' : undefined;
  }

  /** A new session that may do nothing. Kept because a login page needs its cookies, or a person a way back. */
  create(wanted?: string): Issued {
    const now = this.#options.clock.now();
    const { id, key } = this.#newId();
    const record: SessionRecord = {
      version: 1,
      session: ANONYMOUS,
      jar: [],
      createdAt: now,
      lastSeenAt: now,
      csrf: this.#random(24).toString('base64url'),
      ...(wanted === undefined ? {} : { wanted }),
    };
    const session = this.#adopt(new LiveSession(key, record));
    this.#evict();
    this.#background(this.#options.store.update(key, () => ({ write: record, result: undefined })));
    return { session, id };
  }

  /**
   * The only way a session changes its rights. Durable before it resolves; with a new id when the event says so.
   * @throws SessionGone when another request was faster, GateError when the gate forbids it.
   */
  async transition(
    session: LiveSession,
    event: SessionEvent,
    facts: { factorVersion?: number; jar?: Jar } = {},
  ): Promise<Issued> {
    if (session.ended) throw new SessionGone();
    const now = this.#options.clock.now();
    const before = session.record;
    const next = transition(before.session, event, now, this.#options.limits().pendingMs);
    const record: SessionRecord = {
      ...withoutWanted(before),
      version: before.version + 1,
      session: next,
      jar: (facts.jar ?? session.jar).toJson(),
      lastSeenAt: now,
      ...(facts.factorVersion === undefined ? {} : { factorVersion: facts.factorVersion }),
    };
    // A fresh proof inside a session gives it no second life: the absolute limit counts from the login (ASVS 7.3.2).
    const createdAt = before.session.state === 'verified' && event.type === 'factor-proved' ? before.createdAt : now;
    return rotates(event)
      ? this.#rotate(session, { ...record, createdAt, csrf: this.#random(24).toString('base64url') }, facts.jar)
      : this.#change(session, record);
  }

  async #change(session: LiveSession, record: SessionRecord): Promise<Issued> {
    const expected = session.record.version;
    session.record = record; // at once: a request that comes now must see the rights it will have, not the old ones
    if (record.session.state === 'anonymous') this.#abortAll(session);
    const won = await this.#options.store.update(session.key, (current) =>
      current?.version === expected ? { write: record, result: true } : { result: false },
    );
    if (!won || session.ended) {
      await this.end(session, 'replaced');
      throw new SessionGone();
    }
    this.#classify(session);
    return { session, id: undefined };
  }

  /** The old id dies first and by compare-and-set: of fifty right codes exactly one is the heir (attack "double spend"). */
  async #rotate(old: LiveSession, record: SessionRecord, jar: Jar | undefined): Promise<Issued> {
    const expected = old.record.version;
    this.#forget(old);
    const { id, key } = this.#newId();
    const arrival = { over: false };
    this.#arriving.set(key, arrival);
    let won: boolean;
    try {
      won = await this.#options.store.move(old.key, key, (current) =>
        current?.version === expected ? { write: record, result: true } : { result: false },
      );
    } finally {
      this.#arriving.delete(key);
    }
    this.#ending.delete(old.key);
    if (!won || arrival.over) throw new SessionGone();
    return { session: this.#adopt(new LiveSession(key, record, jar ?? old.jar, old.confidence)), id };
  }

  /** Ends a session for good. The memory forgets it at once; the promise resolves when disk and application have too. */
  async end(session: LiveSession, reason: EndReason): Promise<void> {
    if (session.ended) return;
    this.#forget(session);
    const told = this.#options.onEnd(session, reason);
    await this.#options.store.update(session.key, () => ({ write: null, result: undefined }));
    await told;
    this.#ending.delete(session.key); // after a failed write it stays: dead here, whatever the disk says
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
    else await this.end(this.#live.get(key) ?? this.#adopt(new LiveSession(key, record)), reason);
  }

  /** All sessions in which this identity logged in, pending ones included. */
  async of(identity: Identity): Promise<LiveSession[]> {
    const found: LiveSession[] = [];
    for (const [key] of await this.#options.store.of(identity)) {
      const session = this.#current(key);
      if (session !== undefined) found.push(session);
    }
    return found;
  }

  /**
   * Ends what a crash left behind: sessions from before the last change of their owner's factors. In a running process that
   * change ends them by itself; a process that was killed between the two could not.
   */
  async endOutdated(factorVersion: (identity: Identity) => Promise<number>): Promise<void> {
    for await (const [key, record] of this.#options.store.entries()) {
      const identity = identityOf(record.session);
      if (identity === undefined || record.factorVersion === (await factorVersion(identity))) continue;
      const session = this.#current(key);
      if (session !== undefined) await this.end(session, 'revoked');
    }
  }

  /** Writes the jar and what the own pages remember, if the session is still the one that was read. */
  save(session: LiveSession): void {
    if (session.ended) return;
    const record = { ...session.record, jar: session.jar.toJson(), lastSeenAt: session.seenAt };
    session.record = record;
    // What is written is what was true now: a store may be slow, and by then the session may have other rights.
    this.#background(
      this.#options.store.update(session.key, (current) =>
        current?.version === record.version && !session.ended
          ? { write: record, result: undefined }
          : { result: undefined },
      ),
    );
  }

  setPage(session: LiveSession, page: SessionRecord['page']): void {
    const { page: _old, ...record } = session.record;
    session.record = page === undefined ? record : { ...record, page };
    this.save(session);
  }

  setWanted(session: LiveSession, wanted: string): void {
    session.record = { ...session.record, wanted };
    this.save(session);
  }

  /** A person did something: moves the idle limit. The hot path writes nothing but a number (once a minute a record). */
  touch(session: LiveSession, now: Instant): void {
    session.seenAt = now;
    if (now - session.record.lastSeenAt >= TOUCH_MS) this.save(session);
  }

  /** Ties something that is running to a session, so that it ends with it. */
  attach(session: LiveSession, running: Endable): void {
    if (session.ended) {
      running.abort();
      return;
    }
    session.running.add(running);
    this.#busy.add(session);
  }

  detach(session: LiveSession, running: Endable): void {
    session.running.delete(running);
    if (session.running.size === 0) this.#busy.delete(session);
  }

  /** Ends what is over; sessions with open sockets are looked at each time, all others when `everything` is set. */
  sweep(everything: boolean): void {
    const now = this.#options.clock.now();
    for (const session of everything ? this.#live.values() : this.#busy) {
      const over = this.#over(session, now);
      if (over !== undefined) this.#background(this.end(session, over));
    }
  }

  get size(): number {
    return this.#live.size;
  }

  #adopt(session: LiveSession): LiveSession {
    this.#live.set(session.key, session);
    this.#classify(session);
    return session;
  }

  #classify(session: LiveSession): void {
    if (session.session.state === 'anonymous') this.#anonymous.add(session);
    else this.#anonymous.delete(session);
  }

  #forget(session: LiveSession): void {
    session.ended = true;
    const arrival = this.#arriving.get(session.key);
    if (arrival !== undefined) arrival.over = true;
    this.#ending.add(session.key);
    this.#live.delete(session.key);
    this.#anonymous.delete(session);
    this.#abortAll(session);
  }

  #abortAll(session: LiveSession): void {
    for (const running of [...session.running]) running.abort();
    session.running.clear();
    this.#busy.delete(session);
  }

  #evict(): void {
    while (this.#anonymous.size > this.#options.limits().maxAnonymous) {
      const oldest = this.#anonymous.values().next().value;
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

function withoutWanted(record: SessionRecord): SessionRecord {
  const { wanted: _wanted, page: _page, ...rest } = record;
  return rest;
}
