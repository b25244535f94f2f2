/**
 * How bytes come in from the application: into one buffer for each connection, straight to who reads them, with no stream and no
 * allocation between. So what is handed on is only lent: the next read writes over it.
 */

/** Most bytes of one read. */
const BYTES = 65_536;
/** From here on a piece is worth more than the room that is wasted behind it, and the buffer is given away instead of copied. */
const WORTH = BYTES / 2;

export class Intake {
  #lent = Buffer.allocUnsafeSlow(BYTES);
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
    this.#lent = Buffer.allocUnsafeSlow(BYTES);
    return piece;
  }
}
