/**
 * A browser's cookie store (RFC 6265, with the `__Host-` prefix of 6265bis), by host and path. It never leaves out a line it
 * should have kept, and remembers each as it came.
 */
export interface StoredCookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: string | undefined;
  /** The whole line as it came. */
  readonly line: string;
}

export class CookieJar {
  #cookies: StoredCookie[] = [];

  get all(): readonly StoredCookie[] {
    return this.#cookies;
  }

  clear(): void {
    this.#cookies = [];
  }

  /** RFC 6265 section 5.4: longer paths first, older ones first. */
  headerFor(url: URL): string {
    return this.#cookies
      .filter((cookie) => (cookie.hostOnly ? url.hostname === cookie.host : isWithin(url.hostname, cookie.host)))
      .filter((cookie) => !cookie.secure || isTrustworthy(url))
      .filter((cookie) => coversPath(cookie.path, url.pathname))
      .sort((left, right) => right.path.length - left.path.length)
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }

  store(url: URL, line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const cut = pair.indexOf('=');
    if (cut < 1) return;
    const given = new Map(
      attributes.map((text) => [text.split('=', 1)[0]?.toLowerCase() ?? '', text.replace(/^[^=]*=?/, '')]),
    );
    const domain = given.get('domain')?.replace(/^\./, '').toLowerCase();
    if (domain !== undefined && !isWithin(url.hostname, domain)) return;
    const path = given.get('path');
    const cookie: StoredCookie = {
      name: pair.slice(0, cut),
      value: pair.slice(cut + 1),
      host: domain ?? url.hostname,
      hostOnly: domain === undefined,
      path: path?.startsWith('/') ? path : url.pathname.replace(/\/[^/]*$/, '') || '/',
      secure: given.has('secure'),
      httpOnly: given.has('httponly'),
      sameSite: given.get('samesite'),
      line,
    };
    const isHostPrefixed = cookie.name.startsWith('__Host-');
    if (cookie.secure && !isTrustworthy(url)) return;
    if (isHostPrefixed && !(cookie.secure && cookie.hostOnly && cookie.path === '/')) return;
    this.#cookies = this.#cookies.filter(
      ({ name, host, path: at }) => !(name === cookie.name && host === cookie.host && at === cookie.path),
    );
    if (!isExpired(given)) this.#cookies.push(cookie);
  }
}

/** Where browsers keep and send Secure cookies: https, and this machine. */
function isTrustworthy(url: URL): boolean {
  return url.protocol === 'https:' || /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

function coversPath(cookiePath: string, path: string): boolean {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/');
}

function isExpired(attributes: ReadonlyMap<string, string>): boolean {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attributes.get('expires');
  return expires !== undefined && Date.parse(expires.replaceAll('-', ' ')) <= Date.now();
}
