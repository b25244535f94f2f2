/**
 * What a request is, read once (I7): host, canonical target, client, and whether a person can act on a page. Whatever is
 * ambiguous is refused here, before a session is even looked for; nothing later looks at the raw request line again.
 */
import type { IncomingMessage } from 'node:http';
import { type CanonicalTarget, canonicalTarget, isRefused } from '../profiles/path.ts';
import { clientAddress, isInside, type Network, peerOf } from './client.ts';

/** What a scope is read by; taken apart once per configuration, since a `URL` is taken apart anew at each question. */
export class ScopeRules {
  readonly trustedProxies: readonly Network[];
  readonly isPublicHost: (host: string) => boolean;
  /** Our own host, as browsers write it. */
  readonly host: string;
  /** The same with its port, which a client may write although it is the usual one. */
  readonly hostAndPort: string;
  readonly hostName: string;
  readonly port: string;
  readonly proto: 'http' | 'https';

  /** @param publicUrl `https://lucy.example.com` */
  constructor(publicUrl: URL, trustedProxies: readonly Network[], isPublicHost: (host: string) => boolean) {
    this.trustedProxies = trustedProxies;
    this.isPublicHost = isPublicHost;
    this.host = publicUrl.host;
    this.hostName = publicUrl.hostname;
    this.proto = publicUrl.protocol === 'https:' ? 'https' : 'http';
    this.port = publicUrl.port === '' ? usualPort(this.proto) : publicUrl.port;
    this.hostAndPort = `${this.hostName}:${this.port}`;
  }
}

export interface Scope {
  readonly target: CanonicalTarget;
  /** As the client sent it, lower case; one of ours or a public one. */
  readonly host: string;
  /** Without port, for rules. */
  readonly hostName: string;
  readonly onPublicHost: boolean;
  readonly client: string;
  readonly proto: 'http' | 'https';
  readonly port: string;
  readonly isNavigation: boolean;
}

export type ScopeRefusal = 'bad-request' | 'wrong-host' | 'method-not-allowed';

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

export function readScope(req: IncomingMessage, rules: ScopeRules): Scope | ScopeRefusal {
  const method = req.method ?? '';
  // TRACE would read our cookie back to a script; CONNECT asks for another kind of proxy.
  if (method === 'TRACE' || method === 'CONNECT') return 'method-not-allowed';
  if (!hasPlainFraming(req)) return 'bad-request';
  const host = onlyHost(req, rules);
  if (host === undefined) return 'bad-request';
  const rawTarget = originForm(req.url ?? '', host);
  const target = rawTarget === undefined ? undefined : canonicalTarget(rawTarget);
  if (target === undefined || isRefused(target)) return 'bad-request';

  const isOwn = isOwnHost(host, rules);
  const hostName = isOwn ? rules.hostName : host.replace(/:\d+$/, '');
  const onPublicHost = !isOwn && rules.isPublicHost(hostName);
  if (!isOwn && !onPublicHost) return 'wrong-host';

  const { trustedProxies } = rules;
  const proto = isOwn ? rules.proto : protoOf(req, trustedProxies);
  return {
    target,
    host,
    hostName,
    onPublicHost,
    client: clientAddress(peerOf(req.socket), single(req.headers['x-forwarded-for']), trustedProxies),
    proto,
    port: isOwn ? rules.port : (/:(\d+)$/.exec(host)?.[1] ?? usualPort(proto)),
    isNavigation: isNavigation(req),
  };
}

/** Node's parser refuses most smuggling; it lets a coding through that is not `chunked` (attack 73). */
function hasPlainFraming(req: IncomingMessage): boolean {
  const coding = req.headers['transfer-encoding'];
  if (coding === undefined) return true;
  return coding.toLowerCase() === 'chunked' && req.headers['content-length'] === undefined;
}

/** Exactly one `Host` (RFC 9112 3.2); Node takes the first of two. */
function onlyHost(req: IncomingMessage, rules: ScopeRules): string | undefined {
  let host: string | undefined;
  const raw = req.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name.length !== 4 || (name !== 'Host' && name.toLowerCase() !== 'host')) continue;
    if (host !== undefined) return undefined;
    const value = raw[i + 1] ?? '';
    host = isOwnHost(value, rules) ? value : value.toLowerCase();
  }
  return host !== undefined && (isOwnHost(host, rules) || HOST.test(host)) ? host : undefined;
}

function isOwnHost(host: string, rules: ScopeRules): boolean {
  return host === rules.host || host === rules.hostAndPort;
}

/** Absolute-form is taken apart when it names the very host of `Host` (RFC 9112 3.2.2); the upstream is never chosen by it (attack 68). */
function originForm(url: string, host: string): string | undefined {
  if (url.startsWith('/')) return url;
  const match = /^https?:\/\/([^/?#@]+)(\/[^#]*)$/i.exec(url);
  return match !== null && match[1]?.toLowerCase() === host ? match[2] : undefined;
}

function usualPort(proto: 'http' | 'https'): string {
  return proto === 'https' ? '443' : '80';
}

function protoOf(req: IncomingMessage, trusted: readonly Network[]): 'http' | 'https' {
  const said = single(req.headers['x-forwarded-proto']);
  if ((said === 'http' || said === 'https') && isInside(peerOf(req.socket), trusted)) return said;
  return 'encrypted' in req.socket ? 'https' : 'http';
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

/** A request whose answer a person looks at. Fetch Metadata where the browser sends it, else what browsers have always sent. */
function isNavigation(req: IncomingMessage): boolean {
  const mode = req.headers['sec-fetch-mode'];
  if (mode !== undefined) return mode === 'navigate';
  if (req.headers['x-requested-with'] !== undefined) return false;
  return req.headers.accept?.includes('text/html') === true;
}

/** Whether a person did this, as opposed to a page that polls: only then does the idle time begin anew (ASVS 7.3.1). */
export function isActivity(req: IncomingMessage): boolean {
  const destination = req.headers['sec-fetch-dest'];
  if (destination !== undefined) return destination === 'document' || destination === 'iframe' || req.method !== 'GET';
  if (req.headers['x-requested-with'] !== undefined) return false;
  return req.method !== 'GET' || req.headers.accept?.includes('text/html') === true;
}
