/**
 * Names and values of a query or form, read the way the pickiest and the sloppiest application would: a field that two
 * parsers could see differently is reported as ambiguous, never guessed at (I7). Parsers are here; rebuilding too.
 */
import { MalformedJson, readJson } from './json.ts';
import { phpPath, type Segment, sameOrInside } from './php-names.ts';

export type Lookup =
  | { readonly found: 'once'; readonly value: string }
  | { readonly found: 'never' }
  /** More than once, or once under a name that PHP would fold into this one. */
  | { readonly found: 'ambiguous' };

export interface Fields {
  lookup(name: string): Lookup;
  /** All names as PHP would see them. */
  names(): readonly string[];
}

/** Fields that were parsed from bytes, and that can be written again so that no parser sees anything else in them. */
export interface ParsedFields extends Fields {
  /** `json`: names are JSON pointers (RFC 6901). */
  readonly kind: 'urlencoded' | 'json';
  /** Malformed percent encoding, invalid UTF-8 or too many fields: good enough for a question, not for a login. */
  readonly malformed: boolean;
  /** There are more fields than were read. Whoever asks about one that was not read is told "never": refuse such a request. */
  readonly truncated: boolean;
  /** The same fields in the same order, encoded anew: what is forwarded instead of the bytes that came. */
  rebuild(): string;
}

export type FormRead =
  | { readonly read: 'fields'; readonly fields: ParsedFields; readonly body: Buffer; readonly contentType: string }
  /** Bytes that two parsers could read in two ways: 400. */
  | { readonly read: 'refused'; readonly why: 'malformed' | 'too-many-fields' }
  /** A type that is not rebuilt here, multipart above all: 415 where a login is possible (attack "body-type confusion"). */
  | { readonly read: 'unsupported' };

/** PHP stops at 1 000 (`max_input_vars`), others earlier or later: a form that needs more is none that logs people in. */
export const MAX_FIELDS = 400;
/** As many as PHP reads of a query; long filters of tables come near the other limit. */
export const MAX_QUERY_FIELDS = 1000;
/** Pieces around a bare `;` are looked at besides, and cost as much as fields do. */
const PIECES_PER_FIELD = 4;

const URLENCODED = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const SUPPORTED = /^([a-z]+\/[a-z0-9.+-]+)[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly php: readonly Segment[];
  /** Stood next to a bare `;`, which some parsers take for a separator. */
  readonly doubtful: boolean;
}

/** @param query the part after `?`, without it, as it stands in the request target. Never throws. */
export function queryFields(query: string): ParsedFields {
  return query === '' ? NO_FIELDS : urlencoded(Buffer.from(query, 'latin1'), MAX_QUERY_FIELDS);
}

/**
 * @param body the whole body, at most as long as the caller's limit.
 * @param contentType the one `Content-Type` header; `undefined` when there was none, which only an empty body may have.
 */
export function formFields(body: Buffer, contentType: string | undefined): FormRead {
  if (contentType === undefined)
    return body.length === 0 ? read(urlencoded(body), URLENCODED) : { read: 'unsupported' };
  const type = SUPPORTED.exec(contentType.trim())?.[1]?.toLowerCase();
  if (type === URLENCODED) {
    const fields = urlencoded(body);
    if (fields.truncated) return { read: 'refused', why: 'too-many-fields' };
    return fields.malformed ? { read: 'refused', why: 'malformed' } : read(fields, URLENCODED);
  }
  if (type !== JSON_TYPE) return { read: 'unsupported' };
  try {
    const json = readJson(body, MAX_FIELDS);
    return read(new JsonFields(json.leaves, json.rebuilt), JSON_TYPE);
  } catch (error) {
    if (!(error instanceof MalformedJson)) throw error;
    return { read: 'refused', why: error.code };
  }
}

function read(fields: ParsedFields, contentType: string): FormRead {
  return { read: 'fields', fields, body: Buffer.from(fields.rebuild(), 'utf8'), contentType };
}

class UrlencodedFields implements ParsedFields {
  readonly kind = 'urlencoded';
  readonly malformed: boolean;
  readonly truncated: boolean;
  readonly #entries: readonly Entry[];
  readonly #pairs: readonly (readonly [name: string, value: string])[];

  constructor(
    entries: readonly Entry[],
    pairs: readonly (readonly [string, string])[],
    trouble: { readonly malformed: boolean; readonly truncated: boolean },
  ) {
    this.#entries = entries;
    this.#pairs = pairs;
    this.truncated = trouble.truncated;
    this.malformed = trouble.malformed || trouble.truncated;
  }

