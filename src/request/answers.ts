/** The few answers that the gate gives by itself without a page: a redirect, a refused upgrade. Never a body of the application. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { part } from '../upstream/refusal.ts';

/** 303 turns any method into GET (RFC 9110 15.4.4), so that a password is never sent a second time. */
export function redirect(res: ServerResponse, location: string, setCookies: readonly string[] = []): void {
  if (res.headersSent || res.destroyed) return;
  const headers = ['Location', location, 'Cache-Control', 'no-store', 'Content-Length', '0'];
  for (const line of setCookies) headers.push('Set-Cookie', line);
  res.writeHead(303, headers);
  res.end();
}

const PHRASES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  421: 'Misdirected Request',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
} as const;

export type UpgradeRefusal = keyof typeof PHRASES;

/**
 * Refuses an upgrade on the bare socket and closes it: what follows in the stream must not be read as a request (attack 75).
 * It is read and thrown away all the same, for a client that sends on and never closes would keep the socket for ever.
 */
export function refuseUpgrade(socket: Duplex, status: UpgradeRefusal, clock: Clock, challenge?: string): void {
  const body = JSON.stringify({
    type: 'about:blank',
    title: PHRASES[status],
    status,
    ...(challenge === undefined ? {} : { challenge }),
  });
  const head = [
    `HTTP/1.1 ${status} ${PHRASES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.once('error', () => socket.destroy());
  if (socket.writable) part(socket, `${head.join('\r\n')}\r\n\r\n${body}`, clock);
  else socket.destroy();
}
