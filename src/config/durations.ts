/** Times in the config: a number and a unit, never a bare number that somebody takes for seconds. */
import { z } from 'zod';

const DAY_MS = 86_400_000;
const HAS_UNIT = 'a time has a unit: 10s, 30m, 12h, 7d';
const DATE = z.iso.date();
const TIME = z.iso.datetime({ offset: true });
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @returns milliseconds; `undefined` for what is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit];
  return factor === undefined ? undefined : Number(count) * factor;
}

/**
 * A point in time. A date alone is the end of that day in UTC, so that "until 2026-12-31" includes it.
 * @returns milliseconds since the epoch
 */
export function instant() {
  return z
    .string()
    .refine(
      (text) => DATE.safeParse(text).success || TIME.safeParse(text).success,
      'a date or a time with its zone: 2026-12-31, 2026-12-31T18:00:00+01:00',
    )
    .transform((text) => (text.includes('T') ? Date.parse(text) : Date.parse(text) + DAY_MS));
}

/** All three are written as durations themselves. */
export function duration(least: string, most: string, standard: string) {
  return time(least, most).prefault(standard);
}

/** The same without a default. */
export function time(least: string, most: string) {
  const [min, max] = [parseDuration(least) ?? 0, parseDuration(most) ?? Number.MAX_SAFE_INTEGER];
  return z
    .string({ error: ({ input }) => (input === undefined ? undefined : HAS_UNIT) }) // a bare number, above all
    .regex(/^\d{1,9}(?:ms|s|m|h|d)$/, { message: HAS_UNIT, abort: true })
    .refine(
      (text) => {
        const ms = parseDuration(text) ?? 0;
        return ms >= min && ms <= max;
      },
      { message: `must be between ${least} and ${most}`, abort: true },
    )
    .transform((text) => parseDuration(text) ?? 0);
}
