/**
 * What a browser does on the wire, without one: a cookie jar, Origin and Sec-Fetch headers, redirects, forms. It keeps every
 * byte it ever received. It never runs script and never hides a response.
 */
import { gunzipSync } from 'node:zlib';
import { CookieJar, type StoredCookie } from './cookie-jar.ts';
import { attribute, formsOf } from './html-forms.ts';
import { type Header, RawConnection, type RawResponse, rawBytes } from './raw-http.ts';

export interface Page extends RawResponse {
  /** The address that answered, after redirects. */
  readonly url: URL;
  /** The redirects on the way here, oldest first. */
  readonly history: readonly RawResponse[];
  /** The body as text, decompressed. */
  readonly html: string;
  /** Values of the hidden inputs, last one of a name. */
  readonly hidden: Readonly<Record<string, string>>;
}

export interface VisitOptions {
  /** Further headers; they replace those of the same name. */
  readonly headers?: readonly Header[];
  readonly followRedirects?: boolean;
  /** `navigate` (default), `fetch` for XHR from the page, `image` for a subresource. */
  readonly as?: 'navigate' | 'fetch' | 'image';
}

export interface FakeBrowserOptions {
  /** The origin the person types, for example `https://lucy.test`; connections go to `port` on 127.0.0.1 whatever it says. */
  readonly origin: string;
  readonly port: number;
  readonly userAgent?: string;
  /** Sent with every request, for example what a TLS proxy in front would add. */
  readonly headers?: readonly Header[];
  /** Asks for gzip as browsers do; off, so that a transcript can be searched. */
  readonly gzip?: boolean;
}

const MAX_REDIRECTS = 10;

export class FakeBrowser {
  readonly #options: FakeBrowserOptions;
  readonly #received: Buffer[] = [];
  readonly #jar = new CookieJar();
  /** The page that is open; what Origin, Referer and Sec-Fetch-Site come from. */
  #current: URL | undefined;

  constructor(options: FakeBrowserOptions) {
    this.#options = options;
  }

