/**
 * One store that several processes share, in memory: what each of them sees of the others, and when, is up to the test. Only
 * sessions are told about; users and counters are asked for each time in a real one too.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../../src/clock.ts';
import { memoryStore } from '../../src/store/memory.ts';
import {
  type Elsewhere,
  type SessionCollection,
  type SessionRecord,
  type Store,
  StoreError,
} from '../../src/store/store.ts';

type Listener = (key: string | undefined) => void;

export class SharedStore {
  readonly truth: Store;
  readonly #members: Member[] = [];
  readonly #waiting: (() => void)[] = [];
  /** While false, changes are not told; they wait. */
  telling = true;
  down = false;

  constructor(clock: Clock) {
    this.truth = memoryStore(clock);
  }

  member(): Member {
    const member = new Member(this);
    this.#members.push(member);
    return member;
  }

  tell(from: Member, key: string): void {
    for (const member of this.#members) if (member !== from) member.hear(key);
  }

  /** Back again, each process has to suppose that anything may have changed. */
  setDown(down: boolean): void {
    if (this.down === down) return;
    this.down = down;
    if (!down) for (const member of this.#members) member.reconnect();
  }

  /** Everything that waited, in order. */
  deliver(): void {
    this.telling = true;
    for (const member of this.#members) member.deliver();
    for (const heard of this.#waiting.splice(0)) heard();
  }

  /** At once, or when what waits is delivered; whoever hears nothing is not waited for. */
  async everybodyHeard(): Promise<void> {
    if (this.#members.some(({ heard, hasWaiting }) => heard && hasWaiting)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** What one process has of it. */
export class Member implements Store {
  readonly users: Store['users'];
  readonly counters: Store['counters'];
  readonly sessions: SessionCollection;
  readonly #shared: SharedStore;
  readonly #listeners: Listener[] = [];
  readonly #waiting: string[] = [];
  heard = true;
  /** How often a session was read. */
  reads = 0;
  /** Runs before each answer to a read of a session. */
  beforeAnswer: () => Promise<void> = async () => {};
  /** Runs before each write of a session, which is on its way meanwhile. */
  beforeWrite: () => Promise<void> = async () => {};

  constructor(shared: SharedStore) {
    this.#shared = shared;
    this.users = shared.truth.users;
    this.counters = shared.truth.counters;
    const { sessions } = shared.truth;
    const elsewhere: Elsewhere = {
      isHeard: () => this.heard && !shared.down,
      onChange: (listener) => void this.#listeners.push(listener),
      everybodyHeard: () => shared.everybodyHeard(),
    };
    this.sessions = {
      elsewhere,
      peek: () => undefined,
      get: async (key) => {
        this.reads += 1;
        this.#up();
        const record = await sessions.get(key);
        await this.beforeAnswer();
        return record;
      },
      update: async (key, change) => {
        await this.beforeWrite();
        this.#up();
        const before = await sessions.get(key);
        const result = await sessions.update(key, change);
        if ((await sessions.get(key)) !== before) shared.tell(this, key);
        return result;
      },
      move: async (from, to, change) => {
        await this.beforeWrite();
        this.#up();
        const before: SessionRecord | undefined = await sessions.get(to);
        const result = await sessions.move(from, to, change);
        if ((await sessions.get(to)) === before) return result;
        shared.tell(this, from);
        shared.tell(this, to);
        return result;
      },
      of: async (identity) => {
        this.#up();
        const found = await sessions.of(identity);
        await this.beforeAnswer();
        return found;
      },
      entries: () => sessions.entries(),
    };
  }

  hear(key: string): void {
    this.#waiting.push(key);
    if (this.#shared.telling) this.deliver();
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  deliver(): void {
    for (const key of this.#waiting.splice(0)) this.#all(key);
  }

  /** The connection was lost and is back. */
  reconnect(): void {
    this.#waiting.length = 0;
    this.#all(undefined);
    this.heard = true;
  }

  mac(label: string, text: string): Buffer {
    return createHmac('sha256', 'of all of them').update(`${label}\0${text}`).digest();
  }

  healthy(): boolean {
    return !this.#shared.down;
  }

  async close(): Promise<void> {}

  #all(key: string | undefined): void {
    for (const listener of this.#listeners) listener(key);
  }

  #up(): void {
    if (this.#shared.down) throw new StoreError('unreadable', 'The store cannot be reached.');
  }
}
