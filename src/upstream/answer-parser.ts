/**
 * Reads the head of an answer to an upgrade from raw bytes, by the letter of RFC 9112: whatever it does not know is no HTTP.
 * It guesses at nothing, repairs nothing and keeps at most `MOST_HEAD_BYTES`.
 */
import { UpstreamError } from './upstream.ts';

export const MOST_HEAD_BYTES = 16_384;

export interface ParsedHead {
  /** Of HTTP/1.x. */
  readonly minor: 0 | 1;
  readonly status: number;
  readonly message: string;
  /** Name, value, name, value. */
  readonly headers: Buffer[];
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;
const START = 'HTTP/1.';

/** Collects bytes until a head is whole. */
export class HeadReader {
  #bytes: Buffer = Buffer.alloc(0);

  /**
   * @returns the head and the bytes behind it, or `undefined` while more is needed.
   * @throws UpstreamError `malformed` as soon as the bytes cannot become a head.
   */
  push(chunk: Buffer): { readonly head: ParsedHead; readonly rest: Buffer } | undefined {
    // The last three bytes can begin the blank line; nothing before them needs a second look.
    const known = this.#bytes.length;
    const from = Math.max(0, known - 3);
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf('\r\n\r\n', from, 'latin1');
    const length = end < 0 ? this.#bytes.length : end + 4;
    if (length > MOST_HEAD_BYTES) throw new UpstreamError('malformed');
    if (end >= 0) {
      return { head: parseHead(this.#bytes.toString('latin1', 0, end)), rest: this.#bytes.subarray(end + 4) };
    }
    // A lone LF would end a line for others (attack 73): no need to wait for a blank line that may never come.
    for (let feed = this.#bytes.indexOf(10, known); feed >= 0; feed = this.#bytes.indexOf(10, feed + 1)) {
      if (this.#bytes[feed - 1] !== 13) throw new UpstreamError('malformed');
    }
    const start = this.#bytes.toString('latin1', 0, START.length);
    if (!START.startsWith(start)) throw new UpstreamError('malformed');
    return undefined;
  }
}

/**
 * @param text the head as latin1, without the blank line at its end.
 * @throws UpstreamError `malformed`
 */
export function parseHead(text: string): ParsedHead {
  const lines = text.split('\r\n');
  const status = STATUS_LINE.exec(lines[0] ?? '');
  if (status === null) throw new UpstreamError('malformed');
  const headers: Buffer[] = [];
  for (let i = 1; i < lines.length; i += 1) {
    // No folded lines, no space before the colon, no bare CR or LF, no control characters (attack 73).
    const line = HEADER_LINE.exec(lines[i] ?? '');
    if (line === null) throw new UpstreamError('malformed');
    const [, name = '', value = ''] = line;
    headers.push(Buffer.from(name, 'latin1'), Buffer.from(trimEnd(value), 'latin1'));
  }
  return { minor: status[1] === '0' ? 0 : 1, status: Number(status[2]), message: status[3] ?? '', headers };
}

/** Spaces and tabs only: `trimEnd` would take a no-break space, which is content in latin1. */
function trimEnd(value: string): string {
  let end = value.length;
  while (end > 0 && (value[end - 1] === ' ' || value[end - 1] === '\t')) end -= 1;
  return value.slice(0, end);
}

/** All values of a header, in order. @param name in lower case. */
export function headerValues(head: ParsedHead, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < head.headers.length; i += 2) {
    if (head.headers[i]?.toString('latin1').toLowerCase() === name) {
      values.push(head.headers[i + 1]?.toString('latin1') ?? '');
    }
  }
  return values;
}
