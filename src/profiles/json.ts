/**
 * JSON bodies as a flat list of JSON pointers (RFC 6901). Stricter than JSON.parse where two parsers differ: duplicate
 * keys, numbers that do not survive, broken Unicode. Never repairs anything.
 */
import type { Json } from '../gate/types.ts';

export class MalformedJson extends Error {
  readonly code: 'malformed' | 'too-many-fields';
  constructor(code: 'malformed' | 'too-many-fields') {
    super(`JSON body ${code}`);
    this.name = 'MalformedJson';
    this.code = code;
  }
}

export interface JsonRead {
  readonly value: Json;
  /** Pointer to value, scalars only; `null` reads as an empty text. */
  readonly leaves: ReadonlyMap<string, string>;
  readonly rebuilt: string;
}

const MAX_DEPTH = 32;
/** A surrogate without its other half: it cannot be written as UTF-8, so every parser makes something else of it. */
const BROKEN_UNICODE = /\p{Cs}/u;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws MalformedJson */
export function readJson(body: Buffer, maxLeaves: number): JsonRead {
  const value = parseStrictly(body);
  const leaves = new Map<string, string>();
  flatten(value, '', 0, leaves, maxLeaves);
  return { value, leaves, rebuilt: JSON.stringify(value) };
}

/** @throws MalformedJson */
export function parseStrictly(body: Buffer): Json {
  let text: string;
  let value: Json;
  try {
    text = utf8.decode(body);
    value = JSON.parse(text) as Json;
  } catch {
    throw new MalformedJson('malformed');
  }
  if (hasDuplicateKeys(text)) throw new MalformedJson('malformed');
  return value;
}

/** The value at a pointer; `undefined` when there is none. */
export function at(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const token of pointer === '' ? [] : pointer.slice(1).split('/')) {
    if (here === null || typeof here !== 'object' || here === undefined) return undefined;
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!Object.hasOwn(here, key)) return undefined;
    here = (here as { readonly [key: string]: Json })[key];
  }
  return here;
}

function flatten(value: Json, pointer: string, depth: number, leaves: Map<string, string>, max: number): void {
  if (depth > MAX_DEPTH) throw new MalformedJson('malformed');
  if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      if (BROKEN_UNICODE.test(key)) throw new MalformedJson('malformed');
      const token = key.replaceAll('~', '~0').replaceAll('/', '~1');
      flatten(inner, `${pointer}/${token}`, depth + 1, leaves, max);
    }
    return;
  }
  if (typeof value === 'string' && BROKEN_UNICODE.test(value)) throw new MalformedJson('malformed');
  // 1e999 and integers beyond 2^53 mean different things to different parsers.
  if (typeof value === 'number' && (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER)) {
    throw new MalformedJson('malformed');
  }
  if (leaves.size >= max) throw new MalformedJson('too-many-fields');
  leaves.set(pointer, value === null ? '' : String(value));
}

/** `{"user":"A","user":"V"}`: the first wins in some parsers, the last in others. `text` is known to be valid JSON. */
function hasDuplicateKeys(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      keyNext = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      keyNext = false;
    } else if (token === ',') {
      keyNext = open.at(-1) !== undefined;
    } else if (token === ':') {
      keyNext = false;
    } else if (keyNext) {
      const keys = open.at(-1);
      const key = String(JSON.parse(token));
      if (keys?.has(key)) return true;
      keys?.add(key);
    }
  }
  return false;
}
