/**
 * Rules on an answer: all keys inside a rule must hold. A key that cannot be decided (compressed body, no redirect, two
 * of what there should be one) does not hold, so that nothing is accepted or rejected by accident (I6).
 */
import type { Json } from '../gate/types.ts';
import { at } from './json.ts';
import type { Page } from './page.ts';
import { nameMatcher, placeMatcher, textMatcher } from './patterns.ts';
import type { AnswerRuleData } from './schema.ts';

type Holds = (page: Page) => boolean;

/** @param base address of the request that is answered, for relative redirects. */
export function compileRule(rule: AnswerRuleData, base: string): Holds {
  const checks: Holds[] = [];
  if (rule.status !== undefined) checks.push(hasStatus(rule.status));
  if (rule.location !== undefined) checks.push(redirectsTo(list(rule.location), base, true));
  if (rule.locationNot !== undefined) checks.push(redirectsTo(list(rule.locationNot), base, false));
  if (rule.bodyHas !== undefined) checks.push(bodyHas(list(rule.bodyHas)));
  if (rule.bodyLacks !== undefined) checks.push(bodyLacks(list(rule.bodyLacks)));
  if (rule.json !== undefined) checks.push(jsonHas(rule.json));
  if (rule.setsCookie !== undefined) checks.push(setsCookies(list(rule.setsCookie)));
  if (rule.header !== undefined) checks.push(hasHeaders(rule.header));
  return (page) => checks.every((holds) => holds(page));
}

export function list<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

export function hasStatus(wanted: number | readonly number[]): Holds {
  const statuses = new Set(list(wanted));
  return ({ answer }) => statuses.has(answer.status);
}

function redirectsTo(places: readonly string[], base: string, wanted: boolean): Holds {
  const matchers = places.map((place) => placeMatcher(place, base));
  return (page) => {
    const [location, second] = page.headers('location');
    if (location === undefined || second !== undefined) return false;
    return matchers.some((matches) => matches(location)) === wanted;
  };
}

export function bodyHas(markers: readonly string[]): Holds {
  return (page) => {
    const text = page.text();
    return text !== undefined && markers.every((marker) => text.includes(marker));
  };
}

function bodyLacks(markers: readonly string[]): Holds {
  return (page) => {
    const text = page.text();
    return text !== undefined && !markers.some((marker) => text.includes(marker));
  };
}

export function jsonHas(values: Readonly<Record<string, string | number | boolean | null>>): Holds {
  const wanted = Object.entries(values).map(([pointer, value]) => [pointer, valueMatcher(value)] as const);
  return (page) => {
    const document = page.json();
    if (document === undefined) return false;
    return wanted.every(([pointer, matches]) => matches(at(document, pointer)));
  };
}

function valueMatcher(wanted: string | number | boolean | null): (value: Json | undefined) => boolean {
  if (typeof wanted !== 'string') return (value) => value === wanted;
  const matches = textMatcher(wanted);
  return (value) => typeof value === 'string' && matches(value);
}

function hasHeaders(values: Readonly<Record<string, string>>): Holds {
  const wanted = Object.entries(values).map(([name, value]) => [name.toLowerCase(), textMatcher(value)] as const);
  return (page) => wanted.every(([name, matches]) => page.headers(name).some((value) => matches(value.trim())));
}

function setsCookies(patterns: readonly string[]): Holds {
  const matchers = patterns.map(nameMatcher);
  return (page) => {
    const kept = cookiesKept(page);
    return matchers.every((matches) => kept.some(matches));
  };
}

/** Names that the answer leaves set: the last line of a name decides, and a deletion is no setting. */
function cookiesKept(page: Page): readonly string[] {
  const state = new Map<string, boolean>();
  const date = Date.parse(page.headers('date')[0] ?? '');
  for (const line of page.headers('set-cookie')) {
    const [pair = '', ...attributes] = line.split(';');
    const equals = pair.indexOf('=');
    if (equals <= 0) continue;
    const value = pair.slice(equals + 1).trim();
    const gone = value === '' || value === 'deleted' || hasExpired(attributes, date);
    state.set(pair.slice(0, equals).trim(), !gone);
  }
  return [...state].filter(([, kept]) => kept).map(([name]) => name);
}

/** @param date of the answer itself; without it only a time before 2000 counts as the past. */
function hasExpired(attributes: readonly string[], date: number): boolean {
  const value = (name: string): string | undefined =>
    attributes
      .map((attribute) => attribute.split('='))
      .findLast(([found]) => found?.trim().toLowerCase() === name)?.[1]
      ?.trim();
  const maxAge = value('max-age');
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Number(maxAge) <= 0; // RFC 6265 5.3: Max-Age goes first
  const expires = Date.parse((value('expires') ?? '').replaceAll('-', ' '));
  return expires <= (Number.isNaN(date) ? Date.UTC(2000, 0) : date);
}
