/**
 * What happened to an account that its owner should know of: kept for the account page, the newest few, for some months.
 * Telling never fails and never says no; nothing here is believed by anybody (OWASP: tell the person of each change).
 */
import type { Clock } from '../clock.ts';
import { type ClientFacts, FACTOR_IDS, type FactorId, type Identity, type Instant, type Json } from '../gate/types.ts';
import { type Log, reasonOf } from '../log.ts';
import type { Collection, CounterRecord } from '../store/store.ts';

export type Happening =
  | { readonly kind: 'factor-added' | 'factor-removed'; readonly factor: FactorId }
  | { readonly kind: 'number-changed' | 'reset-by-administrator' | 'push-denied' | 'recovery-made' }
  | { readonly kind: 'bypass-made' | 'bypass-used' }
  /** `browser-misused`: a value that was replaced came again, so somebody has a copy. */
  | { readonly kind: 'browser-trusted' | 'browser-misused' }
  | { readonly kind: 'recovery-used'; readonly left: number }
  /** Wrong answers since the last success. */
  | { readonly kind: 'signed-in-after-failures'; readonly failures: number };

export interface Occasion {
  readonly at: Instant;
  readonly happening: Happening;
  /** The browser that did it; absent when it was no browser of this person. */
  readonly from?: ClientFacts;
}

export interface Notifier {
  /** Never throws. */
  tell(identity: Identity, happening: Happening, from?: ClientFacts): Promise<void>;
  /** Newest first. @throws StoreError */
  recent(identity: Identity): Promise<readonly Occasion[]>;
}

const MOST = 20;
/** Of one kind, so that no cheap one drives all others out. */
const MOST_ALIKE = 5;
const MEMORY_MS = 90 * 86_400_000;

export class Occasions implements Notifier {
  readonly #store: Collection<CounterRecord>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #name: string;

  /** @param name of the list: a person may have several */
  constructor(store: Collection<CounterRecord>, clock: Clock, log: Log, name = 'events') {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#name = name;
  }

  async tell(identity: Identity, happening: Happening, from?: ClientFacts): Promise<void> {
    const at = this.#clock.now();
    const occasion = { at, happening: { ...happening }, ...(from === undefined ? {} : { from: { ...from } }) };
    try {
      await this.#store.update(this.#keyOf(identity), (current) => ({
        write: { events: newestOf([occasion, ...listOf(current)]), expiresAt: at + MEMORY_MS },
        result: undefined,
      }));
    } catch (error) {
      this.#log.error('event_not_kept', { identity, kind: happening.kind, reason: reasonOf(error) });
    }
  }

  async recent(identity: Identity): Promise<readonly Occasion[]> {
    const oldest = this.#clock.now() - MEMORY_MS;
    const record = await this.#store.get(this.#keyOf(identity));
    return listOf(record).flatMap((value) => {
      const occasion = readOccasion(value);
      return occasion === undefined || occasion.at <= oldest ? [] : [occasion];
    });
  }

  /** Empties the list. @throws StoreError */
  async forget(identity: Identity): Promise<void> {
    await this.#store.update(this.#keyOf(identity), (current) => ({
      ...(current === undefined ? {} : { write: null }),
      result: undefined,
    }));
  }

  #keyOf(identity: Identity): string {
    return `${this.#name}:${identity}`;
  }
}

function listOf(record: CounterRecord | undefined): readonly Json[] {
  const events = record?.['events'];
  return Array.isArray(events) ? events : [];
}

/** @param all newest first */
function newestOf(all: readonly Json[]): readonly Json[] {
  const counts = new Map<unknown, number>();
  const kept = all.filter((value) => {
    const { kind } = fieldsOf(fieldsOf(value)['happening']);
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= MOST_ALIKE;
  });
  return kept.slice(0, MOST);
}

/** What another version wrote may be of a kind that this one does not know: it is left out. */
export function readOccasion(value: Json): Occasion | undefined {
  const { at, happening, from } = fieldsOf(value);
  const known = happeningOf(fieldsOf(happening));
  if (typeof at !== 'number' || known === undefined) return undefined;
  const { address, agent } = fieldsOf(from);
  const client = typeof address === 'string' && typeof agent === 'string' ? { from: { address, agent } } : {};
  return { at, happening: known, ...client };
}

function happeningOf({ kind, factor, failures, left }: Readonly<Record<string, unknown>>): Happening | undefined {
  switch (kind) {
    case 'factor-added':
    case 'factor-removed': {
      const id = FACTOR_IDS.find((one) => one === factor);
      return id === undefined ? undefined : { kind, factor: id };
    }
    case 'number-changed':
    case 'reset-by-administrator':
    case 'push-denied':
    case 'recovery-made':
    case 'browser-trusted':
    case 'browser-misused':
    case 'bypass-made':
    case 'bypass-used':
      return { kind };
    case 'recovery-used':
      return typeof left === 'number' ? { kind, left } : undefined;
    case 'signed-in-after-failures':
      return typeof failures === 'number' ? { kind, failures } : undefined;
    default:
      return undefined;
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
