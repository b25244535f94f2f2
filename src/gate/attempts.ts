/**
 * Guesses: how many, how fast, and what happens after the last one (I5, T4). Pure: a counter goes in, a counter comes out;
 * the store applies the function atomically, before the code is checked.
 */
import type { Instant } from './types.ts';

/** Consecutive guesses against one identity over all its sessions, logins and factors. */
export interface GuessCounter {
  /** Guesses since the last success, the one that is being checked now included. */
  readonly count: number;
  readonly lastAt: Instant;
}

export interface GuessLimits {
  /** Guesses before the first pause. */
  readonly free: number;
  /** Pauses in ms after the guesses that follow the free ones; the last one repeats. */
  readonly pausesMs: readonly number[];
  /** Consecutive guesses after which only an administrator helps (NIST SP 800-63B 3.2.2 allows at most 100). */
  readonly hard: number;
}

export type GuessRuling =
  | { readonly allowed: true; readonly counter: GuessCounter; readonly left: number }
  | { readonly allowed: false; readonly until: Instant | 'unlocked' };

/**
 * Counts one guess, or refuses it without counting. A locked identity gets the same answer for right and wrong codes,
 * because the code is not looked at.
 */
export function spendGuess(counter: GuessCounter | undefined, now: Instant, limits: GuessLimits): GuessRuling {
  const count = counter?.count ?? 0;
  if (count >= limits.hard) return { allowed: false, until: 'unlocked' };
  const until = pausedUntil(counter, limits);
  if (until !== undefined && now < until) return { allowed: false, until };
  const next = { count: count + 1, lastAt: now };
  const untilPause = next.count < limits.free ? limits.free - next.count : 0;
  return { allowed: true, counter: next, left: Math.min(untilPause, limits.hard - next.count) };
}

/** Gives a guess back that never was one: the provider was out of reach. Never below zero, never after a reset. */
export function refundGuess(counter: GuessCounter | undefined): GuessCounter | undefined {
  if (counter === undefined || counter.count <= 1) return undefined;
  return { count: counter.count - 1, lastAt: counter.lastAt };
}

/** When the next guess may be made; `undefined` when it may be made now. */
export function pausedUntil(counter: GuessCounter | undefined, limits: GuessLimits): Instant | undefined {
  if (counter === undefined || counter.count < limits.free) return undefined;
  const pauses = limits.pausesMs;
  const pause = pauses[Math.min(counter.count - limits.free, pauses.length - 1)];
  return pause === undefined ? undefined : counter.lastAt + pause;
}

/** A budget of events in a sliding set of windows: texts, calls, logins per address. */
export interface Spending {
  /** Times of the events that still count, oldest first. */
  readonly at: readonly Instant[];
}

export interface Budget {
  readonly max: number;
  readonly perMs: number;
}

export type SpendRuling =
  | { readonly allowed: true; readonly spending: Spending }
  | { readonly allowed: false; readonly until: Instant };

/** Counts one event if every budget has room for it; refuses without counting otherwise. */
export function spend(spending: Spending | undefined, now: Instant, budgets: readonly Budget[]): SpendRuling {
  const longest = Math.max(0, ...budgets.map((budget) => budget.perMs));
  const at = (spending?.at ?? []).filter((event) => now - event < longest);
  let until: Instant | undefined;
  for (const { max, perMs } of budgets) {
    const inside = at.filter((event) => now - event < perMs);
    if (inside.length < max) continue;
    const oldest = inside[inside.length - max];
    const free = oldest === undefined ? now + perMs : oldest + perMs; // a budget of zero never frees
    until = until === undefined ? free : Math.max(until, free);
  }
  if (until !== undefined) return { allowed: false, until };
  return { allowed: true, spending: { at: [...at, now] } };
}
