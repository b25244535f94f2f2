/**
 * The small pattern languages of a profile: values with `*` at the end, cookie names, hosts, places. Compiled once at the
 * start; a pattern never matches more than it says.
 */
import { canonicalTarget, isRefused } from './path.ts';
import { phpPath } from './php-names.ts';

/** Exactly this text, or every text that begins like it when the pattern ends in `*`. */
export function textMatcher(pattern: string): (text: string) => boolean {
  if (!pattern.endsWith('*')) return (text) => text === pattern;
  const start = pattern.slice(0, -1);
  return (text) => text.startsWith(start);
}

/** A name, a name with `*` at the end, or `/regular expression/`. @throws SyntaxError */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const inner = /^\/(.+)\/$/.exec(pattern)?.[1];
  if (inner === undefined) return textMatcher(pattern);
  const expression = new RegExp(inner, 'u');
  return (name) => expression.test(name);
}

/** `lucy.example.com`, `*.example.com` (any depth below, not the domain itself), or `*`. */
export function hostMatcher(pattern: string): (host: string) => boolean {
  const wanted = pattern.toLowerCase();
  if (wanted === '*') return () => true;
  if (!wanted.startsWith('*.')) return (host) => host === wanted;
  const end = wanted.slice(1);
  return (host) => host.endsWith(end) && host.length > end.length;
}

export function anyOf<T>(matchers: readonly ((value: T) => boolean)[]): (value: T) => boolean {
  return (value) => matchers.some((matches) => matches(value));
}

/** One name for every spelling that PHP folds into it (attacks 19, 23). */
export function phpName(name: string): string {
  return phpPath(name).join('\0');
}

/**
 * A place in the application: path, and the query parameters that must be there. `/doku.php?do=login` is met by
 * `/doku.php?id=start&do=login`, `/admin/login` by any query, `/admin/*` by everything that begins like it.
 * @param base the address that a relative `Location` is resolved against.
 */
export function placeMatcher(pattern: string, base: string): (location: string) => boolean {
  const [path = '', query = ''] = split(pattern);
  const pathMatches = textMatcher(path);
  const wanted = [...new URLSearchParams(query)].map(([name, value]) => [name, textMatcher(value)] as const);
  return (location) => {
    const place = resolve(location, base);
    if (place === undefined || !pathMatches(place.path)) return false;
    const params = new URLSearchParams(place.query);
    return wanted.every(([name, matches]) => params.getAll(name).some(matches));
  };
}

/** Path and query of an address that the application named, absolute or relative; hosts are not looked at. */
export function resolve(location: string, base: string): { path: string; query: string; target: string } | undefined {
  let url: URL;
  try {
    url = new URL(location, `http://app.invalid${base}`);
  } catch {
    return undefined;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const target = canonicalTarget(url.pathname + url.search);
  return isRefused(target) ? undefined : target;
}

function split(target: string): string[] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target] : [target.slice(0, mark), target.slice(mark + 1)];
}
