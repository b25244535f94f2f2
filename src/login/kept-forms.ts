/**
 * Forms that were sent to an address which asked for a proof first. One for each signed-in session, sealed like everything in
 * the store, bound to the question that was asked, and gone after ten minutes. Nothing here sends one: it gives it out once, and
 * takes it back from whoever knows that not a byte of it left.
 */
import type { Clock } from '../clock.ts';
import { isAwaited, type KeptFor, mayLeave } from '../gate/proof-age.ts';
import type { Session } from '../gate/session.ts';
import type { Identity, Instant, LoginId, ReturnPath } from '../gate/types.ts';
import type { Collection, CounterRecord } from '../store/store.ts';

/** A POST as it came, less what another one from the same browser says as well. */
export interface KeptForm {
  /** Path and query that it was sent to. */
  readonly target: string;
  /** `Content-Type`; absent for an empty body. */
  readonly type?: string;
  /** The page that it came from. */
  readonly page?: ReturnPath;
  readonly body: Buffer;
}

/** What is shown of it. */
export type WaitingForm = Pick<KeptForm, 'target' | 'page'> & { readonly expiresAt: Instant };

/** What was given out, and can be given back. */
export type TakenForm = KeptForm & KeptFor;

/** How long one is kept, in ms. */
export const FORM_LIFE_MS = 600_000;

export class KeptForms {
  readonly #store: Collection<CounterRecord>;
  readonly #clock: Clock;

  constructor(store: Collection<CounterRecord>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Keeps a form until the question is answered that was just asked; an earlier one of this session is thrown away. */
  async keep(session: Session, form: KeptForm): Promise<void> {
    if (session.state !== 'verified' || session.stepUp === undefined) return;
    const { identity, stepUp } = session;
    const write = recordOf({ ...form, question: stepUp.id, identity, expiresAt: this.#clock.now() + FORM_LIFE_MS });
    await this.#store.update(keyOf(session), () => ({ write, result: undefined }));
  }

  /** Whether one waits for the question that is open in this session. */
  async isAwaited(session: Session): Promise<boolean> {
    const kept = await this.#get(session);
    return kept !== undefined && isAwaited(session, kept, this.#clock.now());
  }

  /** The one that this session may send now. */
  async ready(session: Session): Promise<WaitingForm | undefined> {
    const kept = await this.#get(session);
    return kept !== undefined && mayLeave(session, kept, this.#clock.now()) ? kept : undefined;
  }

  /** Gives it to exactly one caller, for the address that it was sent to. */
  async take(session: Session, target: string): Promise<TakenForm | undefined> {
    if (session.state !== 'verified') return undefined;
    const now = this.#clock.now();
    return this.#store.update<TakenForm | undefined>(keyOf(session), (current) => {
      const kept = asKept(current);
      if (kept === undefined || kept.target !== target || !mayLeave(session, kept, now)) return { result: undefined };
      return { write: null, result: kept };
    });
  }

  /** Keeps one on that could not be sent, as long as it was to be kept. @returns false when it has expired, or gave way to another */
  async giveBack(session: Session, form: TakenForm): Promise<boolean> {
    const now = this.#clock.now();
    if (session.state !== 'verified' || !mayLeave(session, form, now)) return false;
    return this.#store.update<boolean>(keyOf(session), (current) =>
      current !== undefined && current.expiresAt > now ? { result: false } : { write: recordOf(form), result: true },
    );
  }

  /** Throws it away, whichever it is. */
  async drop(session: Session): Promise<void> {
    if (session.state !== 'verified') return;
    await this.#store.update(keyOf(session), (current) =>
      current === undefined ? { result: undefined } : { write: null, result: undefined },
    );
  }

  async #get(session: Session): Promise<TakenForm | undefined> {
    return session.state === 'verified' ? asKept(await this.#store.get(keyOf(session))) : undefined;
  }
}

/** The same from the login on, whatever is proved in between: a session has one form at most, under every id that it gets. */
function keyOf({ identity, since }: Extract<Session, { state: 'verified' }>): string {
  return `kept:${since}:${identity}`;
}

function recordOf({ body, ...rest }: TakenForm): CounterRecord {
  return { ...rest, body: body.toString('base64') };
}

/** A record that is no form is none: nothing of it is sent (I6). */
function asKept(record: CounterRecord | undefined): TakenForm | undefined {
  if (record === undefined) return undefined;
  const { target, type, page, body, question, identity, expiresAt } = record;
  if (typeof target !== 'string' || typeof body !== 'string') return undefined;
  if (typeof question !== 'string' || typeof identity !== 'string') return undefined;
  return {
    target,
    body: Buffer.from(body, 'base64'),
    question: question as LoginId,
    identity: identity as Identity,
    expiresAt,
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof page === 'string' ? { page: page as ReturnPath } : {}),
  };
}
