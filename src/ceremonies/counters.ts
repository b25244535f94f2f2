/**
 * The budgets of the gate, bound to the store: each is one atomic update, counted before what it guards (I5). Keys are
 * made here and nowhere else, always from an identity or an address that a request cannot choose freely.
 */
import {
  type Budget,
  type GuessCounter,
  type GuessLimits,
  type GuessRuling,
  pausedUntil,
  refundGuess,
  type Spending,
  type SpendRuling,
  spend,
  spendGuess,
} from '../gate/attempts.ts';
import type { Identity, Instant, LoginId } from '../gate/types.ts';
import type { Collection, CounterRecord } from '../store/store.ts';

const DAY_MS = 86_400_000;
/** Failures are remembered until a success, or this long. */
const GUESS_MEMORY_MS = 365 * DAY_MS;
/** How long an address is one that the owner of an account signs in from. */
const KNOWN_MEMORY_MS = 90 * DAY_MS;
const USED_MEMORY_MS = 400 * DAY_MS;

export class Counters {
  readonly #store: Collection<CounterRecord>;

  constructor(store: Collection<CounterRecord>) {
    this.#store = store;
  }

  /** One guess against an identity, over all its sessions and factors. */
  guess(identity: Identity, now: Instant, limits: GuessLimits): Promise<GuessRuling> {
    return this.#store.update<GuessRuling>(`guess:${identity}`, (current) => {
      const ruling = spendGuess(asGuesses(current), now, limits);
      if (!ruling.allowed) return { result: ruling };
      return { write: { ...ruling.counter, expiresAt: now + GUESS_MEMORY_MS }, result: ruling };
    });
  }

  refundGuess(identity: Identity): Promise<void> {
    return this.#store.update(`guess:${identity}`, (current) => {
      const counter = refundGuess(asGuesses(current));
      const write = counter === undefined ? null : { ...counter, expiresAt: counter.lastAt + GUESS_MEMORY_MS };
      return { write, result: undefined };
    });
  }

  /** A success, or an administrator, starts the count anew. @returns how many guesses are forgotten. */
  forgiveGuesses(identity: Identity): Promise<number> {
    return this.#store.update(`guess:${identity}`, (current) => ({
      write: null,
      result: asGuesses(current)?.count ?? 0,
    }));
  }

  async lockOf(
    identity: Identity,
    now: Instant,
    limits: GuessLimits,
  ): Promise<{ lock: 'none' | 'paused' | 'locked'; until?: Instant }> {
    const counter = asGuesses(await this.#store.get(`guess:${identity}`));
    if (counter === undefined) return { lock: 'none' };
    if (counter.count >= limits.hard) return { lock: 'locked' };
    const until = pausedUntil(counter, limits);
    return until !== undefined && until > now ? { lock: 'paused', until } : { lock: 'none' };
  }

  /** One guess at a name by somebody without a password. Too many make a pause there, and nowhere else. */
  guessFrom(identity: Identity, bucket: string, now: Instant, limits: GuessLimits): Promise<GuessRuling> {
    return this.#store.update<GuessRuling>(guessFromKey(identity, bucket), (current) => {
      const ruling = spendGuess(asGuesses(current), now, { ...limits, hard: Number.MAX_SAFE_INTEGER });
      if (!ruling.allowed) return { result: ruling };
      return { write: { ...ruling.counter, expiresAt: now + DAY_MS }, result: ruling };
    });
  }

  /** The owner of an account got in from there: guesses from there begin anew, and are those of somebody who is known there. */
  async knowFrom(identity: Identity, bucket: string, now: Instant): Promise<void> {
    await this.forget(guessFromKey(identity, bucket));
    await this.#store.update(`known:${bucket}:${identity}`, () => ({
      write: { expiresAt: now + KNOWN_MEMORY_MS },
      result: undefined,
    }));
  }

  async isKnownFrom(identity: Identity, bucket: string, now: Instant): Promise<boolean> {
    const record = await this.#store.get(`known:${bucket}:${identity}`);
    return record !== undefined && record.expiresAt > now;
  }

  /** One try within one question (a pending login, a draft). @returns how many it makes, this one included. */
  tryOnce(question: LoginId | string, expiresAt: Instant): Promise<number> {
    return this.#store.update(`tries:${question}`, (current) => {
      const count = asCount(current) + 1;
      return { write: { count, expiresAt }, result: count };
    });
  }

  refundTry(question: LoginId | string): Promise<void> {
    return this.#store.update(`tries:${question}`, (current) => {
      const count = asCount(current) - 1;
      if (current === undefined) return { result: undefined };
      return { write: count <= 0 ? null : { ...current, count }, result: undefined };
    });
  }

  /**
   * Uses up a step of an enrolment. @returns false when it, or a later one, was used before (RFC 6238 5.2). Zero is no step:
   * a key that does not count says it each time, and one that counted before must not (WebAuthn 7.2, 22).
   */
  useStep(enrolment: string, step: number, now: Instant): Promise<boolean> {
    return this.#store.update(`step:${enrolment}`, (current) => {
      const last = current?.['step'];
      if (typeof last === 'number' && step <= last && last !== 0) return { result: false };
      return { write: { step, expiresAt: now + USED_MEMORY_MS }, result: true };
    });
  }

  noteUse(enrolment: string, now: Instant): Promise<void> {
    return this.#store.update(`used:${enrolment}`, () => ({
      write: { at: now, expiresAt: now + USED_MEMORY_MS },
      result: undefined,
    }));
  }

  async lastUse(enrolment: string): Promise<Instant | undefined> {
    const at = (await this.#store.get(`used:${enrolment}`))?.['at'];
    return typeof at === 'number' ? at : undefined;
  }

  /** Somebody signed in with a password alone. Written once a day for each; see {@link withoutFactor}. */
  noteWithoutFactor(identity: Identity, now: Instant): Promise<void> {
    return this.#store.update(`without:${identity}`, (current) => {
      const at = current?.['at'];
      if (typeof at === 'number' && now - at < DAY_MS) return { result: undefined };
      return { write: { at: now, expiresAt: now + USED_MEMORY_MS }, result: undefined };
    });
  }

  /** Who signed in with a password alone within the last months; some of them may have a factor by now. Reads everything. */
  async withoutFactor(): Promise<readonly Identity[]> {
    const found: Identity[] = [];
    for await (const [key] of this.#store.entries()) {
      if (key.startsWith('without:')) found.push(key.slice('without:'.length) as Identity);
    }
    return found;
  }

  /** One event in a sliding budget. @param key what is counted, for example `send:alice` or `login:192.0.2.7`. */
  spend(key: string, now: Instant, budgets: readonly Budget[]): Promise<SpendRuling> {
    const longest = Math.max(0, ...budgets.map((budget) => budget.perMs));
    return this.#store.update<SpendRuling>(key, (current) => {
      const ruling = spend(asSpending(current), now, budgets);
      if (!ruling.allowed) return { result: ruling };
      return { write: { at: ruling.spending.at, expiresAt: now + longest }, result: ruling };
    });
  }

  /** How much of a budget is spent now, and when its oldest event was. */
  async spent(
    key: string,
    now: Instant,
    perMs: number,
  ): Promise<{ readonly count: number; readonly oldest?: Instant }> {
    return inside(asSpending(await this.#store.get(key)), now, perMs);
  }

  /** The same of all budgets whose keys begin alike, those with something spent, the largest first. Reads everything. */
  async spentBelow(
    prefix: string,
    now: Instant,
    perMs: number,
  ): Promise<readonly { readonly name: string; readonly count: number }[]> {
    const found: { readonly name: string; readonly count: number }[] = [];
    for await (const [key, record] of this.#store.entries()) {
      if (!key.startsWith(prefix)) continue;
      const { count } = inside(asSpending(record), now, perMs);
      if (count > 0) found.push({ name: key.slice(prefix.length), count });
    }
    return found.toSorted((a, b) => b.count - a.count);
  }

  /** Starts a budget anew. */
  forget(key: string): Promise<void> {
    return this.#store.update(key, () => ({ write: null, result: undefined }));
  }

  /** Takes what only one may have at a time. @returns who has it and until when; `undefined` when it is taken now. */
  take(
    key: string,
    now: Instant,
    until: Instant,
    holder: string,
  ): Promise<{ readonly holder: string; readonly until: Instant } | undefined> {
    return this.#store.update<{ holder: string; until: Instant } | undefined>(key, (current) => {
      if (current !== undefined && current.expiresAt > now) {
        const by = current['holder'];
        return { result: { holder: typeof by === 'string' ? by : '', until: current.expiresAt } };
      }
      return { write: { holder, expiresAt: until }, result: undefined };
    });
  }

  /** Gives it back; whoever has it by now keeps it. */
  free(key: string, holder: string): Promise<void> {
    return this.#store.update(key, (current) =>
      current?.['holder'] === holder ? { write: null, result: undefined } : { result: undefined },
    );
  }

  /** Nobody can take it before then. */
  shut(key: string, until: Instant): Promise<void> {
    return this.#store.update(key, () => ({ write: { expiresAt: until }, result: undefined }));
  }

  /** Takes one event back that did not happen after all. */
  unspend(key: string, at: Instant): Promise<void> {
    return this.#store.update(key, (current) => {
      const spending = asSpending(current);
      const index = spending?.at.lastIndexOf(at) ?? -1;
      if (current === undefined || spending === undefined || index < 0) return { result: undefined };
      return { write: { at: spending.at.toSpliced(index, 1), expiresAt: current.expiresAt }, result: undefined };
    });
  }
}

function guessFromKey(identity: Identity, bucket: string): string {
  return `guess-from:${bucket}:${identity}`;
}

function inside(spending: Spending | undefined, now: Instant, perMs: number) {
  const at = (spending?.at ?? []).filter((event) => now - event < perMs);
  const [oldest] = at;
  return { count: at.length, ...(oldest === undefined ? {} : { oldest }) };
}

/** A record that is no counter counts as spent, never as none (I6). */
function asGuesses(record: CounterRecord | undefined): GuessCounter | undefined {
  if (record === undefined) return undefined;
  const { count, lastAt } = record;
  if (typeof count === 'number' && typeof lastAt === 'number') return { count, lastAt };
  return { count: Number.MAX_SAFE_INTEGER, lastAt: 0 };
}

function asCount(record: CounterRecord | undefined): number {
  if (record === undefined) return 0;
  return typeof record['count'] === 'number' ? record['count'] : Number.MAX_SAFE_INTEGER;
}

function asSpending(record: CounterRecord | undefined): Spending | undefined {
  const at = record?.['at'];
  if (!Array.isArray(at)) return undefined;
  return { at: at.filter((event): event is number => typeof event === 'number') };
}
