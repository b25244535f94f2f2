/**
 * What an application says beside its answer: early hints before it (RFC 8297), trailers behind it (RFC 9110 6.5). They go out
 * as they came, less cookies and what is about a connection or a body; whether they may at all is the caller's to say.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { headerLines } from './handshake.ts';
import { answerHead } from './response-headers.ts';
import type { FlatHeaders } from './upstream.ts';

/**
 * Only to a client whose turn it is and who has not been answered; one of HTTP/1.0 would take them for the answer.
 * @returns whether they were written.
 * @throws UpstreamError `malformed` when a value could split the head.
 */
export function passHints(req: IncomingMessage, res: ServerResponse, raw: readonly string[]): boolean {
  if (req.httpVersion === '1.0' || res.socket === null || res.headersSent) return false;
  const aside = asideOf(raw);
  const lines = headerLines(aside);
  if (lines === undefined || lines === '') return false;
  // Over HTTP/1.1 Node would refuse links that it does not understand, and any hints without one.
  if (req.httpVersionMajor === 2) res.writeEarlyHints(byName(aside));
  else res.socket.write(`HTTP/1.1 103 Early Hints\r\n${lines}\r\n`, 'latin1');
  return true;
}

/** Before the end of a body in chunks, or of a stream; another body has no place for them, and Node leaves them out there. */
export function passTrailers(req: IncomingMessage, res: ServerResponse, raw: readonly string[]): void {
  if (req.httpVersion === '1.0') return;
  const trailers = asideOf(raw);
  if (req.httpVersionMajor === 2) return res.addTrailers(byName(trailers));
  const pairs: [name: string, value: string][] = [];
  for (let i = 0; i + 1 < trailers.length; i += 2) pairs.push([trailers[i] ?? '', trailers[i + 1] ?? '']);
  res.addTrailers(pairs);
}

function asideOf(raw: readonly string[]): FlatHeaders {
  const { headers } = answerHead(200, '', raw);
  const kept: FlatHeaders = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!name.toLowerCase().startsWith('content-')) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}

function byName(headers: FlatHeaders): Record<string, string[]> {
  const named: Record<string, string[]> = Object.create(null);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    named[name] ??= [];
    named[name].push(headers[i + 1] ?? '');
  }
  return named;
}
