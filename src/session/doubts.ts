/**
 * What processes that share a store tell each other before an unsafe request leaves: this session may be somebody else's when the
 * answer comes, so nobody may believe its answers meanwhile (T3). Kept in the record, under a name that each process makes for
 * each session; see Confidence in live.ts.
 */
import type { Clock } from '../clock.ts';
import type { Instant } from '../gate/types.ts';
import type { Elsewhere, SessionRecord } from '../store/store.ts';
import type { LiveSession } from './live.ts';

/** How long others are told to doubt a session because of one request of ours, in ms; as long as a stray one may work on. */
const DOUBT_MS = 600_000;
/** Somebody whose session changes with each try does not keep us for ever. */
const MOST_TRIES = 10;

/** The session ended or changed while the caller was busy; nothing was written. The only answer is a refusal. */
export class SessionGone extends Error {
  constructor() {
    super('the session ended or changed meanwhile');
    this.name = 'SessionGone';
  }
}

export interface DoubtParts {
  /** Present when other processes share the store. */
  readonly elsewhere: Elsewhere | undefined;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Buffer;
  /** Writes what is no right. @returns whether the store has it */
  readonly patch: (session: LiveSession, change: (record: SessionRecord) => SessionRecord) => Promise<boolean>;
}

export class Doubts {
  readonly #parts: DoubtParts;

  constructor(parts: DoubtParts) {
    this.#parts = parts;
  }

  /** @returns `undefined` when there are no others, or they know. @throws StoreError (the promise): then it may not leave. */
  announce(session: LiveSession): Promise<void> | undefined {
    const { clock, elsewhere } = this.#parts;
    if (elsewhere === undefined) return undefined;
    const { confidence } = session;
    const now = clock.now();
    if (confidence.told !== undefined && confidence.toldUntil > now + DOUBT_MS / 2) return confidence.told;
    const told = this.#tell(elsewhere, session, now + DOUBT_MS);
    confidence.told = told;
    confidence.toldUntil = now + DOUBT_MS;
    told.catch(() => {
      if (confidence.told === told) confidence.told = undefined; // the next one tries anew
    });
    return told;
  }

  /** @throws SessionGone when there is nobody any more of whom the others could be told */
  async #tell(elsewhere: Elsewhere, session: LiveSession, until: Instant): Promise<void> {
    const { clock, patch, randomBytes } = this.#parts;
    const { confidence } = session;
    confidence.name ??= randomBytes(9).toString('base64url');
    const { name } = confidence;
    // Whoever changed its rights meanwhile was faster; the caller looks whether it still may.
    for (let tries = 1; tries <= MOST_TRIES && !session.ended; tries += 1) {
      const isTold = await patch(session, (record) => ({
        ...record,
        doubts: { ...standing(record.doubts, clock.now()), [name]: until },
      }));
      // Published is not heard: one whose messages are late would believe the session until it has this one.
      if (isTold) return elsewhere.everybodyHeard();
    }
    throw new SessionGone();
  }

  /** The application was asked: of the requests that were announced here none is left to doubt. */
  withdraw(session: LiveSession): void {
    const name = this.take(session);
    if (name === undefined) return;
    const { clock, patch } = this.#parts;
    void patch(session, (record) => withoutDoubt(record, name, clock.now()));
  }

  /** The name of what was announced here, when nothing of it is under way any more; from now on it counts as not announced. */
  take({ confidence }: LiveSession): string | undefined {
    const { name, told, unsafeInFlight } = confidence;
    if (told === undefined || unsafeInFlight > 0) return undefined;
    confidence.told = undefined;
    return name;
  }

  /**
   * Whether somebody else has a request on its way that may change whose session the application's is: another process, or this
   * one for an id that it gave up when another process made the next.
   */
  isElsewhere({ confidence, record: { doubts } }: LiveSession): boolean {
    if (doubts === undefined) return false;
    const now = this.#parts.clock.now();
    return Object.entries(doubts).some(([name, until]) => name !== confidence.name && until > now);
  }
}

/** Doubts that still mean something. */
function standing(doubts: SessionRecord['doubts'], now: Instant): Readonly<Record<string, Instant>> {
  return Object.fromEntries(Object.entries(doubts ?? {}).filter(([, until]) => until > now));
}

export function withoutDoubt({ doubts, ...record }: SessionRecord, name: string, now: Instant): SessionRecord {
  const { [name]: _own, ...others } = standing(doubts, now);
  return Object.keys(others).length === 0 ? record : { ...record, doubts: others };
}
