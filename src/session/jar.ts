/**
 * The vault (I2): every cookie of the application that is not on the readable list lives here and never in a browser.
 * Keeps cookies as RFC 6265 5.3 and 5.4 want them (path, expiry, deletion, order), bytes unchanged. Knows one application
 * on one host, so `Domain` and `Secure` have nothing to decide.
 */
import type { Instant, Json } from '../gate/types.ts';
import { type BearerChange, Bearers } from './bearers.ts';

interface Kept {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly expiresAt?: Instant;
}

/** One `Set-Cookie` line, the path of the request that it answered, and when; or what was done to the tokens. */
export type Heard = { readonly line: string; readonly path: string; readonly at: Instant } | BearerChange;

/** What one `Set-Cookie` line did. `changed`: the jar now speaks for somebody else, or might. */
export type Stored = 'changed' | 'same' | 'ignored';

/** More than any browser keeps for one host; a jar must not grow without end. */
const MAX_COOKIES = 180;
const MAX_COOKIE_BYTES = 8192;
/** A jar that nobody saves must not grow either. */
const MAX_UNSAVED = 360;
/** RFC 9110 token: what a cookie name may be made of. A name that some parser trims or folds is not stored. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class Jar {
  /** Key: name and path. Insertion order is creation order. */
  readonly #kept = new Map<string, Kept>();
  /** The `Cookie` line for every path, while no cookie expires and all stand at `/`; the usual case. */
  #line: string | undefined;
  #simple = true;
  /** What was stored since {@link unsaved} was last asked. */
  #unsaved: Heard[] = [];
  readonly #bearers = new Bearers();

  static fromJson(json: Json): Jar {
    const jar = new Jar();
    jar.#read(json);
    return jar;
  }

  /** A stored jar with what was heard since; another process may have stored something meanwhile. */
  static merged(json: Json, heard: readonly Heard[]): Json {
    const jar = Jar.fromJson(json);
    jar.#hear(heard);
    return jar.toJson();
  }

  get isUnsaved(): boolean {
    return this.#unsaved.length > 0;
  }

  /** What the next write of the record must add; it is told once. */
  unsaved(): readonly Heard[] {
    const heard = this.#unsaved;
    this.#unsaved = [];
    return heard;
  }

  /** Becomes the stored jar of another process, with what is unsaved here. @returns whether a cookie is another one now */
  follow(json: Json): boolean {
    const before = JSON.stringify(this.toJson());
    const unsaved = this.unsaved();
    this.#kept.clear();
    this.#bearers.clear();
    this.#read(json);
    this.#hear(unsaved);
    return JSON.stringify(this.toJson()) !== before;
  }

  #hear(heard: readonly Heard[]): void {
    for (const one of heard) {
      if ('line' in one) this.store(one.line, one.path, one.at);
      else this.changeBearers(one);
    }
  }

  #read(json: Json): void {
    for (const item of Array.isArray(json) ? json : []) {
      this.#bearers.read(item);
      if (!Array.isArray(item)) continue;
      const [name, value, path, expiresAt] = item;
      if (typeof name !== 'string' || typeof value !== 'string' || typeof path !== 'string') continue;
      const expiry = typeof expiresAt === 'number' ? { expiresAt } : {};
      this.#kept.set(slot(name, path), { name, value, path, ...expiry });
    }
    this.#changed();
  }

  toJson(): Json {
    const cookies = [...this.#kept.values()];
    return [
      ...cookies.map(({ name, value, path, expiresAt }) => [name, value, path, expiresAt ?? null]),
      ...this.#bearers.toJson(),
    ];
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0 && this.#bearers.isEmpty;
  }

  get bearers(): Pick<Bearers, 'newest' | 'tokenFor'> {
    return this.#bearers;
  }

  changeBearers(change: BearerChange): void {
    this.#bearers.apply(change);
    this.#unsaved.push(change);
  }

  /**
   * @param line one `Set-Cookie` value as it came.
   * @param requestPath path of the request it answers, for the default path.
   */
  store(line: string, requestPath: string, now: Instant): Stored {
    const cookie = parseSetCookie(line, requestPath, now);
    if (cookie === undefined) return 'ignored';
    if (this.#unsaved.length < MAX_UNSAVED) this.#unsaved.push({ line, path: requestPath, at: now });
    const key = slot(cookie.name, cookie.path);
    const old = this.#kept.get(key);
    if (cookie.expiresAt !== undefined && cookie.expiresAt <= now) {
      if (old === undefined) return 'same'; // deleting what was never there: DokuWiki does it in every anonymous answer
      this.#kept.delete(key);
      this.#changed();
      return 'changed';
    }
    if (old === undefined && this.#kept.size >= MAX_COOKIES) this.#kept.delete(this.#kept.keys().next().value ?? '');
    this.#kept.set(key, cookie); // an update keeps its place, and so its creation time
    this.#changed();
    return old?.value === cookie.value ? 'same' : 'changed';
  }

  /** The `Cookie` line for a request, or `undefined`: longer paths first, then older ones (RFC 6265 5.4). */
  header(path: string, now: Instant): string | undefined {
    if (this.#simple) return this.#line;
    const fitting: Kept[] = [];
    for (const cookie of this.#kept.values()) {
      if (cookie.expiresAt !== undefined && cookie.expiresAt <= now) continue;
      if (pathMatches(path, cookie.path)) fitting.push(cookie);
    }
    fitting.sort((a, b) => b.path.length - a.path.length);
    return join(fitting);
  }

  #changed(): void {
    this.#simple = true;
    for (const cookie of this.#kept.values()) {
      if (cookie.expiresAt === undefined && cookie.path === '/') continue;
      this.#simple = false;
      break;
    }
    this.#line = this.#simple ? join([...this.#kept.values()]) : undefined;
  }
}

function slot(name: string, path: string): string {
  return `${name}\0${path}`;
}

function join(cookies: readonly Kept[]): string | undefined {
  if (cookies.length === 0) return undefined;
  return cookies.map((cookie) => `${cookie.name}=${cookie.value}`).join('; ');
}

/** The name of a `Set-Cookie` line, exactly as the application wrote it, or `undefined` when it has none. */
export function cookieName(line: string): string | undefined {
  const end = line.indexOf(';');
  const pair = end === -1 ? line : line.slice(0, end);
  const equals = pair.indexOf('=');
  if (equals < 1) return undefined;
  const name = withoutBlanks(pair.slice(0, equals));
  return TOKEN.test(name) ? name : undefined;
}

/** RFC 6265 5.2 takes blanks and tabs away; `trim` would take a no-break space too, and that is another name. */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

function parseSetCookie(line: string, requestPath: string, now: Instant): Kept | undefined {
  if (line.length > MAX_COOKIE_BYTES) return undefined;
  const name = cookieName(line);
  if (name === undefined) return undefined;
  const [pair = '', ...attributes] = line.split(';');
  const value = withoutBlanks(pair.slice(pair.indexOf('=') + 1));
  let path = defaultPath(requestPath);
  let expires: Instant | undefined;
  let maxAge: Instant | undefined;
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=');
    const key = (equals === -1 ? attribute : attribute.slice(0, equals)).trim().toLowerCase();
    const text = equals === -1 ? '' : attribute.slice(equals + 1).trim();
    if (key === 'path') path = text.startsWith('/') ? text : defaultPath(requestPath);
    if (key === 'max-age' && /^-?\d+$/.test(text)) maxAge = Number(text) <= 0 ? 0 : now + Number(text) * 1000;
    if (key === 'expires') {
      const at = Date.parse(text.replaceAll('-', ' '));
      if (!Number.isNaN(at)) expires = at;
    }
  }
  const expiresAt = maxAge ?? expires; // RFC 6265 5.3: Max-Age wins
  return { name, value, path, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

/** RFC 6265 5.1.4. */
function defaultPath(requestPath: string): string {
  const end = requestPath.lastIndexOf('/');
  return end <= 0 ? '/' : requestPath.slice(0, end);
}

/** RFC 6265 5.1.4. */
function pathMatches(request: string, cookie: string): boolean {
  if (cookie === '/' || request === cookie) return true;
  if (!request.startsWith(cookie)) return false;
  return cookie.endsWith('/') || request.charCodeAt(cookie.length) === 47;
}