  lookup(name: string): Lookup {
    const wanted = phpPath(name);
    let once: Entry | undefined;
    for (const entry of this.#entries) {
      const exact = entry.name === name;
      // A scalar beside an array of the same name, or a part of it: PHP lets the later one replace the earlier.
      if (!exact && !sameOrInside(entry.php, wanted)) continue;
      if (!exact || entry.doubtful || once !== undefined) return { found: 'ambiguous' };
      once = entry;
    }
    return once === undefined ? { found: 'never' } : { found: 'once', value: once.value };
  }

  names(): readonly string[] {
    return this.#entries.flatMap(({ php: [head, ...rest] }) =>
      head === undefined ? [] : [head + rest.map((segment) => `[${segment}]`).join('')],
    );
  }

  rebuild(): string {
    return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  }
}

/** What an empty query holds; always this object. */
export const NO_FIELDS: ParsedFields = new UrlencodedFields([], [], { malformed: false, truncated: false });

class JsonFields implements ParsedFields {
  readonly kind = 'json';
  readonly malformed = false;
  readonly truncated = false;
  readonly #leaves: ReadonlyMap<string, string>;
  readonly #rebuilt: string;

  constructor(leaves: ReadonlyMap<string, string>, rebuilt: string) {
    this.#leaves = leaves;
    this.#rebuilt = rebuilt;
  }

  lookup(name: string): Lookup {
    const wanted = foldCase(name);
    const twins = [...this.#leaves.keys()].filter((pointer) => {
      const folded = foldCase(pointer);
      return folded === wanted || folded.startsWith(`${wanted}/`) || (name !== '' && wanted.startsWith(`${folded}/`));
    });
    const value = this.#leaves.get(name);
    if (twins.length === 0) return { found: 'never' };
    return twins.length === 1 && value !== undefined ? { found: 'once', value } : { found: 'ambiguous' };
  }

  names(): readonly string[] {
    return [...this.#leaves.keys()];
  }

  rebuild(): string {
    return this.#rebuilt;
  }
}

/** Go and .NET match the keys of a JSON object whatever their case; the last one wins. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

function urlencoded(bytes: Buffer, limit = MAX_FIELDS): UrlencodedFields {
  const entries: Entry[] = [];
  const pairs: (readonly [string, string])[] = [];
  let malformed = false;
  let truncated = false;
  for (const piece of bytes.toString('latin1').split('&')) {
    if (piece === '') continue;
    const subpieces = piece.split(';');
    truncated = pairs.length >= limit || entries.length + subpieces.length > PIECES_PER_FIELD * limit;
    if (truncated) break;
    const [name, value, bad] = pair(piece);
    malformed ||= bad;
    pairs.push([name, value]);
    entries.push({ name, value, php: phpPath(name), doubtful: subpieces.length > 1 });
    // What stands around a bare `;` is a field of its own for older Perl, Python and Java parsers.
    for (const subpiece of subpieces.length > 1 ? subpieces : []) {
      const [subname, subvalue] = pair(subpiece);
      if (subname !== name) entries.push({ name: subname, value: subvalue, php: phpPath(subname), doubtful: true });
    }
  }
  return new UrlencodedFields(entries, pairs, { malformed, truncated });
}

function pair(piece: string): readonly [name: string, value: string, malformed: boolean] {
  const equals = piece.indexOf('=');
  const [name, badName] = decode(equals < 0 ? piece : piece.slice(0, equals));
  const [value, badValue] = equals < 0 ? ['', false] : decode(piece.slice(equals + 1));
  return [name, value, badName || badValue];
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Percent decoding on bytes, as PHP does it: a `%` without two hex digits stays as it is, and is told. */
function decode(text: string): readonly [text: string, malformed: boolean] {
  if (/^[\x20-\x24\x26-\x2a\x2c-\x7e]*$/.test(text)) return [text, false]; // neither `%` nor `+` nor anything beyond ASCII
  const spaced = text.replaceAll('+', ' ');
  const malformed = /%(?![0-9a-f]{2})/i.test(spaced);
  const bytes = spaced.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const buffer = Buffer.from(bytes, 'latin1');
  try {
    return [utf8.decode(buffer), malformed];
  } catch {
    return [buffer.toString('utf8'), true];
  }
}

/** The set that every parser agrees on: letters, digits and `-._*` as they are, a blank as `+`, the rest in percent. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/%20|[!'()~]/g, (found) => {
    return found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}
