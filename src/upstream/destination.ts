/** Where the application is: one fixed address, read once from the configuration. No request ever changes it (attack 68). */

export interface Destination {
  readonly secure: boolean;
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** As in a URL, without a path: `https://app.internal:8443`. */
  readonly origin: string;
  /** What `Host` names the application by its own address. */
  readonly authority: string;
}

/** @throws TypeError for anything but a plain http or https origin: a path, a query or credentials would be ignored. */
export function destination(url: string): Destination {
  const parsed = new URL(url);
  const secure = parsed.protocol === 'https:';
  if (!secure && parsed.protocol !== 'http:') throw new TypeError('the upstream must be an http or https URL');
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new TypeError('the upstream URL must have no credentials, query or fragment');
  }
  if (parsed.pathname !== '/') throw new TypeError('the upstream URL must have no path');
  return {
    secure,
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
    origin: parsed.origin,
    authority: parsed.host,
  };
}
