/**
 * Two sockets that are one from now on. Whatever ends one side ends the other, after what was on its way; it never looks
 * at the bytes and never holds more of them than the sockets' own buffers.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';

/** How long the second side may take to end after the first. */
const LINGER_MS = 5_000;

export interface Early {
  /** Bytes that came with the head of the client's request. */
  readonly toUpstream: Buffer;
  /** Bytes that came with the head of the answer. */
  readonly toClient: Buffer;
}

export function join(client: Duplex, upstream: Duplex, early: Early, clock: Clock): void {
  let cancel: (() => void) | undefined;
  let ended = false;
  const ending = (): void => {
    if (ended) return;
    ended = true;
    cancel = clock.after(LINGER_MS, () => {
      client.destroy();
      upstream.destroy();
    });
  };
  const closed = (): void => {
    ending();
    if (client.destroyed && upstream.destroyed) cancel?.();
  };
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    if (from instanceof Socket) from.setTimeout(0);
    from.on('error', () => from.destroy());
    from.on('data', (chunk: Buffer) => {
      if (!to.write(chunk)) from.pause();
    });
    from.on('drain', () => to.resume());
    from.on('end', () => {
      ending();
      to.end();
    });
    from.on('close', () => {
      closed();
      // After a loss there is nobody left to read from: flush what is on its way, then close.
      if (to instanceof Socket) to.destroySoon();
      else to.end(() => to.destroy());
    });
  }
  if (early.toClient.length > 0 && !client.write(early.toClient)) upstream.pause();
  if (early.toUpstream.length > 0 && !upstream.write(early.toUpstream)) client.pause();
}
