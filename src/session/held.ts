/**
 * The sessions that this process holds, and what runs on their behalf. It knows no rules. Only so many are held as objects; the
 * others are at rest until somebody asks for them. An object that somebody still has is found again as long as it exists, so
 * that there are never two of one session: one would not learn that the other ended.
 */
import { Known } from './known.ts';
import type { Aging } from './limits.ts';
import { type Keeper, LiveSession, type Waker } from './live.ts';
import { Resting } from './resting.ts';
import type { Endable } from './ties.ts';

export interface Arrival {
  over: boolean;
}

/** More than one for each that wakes up, so that their number falls back to what it may be. */
const LOOKS = 3;

export class Held implements Waker {
  /** All that are not at rest. */
  readonly #live = new Map<string, LiveSession>();
  readonly #resting = new Resting();
  /** Objects of those at rest that somebody has perhaps. */
  readonly #known = new Known();
  readonly #anonymous = new Set<LiveSession>();
  readonly #busy = new Set<LiveSession>();
  /** May come to rest, in the order in which somebody last looked whether they may. */
  readonly #awake = new Set<LiveSession>();
  readonly #mostAwake: number;
  readonly #keeper: Keeper | undefined;
  /** Made here, and the store does not have them yet. */
  readonly #unborn = new Set<LiveSession>();

  /** Reads and moves under way, by key; `over` when the session ended or changed elsewhere before anybody here could hold it. */
  readonly #arrivals = new Map<string, Set<Arrival>>();

  /**
   * @param mostAwake of which more than the least is held; at least one
   * @param keeper has the records of those at rest; without one they are kept here
   */
  constructor(mostAwake: number, keeper: Keeper | undefined) {
    this.#mostAwake = mostAwake;
    this.#keeper = keeper;
  }

  get(key: string): LiveSession | undefined {
    return this.#live.get(key) ?? this.#known.get(key) ?? this.#resumed(key);
  }

  has(key: string): boolean {
    return this.#live.has(key) || this.#resting.has(key);
  }

  get size(): number {
    return this.#live.size + this.#resting.size;
  }

  /** Those of which `isOver` says it; none is woken by the question. */
  over(isOver: (aging: Aging, seenAt: number) => boolean): LiveSession[] {
    const found = [...this.#live.values()].filter((session) => isOver(session, session.seenAt));
    for (const key of this.#resting.find(isOver)) {
      const session = this.get(key);
      if (session !== undefined) found.push(session);
    }
    return found;
  }

  /** Another process changed a session, or perhaps any of them. @returns the session, unless it is at rest */
  doubt(key: string | undefined): LiveSession | undefined {
    const session = key === undefined ? undefined : this.#live.get(key);
    const touched =
      key === undefined ? [...this.#live.values(), ...this.#known.all()] : [session ?? this.#known.get(key)];
    for (const one of touched) if (one !== undefined) one.stale = true;
    if (key === undefined) this.#resting.doubtAll();
    else this.#resting.doubt(key);
    return session;
  }

  /** Of a session at rest whose object nobody had any more. It stays at rest until something is done with it. */
  #resumed(key: string): LiveSession | undefined {
    const remains = this.#resting.get(key);
    if (remains === undefined) return undefined;
    const session = new LiveSession(key, { remains, keeper: this.#keeper, waker: this });
    this.#known.add(session);
    return session;
  }

  /** It knows more from now on than what remained of it. */
  woken(session: LiveSession): Buffer | undefined {
    const bytes = this.#resting.take(session.key);
    this.#live.set(session.key, session);
    this.use(session);
    return bytes;
  }

  /** Those on whose behalf something runs. */
  busy(): LiveSession[] {
    for (const session of this.#busy) if (!session.isBusy) this.#busy.delete(session);
    return [...this.#busy];
  }

  add(session: LiveSession): LiveSession {
    this.#live.set(session.key, session);
    this.classify(session);
    this.use(session);
    return session;
  }

  /** Somebody asked for it: it stays awake for a while. */
  use(session: LiveSession): void {
    session.isUsed = true;
    if (session.isListed || session.ended || !mayRest(session)) return;
    session.isListed = true;
    session.wake();
    this.#awake.add(session);
    if (this.#awake.size > this.#mostAwake) this.#layToRest();
  }

  /** A few looks at those that were looked at longest ago; whoever was asked for meanwhile is passed over once. */
  #layToRest(): void {
    let looks = 0;
    for (const session of this.#awake) {
      if (looks === LOOKS || this.#awake.size <= this.#mostAwake) return;
      looks += 1;
      this.#awake.delete(session);
      session.isListed = mayRest(session) && (session.isUsed || !this.#rest(session));
      session.isUsed = false;
      if (session.isListed) this.#awake.add(session);
    }
  }

  /** @returns whether nothing was in the way */
  #rest(session: LiveSession): boolean {
    const remains = session.rest(this.#keeper, this);
    if (remains === undefined) return false;
    this.#resting.set(session.key, ...remains);
    this.#known.add(session);
    this.#live.delete(session.key);
    this.#busy.delete(session);
    return true;
  }

  /** A new one, until {@link born}. */
  bear(session: LiveSession): LiveSession {
    this.#unborn.add(session);
    return this.add(session);
  }

  /** The store has it, or will never have it. */
  born(session: LiveSession): void {
    this.#unborn.delete(session);
  }

  isUnborn(session: LiveSession): boolean {
    return this.#unborn.has(session);
  }

  /** After each change of state. */
  classify(session: LiveSession): void {
    if (session.state === 'anonymous') this.#anonymous.add(session);
    else this.#anonymous.delete(session);
  }

  /** For good: nothing may be released, stored or started for it from now on. */
  drop(session: LiveSession): void {
    const { key } = session;
    session.end();
    this.overtake(key);
    if ((this.#live.get(key) ?? this.#known.get(key)) === session) {
      this.#live.delete(key);
      this.#known.delete(key);
    }
    this.#anonymous.delete(session);
    this.#unborn.delete(session);
    this.#awake.delete(session);
    this.abortAll(session);
  }

  expect(key: string): Arrival {
    const arrival = { over: false };
    const waiting = this.#arrivals.get(key);
    if (waiting === undefined) this.#arrivals.set(key, new Set([arrival]));
    else waiting.add(arrival);
    return arrival;
  }

  arrived(key: string, arrival: Arrival): void {
    const waiting = this.#arrivals.get(key);
    waiting?.delete(arrival);
    if (waiting?.size === 0) this.#arrivals.delete(key);
  }

  /** What is under way for this key, or for all, is no longer worth believing. */
  overtake(key?: string): void {
    const waiting = key === undefined ? [...this.#arrivals.values()] : [this.#arrivals.get(key) ?? []];
    for (const arrivals of waiting) for (const arrival of arrivals) arrival.over = true;
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

  /** Once per request: a session that has nothing running any more stays among the busy ones until somebody asks for them. */
  detach(session: LiveSession, running: Endable): void {
    session.running.remove(running);
  }

  abortAll(session: LiveSession): void {
    if (session.isBusy) session.running.abortAll();
    this.#busy.delete(session);
  }

  /** The oldest session without a login, when there are more than `most`. */
  surplus(most: number): LiveSession | undefined {
    return this.#anonymous.size > most ? this.#anonymous.values().next().value : undefined;
  }
}

/** Whoever never does would only stand in the way of those that may: anybody can make ten thousand without a login. */
function mayRest({ state }: LiveSession): boolean {
  return state === 'verified';
}
