/**
 * Is this still the person who proved the factor? Asked after anything that could have changed it inside a verified session:
 * an unsafe request, a changed cookie (attacks "second login", "application session swaps under us"). An answer that
 * waits is let go only by a question that began after the answer's head was here.
 */

import type { Clock } from '../clock.ts';
import { type Confirmation, confirm } from '../gate/intercept.ts';
import type { Identity } from '../gate/types.ts';
import type { Log } from '../log.ts';
import type { LiveSession } from '../session/live.ts';
import type { Sessions } from '../session/sessions.ts';
import type { AppQuestions } from './app.ts';

/** How long an unsafe request that broke off before its answer may still be working in the application, in ms. */
const STRAY_MS = 600_000;

export type Recheck =
  | { readonly is: Exclude<Confirmation, 'changed'> }
  | { readonly is: 'changed'; readonly identity: Identity };

export class Rechecks {
  readonly #app: AppQuestions;
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #log: Log;
  /** The question that is being asked, and the one that begins after it, per session. */
  readonly #asked = new WeakMap<LiveSession, { running: Promise<Recheck>; next: Promise<Recheck> | undefined }>();

  constructor(app: AppQuestions, sessions: Sessions, clock: Clock, log: Log) {
    this.#app = app;
    this.#sessions = sessions;
    this.#clock = clock;
    this.#log = log;
  }

  /** Joins the next question that has not begun, so that any number of waiting answers costs two at most. */
  confirm(session: LiveSession, client: string): Promise<Recheck> {
    const asked = this.#asked.get(session);
    if (asked === undefined) return this.#begin(session, client);
    asked.next ??= asked.running.then(
      () => this.#begin(session, client),
      () => this.#begin(session, client),
    );
    return asked.next;
  }

  /** The jar changed: until somebody confirms whose it is now, every answer in this session is doubtful, not only this one. */
  doubt(session: LiveSession): void {
    session.confidence.shake();
  }

  /**
   * An unsafe request leaves: until it is confirmed, every answer in this session is doubtful, in each process.
   * @returns what the request must wait for, if anything: see `announceDoubt`
   */
  depart(session: LiveSession): Promise<void> | undefined {
    session.confidence.unsafeInFlight += 1;
    this.doubt(session);
    return this.#sessions.announceDoubt(session);
  }

  /** The same for a request without rights: it matters to whoever is signed in, by another request, before its answer is here. */
  departBeforeLogin(session: LiveSession): Promise<void> | undefined {
    session.confidence.unsafeInFlight += 1;
    return this.#sessions.announceDoubt(session);
  }

  /** Whether an answer in this session must wait for a question to the application. */
  isDoubtful(session: LiveSession): boolean {
    return session.confidence.unconfirmed || this.#sessions.isDoubtedElsewhere(session);
  }

  /** Its answer is here: what it did is done, and the next question sees it. */
  land(session: LiveSession): void {
    session.confidence.unsafeInFlight -= 1;
    session.confidence.doubts += 1; // a question that is on its way may have been answered before the work was done
  }

  /** It broke off without an answer; the application may do its work all the same, any moment now. */
  stray(session: LiveSession): void {
    this.#clock.after(STRAY_MS, () => this.land(session));
  }

  #believe(session: LiveSession): void {
    session.confidence.unconfirmed = false;
    this.#sessions.withdrawDoubt(session);
  }

  #begin(session: LiveSession, client: string): Promise<Recheck> {
    const running = this.#ask(session, client);
    this.#asked.set(session, { running, next: undefined });
    const done = () => {
      const asked = this.#asked.get(session);
      if (asked?.running === running && asked.next === undefined) this.#asked.delete(session);
    };
    running.then(done, done);
    return running;
  }

  async #ask(session: LiveSession, client: string): Promise<Recheck> {
    const { session: state } = session;
    if (state.state !== 'verified') return { is: 'left' };
    const { doubts } = session.confidence;
    const naming = await this.#app.whoami(session, client);
    if (session.jar.isUnsaved) this.#sessions.save(session);
    const is = naming === undefined ? 'same' : confirm(state.identity, naming); // without whoami; it warned at start
    if (naming === undefined || is === 'same') {
      if (session.confidence.unsafeInFlight === 0 && session.confidence.doubts === doubts) this.#believe(session);
      return { is: 'same' };
    }
    const why = naming.is === 'unknown' ? naming.why : undefined;
    this.#log.warn('session_recheck', { identity: state.identity, outcome: is, why });
    if (naming.is === 'named') return { is: 'changed', identity: naming.identity };
    return is === 'left' ? { is } : { is: 'unknown' };
  }
}
