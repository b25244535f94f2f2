/**
 * The WebSocket handshake (RFC 6455 4) as we let it through: what we refuse of a client, what we write to the application,
 * and what counts as its consent. No other protocol is ever switched to (attack 75); no socket is touched here.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { headerValues, type ParsedHead } from './answer-parser.ts';
import { announcesBody } from './upload.ts';
import type { FlatHeaders } from './upstream.ts';

/** Whether a request is a WebSocket upgrade and nothing else at the same time. */
export function isWebSocketRequest(req: IncomingMessage): boolean {
  const raw = req.rawHeaders;
  const upgrade = valuesOf(raw, 'upgrade');
  if (req.method !== 'GET' || req.httpVersion !== '1.1') return false;
  if (upgrade.length !== 1 || upgrade[0]?.toLowerCase() !== 'websocket') return false;
  if (!valuesOf(raw, 'connection').some((value) => hasToken(value, 'upgrade'))) return false;
  // A body would lie where the first frames are expected.
  return !announcesBody(raw) && valuesOf(raw, 'content-length').length === 0;
}

export interface Handshake {
  /** Head of the request to the application. */
  readonly bytes: Buffer;
  /** What the application must answer in `Sec-WebSocket-Accept`. */
  readonly accept: string;
}

/** @returns `undefined` when the headers are not those of one handshake, or could split its head. */
export function handshake(target: string, headers: FlatHeaders): Handshake | undefined {
  const keys = valuesOf(headers, 'sec-websocket-key');
  const key = keys[0] ?? '';
  if (keys.length !== 1 || !/^[A-Za-z0-9+/]{22}==$/.test(key)) return undefined;
  if (!/^\/[\x21-\x7e\x80-\xff]*$/.test(target)) return undefined;
  const lines = headerLines(headers);
  if (lines === undefined || valuesOf(headers, 'host').length !== 1) return undefined;
  const text = `GET ${target} HTTP/1.1\r\n${lines}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return { bytes: Buffer.from(text, 'latin1'), accept };
}

/** Whether the application switched to exactly what was asked for. Only then may a byte pass either way. */
export function consents(head: ParsedHead, accept: string): boolean {
  if (head.status !== 101 || head.minor !== 1) return false;
  const upgrade = headerValues(head, 'upgrade');
  const accepts = headerValues(head, 'sec-websocket-accept');
  return (
    upgrade.length === 1 &&
    upgrade[0]?.toLowerCase() === 'websocket' &&
    accepts.length === 1 &&
    accepts[0] === accept &&
    headerValues(head, 'connection').some((value) => hasToken(value, 'upgrade')) &&
    // A body in a 101 (RFC 9110 8.6 forbids it): where the frames begin would be in doubt.
    headerValues(head, 'transfer-encoding').length === 0 &&
    headerValues(head, 'content-length').length === 0
  );
}

/** What is ours to say on either side: how the connection goes on and where a body ends. */
const OURS: ReadonlySet<string> = new Set(['connection', 'upgrade', 'content-length', 'transfer-encoding']);

/** @returns header lines, less those that are ours to say; `undefined` when a name or value could split the head (attack 77). */
export function headerLines(headers: FlatHeaders): string | undefined {
  let lines = '';
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1];
    if (value === undefined || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return undefined;
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return undefined;
    if (!OURS.has(name.toLowerCase())) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function valuesOf(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === name) values.push(headers[i + 1] ?? '');
  }
  return values;
}

function hasToken(value: string, token: string): boolean {
  return value.split(',').some((part) => part.trim().toLowerCase() === token);
}
