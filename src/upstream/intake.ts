/**
 * How bytes come in from the application: into one buffer for each connection, straight to who reads them, with no stream and no
 * allocation between. So what is handed on is only lent: the next read writes over it.
 */
import type { ServerResponse } from 'node:http';

/** Most bytes of one read. */
const BYTES = 65_536;
/** From here on a piece is worth more than the room that is wasted behind it, and the buffer is given away instead of copied. */
const WORTH = BYTES / 2;

/** Buffers that came back, to be lent again: memory that is warm, instead of new one for every 64 kB of a download. */
const spare: Buffer[] = [];
/** Most of them, 4 MB. */
const MOST_SPARE = 64;

function room(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BYTES);
}

export class Intake {
  #lent = room();
  /** Whether what was lent is in one piece, so that nothing else lies in its buffer that somebody keeps. */
  isOnePiece = false;
  /** Gets what came, lent. What comes before anybody is there to read is lost: nobody asked for it. */
  onBytes: ((bytes: Buffer) => void) | undefined;

  /** For `connect` of node:net and node:tls. */
  readonly onread = {
    buffer: (): Buffer => this.#lent,
    callback: (length: number): boolean => {
      this.onBytes?.(this.#lent.subarray(0, length));
      return true; // to wait is the business of `pause`
    },
  };

  /** @returns the same bytes, to keep. Only within the call that lent them. */
  own(piece: Buffer): Buffer {
    if (piece.buffer !== this.#lent.buffer) return piece;
    if (piece.length < WORTH) return Buffer.from(piece);
    this.#lent = room();
    return piece;
  }

  /** Writes a piece on. Only within the call that lent it. @returns as `write` */
  pass(piece: Buffer, res: ServerResponse): boolean {
    const lent = this.#lent;
    const kept = this.own(piece);
    if (lent === this.#lent || !this.isOnePiece) return res.write(kept);
    // What could not be written may still be in the hands of the system, and Node reports no error for what a destroyed stream
    // gave up: that is left to the collector. Lent again too early, it would be one person's bytes in the answer to another.
    return res.write(kept, (error) => {
      const isGone = res.destroyed || res.socket?.destroyed === true;
      if (!error && !isGone && spare.length < MOST_SPARE) spare.push(lent);
    });
  }
}