  /** Every byte that any answer brought. */
  get transcript(): Buffer {
    return Buffer.concat(this.#received);
  }

  get cookies(): readonly StoredCookie[] {
    return this.#jar.all;
  }

  cookie(name: string): string | undefined {
    return this.#jar.all.find((cookie) => cookie.name === name)?.value;
  }

  /** Plants a cookie, as another page on the host could. */
  setCookie(name: string, value: string, path = '/'): void {
    this.#jar.store(new URL(this.#options.origin), `${name}=${value}; Path=${path}`);
  }

  forgetCookies(): void {
    this.#jar.clear();
  }

  get(target: string, options: VisitOptions = {}): Promise<Page> {
    return this.#visit('GET', target, undefined, options);
  }

  /** Posts a form as `application/x-www-form-urlencoded`, fields in the given order, duplicates allowed. */
  post(
    target: string,
    fields: Readonly<Record<string, string>> | readonly Header[],
    options: VisitOptions = {},
  ): Promise<Page> {
    const pairs: readonly Header[] = isPairs(fields) ? fields : Object.entries(fields);
    const search = new URLSearchParams();
    for (const [name, value] of pairs) search.append(name, value);
    const body = Buffer.from(search.toString());
    return this.send('POST', target, 'application/x-www-form-urlencoded', body, options);
  }

  postJson(target: string, value: unknown, options: VisitOptions = {}): Promise<Page> {
    const body = Buffer.from(JSON.stringify(value));
    return this.send('POST', target, 'application/json', body, { as: 'fetch', ...options });
  }

  send(method: string, target: string, type: string, bytes: Buffer, options: VisitOptions = {}): Promise<Page> {
    return this.#visit(method, target, { type, bytes }, options);
  }

  /**
   * Fills in the form that has all of these fields and posts it, with the values its other inputs have.
   * @throws when the page has no such form.
   */
  submit(page: Page, fields: Readonly<Record<string, string>>, options: VisitOptions = {}): Promise<Page> {
    const wanted = Object.keys(fields);
    const form = formsOf(page.html).find(({ inputs }) => wanted.every((name) => inputs.some(([has]) => has === name)));
    if (form === undefined) throw new Error(`no form with ${wanted.join(', ')} on ${page.url.href}: ${page.html}`);
    const filled = form.inputs.filter(([name]) => !wanted.includes(name));
    const pairs: Header[] = [...filled, ...Object.entries(fields)];
    return this.post(new URL(form.action, page.url).href, pairs, options);
  }

  async #visit(
    method: string,
    target: string,
    body: { readonly type: string; readonly bytes: Buffer } | undefined,
    options: VisitOptions,
  ): Promise<Page> {
    const history: RawResponse[] = [];
    let url = new URL(target, this.#current ?? this.#options.origin);
    let next = { method, body };
    for (;;) {
      const response = await this.#request(next.method, url, next.body, options);
      const location = response.header('location');
      const isRedirect = response.status >= 301 && response.status <= 308 && location !== undefined;
      if (!isRedirect || options.followRedirects === false) {
        if ((options.as ?? 'navigate') === 'navigate') this.#current = url;
        return page(url, response, history);
      }
      history.push(response);
      if (history.length > MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects, last to ${location}`);
      url = new URL(location, url);
      // 307 and 308 repeat the request; the others turn into a GET, as browsers do.
      if (response.status < 307) next = { method: 'GET', body: undefined };
    }
  }

  async #request(
    method: string,
    url: URL,
    body: { readonly type: string; readonly bytes: Buffer } | undefined,
    options: VisitOptions,
  ): Promise<RawResponse> {
    const headers = new Map<string, Header>();
    const add = (name: string, value: string) => headers.set(name.toLowerCase(), [name, value]);
    add('Host', url.host);
    add('Connection', 'close');
    add('User-Agent', this.#options.userAgent ?? 'Mozilla/5.0 (X11; Linux x86_64) FakeBrowser/1.0');
    for (const [name, value] of this.#fetchHeaders(method, url, options.as ?? 'navigate')) add(name, value);
    if (this.#options.gzip === true) add('Accept-Encoding', 'gzip, deflate');
    const cookies = this.#jar.headerFor(url);
    if (cookies !== '') add('Cookie', cookies);
    if (body !== undefined) add('Content-Type', body.type);
    const extra = [...(this.#options.headers ?? []), ...(options.headers ?? [])];
    for (const [name] of extra) headers.delete(name.toLowerCase());
    const connection = await RawConnection.open(this.#options.port);
    try {
      const bytes = rawBytes(method, url.pathname + url.search, [...headers.values(), ...extra], body?.bytes);
      connection.send(bytes);
      const response = await connection.response(method);
      for (const line of response.setCookie) this.#jar.store(url, line);
      return response;
    } finally {
      await connection.close();
      this.#received.push(connection.received);
    }
  }

  /** Fetch metadata and Origin as a browser adds them (Fetch standard; W3C Fetch Metadata). */
  #fetchHeaders(method: string, url: URL, as: 'navigate' | 'fetch' | 'image'): Header[] {
    const from = this.#current;
    const isSame = from === undefined || from.origin === url.origin;
    const headers: Header[] = [
      ['Sec-Fetch-Site', from === undefined && as === 'navigate' ? 'none' : isSame ? 'same-origin' : 'cross-site'],
      ['Sec-Fetch-Mode', as === 'navigate' ? 'navigate' : as === 'fetch' ? 'cors' : 'no-cors'],
      ['Sec-Fetch-Dest', as === 'navigate' ? 'document' : as === 'fetch' ? 'empty' : 'image'],
    ];
    if (as === 'navigate') {
      headers.push(['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8']);
      headers.push(['Sec-Fetch-User', '?1'], ['Upgrade-Insecure-Requests', '1']);
    } else {
      headers.push(['Accept', '*/*']);
    }
    if (method !== 'GET' && method !== 'HEAD') headers.push(['Origin', (from ?? url).origin]);
    if (from !== undefined) headers.push(['Referer', isSame ? from.href.replace(/#.*$/, '') : `${from.origin}/`]);
    return headers;
  }
}

function page(url: URL, response: RawResponse, history: readonly RawResponse[]): Page {
  const isGzip = response.header('content-encoding') === 'gzip';
  const html = isGzip ? gunzipSync(response.body).toString('utf8') : response.text;
  const hidden: Record<string, string> = {};
  for (const [tag] of html.matchAll(/<input\b[^>]*>/gi)) {
    const name = attribute(tag, 'name');
    if (name !== undefined && attribute(tag, 'type')?.toLowerCase() === 'hidden')
      hidden[name] = attribute(tag, 'value') ?? '';
  }
  return { ...response, url, history, html, hidden };
}

function isPairs(fields: Readonly<Record<string, string>> | readonly Header[]): fields is readonly Header[] {
  return Array.isArray(fields);
}
