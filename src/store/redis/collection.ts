/**
 * Records on the server, each sealed text under a name of its own, changed by compare-and-set on the whole text: no text is
 * ever sealed twice alike, so a text that is still there means that nobody changed anything. What cannot be read is an error,
 * never "there is none" (I6, I9).
 */
import { randomInt } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { Instant } from '../../gate/types.ts';
import { reason } from '../durable-file.ts';
import { deepFreeze } from '../frozen.ts';
import type { Keys } from '../keys.ts';
import type { CollectionName } from '../manifest.ts';
import { type IsRecord, isObject } from '../records.ts';
import { type Change, type Collection, StoreError, type StoreErrorCode } from '../store.ts';
import type { Link } from './link.ts';
import type { Names } from './names.ts';
import { LOST, run, SWAP } from './scripts.ts';

export interface CollectionOptions<T> {
  readonly name: CollectionName;
  readonly link: Link;
  readonly names: Names;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly isRecord: IsRecord<T>;
  /** When the record means nothing any more. */
  readonly expiresAt: (record: T) => Instant | undefined;
}

/** How often an update is tried while others change the same record. */
const MOST_TRIES = 30;
/** The server's clock may differ from ours: it forgets later than we stop believing, in ms. */
const MARGIN_MS = 60_000;
const FOR_EVER_MS = 10 * 365 * 86_400_000;
const SCAN_COUNT = '1000';

/** What a write does besides: indexes and messages; see SWAP in scripts.ts. */
export interface Aside {
  readonly leaves?: { readonly index: string; readonly member: string } | undefined;
  readonly joins?: { readonly index: string; readonly member: string } | undefined;
  readonly messages: readonly string[];
}

export class RedisCollection<T> implements Collection<T> {
  protected readonly options: CollectionOptions<T>;
  /** The last update of each key in this process: callers of one key wait for each other here, not on the server. */
  readonly #queues = new Map<string, Promise<unknown>>();
  #closed: StoreError | undefined;

  constructor(options: CollectionOptions<T>) {
    this.options = options;
  }

  async get(key: string): Promise<T | undefined> {
    return this.record(key, await this.#text(key));
  }

  update<R>(key: string, change: (current: T | undefined) => Change<T, R>): Promise<R> {
    return this.exchange(key, key, change);
  }

  /** Each record that is there all the time is listed once. SCAN may show a key twice. */
  async *entries(): AsyncIterable<readonly [key: string, record: T]> {
    const { name, names } = this.options;
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const [next, found] = scanned(
        await this.#ask(['SCAN', cursor, 'MATCH', `${names.start(name)}*`, 'COUNT', SCAN_COUNT]),
      );
      cursor = next;
      const fresh = found.filter((full) => !seen.has(full));
      for (const full of fresh) seen.add(full);
      if (fresh.length === 0) continue;
      const texts = await this.#ask(['MGET', ...fresh, names.manifest]);
      if (!Array.isArray(texts) || texts.length !== fresh.length + 1) throw strange();
      if (texts.at(-1) === null) throw lost();
      for (const [i, full] of fresh.entries()) {
        const opened = this.opened(full.slice(names.start(name).length), textIn(texts[i]));
        if (opened !== undefined) yield opened;
      }
    } while (cursor !== '0');
    if ((await this.#ask(['EXISTS', names.manifest])) !== 1) throw lost(); // what was not there any more was not listed
  }

  /** Refuses updates from now on, and resolves when those that were accepted are done. Afterwards nothing is read either. */
  async close(): Promise<void> {
    this.#closed = new StoreError('unwritable', 'The store is closed.');
    await Promise.all(this.#queues.values());
  }

  /** What a write must do besides. */
  protected aside(_from: string, _to: string, _before: T | undefined, _after: T | null): Aside {
    return { messages: [] };
  }

  /** Reads, changes and writes until nobody was faster. @param to where the record goes; `from` when it stays */
  protected exchange<R>(from: string, to: string, change: (current: T | undefined) => Change<T, R>): Promise<R> {
    return this.#alone(from, async () => {
      let text = await this.#text(from, 'unwritable');
      for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
        const current = this.record(from, text);
        const { write, result } = change(current);
        const isMove = from !== to;
        if (write === undefined || (write === null && (isMove || current === undefined))) return result;
        const answer = await this.#swap(from, to, text, current, write);
        if (answer === 1) return result;
        text = textIn(answer);
        await this.options.link.pause(randomInt(1 + Math.min(50, 2 * tries)));
      }
      throw new StoreError('unwritable', 'Others changed the same record again and again; try once more.');
    });
  }

