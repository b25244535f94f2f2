/** Guesses and budgets: how many fit, for whom there is no hurry, and that nothing is ever given away. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GuessCounter,
  type GuessLimits,
  pausedUntil,
  refundGuess,
  type Spending,
  spend,
  spendGuess,
} from '../../src/gate/attempts.ts';

const LIMITS: GuessLimits = { free: 3, pausesMs: [1000, 5000], hard: 7 };

describe('guesses', () => {
  it('the free ones come at once, then each pause in turn, the last one again and again, and the hard limit for good', () => {
    let counter: GuessCounter | undefined;
    let now = 0;
    const seen: (number | 'unlocked')[] = [];
    for (let guess = 0; guess < LIMITS.hard; guess++) {
      const until = pausedUntil(counter, LIMITS);
      if (until !== undefined) {
        seen.push(until - now);
        expect(spendGuess(counter, until - 1, LIMITS)).toEqual({ allowed: false, until });
        now = until;
      }
      const ruling = spendGuess(counter, now, LIMITS);
      expect(ruling.allowed).toBe(true);
      if (ruling.allowed) counter = ruling.counter;
    }
    expect(seen).toEqual([1000, 5000, 5000, 5000]);
    expect(spendGuess(counter, Number.MAX_SAFE_INTEGER, LIMITS)).toEqual({ allowed: false, until: 'unlocked' });
  });

  it('tells how many are left before the next pause', () => {
    const left = [undefined, 1, 2, 3].map((count) => {
      const ruling = spendGuess(count === undefined ? undefined : { count, lastAt: 0 }, 10_000, LIMITS);
      return ruling.allowed ? ruling.left : undefined;
    });
    expect(left).toEqual([2, 1, 0, 0]);
  });

  it('a refund takes back one, and never more than there was', () => {
    expect(refundGuess(undefined)).toBeUndefined();
    expect(refundGuess({ count: 1, lastAt: 5 })).toBeUndefined();
    expect(refundGuess({ count: 4, lastAt: 5 })).toEqual({ count: 3, lastAt: 5 });
  });

  it('whoever never succeeds gets at most `hard` guesses, at whatever times they come (I5)', () => {
    const times = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 });
    fc.assert(
      fc.property(times, (steps) => {
        let counter: GuessCounter | undefined;
        let now = 0;
        let allowed = 0;
        for (const step of steps) {
          now += step;
          const ruling = spendGuess(counter, now, LIMITS);
          if (!ruling.allowed) continue;
          allowed += 1;
          expect(ruling.counter).toEqual({ count: allowed, lastAt: now });
          expect(ruling.left).toBeLessThanOrEqual(LIMITS.hard - allowed);
          counter = ruling.counter;
        }
        expect(allowed).toBeLessThanOrEqual(LIMITS.hard);
      }),
    );
  });

  it('two guesses after the free ones are never closer than the pause between them', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(steps, (waits) => {
        let counter: GuessCounter | undefined;
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const ruling = spendGuess(counter, now, LIMITS);
          if (!ruling.allowed) continue;
          if (counter !== undefined && counter.count >= LIMITS.free) {
            const pause = LIMITS.pausesMs[Math.min(counter.count - LIMITS.free, 1)] ?? Number.NaN;
            expect(now - counter.lastAt).toBeGreaterThanOrEqual(pause);
          }
          counter = ruling.counter;
        }
      }),
    );
  });
});

describe('budgets', () => {
  const BUDGETS = [
    { max: 1, perMs: 30 },
    { max: 3, perMs: 100 },
  ];

  it('frees a place when the oldest event leaves its window, and says when', () => {
    const one = spend(undefined, 0, BUDGETS);
    expect(one).toEqual({ allowed: true, spending: { at: [0] } });
    expect(spend({ at: [0] }, 29, BUDGETS)).toEqual({ allowed: false, until: 30 });
    expect(spend({ at: [0] }, 30, BUDGETS)).toEqual({ allowed: true, spending: { at: [0, 30] } });
    expect(spend({ at: [0, 30, 60] }, 95, BUDGETS)).toEqual({ allowed: false, until: 100 });
    expect(spend({ at: [0, 30, 60] }, 100, BUDGETS)).toEqual({ allowed: true, spending: { at: [30, 60, 100] } });
  });

  it('a budget of nothing allows nothing', () => {
    expect(spend(undefined, 5, [{ max: 0, perMs: 100 }])).toEqual({ allowed: false, until: 105 });
  });

  it('no window ever holds more than its budget, and what is refused is not counted', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }), (steps) => {
        let spending: Spending | undefined;
        let now = 0;
        const events: number[] = [];
        for (const step of steps) {
          now += step;
          const ruling = spend(spending, now, BUDGETS);
          if (!ruling.allowed) {
            expect(ruling.until).toBeGreaterThan(now);
            expect(spend(spending, ruling.until, BUDGETS).allowed).toBe(true);
            continue;
          }
          events.push(now);
          spending = ruling.spending;
          for (const { max, perMs } of BUDGETS) {
            expect(events.filter((at) => now - at < perMs).length).toBeLessThanOrEqual(max);
          }
          expect(spending.at.length).toBeLessThanOrEqual(4);
        }
      }),
    );
  });
});
