/**
 * Questions that wait for their answer: a code that was sent, a challenge for a key, a request in an app. They lie in the
 * store, because factors are built anew at each reload and the answer may reach another gateway. Nothing here judges.
 */
import type { ClientFacts, Identity, Instant, Json } from '../gate/types.ts';
import type { Collection, CounterRecord } from '../store/store.ts';

/** What an answer will be judged by. `shown` is what the page gets of it. */
export interface Asking {
  readonly state: Json;
  readonly shown?: Json;
}

export interface OpenQuestion extends Asking {
  /** Names this asking; a newer one for the same matter has another. */
  readonly id: string;
  readonly expiresAt: Instant;
  /** What the answer was, when somebody looked. */
  readonly seen?: string;
}

/** Whose question has a name, and what its state was. */
export interface NamedQuestion {
  readonly identity: Identity;
  readonly question: string;
  readonly enrolment: string;
  readonly state: Json;
  /** The browser that asked. */
  readonly from?: ClientFacts;
}

export class Questions {
  readonly #store: Collection<CounterRecord>;
  readonly #randomId: () => string;

  constructor(store: Collection<CounterRecord>, randomId: () => string) {
    this.#store = store;
    this.#randomId = randomId;
  }

  /** @param question the pending login, step-up or draft; @param enrolment whose answer is wanted. */
  async get(question: string, enrolment: string, now: Instant): Promise<OpenQuestion | undefined> {
    const record = await this.#store.get(keyOf(question, enrolment));
    return record === undefined || record.expiresAt <= now ? undefined : asQuestion(record);
  }

  /** Opens a question; an older one for the same matter is void from now on. */
  put(question: string, enrolment: string, asking: Asking, expiresAt: Instant): Promise<void> {
    const id = this.#randomId();
    return this.#store.update(keyOf(question, enrolment), () => ({
      write: { id, ...asking, expiresAt },
      result: undefined,
    }));
  }

  /** Uses a question up. @returns true to exactly one caller, and to nobody when a newer question replaced it. */
  use(question: string, enrolment: string, id: string): Promise<boolean> {
    return this.#store.update<boolean>(keyOf(question, enrolment), (current) =>
      current?.['id'] === id ? { write: null, result: true } : { result: false },
    );
  }

  /** Keeps what the answer to a question was, until it is used; at least until `expiresAt`. */
  note(
    question: string,
    enrolment: string,
    { id, seen, expiresAt }: { readonly id: string; readonly seen: string; readonly expiresAt: Instant },
  ): Promise<void> {
    return this.#store.update(keyOf(question, enrolment), (current) =>
      current?.['id'] === id
        ? { write: { ...current, seen, expiresAt: Math.max(current.expiresAt, expiresAt) }, result: undefined }
        : { result: undefined },
    );
  }

  /** Forgets a question, whichever it is. */
  drop(question: string, enrolment: string): Promise<void> {
    return this.#store.update(keyOf(question, enrolment), () => ({ write: null, result: undefined }));
  }

  /** Keeps whose question a provider means by a name; see {@link SentQuestion.calledBy}. */
  name(name: string, named: NamedQuestion, expiresAt: Instant): Promise<void> {
    const { from, ...whose } = named;
    return this.#store.update(`named:${name}`, () => ({
      write: { ...whose, ...(from === undefined ? {} : { from: { ...from } }), expiresAt },
      result: undefined,
    }));
  }

  async named(name: string, now: Instant): Promise<NamedQuestion | undefined> {
    const record = await this.#store.get(`named:${name}`);
    return record === undefined || record.expiresAt <= now ? undefined : asNamed(record);
  }

  /** Whose turn it is to look how a request stands. @returns true once in `everyMs`, over all tabs and gateways. */
  turn(question: string, enrolment: string, now: Instant, everyMs: number): Promise<boolean> {
    return this.#store.update<boolean>(keyOf(question, enrolment), (current) => {
      const last = current?.['lookedAt'];
      if (current === undefined || (typeof last === 'number' && now - last < everyMs)) return { result: false };
      return { write: { ...current, lookedAt: now }, result: true };
    });
  }
}

function keyOf(question: string, enrolment: string): string {
  return `question:${question}:${enrolment}`;
}

/** A record that is no question is none: the answer is then refused, never judged by half of it (I6). */
function asQuestion(record: CounterRecord): OpenQuestion | undefined {
  const { id, state, shown, seen, expiresAt } = record;
  if (typeof id !== 'string' || state === undefined) return undefined;
  return {
    id,
    state,
    expiresAt,
    ...(shown === undefined ? {} : { shown }),
    ...(typeof seen === 'string' ? { seen } : {}),
  };
}

function asNamed({ identity, question, enrolment, state, from }: CounterRecord): NamedQuestion | undefined {
  if (typeof identity !== 'string' || typeof question !== 'string' || typeof enrolment !== 'string') return undefined;
  if (state === undefined) return undefined;
  const { address, agent }: { readonly [key: string]: unknown } = typeof from === 'object' ? { ...from } : {};
  const client = typeof address === 'string' && typeof agent === 'string' ? { from: { address, agent } } : {};
  return { identity: identity as Identity, question, enrolment, state, ...client };
}
