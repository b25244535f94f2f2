/**
 * Which request header has which fate, by name alone. What another proxy, a login portal or a CDN would say in a header is
 * dropped when a client says it (T7, attacks 34, 70, 71); values are never looked at here.
 */

export type HeaderFate =
  | 'pass'
  | 'drop'
  | 'connection'
  | 'content-length'
  | 'transfer-encoding'
  | 'authorization'
  /** What lets an answer come encoded, in part, or not at all. */
  | 'negotiation';

const EXACT: ReadonlyMap<string, HeaderFate> = new Map<string, HeaderFate>([
  ['connection', 'connection'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['authorization', 'authorization'],
  ['accept-encoding', 'negotiation'],
  ['range', 'negotiation'],
  ['if-match', 'negotiation'],
  ['if-none-match', 'negotiation'],
  ['if-modified-since', 'negotiation'],
  ['if-unmodified-since', 'negotiation'],
  ['if-range', 'negotiation'],
  // We send our own.
  ['host', 'drop'],
  ['cookie', 'drop'],
  ['cookie2', 'drop'],
  // Hop by hop (RFC 9110 7.6.1); `Expect` is answered here, `HTTP2-Settings` opens an h2c tunnel (attack 75).
  ['keep-alive', 'drop'],
  ['te', 'drop'],
  ['trailer', 'drop'],
  ['upgrade', 'drop'],
  ['expect', 'drop'],
  ['http2-settings', 'drop'],
  ['proxy', 'drop'], // CVE-2016-5385
  // Addresses.
  ['forwarded', 'drop'],
  ['client-ip', 'drop'],
  ['true-client-ip', 'drop'],
  ['fastly-client-ip', 'drop'],
  ['x-client-ip', 'drop'],
  ['x-cluster-client-ip', 'drop'],
  ['x-real-ip', 'drop'],
  ['x-originating-ip', 'drop'],
  // Another target, host or method than the one that was judged.
  ['x-host', 'drop'],
  ['x-http-method', 'drop'],
  ['x-http-method-override', 'drop'],
  ['x-method-override', 'drop'],
  // Identities and certificates, as login portals and TLS front ends say them.
  ['x-user', 'drop'],
  ['x-authenticated-user', 'drop'],
  ['client-cert', 'drop'],
  ['client-cert-chain', 'drop'],
  ['x-client-cert', 'drop'],
  ['x-client-dn', 'drop'],
  ['x-client-verify', 'drop'],
]);

const PREFIXES: readonly string[] = [
  'proxy-',
  'x-forwarded',
  'x-original-',
  'x-rewrite-',
  'x-accel-',
  'cf-',
  'remote-',
  'x-remote-',
  'x-2fa-',
  'x-webauth-',
  'x-auth-request-',
  'x-authenticated-',
  'x-authentik-',
  'x-amzn-oidc-',
  'x-goog-authenticated-user-',
  'x-ms-client-principal',
  'tailscale-user-',
  'ssl-',
  'x-ssl-',
];

/** @param name as the client wrote it. */
export function headerFate(name: string): HeaderFate {
  // CGI and PHP fold `X_Forwarded_User` and `X.Forwarded.User` into the dashed name, the last one wins (attack 34).
  if (name.includes('_') || name.includes('.')) return 'drop';
  const lower = name.toLowerCase();
  const exact = EXACT.get(lower);
  if (exact !== undefined) return exact;
  for (const prefix of PREFIXES) if (lower.startsWith(prefix)) return 'drop';
  return 'pass';
}

/** What browsers send with every request; saves the folding. The table is fixed: no client can fill it. */
const COMMON: readonly string[] = [
  'Host',
  'Connection',
  'Cache-Control',
  'Pragma',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'Upgrade-Insecure-Requests',
  'User-Agent',
  'Accept',
  'Accept-Language',
  'Accept-Encoding',
  'Sec-Fetch-Site',
  'Sec-Fetch-Mode',
  'Sec-Fetch-User',
  'Sec-Fetch-Dest',
  'Referer',
  'Origin',
  'Cookie',
  'Content-Type',
  'Content-Length',
  'Transfer-Encoding',
  'If-None-Match',
  'If-Modified-Since',
  'Priority',
  'DNT',
  'X-Requested-With',
  'X-CSRF-Token',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Real-IP',
];

export const HEADER_FATES: ReadonlyMap<string, HeaderFate> = new Map(
  COMMON.flatMap((name) => [
    [name, headerFate(name)],
    [name.toLowerCase(), headerFate(name)],
  ]),
);
