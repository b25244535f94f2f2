/**
 * Reads the head of an answer: what is about the connection or about the server in front goes, `Set-Cookie` is set apart
 * for the vault (I2), the rest keeps order, case and duplicates. It never decides what the browser may receive.
 */

import { nominate } from './nominated.ts';
import type { AnswerHead, FlatHeaders } from './upstream.ts';

type Fate = 'pass' | 'drop' | 'set-cookie' | 'connection' | 'content-length' | 'transfer-encoding';

const EXACT: ReadonlyMap<string, Fate> = new Map<string, Fate>([
  ['set-cookie', 'set-cookie'],
  ['connection', 'connection'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['set-cookie2', 'drop'],
  ['keep-alive', 'drop'],
  ['proxy-connection', 'drop'],
  ['proxy-authenticate', 'drop'],
  ['proxy-authorization', 'drop'],
  ['te', 'drop'],
  ['trailer', 'drop'],
  ['upgrade', 'drop'],
  // Orders to a web server in front, which would read any file or address for the browser (attack 71).
  ['x-sendfile', 'drop'],
  ['x-lighttpd-send-file', 'drop'],
  ['x-litespeed-location', 'drop'],
  // Would lead the browser past the gateway.
  ['alt-svc', 'drop'],
]);

/** Names that `Connection` cannot take away: framing, and who may keep a copy. */
const PROTECTED: ReadonlySet<string> = new Set(['content-length', 'cache-control']);

const COMMON: ReadonlyMap<string, Fate> = new Map(
  [
    'Date',
    'Server',
    'Content-Type',
    'Content-Length',
    'Content-Encoding',
    'Transfer-Encoding',
    'Connection',
    'Keep-Alive',
    'Cache-Control',
    'Expires',
    'Pragma',
    'Last-Modified',
    'ETag',
    'Accept-Ranges',
    'Vary',
    'Location',
    'Set-Cookie',
    'X-Powered-By',
    'X-Frame-Options',
    'X-Content-Type-Options',
  ].flatMap((name) => [
    [name, fateOf(name)],
    [name.toLowerCase(), fateOf(name)],
  ]),
);

function fateOf(name: string): Fate {
  const lower = name.toLowerCase();
  return EXACT.get(lower) ?? (lower.startsWith('x-accel-') ? 'drop' : 'pass');
}

/** @param raw name, value, name, value, as the parser read them: there is no character in them that could split a head. */
export function answerHead(status: number, message: string, raw: readonly string[]): AnswerHead {
  let headers: FlatHeaders = [];
  const setCookies: string[] = [];
  let nominated: Set<string> | undefined;
  let length = -1;
  let chunked = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const fate = COMMON.get(name) ?? fateOf(name);
    switch (fate) {
      case 'pass':
        headers.push(name, value);
        break;
      case 'drop':
        break;
      case 'set-cookie':
        // A copy: what a jar keeps must not keep the text of the whole head.
        setCookies.push(Buffer.from(value, 'latin1').toString('latin1'));
        break;
      case 'connection':
        nominated = nominate(value, nominated);
        break;
      case 'content-length':
        length = headers.length;
        headers.push(name, value);
        break;
      case 'transfer-encoding':
        chunked = true;
        break;
      default:
        fate satisfies never;
    }
  }
  // A length beside chunks is a lie in waiting (RFC 9112 6.3): the body is framed anew.
  if (chunked && length >= 0) headers.splice(length, 2);
  if (nominated !== undefined) headers = without(headers, nominated);
  return { status, message, headers, setCookies };
}

function without(headers: FlatHeaders, names: ReadonlySet<string>): FlatHeaders {
  const kept: FlatHeaders = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const lower = name.toLowerCase();
    if (PROTECTED.has(lower) || !names.has(lower)) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}
