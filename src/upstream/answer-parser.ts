/**
 * Reads the head of an answer from raw bytes, by the letter of RFC 9112: whatever it does not know is no HTTP. It guesses at
 * nothing, repairs nothing and keeps at most `MOST_HEAD_BYTES`.
 */
import type { Intake } from './intake.ts';
import { UpstreamError } from './upstream.ts';

export const MOST_HEAD_BYTES = 65_536;
export const MOST_HEADERS = 1_000;

export interface Fields {
  /** Name, value, name, value, as latin1 text without a control character (attacks 73, 77). */
  readonly headers: string[];
  /** All values of the headers that say how long the body is and whether the connection goes on. */
  readonly lengths: readonly string[];
  readonly codings: readonly string[];
  readonly connection: readonly string[];
}

export interface ParsedHead extends Fields {
  /** Of HTTP/1.x. */
  readonly minor: 0 | 1;
  readonly status: number;
  readonly message: string;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
const START = 'HTTP/1.';
const EMPTY: Buffer = Buffer.alloc(0);
const NONE: readonly string[] = [];

/** Collects bytes until a head is whole; then it can be used for the next one. */
export class HeadReader {
  readonly #intake: Intake | undefined;
  #bytes: Buffer = EMPTY;

  /** @param intake who lends the bytes; without it they are to keep */
  constructor(intake?: Intake) {
    this.#intake = intake;
  }

  /**
   * @returns the head and the bytes behind it, or `undefined` while more is needed.
   * @throws UpstreamError `malformed` as soon as the bytes cannot become a head.
   */
  push(chunk: Buffer): { readonly head: ParsedHead; readonly rest: Buffer } | undefined {
    // The last three bytes can begin the blank line; nothing before them needs a second look.
    const known = this.#bytes.length;
    const from = Math.max(0, known - 3);
    const bytes = known === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
    const length = end < 0 ? bytes.length : end + 4;
    if (length > MOST_HEAD_BYTES) throw new UpstreamError('malformed');
    if (end >= 0) {
      this.#bytes = EMPTY;
      return { head: parseHead(bytes.toString('latin1', 0, end)), rest: bytes.subarray(end + 4) };
    }
    this.#bytes = this.#intake?.own(bytes) ?? bytes;
    // A lone LF would end a line for others (attack 73): no need to wait for a blank line that may never come.
    for (let feed = bytes.indexOf(10, known); feed >= 0; feed = bytes.indexOf(10, feed + 1)) {
      if (bytes[feed - 1] !== 13) throw new UpstreamError('malformed');
    }
    const start = bytes.toString('latin1', 0, START.length);
    if (!START.startsWith(start)) throw new UpstreamError('malformed');
    return undefined;
  }
}

/**
 * @param text the head as latin1, without the blank line at its end.
 * @throws UpstreamError `malformed`
 */
export function parseHead(text: string): ParsedHead {
  const end = text.indexOf('\r\n');
  const status = STATUS_LINE.exec(end < 0 ? text : text.slice(0, end));
  if (status === null) throw new UpstreamError('malformed');
  const { headers, lengths, codings, connection } = parseFields(text, end < 0 ? text.length : end + 2);
  const minor = status[1] === '0' ? 0 : 1;
  return { minor, status: Number(status[2]), message: status[3] ?? '', headers, lengths, codings, connection };
}

/**
 * @param text lines with CRLF between them; none when `from` is its end.
 * @throws UpstreamError `malformed`
 */
export function parseFields(text: string, from: number): Fields {
  const headers: string[] = [];
  let lengths = NONE;
  let codings = NONE;
  let connection = NONE;
  for (let at = from; at < text.length; ) {
    const feed = text.indexOf('\r\n', at);
    const end = feed < 0 ? text.length : feed;
    const colon = text.indexOf(':', at);
    const name = text.slice(at, Math.max(at, colon));
    const value = trimmed(text, colon + 1, end);
    // No folded lines, no space before the colon, no bare CR or LF, no control characters (attack 73).
    if (!TOKEN.test(name) || !TEXT.test(value) || headers.length >= 2 * MOST_HEADERS)
      throw new UpstreamError('malformed');
    headers.push(name, value);
    if (name.length === 14) {
      if (name.toLowerCase() === 'content-length') lengths = [...lengths, value];
    } else if (name.length === 10) {
      if (name.toLowerCase() === 'connection') connection = [...connection, value];
    } else if (name.length === 17) {
      if (name.toLowerCase() === 'transfer-encoding') codings = [...codings, value];
    }
    at = end + 2;
  }
  return { headers, lengths, codings, connection };
}

/** Spaces and tabs only: `trim` would take a no-break space, which is content in latin1. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** All values of a header, in order. @param name in lower case. */
export function headerValues(head: ParsedHead, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < head.headers.length; i += 2) {
    if (head.headers[i]?.toLowerCase() === name) values.push(head.headers[i + 1] ?? '');
  }
  return values;
}
