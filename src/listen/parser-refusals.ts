/**
 * Answers to what never became a request: the parser refused it, or its head came too slowly. Bare status lines, because
 * nothing is known of who asks; the connection ends with them (attack 73).
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);

/** The `clientError` listener. */
export function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  // Half an answer is on its way: another one behind it would be read as part of it.
  const isAnswering = Reflect.get(socket, '_httpMessage')?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  refuseBare(socket, STATUS_OF.get(error.code ?? '') ?? 400);
}

/** The last words on a connection. */
export function refuseBare(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // A client that never closes its side would keep the socket.
  socket.once('finish', () => socket.destroy());
}
