/**
 * What happened lately to all accounts, and what administrators did and why: a ring of the newest events in the store, for the
 * administrator's report. The log says all of it and for longer; nothing here is believed by anybody, and writing never fails a deed.
 */
import type { Clock } from '../clock.ts';
import type { ClientFacts, Identity, Instant, Json } from '../gate/types.ts';
import { type Log, reasonOf } from '../log.ts';
import type { Collection, CounterRecord } from '../store/store.ts';
import { Counters } from './counters.ts';
import { type Happening, readOccasion } from './notifying.ts';

/** Deeds of administrators, by the names that the log has for them. */
export const DEEDS = [
  'admin_factors_reset',
  'admin_ticket_made',
  'admin_bypass_made',
  'admin_unlocked',
  'admin_sessions_ended',
  'admin_spending_stop_lifted',
] as const;
export type Deed = (typeof DEEDS)[number];

export type AuditEvent = { readonly at: Instant; readonly identity?: Identity } & (
  | { readonly happening: Happening; readonly from?: ClientFacts }
  | { readonly deed: Deed; readonly actor: Identity; readonly reason: string }
);

/** Events that are kept. */
const MOST = 1_000;
/**
 * Events of one kind of one account in a day, beside what administrators did: more say nothing new. Without it whoever has one
 * account changes a number to and fro until nothing else is left.
 */
const SHARE = [{ max: 10, perMs: 86_400_000 }];
const PAGE = 25;
const MEMORY_MS = 180 * 86_400_000;
const COUNT = 'audit:count';

export class Audit {
  readonly #store: Collection<CounterRecord>;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(store: Collection<CounterRecord>, clock: Clock, log: Log) {
    this.#store = store;
    this.#counters = new Counters(store);
    this.#clock = clock;
    this.#log = log;
  }

  async happened(identity: Identity, happening: Happening, from?: ClientFacts): Promise<void> {
    if (!(await this.#hasShare(identity, happening))) return;
    await this.#write({
      identity,
      happening: { ...happening },
      ...(from === undefined ? {} : { from: { ...from } }),
    });
  }

  done(deed: Deed, actor: Identity, reason: string, identity?: Identity): Promise<void> {
    return this.#write({ deed, actor, reason, ...(identity === undefined ? {} : { identity }) });
  }

  /** Newest first. @throws StoreError */
  async page(page: number): Promise<{ readonly events: readonly AuditEvent[]; readonly hasMore: boolean }> {
    const count = countIn(await this.#store.get(COUNT));
    const oldest = Math.max(1, count - MOST + 1);
    const newest = count - (page - 1) * PAGE;
    const numbers = Array.from({ length: PAGE }, (_, i) => newest - i).filter((number) => number >= oldest);
    const records = await Promise.all(
      numbers.map(async (number) => [number, await this.#store.get(keyOf(number))] as const),
    );
    const events = records.flatMap(([number, record]) => eventIn(number, record) ?? []);
    return { events, hasMore: newest - PAGE >= oldest };
  }

  async #hasShare(identity: Identity, { kind }: Happening): Promise<boolean> {
    try {
      const { allowed } = await this.#counters.spend(`audit-share:${kind}:${identity}`, this.#clock.now(), SHARE);
      if (!allowed) this.#log.warn('events_too_many', { identity, kind });
      return allowed;
    } catch (error) {
      this.#log.error('event_not_kept', { kind: 'audit', reason: reasonOf(error) });
      return false;
    }
  }

  async #write(event: { readonly [name: string]: Json }): Promise<void> {
    const at = this.#clock.now();
    const expiresAt = at + MEMORY_MS;
    try {
      const number = await this.#store.update<number>(COUNT, (current) => {
        const next = countIn(current) + 1;
        return { write: { count: next, expiresAt }, result: next };
      });
      await this.#store.update(keyOf(number), () => ({
        write: { number, at, ...event, expiresAt },
        result: undefined,
      }));
    } catch (error) {
      this.#log.error('event_not_kept', { kind: 'audit', reason: reasonOf(error) });
    }
  }
}

function keyOf(number: number): string {
  return `audit:${number % MOST}`;
}

function countIn(record: CounterRecord | undefined): number {
  const count = record?.['count'];
  return typeof count === 'number' ? count : 0;
}

/** What another version wrote, or a later event of the ring overwrote, is left out. */
function eventIn(number: number, record: CounterRecord | undefined): AuditEvent | undefined {
  if (record === undefined || record['number'] !== number) return undefined;
  const { actor, at, deed, identity, reason } = record;
  const who = typeof identity === 'string' ? { identity: identity as Identity } : {};
  if (typeof at !== 'number') return undefined;
  const known = DEEDS.find((one) => one === deed);
  if (known !== undefined && typeof actor === 'string' && typeof reason === 'string') {
    return { at, ...who, deed: known, actor: actor as Identity, reason };
  }
  const occasion = readOccasion(record);
  return occasion === undefined ? undefined : { ...who, ...occasion };
}
