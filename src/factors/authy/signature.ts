/**
 * How Authy signs a call to us: which text, and whether it was signed with our key. Pure. Nothing is repaired: what can be read
 * in two ways has no fields, and no signature fits it (I7).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Json } from '../../gate/types.ts';

export type Field = readonly [name: string, value: string];

/** What is signed, besides the key. */
export interface Signed {
  readonly nonce: string;
  readonly method: 'GET' | 'POST';
  /** Without a query. */
  readonly url: string;
  readonly fields: readonly Field[];
}

/** Fields of a query; the service sends about thirty. */
const MOST_FIELDS = 200;

/**
 * The fields of a JSON body in the order in which they are signed: `a[b][c]`, elements of a list as `a[]`. They are sorted while
 * their indexes are still there, or the parts of several elements would mix. @returns `undefined` for two fields of one name
 */
export function bodyFields(body: Json): readonly Field[] | undefined {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return undefined;
  const found = new Map<string, Field>();
  const add = (value: Json, indexed: string, signed: string): boolean => {
    if (value === null || typeof value !== 'object') {
      if (found.has(indexed)) return false;
      found.set(indexed, [signed, value === null ? '' : String(value)]);
      return true;
    }
    const isList = Array.isArray(value);
    return Object.entries(value).every(([key, inner]) =>
      add(inner, `${indexed}[${key}]`, `${signed}[${isList ? '' : key}]`),
    );
  };
  if (!Object.entries(body).every(([key, value]) => add(value, key, key))) return undefined;
  return [...found].sort(byName).map(([, field]) => field);
}

/** The fields of a query, in the order in which they are signed. @returns `undefined` for one that came twice, or odd bytes */
export function queryFields(query: string): readonly Field[] | undefined {
  const fields = new Map<string, string>();
  const pairs = query === '' ? [] : query.split('&', MOST_FIELDS + 1);
  if (pairs.length > MOST_FIELDS) return undefined;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = decoded(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || name === '' || value === undefined || fields.has(name)) return undefined;
    fields.set(name, value);
  }
  return [...fields].sort(byName);
}

/** @param signature as it came, base64; compared in constant time */
export function isSigned(signed: Signed, signature: string, apiKey: string): boolean {
  const { nonce, method, url, fields } = signed;
  const params = fields.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');
  const right = createHmac('sha256', apiKey).update(`${nonce}|${method}|${url}|${params}`).digest('base64');
  const [shown, expected] = [Buffer.from(signature), Buffer.from(right)];
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}

/** By UTF-16 units, as the service does it. */
function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** Letters, digits and `-._` as they are, a blank as `+`, the rest in percent. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/%20|[!'()*~]/g, (found) =>
    found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decoded(text: string): string | undefined {
  if (/[^\x21-\x7e]/.test(text)) return undefined;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
