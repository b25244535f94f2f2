/** One session as this process holds it: the stored record, the open jar, and everything that must end when it ends. */

import type { Session } from '../gate/session.ts';
import type { Instant } from '../gate/types.ts';
import type { SessionRecord } from '../store/store.ts';
import { Jar } from './jar.ts';

/** Something that runs on behalf of a session: a response, a socket. */
export interface Endable {
  abort(): void;
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
  /** Responses and sockets that are open now. */
  readonly running = new Set<Endable>();
  /** Unsafe requests on their way, and answers since whose owner was not confirmed; see login/recheck.ts. */
  unsafeInFlight = 0;
  unconfirmed = false;
  /** Rises whenever the application may have changed its mind; a question that began at another count proves nothing. */
  doubts = 0;
  /** One login exchange at a time: the jar belongs to it meanwhile. */
  exchange: Promise<unknown> = Promise.resolve();
  exchangesInFlight = 0;

  constructor(key: string, record: SessionRecord, jar: Jar = Jar.fromJson(record.jar)) {
    this.key = key;
    this.record = record;
    this.jar = jar;
    this.seenAt = record.lastSeenAt;
  }

  get session(): Session {
    return this.record.session;
  }

  get csrf(): string {
    return this.record.csrf;
  }

  /** Whether an answer that was asked for under `version` may still go out (attack "race between login and a request"). */
  stillVerified(version: number): boolean {
    return !this.ended && this.record.version === version && this.record.session.state === 'verified';
  }
}
