/** Breaks a client's connection off so that nobody can take what it got for the whole. Not for a regular end. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/**
 * To whom a body lasts until the connection closes (HTTP/1.0 without a length), a FIN says "complete": it must be a reset.
 * `resetAndDestroy` sends a FIN before it. Node keeps this mark for itself; without it the socket is destroyed all the same.
 */
export function cut(client: Duplex): void {
  if (client instanceof Socket && !(client instanceof TLSSocket)) Reflect.set(client, 'resetAndClosing', true);
  client.destroy();
}
