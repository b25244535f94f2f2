/**
 * How a journal is cut into frames, one for each durable write, so that the unfinished last write after a crash can be told
 * from damage. Pure: bytes in, payloads out. It knows nothing of what a payload means.
 *
 *     00000012 89abcdef 01234567 payload\n      length, CRC-32 of the payload, CRC-32 of the seventeen characters before it
 */
import { crc32 } from 'node:zlib';

const HEAD_BYTES = 27;
const HEAD = /^([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{8}) $/;
const PART_OF_HEAD = /^[0-9a-f ]*$/;
const LENGTH_DIGITS = 8;
const NEWLINE = 0x0a;
const BLANK = 0x20;
const NUL = 0x00;

/** @param payload printable ASCII, at most 4 GiB */
export function encodeFrame(payload: string): Buffer {
  const sums = `${hex(payload.length)} ${hex(crc32(payload))}`;
  return Buffer.from(`${sums} ${hex(crc32(sums))} ${payload}\n`, 'latin1');
}

/** Bytes of the frame of such a payload. */
export function frameBytes(payload: string): number {
  return HEAD_BYTES + payload.length + 1;
}

export interface Frames {
  readonly payloads: readonly string[];
  /** Bytes that hold whole frames. */
  readonly length: number;
  /**
   * What follows them. `torn`: what a write leaves that never finished; nothing in it was ever confirmed. `damaged`: anything
   * else. A write that a power cut ended may have reached the disk in parts, with zeros between, but nothing can follow it.
   */
  readonly rest: 'nothing' | 'torn' | 'damaged';
}

export function decodeFrames(bytes: Buffer): Frames {
  const payloads: string[] = [];
  let length = 0;
  while (length < bytes.length) {
    const frame = frameAt(bytes, length);
    if (frame === 'short' || frame === 'bad') {
      return { payloads, length, rest: isTorn(bytes, length, frame) ? 'torn' : 'damaged' };
    }
    payloads.push(frame.payload);
    length = frame.end;
  }
  return { payloads, length, rest: 'nothing' };
}

/** `short`: what there is of the frame is right, but the end is missing. */
function frameAt(bytes: Buffer, start: number): { readonly payload: string; readonly end: number } | 'short' | 'bad' {
  const head = bytes.toString('latin1', start, start + HEAD_BYTES);
  if (head.length < HEAD_BYTES) return PART_OF_HEAD.test(head) ? 'short' : 'bad';
  const [, length, sum, headSum] = HEAD.exec(head) ?? [];
  if (length === undefined || sum === undefined || headSum !== hex(crc32(head.slice(0, 17)))) return 'bad';
  const end = start + HEAD_BYTES + Number.parseInt(length, 16) + 1;
  const payload = bytes.subarray(start + HEAD_BYTES, end - 1);
  if (end > bytes.length) return payload.includes(NUL) ? 'bad' : 'short';
  if (bytes[end - 1] !== NEWLINE || hex(crc32(payload)) !== sum) return 'bad';
  return { payload: payload.toString('latin1'), end };
}

function isTorn(bytes: Buffer, start: number, frame: 'short' | 'bad'): boolean {
  if (frame === 'bad' && !bytes.includes(NUL, start)) return false;
  // The next write begins only after the last one is durable: a later whole frame proves that this one was confirmed.
  for (let at = bytes.indexOf(BLANK, start + 1); at !== -1; at = bytes.indexOf(BLANK, at + 1)) {
    if (at - LENGTH_DIGITS > start && typeof frameAt(bytes, at - LENGTH_DIGITS) === 'object') return false;
  }
  return true;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
