/**
 * Finds the end of the body of a refused upgrade (RFC 9112 6.3, 7.1). What lies behind the end is dropped, and a body whose
 * end is in doubt is malformed: nothing of it may pass for an answer.
 */
import { headerValues, type ParsedHead } from './answer-parser.ts';
import { UpstreamError } from './upstream.ts';

export interface BodyReader {
  /** How to frame it for the client: a body that lasts until the connection closes goes out in chunks, so that it has an end. */
  readonly framing: 'none' | 'chunks' | { readonly length: number };
  /** Whether all of the body was seen. */
  readonly complete: boolean;
  /** @returns the content in `chunk`. @throws UpstreamError `malformed` */
  push(chunk: Buffer): Buffer[];
  /** The connection was closed. @returns whether the body is complete now. */
  end(): boolean;
}

/** @throws UpstreamError `malformed` when the framing is in doubt. */
export function bodyReader(head: ParsedHead): BodyReader {
  const codings = headerValues(head, 'transfer-encoding');
  const lengths = headerValues(head, 'content-length');
  if (head.status === 204 || head.status === 304) return new Measured(0, 'none');
  if (codings.length > 0) {
    const plain = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked';
    if (!plain || lengths.length > 0 || head.minor === 0) throw new UpstreamError('malformed');
    return new Chunked();
  }
  if (lengths.length === 0) return new UntilClose();
  const length = lengths[0] ?? '';
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(length)) throw new UpstreamError('malformed');
  return new Measured(Number(length), { length: Number(length) });
}

class Measured implements BodyReader {
  readonly framing: 'none' | { readonly length: number };
  #left: number;

  constructor(length: number, framing: 'none' | { readonly length: number }) {
    this.framing = framing;
    this.#left = length;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  push(chunk: Buffer): Buffer[] {
    const content = chunk.subarray(0, this.#left);
    this.#left -= content.length;
    return content.length === 0 ? [] : [content];
  }

  end(): boolean {
    return this.complete;
  }
}

class UntilClose implements BodyReader {
  readonly framing = 'chunks';
  complete = false;

  push(chunk: Buffer): Buffer[] {
    return chunk.length === 0 ? [] : [chunk];
  }

  end(): boolean {
    this.complete = true;
    return true;
  }
}

/** A line of a chunked body: a size with its extensions, or a trailer. */
const MOST_LINE_BYTES = 4096;
const SIZE_LINE = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILER_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

class Chunked implements BodyReader {
  readonly framing = 'chunks';
  #expects: 'size' | 'content' | 'content-end' | 'trailer' | 'nothing' = 'size';
  #left = 0;
  #line = '';

  get complete(): boolean {
    return this.#expects === 'nothing';
  }

  end(): boolean {
    return this.complete;
  }

  push(chunk: Buffer): Buffer[] {
    const content: Buffer[] = [];
    let at = 0;
    while (at < chunk.length && this.#expects !== 'nothing') {
      if (this.#expects === 'content') {
        const piece = chunk.subarray(at, at + this.#left);
        content.push(piece);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#left === 0) this.#expects = 'content-end';
      } else {
        at = this.#readLine(chunk, at);
      }
    }
    return content;
  }

  /** @returns where to go on. */
  #readLine(chunk: Buffer, at: number): number {
    const feed = chunk.indexOf(0x0a, at);
    const end = feed < 0 ? chunk.length : feed + 1;
    this.#line += chunk.toString('latin1', at, end);
    if (this.#line.length > MOST_LINE_BYTES) throw new UpstreamError('malformed');
    if (feed < 0) return end;
    if (!this.#line.endsWith('\r\n')) throw new UpstreamError('malformed');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    this.#take(line);
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
    } else if (line === '') {
      this.#expects = 'nothing';
    } else if (!TRAILER_LINE.test(line)) {
      throw new UpstreamError('malformed');
    }
  }
}
