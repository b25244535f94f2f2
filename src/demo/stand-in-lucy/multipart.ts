/**
 * multipart/form-data, in two forms: the small fields of a form as PHP sees them, and the one file of an upload while it
 * streams past. It never keeps a file in memory.
 */
import { createHash } from 'node:crypto';
import { type PhpArray, register } from './php.ts';

export interface FileDigest {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** The boundary of a multipart content type, or `undefined` when it has none. */
export function boundaryOf(contentType: string): string | undefined {
  const match = /boundary=(?:"([^"]*)"|([^;,]*))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  return boundary === undefined || boundary === '' ? undefined : boundary;
}

/** `$_POST` of a multipart body. Files are skipped; the last of several `name` parameters counts, quoted or not. */
export function parseMultipart(body: Buffer, boundary: string): PhpArray {
  const vars: PhpArray = new Map();
  const parts = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`);
  for (const part of parts.slice(1)) {
    const end = part.indexOf('\r\n\r\n');
    if (part.startsWith('--') || end < 0) continue;
    const { name, filename } = disposition(part.slice(0, end));
    if (name === undefined || filename !== undefined) continue;
    register(vars, name, Buffer.from(part.slice(end + 4), 'latin1').toString('utf8'), 'last');
  }
  return vars;
}

/** Feeds on the chunks of a multipart body and measures its first file. */
export class MultipartFile {
  readonly #marker: Buffer;
  readonly #hash = createHash('sha256');
  #held: Buffer = Buffer.from('\r\n');
  #state: 'searching' | 'in-file' | 'done' = 'searching';
  #name = '';
  #size = 0;

  constructor(boundary: string) {
    this.#marker = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  push(chunk: Buffer): void {
    if (this.#state === 'done') return;
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#state === 'searching' && this.#enterFile()) {}
    if (this.#state === 'in-file') this.#passContent();
  }

  /** @returns `undefined` when there was no file, or the body ended inside it. */
  result(): FileDigest | undefined {
    if (this.#state !== 'done') return undefined;
    return { name: this.#name, size: this.#size, sha256: this.#hash.copy().digest('hex') };
  }

  /** Steps over one part; false when more bytes are needed first. */
  #enterFile(): boolean {
    const start = this.#held.indexOf(this.#marker);
    const end = start < 0 ? -1 : this.#held.indexOf('\r\n\r\n', start + this.#marker.length);
    if (end < 0) {
      if (start < 0) this.#held = this.#held.subarray(-this.#marker.length);
      return false;
    }
    const { filename } = disposition(this.#held.toString('latin1', start + this.#marker.length, end));
    this.#held = this.#held.subarray(end + (filename === undefined ? 2 : 4));
    if (filename === undefined) return true;
    this.#name = filename;
    this.#state = 'in-file';
    return false;
  }

  #passContent(): void {
    const end = this.#held.indexOf(this.#marker);
    // The last bytes may be the start of the marker, so they wait for the next chunk.
    const sure = end < 0 ? Math.max(0, this.#held.length - this.#marker.length + 1) : end;
    this.#hash.update(this.#held.subarray(0, sure));
    this.#size += sure;
    this.#held = this.#held.subarray(sure);
    if (end >= 0) this.#state = 'done';
  }
}

function disposition(head: string): { name?: string; filename?: string } {
  const line = head.split('\r\n').find((text) => /^content-disposition:/i.test(text)) ?? '';
  const found: { name?: string; filename?: string } = {};
  for (const match of line.matchAll(/;\s*(name|filename)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/gi)) {
    const value = match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '';
    if (match[1]?.toLowerCase() === 'name') found.name = value;
    else found.filename = value;
  }
  return found;
}
