/** Where may we send a browser? Same-origin absolute paths only, parsed, never prefix-matched (T10, ASVS 3.7.2). Pure. */
import type { ReturnPath } from './types.ts';

const MAX_LENGTH = 2048;
/** Controls, blanks, backslash and everything outside ASCII: none of them stands in a well-formed target (RFC 3986). */
const FORBIDDEN = /[^\x21-\x7e]|\\/;

/**
 * @param target what a request or an application's `Location` named: a path, or an absolute URL of our own origin.
 * @param origin our public origin, from the configuration, never from a request.
 * @returns the path with query, or `undefined` when we would not send anybody there.
 */
export function returnPath(target: string, origin: string): ReturnPath | undefined {
  if (target.length === 0 || target.length > MAX_LENGTH || FORBIDDEN.test(target)) return undefined;
  let url: URL;
  try {
    url = new URL(target, origin);
  } catch {
    return undefined;
  }
  if (url.origin !== origin || url.username !== '' || url.password !== '') return undefined;
  const path = url.pathname + url.search;
  // `//host` would be read as another origin by the browser, however it came to stand there.
  if (!path.startsWith('/') || path.startsWith('//')) return undefined;
  return path as ReturnPath;
}