  /** The record in a text, when it still means something. @throws StoreError `damaged` or `wrong-key` */
  protected record(key: string, text: string | undefined): T | undefined {
    return this.opened(this.options.names.short(this.options.name, key), text)?.[1];
  }

  protected opened(short: string, text: string | undefined): readonly [key: string, record: T] | undefined {
    if (text === undefined) return undefined;
    const { name, names, keys, isRecord, expiresAt, clock } = this.options;
    const content: unknown = JSON.parse(keys.open(aad(name, short), text).toString());
    if (!isObject(content) || typeof content['k'] !== 'string') throw notOurs();
    const { k: key, r: record } = content;
    if (names.short(name, key) !== short || !isRecord(key, record)) throw notOurs();
    const end = expiresAt(record);
    return end !== undefined && end <= clock.now() ? undefined : [key, deepFreeze(record)];
  }

  protected async run(args: () => Promise<unknown>, code: StoreErrorCode): Promise<unknown> {
    if (this.#closed !== undefined && code === 'unreadable') throw this.#closed;
    try {
      return await args();
    } catch (error) {
      if (error instanceof StoreError && (error.code === 'damaged' || error.code === 'wrong-key')) throw error;
      if (error instanceof Error && error.message === LOST) throw lost();
      const cause = error instanceof StoreError ? error.message : `The server of the store refused (${reason(error)}).`;
      throw new StoreError(code, cause, { cause: error });
    }
  }

  #ask(args: readonly string[], code: StoreErrorCode = 'unreadable'): Promise<unknown> {
    return this.run(() => this.options.link.send(args), code);
  }

  async #text(key: string, code: StoreErrorCode = 'unreadable'): Promise<string | undefined> {
    // With the manifest in the same breath: a server that was emptied a moment ago has nothing to say about anybody (I9).
    const answer = await this.#ask(['MGET', this.#full(key), this.options.names.manifest], code);
    if (!Array.isArray(answer) || answer.length !== 2) throw strange();
    if (answer[1] === null) throw lost();
    return textIn(answer[0]);
  }

  #full(key: string): string {
    const { name, names } = this.options;
    return names.start(name) + names.short(name, key);
  }

  #swap(from: string, to: string, text: string | undefined, before: T | undefined, write: T | null): Promise<unknown> {
    const { name, names, keys, link } = this.options;
    const { leaves, joins, messages } = this.aside(from, to, before, write);
    const places = [this.#full(from), this.#full(to)];
    const plain = write === null ? '' : JSON.stringify({ k: to, r: write });
    const sealed = write === null ? '' : keys.seal(aad(name, names.short(name, to)), plain);
    const where = [...places, leaves?.index ?? this.#full(from), joins?.index ?? this.#full(from), names.manifest];
    const what = [text ?? '', sealed, this.#timeToLive(write), leaves?.member ?? '', joins?.member ?? ''];
    const args = [...what, names.channel, ...messages];
    return this.run(() => run((command) => link.send(command), SWAP, where, args), 'unwritable');
  }

  #timeToLive(write: T | null): string {
    const end = write === null ? undefined : this.options.expiresAt(write);
    if (end === undefined) return '0';
    const left = Math.max(0, end - this.options.clock.now()) + MARGIN_MS;
    return left > FOR_EVER_MS ? '0' : String(Math.ceil(left));
  }

  async #alone<R>(key: string, work: () => Promise<R>): Promise<R> {
    if (this.#closed !== undefined) throw this.#closed;
    const before = this.#queues.get(key);
    const mine = before === undefined ? work() : before.then(work);
    const done = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(key, done);
    try {
      return await mine;
    } finally {
      if (this.#queues.get(key) === done) this.#queues.delete(key);
    }
  }
}

function aad(name: CollectionName, short: string): string {
  return `${name}\0${short}`;
}

function textIn(answer: unknown): string | undefined {
  if (answer === null || typeof answer === 'string') return answer ?? undefined;
  throw strange();
}

function scanned(answer: unknown): readonly [cursor: string, names: readonly string[]] {
  if (!Array.isArray(answer) || !Array.isArray(answer[1])) throw strange();
  return [String(answer[0]), answer[1].map(String)];
}

function strange(): StoreError {
  return new StoreError(
    'unreadable',
    'The server of the store gave an answer that is not understood; is it Redis or Valkey?',
  );
}

function lost(): StoreError {
  return new StoreError(
    'damaged',
    'The Redis server lost the data of the gateway; restore it, or restart all gateways.',
  );
}

function notOurs(): StoreError {
  return new StoreError('damaged', 'A record on the server is not of this version; use the version that wrote it.');
}
