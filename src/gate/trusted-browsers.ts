/**
 * Browsers that stand for a factor for some days after a proof (attack 60). What a browser keeps is worth one login: it is replaced
 * with each use, so that of two who have the same value one comes too late and gives the copy away. Pure; randomness and hashes
 * come from the caller. It never replaces the password, and is never a proof.
 */
import { isAllowed, type PolicyFor } from './policy.ts';
import type { ClientFacts, FactorId, Instant } from './types.ts';

export interface TrustedBrowser {
  /** By what it is found and shown; opens nothing. */
  readonly id: string;
  /** Hash of the value that the browser has now. */
  readonly hash: string;
  /** Hash of the one before, and when it was replaced. */
  readonly before?: { readonly hash: string; readonly at: Instant };
  /** What was proved when it came to be trusted, and the account's `factorVersion` then. */
  readonly factor: FactorId;
  readonly factorVersion: number;
  readonly createdAt: Instant;
  readonly usedAt: Instant;
  readonly until: Instant;
  /** Of its last login. */
  readonly from: ClientFacts;
}

/** What a browser brought, hashed. */
export interface Brought {
  readonly id: string;
  readonly hash: string;
}

export interface BrowserFacts {
  readonly now: Instant;
  /** Of the account now: with any change of factors nobody is trusted any more (attack 59). */
  readonly factorVersion: number;
  readonly policy: Pick<PolicyFor, 'browserMs' | 'factors'>;
  readonly from: ClientFacts;
}

export type BrowserRuling =
  /** Not of this account, or no longer good: the factor is asked for, and nobody is suspected. */
  | { readonly is: 'unknown' }
  /** `replaced`: it gets a new value, and this list is to be kept. */
  | {
      readonly is: 'trusted';
      readonly browser: TrustedBrowser;
      readonly replaced?: readonly TrustedBrowser[];
    }
  /** Somebody has a copy: nobody of this account is trusted from now on. */
  | { readonly is: 'misused' };

/** Trusted browsers of one account; the oldest goes first. */
const MOST = 20;
/** How long a value that was just replaced is good, in ms: a browser that sends two logins at once is no thief. */
export const TOGETHER_MS = 10_000;

/** Kinds of proof that stand in for a factor that is lost: whoever used one shall set up a new one first. */
const STAND_INS: readonly FactorId[] = ['recovery', 'bypass'];

/**
 * How long a browser may be trusted with this proof, in ms; `undefined`: it may not.
 * @param isStepUp a proof inside a session says nothing about the next login
 */
export function trustFor(
  { browserMs }: Pick<PolicyFor, 'browserMs'>,
  factor: FactorId,
  isStepUp: boolean,
): number | undefined {
  return isStepUp || STAND_INS.includes(factor) ? undefined : browserMs;
}

/** @param nextHash of the value that the browser gets if this one was right */
export function judgeBrowser(
  browsers: readonly TrustedBrowser[],
  brought: Brought,
  facts: BrowserFacts,
  nextHash: string,
): BrowserRuling {
  const { from, now } = facts;
  const browser = browsers.find(({ id }) => id === brought.id);
  if (browser === undefined || !isGood(browser, facts)) return { is: 'unknown' };
  if (browser.hash === brought.hash) {
    const next = { ...browser, hash: nextHash, before: { hash: browser.hash, at: now }, usedAt: now, from };
    return { is: 'trusted', browser: next, replaced: browsers.map((one) => (one.id === next.id ? next : one)) };
  }
  const { before } = browser;
  const isTogether = before !== undefined && before.hash === brought.hash && now - before.at < TOGETHER_MS;
  const isSameClient = browser.from.address === from.address && browser.from.agent === from.agent;
  return isTogether && isSameClient ? { is: 'trusted', browser } : { is: 'misused' };
}

/** Whether it could still be let in, whatever it brings. */
export function isGood(
  { createdAt, factor, factorVersion, until }: TrustedBrowser,
  facts: Pick<BrowserFacts, 'factorVersion' | 'now' | 'policy'>,
): boolean {
  const { now, policy } = facts;
  if (policy.browserMs === undefined || factorVersion !== facts.factorVersion) return false;
  // A limit that was made shorter meanwhile holds for everybody.
  return now < Math.min(until, createdAt + policy.browserMs) && isAllowed(policy, factor);
}

/** The list with one more, and without those that mean nothing any more. */
export function withBrowser(
  browsers: readonly TrustedBrowser[],
  browser: TrustedBrowser,
  facts: Pick<BrowserFacts, 'factorVersion' | 'now' | 'policy'>,
): readonly TrustedBrowser[] {
  return [browser, ...browsers.filter((one) => isGood(one, facts))].slice(0, MOST);
}
