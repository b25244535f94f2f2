/**
 * Finds the end of the body of an answer (RFC 9112 6.3, 7.1). A body whose end is in doubt is malformed, and what lies behind
 * the end is never content: nothing of it may pass for an answer.
 */
import { type ParsedHead, parseFields } from './answer-parser.ts';
import { UpstreamError } from './upstream.ts';

export interface BodyReader {
  /** How to frame it for a client: a body that lasts until the connection closes goes out in chunks, so that it has an end. */
  readonly framing: 'none' | 'chunks' | { readonly length: number };
  /** Whether all of the body was seen. */
  readonly complete: boolean;
  /** Whether bytes came behind the end: the connection must not be used again. */
  readonly surplus: boolean;
  /** Name, value, name, value; what came behind the last chunk. */
  readonly trailers: readonly string[];
  /** @returns the content in `chunk`. @throws UpstreamError `malformed` */
  push(chunk: Buffer): Buffer[];
  /** The connection was closed. @returns whether the body is complete now. */
  end(): boolean;
}

/**
 * @param method of the request: an answer to HEAD has no body, whatever it says; nor has an interim one.
 * @throws UpstreamError `malformed` when the framing is in doubt.
 */
export function bodyReader(head: ParsedHead, method: string): BodyReader {
  const { codings, lengths } = head;
  const length = lengths[0];
  // In doubt, whether or not a body follows: two lengths, or a length beside chunks, and one of the two lies (RFC 9112 6.1, attack 73).
  if (codings.length > 0) {
    const plain = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked';
    if (!plain || lengths.length > 0 || head.minor === 0) throw new UpstreamError('malformed');
  } else if (length !== undefined && (lengths.length > 1 || !/^[0-9]{1,15}$/.test(length))) {
    throw new UpstreamError('malformed');
  }
  if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304)
    return new Measured(0, 'none');
  if (codings.length > 0) return new Chunked();
  if (length === undefined) return new UntilClose();
  return new Measured(Number(length), { length: Number(length) });
}

const NONE: readonly string[] = [];

class Measured implements BodyReader {
  readonly framing: 'none' | { readonly length: number };
  readonly trailers = NONE;
  surplus = false;
  #left: number;

  constructor(length: number, framing: 'none' | { readonly length: number }) {
    this.framing = framing;
    this.#left = length;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  push(chunk: Buffer): Buffer[] {
    if (chunk.length <= this.#left) {
      this.#left -= chunk.length;
      return [chunk];
    }
    const content = chunk.subarray(0, this.#left);
    this.#left = 0;
    this.surplus = true;
    return [content];
  }

  end(): boolean {
    return this.complete;
  }
}

class UntilClose implements BodyReader {
  readonly framing = 'chunks';
  readonly trailers = NONE;
  readonly surplus = false;
  complete = false;

  push(chunk: Buffer): Buffer[] {
    return [chunk];
  }

  end(): boolean {
    this.complete = true;
    return true;
  }
}

/** A line of a chunked body: a size with its extensions, or a trailer. */
const MOST_LINE_BYTES = 4096;
const MOST_TRAILER_BYTES = 16_384;
/** With extensions that are nobody's (RFC 9112 7.1.1), in their right form all the same. */
const SIZE_LINE =
  /^([0-9A-Fa-f]{1,12})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*$/;
const CR = 13;
const LF = 10;

class Chunked implements BodyReader {
  readonly framing = 'chunks';
  surplus = false;
  trailers = NONE;
  #expects: 'size' | 'content' | 'content-end' | 'trailer' | 'nothing' = 'size';
  #left = 0;
  /** The beginning of a line that is not whole yet. */
  #line = '';
  #trailer = '';

  get complete(): boolean {
    return this.#expects === 'nothing';
  }

  end(): boolean {
    return this.complete;
  }

  push(chunk: Buffer): Buffer[] {
    const content: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#expects === 'content') {
        const piece = chunk.subarray(at, at + this.#left);
        content.push(piece);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#left === 0) this.#expects = 'content-end';
      } else if (this.#expects === 'nothing') {
        this.surplus = true;
        break;
      } else {
        at = this.#readLine(chunk, at);
      }
    }
    return content;
  }

  /** @returns where to go on. */
  #readLine(chunk: Buffer, at: number): number {
    const feed = chunk.indexOf(LF, at);
    const end = feed < 0 ? chunk.length : feed + 1;
    if (this.#line.length + end - at > MOST_LINE_BYTES) throw new UpstreamError('malformed');
    if (feed < 0) {
      this.#line += chunk.toString('latin1', at, end);
      return end;
    }
    if (this.#line === '') {
      if (feed === at || chunk[feed - 1] !== CR) throw new UpstreamError('malformed');
      this.#take(chunk.toString('latin1', at, feed - 1));
      return end;
    }
    const line = this.#line + chunk.toString('latin1', at, end);
    if (!line.endsWith('\r\n')) throw new UpstreamError('malformed');
    this.#line = '';
    this.#take(line.slice(0, -2));
    return end;
  }

  #take(line: string): void {
    if (this.#expects === 'content-end') {
      if (line !== '') throw new UpstreamError('malformed');
      this.#expects = 'size';
    } else if (this.#expects === 'size') {
      const size = SIZE_LINE.exec(line);
      if (size === null) throw new UpstreamError('malformed');
      this.#left = Number.parseInt(size[1] ?? '', 16);
      this.#expects = this.#left === 0 ? 'trailer' : 'content';
    } else if (line !== '') {
      this.#trailer += `${line}\r\n`;
      if (this.#trailer.length > MOST_TRAILER_BYTES) throw new UpstreamError('malformed');
    } else {
      if (this.#trailer !== '') this.#takeTrailers();
      this.#expects = 'nothing';
    }
  }

  #takeTrailers(): void {
    const { headers, lengths, codings } = parseFields(this.#trailer, 0);
    // How the body was framed is known by now; whoever says it again means another body (RFC 9110 6.5.1).
    if (lengths.length > 0 || codings.length > 0) throw new UpstreamError('malformed');
    this.trailers = headers;
  }
}
