/**
 * Trusted browsers of an account: remembered with a right answer, replaced with each use, and all of them forgotten when one
 * of their values comes a second time. Which may stand for a factor is judged in gate/trusted-browsers.ts, inside the store's
 * atomic update; the store knows hashes only.
 */
import type { Clock } from '../clock.ts';
import {
  type BrowserFacts,
  type BrowserRuling,
  isGood,
  judgeBrowser,
  type TrustedBrowser,
  withBrowser,
} from '../gate/trusted-browsers.ts';
import { type ClientFacts, FACTOR_IDS, type FactorId, type Identity, type Json } from '../gate/types.ts';
import type { Log } from '../log.ts';
import { type BrowserCookie, hashedBrowserValue, newBrowserValue } from '../session/browser-cookie.ts';
import type { Sessions } from '../session/sessions.ts';
import type { Collection, CounterRecord } from '../store/store.ts';
import type { Notifier } from './notifying.ts';

export interface BrowserParts {
  readonly store: Collection<CounterRecord>;
  readonly sessions: Pick<Sessions, 'of' | 'end'>;
  readonly notify: Notifier;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomBytes: (size: number) => Buffer;
}

/** What the value of a browser was good for. `cookie`: what it gets in its place. */
export type Used = { readonly id: string; readonly cookie?: BrowserCookie } | 'misused' | undefined;

export class Browsers {
  readonly #parts: BrowserParts;

  constructor(parts: BrowserParts) {
    this.#parts = parts;
  }

  /** After an accepted password. @throws StoreError: then nobody is trusted (I6). */
  async use(identity: Identity, value: string, facts: Omit<BrowserFacts, 'now'>): Promise<Used> {
    const { clock, log, notify, randomBytes, store } = this.#parts;
    const now = clock.now();
    const next = newBrowserValue(randomBytes, value);
    const ruling = await store.update<BrowserRuling>(keyOf(identity), (current) => {
      const judged = judgeBrowser(
        browsersOf(current),
        hashedBrowserValue(value),
        { ...facts, now },
        hashedBrowserValue(next).hash,
      );
      if (judged.is === 'misused') return { write: null, result: judged };
      if (judged.is !== 'trusted' || judged.replaced === undefined) return { result: judged };
      return { write: recordOf(judged.replaced), result: judged };
    });
    if (ruling.is === 'unknown') return undefined;
    if (ruling.is === 'trusted') {
      const { id, until } = ruling.browser;
      return ruling.replaced === undefined ? { id } : { id, cookie: { value: next, maxAgeMs: until - now } };
    }
    log.warn('authn_trusted_browser_misused', { identity, client: facts.from.address });
    // Nobody knows which of the two is the owner: whoever came in by such a value proves the factor as well.
    await this.#endSessions(identity, () => true);
    await notify.tell(identity, { kind: 'browser-misused' }, facts.from);
    return 'misused';
  }

  /** With a right answer. @param forMs from `trustFor`. */
  async trust(
    identity: Identity,
    factor: FactorId,
    forMs: number,
    facts: Omit<BrowserFacts, 'now'>,
  ): Promise<BrowserCookie> {
    const { clock, log, notify, randomBytes, store } = this.#parts;
    const { factorVersion, from } = facts;
    const now = clock.now();
    const value = newBrowserValue(randomBytes);
    const browser: TrustedBrowser = {
      ...hashedBrowserValue(value),
      factor,
      factorVersion,
      createdAt: now,
      usedAt: now,
      until: now + forMs,
      from,
    };
    await store.update(keyOf(identity), (current) => ({
      write: recordOf(withBrowser(browsersOf(current), browser, { ...facts, now })),
      result: undefined,
    }));
    log.info('authn_browser_trusted', { identity, factor, client: from.address });
    await notify.tell(identity, { kind: 'browser-trusted' }, from);
    return { value, maxAgeMs: forMs };
  }

  /** Whether a browser that was just let in is still one of the account's. */
  async stands(identity: Identity, id: string): Promise<boolean> {
    return browsersOf(await this.#parts.store.get(keyOf(identity))).some((one) => one.id === id);
  }

  /** Those that could still be let in, the one that was used last first. */
  async list(identity: Identity, facts: Omit<BrowserFacts, 'now' | 'from'>): Promise<readonly TrustedBrowser[]> {
    const now = this.#parts.clock.now();
    return browsersOf(await this.#parts.store.get(keyOf(identity)))
      .filter((one) => isGood(one, { ...facts, now }))
      .toSorted((a, b) => b.usedAt - a.usedAt);
  }

  /** Forgets some, and ends the sessions that they opened. @returns how many browsers those were. */
  async forget(identity: Identity, isMeant: (id: string) => boolean = () => true): Promise<number> {
    const { log, store } = this.#parts;
    const gone = await store.update(keyOf(identity), (current) => {
      const all = browsersOf(current);
      const left = all.filter(({ id }) => !isMeant(id));
      if (left.length === all.length) return { result: 0 };
      return { write: left.length === 0 ? null : recordOf(left), result: all.length - left.length };
    });
    await this.#endSessions(identity, isMeant);
    if (gone > 0) log.info('authn_browsers_forgotten', { identity, count: gone });
    return gone;
  }

  async #endSessions(identity: Identity, isMeant: (browser: string) => boolean): Promise<void> {
    const { sessions } = this.#parts;
    for (const session of await sessions.of(identity)) {
      const state = session.session;
      if (state.state !== 'verified' || state.grounds.how !== 'trusted-browser') continue;
      if (isMeant(state.grounds.browser)) await sessions.end(session, 'revoked');
    }
  }
}

function keyOf(identity: Identity): string {
  return `browsers:${identity}`;
}

function recordOf(browsers: readonly TrustedBrowser[]): CounterRecord {
  const list = browsers.map(({ before, from, ...rest }) => ({
    ...rest,
    from: { ...from },
    ...(before === undefined ? {} : { before: { ...before } }),
  }));
  return { browsers: list, expiresAt: Math.max(...browsers.map(({ until }) => until)) };
}

/** What is not understood is no trusted browser: its owner is asked (I6). */
function browsersOf(record: CounterRecord | undefined): readonly TrustedBrowser[] {
  const browsers = record?.['browsers'];
  return Array.isArray(browsers) ? browsers.flatMap((value: Json) => read(value) ?? []) : [];
}

function read(value: Json): TrustedBrowser | undefined {
  const { id, hash, factorVersion, createdAt, usedAt, until, ...fields } = fieldsOf(value);
  const factor = FACTOR_IDS.find((one) => one === fields['factor']);
  const from = clientOf(fields['from']);
  const earlier = fieldsOf(fields['before']);
  if (typeof id !== 'string' || typeof hash !== 'string' || typeof factorVersion !== 'number') return undefined;
  if (typeof createdAt !== 'number' || typeof usedAt !== 'number' || typeof until !== 'number') return undefined;
  if (factor === undefined || from === undefined) return undefined;
  const isReplaced = typeof earlier['hash'] === 'string' && typeof earlier['at'] === 'number';
  const before = isReplaced ? { before: { hash: String(earlier['hash']), at: Number(earlier['at']) } } : {};
  return { id, hash, factor, factorVersion, createdAt, usedAt, until, from, ...before };
}

function clientOf(value: unknown): ClientFacts | undefined {
  const { address, agent } = fieldsOf(value);
  return typeof address === 'string' && typeof agent === 'string' ? { address, agent } : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
