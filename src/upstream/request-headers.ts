/**
 * Builds the headers that the application sees, in one pass over what the client sent (I7). Nothing that speaks of the
 * connection, of the client's address or of who somebody is comes through from outside (T7); it never reads a body.
 */
import { nominate } from './nominated.ts';
import { HEADER_FATES, type HeaderFate, headerFate } from './request-header-names.ts';
import type { FlatHeaders } from './upstream.ts';

/** Who decides where the body ends. `stream`: the client's single Content-Length, or chunks when it has none. */
export type Framing = 'stream' | 'none' | { readonly length: number };

export interface RequestHeaderOptions {
  /** The one `Host` that the application sees. */
  readonly host: string;
  /** Address of the client, as text without port. */
  readonly forwardedFor: string;
  readonly forwardedProto: string;
  readonly forwardedHost: string;
  readonly forwardedPort: string;
  /** The rebuilt Cookie line; `undefined` sends none. What the client sent in `Cookie` is never read here (I2). */
  readonly cookie: string | undefined;
  /** Lets `Authorization` through: service routes only. `Proxy-Authorization` never passes. */
  readonly credentials: boolean;
  /** A token of the application's, for `Authorization`; only ever without `credentials`. */
  readonly bearer?: string | undefined;
  /** A login exchange: the answer must come whole and in the clear, or the detector could not read it. */
  readonly identityEncoding: boolean;
  readonly framing: Framing;
}

/** @param raw `req.rawHeaders`; order, case and duplicates of everything that passes are kept. */
export function requestHeaders(raw: readonly string[], options: RequestHeaderOptions): FlatHeaders {
  const out: FlatHeaders = ['Host', options.host];
  let nominated: Set<string> | undefined;
  let length: string | undefined;
  let lengths = 0;
  let chunked = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const fate: HeaderFate = HEADER_FATES.get(name) ?? headerFate(name);
    switch (fate) {
      case 'pass':
        out.push(name, value);
        break;
      case 'drop':
        break;
      case 'connection':
        nominated = nominate(value, nominated);
        break;
      case 'content-length':
        length = value;
        lengths += 1;
        break;
      case 'transfer-encoding':
        chunked = true;
        break;
      case 'authorization':
        if (options.credentials) out.push(name, value);
        break;
      case 'negotiation':
        if (!options.identityEncoding) out.push(name, value);
        break;
      default:
        fate satisfies never;
    }
  }
  // Before ours are added: whatever a client names in Connection, it cannot make us drop what we say (attack 72).
  const kept = nominated === undefined ? out : without(out, nominated);
  if (options.identityEncoding) kept.push('Accept-Encoding', 'identity');
  if (options.cookie !== undefined) kept.push('Cookie', options.cookie);
  if (options.bearer !== undefined) kept.push('Authorization', `Bearer ${options.bearer}`);
  kept.push('X-Forwarded-For', options.forwardedFor);
  kept.push('X-Forwarded-Proto', options.forwardedProto);
  kept.push('X-Forwarded-Host', options.forwardedHost);
  kept.push('X-Forwarded-Port', options.forwardedPort);
  if (options.framing === 'stream') {
    // With chunks, or with two lengths, the body is framed anew as chunks: never both (RFC 9112 6.3, attack 73).
    if (lengths === 1 && !chunked && length !== undefined && /^\d{1,15}$/.test(length)) {
      kept.push('Content-Length', length);
    }
  } else if (options.framing !== 'none') {
    kept.push('Content-Length', String(options.framing.length));
  }
  return kept;
}

/** The first pair is our `Host` and stays whatever was named. */
function without(headers: FlatHeaders, names: ReadonlySet<string>): FlatHeaders {
  const kept: FlatHeaders = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (i === 0 || !names.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}
