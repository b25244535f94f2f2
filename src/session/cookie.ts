/**
 * The cookies a browser may send us: our session id, the wish of somebody who was refused, and names on the readable list.
 * Nothing else is ever looked at, and a doubtful one counts as none (I2, I6; attacks "PHP cookie-name mangling", "duplicate
 * cookies", "broken cookie").
 */
import { hash } from 'node:crypto';

/** 256 random bits in base64url (security: ASVS 7.2.3 asks 128). */
const SESSION_ID = /^[A-Za-z0-9_-]{43}$/;

export interface SentCookies {
  /** By which the store knows our session id; `undefined` when that is absent, malformed or sent twice. */
  readonly key: string | undefined;
  /** A cookie of our name came twice: somebody may be tossing cookies from a sibling host. */
  readonly duplicated: boolean;
  /** What {@link rememberWish} gave the browser, as it came back. */
  readonly wish: string | undefined;
  /** `name=value` pairs of readable cookies, first of each name, ready to be forwarded. */
  readonly readable: string | undefined;
}

/** `__Host-` ties the cookie to this exact host over TLS (RFC 6265bis 4.1.3.2); plain http has no such thing. */
export function cookieNameFor(publicUrl: string): string {
  return publicUrl.startsWith('https:') ? '__Host-lucy2fa' : 'lucy2fa';
}

/** Whether an upstream may not set or see a cookie of this name: ours, in every spelling an application folds into it. */
export function isOwnCookie(name: string): boolean {
  return /^(__host-|__secure-)?lucy2fa/i.test(name.trim().replace(/[ .[\]]/g, '_'));
}

export function readCookies(
  header: string | undefined,
  ownName: string,
  isReadable: (name: string, value: string) => boolean,
): SentCookies {
  if (header === undefined) return NOTHING;
  let id: string | undefined;
  let seen = 0;
  let wish: string | undefined;
  let readable: string | undefined;
  let names: Set<string> | undefined;
  for (let start = 0; start < header.length; ) {
    let end = header.indexOf(';', start);
    if (end === -1) end = header.length;
    const equals = header.indexOf('=', start);
    if (equals !== -1 && equals < end) {
      // Only the one blank that RFC 6265 4.2.1 puts after the semicolon is skipped; other white space is part of the name
      // and such a name is on no list.
      const name = header.slice(header.charCodeAt(start) === 32 ? start + 1 : start, equals);
      if (name === ownName) {
        seen += 1;
        const value = header.slice(equals + 1, end);
        if (SESSION_ID.test(value)) id = value;
      } else if (name.endsWith(WISH) && name === ownName + WISH) {
        wish = header.slice(equals + 1, end);
      } else if (isReadable(name, header.slice(equals + 1, end)) && !isOwnCookie(name)) {
        names ??= new Set();
        if (!names.has(name)) {
          names.add(name);
          const pair = `${name}=${header.slice(equals + 1, end)}`;
          readable = readable === undefined ? pair : `${readable}; ${pair}`;
        }
      }
    }
    start = end + 1;
  }
  const duplicated = seen > 1;
  const key = duplicated || id === undefined ? undefined : sessionKey(id);
  return { key, duplicated, wish, readable };
}

/**
 * Whether a server could find a second cookie inside a value: RFC 2109 let a comma separate them, and servers that still read
 * them so would take a session id of the client's choice out of a preference (attacks 8, 22).
 */
export function mayHideAnother(value: string): boolean {
  const comma = value.indexOf(',');
  return comma !== -1 && value.includes('=', comma);
}

const NOTHING: SentCookies = { key: undefined, duplicated: false, wish: undefined, readable: undefined };

/** `Set-Cookie` for a new session id. A session cookie: it ends with the browser, the server ends it earlier. */
export function setOwnCookie(ownName: string, id: string): string {
  return cookieLine(ownName, id);
}

export function clearOwnCookie(ownName: string): string {
  return `${setOwnCookie(ownName, '')}; Max-Age=0`;
}

/** End of the name of the cookie that holds a wish. */
const WISH = '-wish';
/** How long a wish is remembered, in seconds: a login page that was left open is not where somebody wants to go on next day. */
const WISH_SECONDS = 1_800;

/**
 * `Set-Cookie` for the page that somebody without rights asked for, so that the login can lead there. The browser keeps it, so
 * a refusal costs no memory and no write, however many come. It is neither secret nor believed: whoever can make a browser ask
 * for a page chooses it, and says nothing about who they are. @param path same-origin, from `returnPath`
 */
export function rememberWish(ownName: string, path: string): string {
  return `${cookieLine(ownName + WISH, Buffer.from(path, 'latin1').toString('base64url'))}; Max-Age=${WISH_SECONDS}`;
}

/** The page in a wish that came back; whatever a browser may have sent, so it is to be checked like any other target. */
export function wishedFor(wish: string | undefined): string | undefined {
  return wish === undefined ? undefined : Buffer.from(wish, 'base64url').toString('latin1');
}

/** The `Set-Cookie` lines of a login: the new id, when there is one, and the end of a wish that is fulfilled now. */
export function loginCookies(ownName: string, id: string | undefined, wish: string | undefined): string[] {
  const lines = id === undefined ? [] : [setOwnCookie(ownName, id)];
  if (wish !== undefined) lines.push(clearOwnCookie(ownName + WISH));
  return lines;
}

/** The part of `Set-Cookie` that every cookie of ours has. */
export function cookieLine(name: string, value: string): string {
  const secure = name.startsWith('__Host-') ? '; Secure' : '';
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}`;
}

/** What the store knows of a session id; the id itself is only in the browser. */
export function sessionKey(id: string): string {
  return hash('sha256', id, 'base64url');
}
