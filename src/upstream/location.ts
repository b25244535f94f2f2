/**
 * Rewrites a redirect that names the application's own address, which the browser could not or must not reach. Any other
 * target, and anything that is not plainly an absolute URL, stays as it is; nothing is resolved or decoded here.
 */

/**
 * @param upstreamOrigins the application's own origins, such as `http://127.0.0.1:8081`.
 * @param publicOrigin the origin that people use, without a slash at the end.
 */
export function rewriteLocation(value: string, upstreamOrigins: readonly string[], publicOrigin: string): string {
  const match = /^(https?:)?\/\/([^/?#\\]*)(.*)$/is.exec(value);
  if (match === null) return value;
  const [, scheme, authority = '', rest = ''] = match;
  for (const origin of upstreamOrigins) {
    const own = /^(https?:)\/\/([^/?#\\]*)/i.exec(origin);
    if (own === null) continue;
    const [, ownScheme = '', ownAuthority = ''] = own;
    const sameScheme = scheme === undefined || scheme.toLowerCase() === ownScheme.toLowerCase();
    if (sameScheme && named(authority, ownScheme) === named(ownAuthority, ownScheme)) return publicOrigin + rest;
  }
  return value;
}

/** What an application may call itself: its own address, and ours without the TLS that it does not know of. */
export function applicationOrigins(upstreamOrigin: string, publicOrigin: string): readonly string[] {
  return publicOrigin.startsWith('https:') ? [upstreamOrigin, `http:${publicOrigin.slice(6)}`] : [upstreamOrigin];
}

/** Host and port in one spelling: lower case, the scheme's own port left out. */
function named(authority: string, scheme: string): string {
  const lower = authority.toLowerCase();
  const usual = scheme.toLowerCase() === 'https:' ? ':443' : ':80';
  return lower.endsWith(usual) ? lower.slice(0, -usual.length) : lower;
}
