/**
 * What every store must do: collections of JSON records with one atomic, durable primitive. Transitions, counters,
 * consume-once and "only rises" are all `update` with a pure function, so a second kind of store has one thing to get right.
 * The contract is a test suite: test/store/contract.ts.
 */

import type { Session } from '../gate/session.ts';
import type { ClientFacts, Enrolment, Identity, Instant, Json, Phone, RecoveryCode } from '../gate/types.ts';

/** What a change function decides. `write` absent: nothing is written. `null`: the record is removed. */
export interface Change<T, R> {
  readonly write?: T | null;
  readonly result: R;
}

export interface Collection<T> {
  /** The record as it is now. @throws StoreError when it cannot be read: never "there is none" (I6, I9). */
  get(key: string): Promise<T | undefined>;
  /**
   * Applies `change` to the record, alone: no other update of the same key runs between reading and writing. Resolves
   * after the result survives a power cut (I9). `change` must be pure; it may be called again when another process was faster.
   * @throws StoreError when the change could not be made durable; the caller must then refuse.
   */
  update<R>(key: string, change: (current: T | undefined) => Change<T, R>): Promise<R>;
  /** All records, in no promised order. */
  entries(): AsyncIterable<readonly [key: string, record: T]>;
}

export interface SessionCollection extends Collection<SessionRecord> {
  /** What this process holds of the record, without waiting. When others write too (`elsewhere`), `undefined` only means: ask. */
  peek(key: string): SessionRecord | undefined;
  /**
   * Like `update`, but what `change` writes goes to the key `to`, and `from` is removed, in one step: at no moment does neither
   * exist, or both. Nothing happens when `write` is absent or `null`.
   */
  move<R>(
    from: string,
    to: string,
    change: (current: SessionRecord | undefined) => Change<SessionRecord, R>,
  ): Promise<R>;
  /** All sessions in which this identity logged in, as they were at one moment. */
  of(identity: Identity): Promise<readonly (readonly [key: string, record: SessionRecord])[]>;
  /** Present when other processes write to the same sessions. */
  readonly elsewhere?: Elsewhere;
}

/** What a store that several processes share knows of what the others do. */
export interface Elsewhere {
  /** Whether every change that another process made more than a second ago has been told; false when that cannot be known. */
  isHeard(): boolean;
  /** Calls back for each session that another process changed or ended; with `undefined` when it may have been any of them. */
  onChange(listener: (key: string | undefined) => void): void;
  /**
   * Settles when no process believes anything that was changed before the call: each has heard of it, or counts as not hearing.
   * @throws StoreError (the promise) when that cannot be known
   */
  everybodyHeard(): Promise<void>;
}

export interface Store {
  /** By identity. Precious: few, small, written seldom. */
  readonly users: Collection<UserRecord>;
  /** By session key (SHA-256 of the session id, base64url). Many, short-lived, written often. */
  readonly sessions: SessionCollection;
  /** Guess counters, budgets, used time steps. By a key with a prefix, see ceremonies/counters.ts. */
  readonly counters: Collection<CounterRecord>;
  /** HMAC-SHA-256 with a key for this label alone, the same in every gateway that shares the store and after each start. */
  mac(label: string, text: string): Buffer;
  /** Whether writes still reach the disk (or the server); for the readiness probe. */
  healthy(): boolean;
  close(): Promise<void>;
}

export interface UserRecord {
  readonly identity: Identity;
  /** Saved on the account page, not yet proven to be the person's. */
  readonly phone?: Phone;
  /** Where the application says that mail reaches the person, as it said last; only where the profile reads it. */
  readonly email?: string;
  /** Confirmed factors only. */
  readonly enrolments: readonly Enrolment[];
  /** A factor that was begun and still waits for its first right code. */
  readonly draft?: Draft;
  /** What is left of the recovery codes. They are no factor: nobody has them without one. */
  readonly recovery?: { readonly codes: readonly RecoveryCode[]; readonly madeAt: Instant };
  /** An enrolment ticket that was shown and not used up yet, and the session that showed it. */
  readonly ticket?: { readonly session: string; readonly until: Instant };
  /** Tickets and codes of an administrator that were made before are void: one was used up, or the methods changed. */
  readonly ticketsAfter?: Instant;
  /** Rises with each change of factors; sessions that hold an older one are asked again. */
  readonly factorVersion: number;
}

export interface Draft {
  readonly enrolment: Enrolment;
  /** Key of the session that began it: nobody confirms a secret that somebody else has seen (T6). */
  readonly session: string;
  readonly expiresAt: Instant;
}

export interface SessionRecord {
  /** Rises with each write; the expectation of every transition. */
  readonly version: number;
  readonly session: Session;
  /** The application's cookies (I2): see session/jar.ts for the shape. */
  readonly jar: Json;
  readonly createdAt: Instant;
  /** Written at most once a minute. */
  readonly lastSeenAt: Instant;
  /** Processes that have a request on its way which may change whose session the application's is, and until when. */
  readonly doubts?: Readonly<Record<string, Instant>>;
  /** After this the store may forget the record by itself; the gateway ends the session earlier. */
  readonly expiresAt?: Instant;
  /** The token that own forms must carry. */
  readonly csrf: string;
  /** The `factorVersion` of the account when the session last changed its rights; an older one does not survive a start. */
  readonly factorVersion?: number;
  /** The browser behind the last login in this session. */
  readonly from?: ClientFacts;
  /** What the own pages remember between two requests (koa-session); never security state. */
  readonly page?: Json;
}

export type CounterRecord = { readonly [key: string]: Json } & {
  /** The record means nothing after this and may be forgotten. */
  readonly expiresAt: Instant;
};

export type StoreErrorCode = 'damaged' | 'locked' | 'unwritable' | 'unreadable' | 'wrong-key';

/** One clear sentence for the operator, with what to do. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}
