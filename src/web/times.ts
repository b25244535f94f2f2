/** Points in time as people read them. Always with a time zone, because the server's may not be theirs. */
import type { Instant } from '../gate/types.ts';

export interface ShownTime {
  readonly text: string;
  /** For `<time datetime>`. */
  readonly iso: string;
}

const LOCALE = 'en-GB';
const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };
const EXACT: Intl.DateTimeFormatOptions = { ...CLOCK, second: '2-digit' };
const DAY: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'long', year: 'numeric' };
const MOMENT: Intl.DateTimeFormatOptions = { ...CLOCK, ...DAY };
const EXACT_MOMENT: Intl.DateTimeFormatOptions = { ...EXACT, ...DAY };

/** The time of day, with seconds when it is less than two minutes away and with the date when it is another day. */
export function timeOf(at: Instant, now: Instant): ShownTime {
  const near = Math.abs(at - now) < 120_000;
  const options = sameDay(at, now) ? (near ? EXACT : CLOCK) : near ? EXACT_MOMENT : MOMENT;
  return { text: written(options, at), iso: new Date(at).toISOString() };
}

export function dayOf(at: Instant): ShownTime {
  return { text: written(DAY, at), iso: new Date(at).toISOString() };
}

/** Day and time: for what is read later, elsewhere. */
export function momentText(at: Instant): string {
  return written(MOMENT, at);
}

/** Whole seconds until then, at least 0. */
export function secondsUntil(at: Instant, now: Instant): number {
  return Math.max(0, Math.ceil((at - now) / 1000));
}

/** "30 seconds", "1 minute", "10 minutes". */
export function durationText(seconds: number): string {
  const [value, unit] = seconds < 120 ? [seconds, 'second'] : [Math.floor(seconds / 60), 'minute'];
  return new Intl.NumberFormat(LOCALE, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

/** Of a time that may be far: "3 days", "5 hours", else as {@link durationText}. Rounded down, so that nobody is promised more. */
export function timeLeftText(seconds: number): string {
  const [length, unit] = seconds < 172_800 ? [3_600, 'hour'] : [86_400, 'day'];
  if (seconds < 7_200) return durationText(seconds);
  const value = Math.floor(seconds / length);
  return new Intl.NumberFormat(LOCALE, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

function sameDay(one: Instant, other: Instant): boolean {
  return written(DAY, one) === written(DAY, other);
}

/** A format takes longer to make than a whole page, so each is made once. */
const formats = new Map<Intl.DateTimeFormatOptions, Intl.DateTimeFormat>();

function written(options: Intl.DateTimeFormatOptions, at: Instant): string {
  const format = formats.get(options) ?? new Intl.DateTimeFormat(LOCALE, options);
  formats.set(options, format);
  return format.format(at);
}
