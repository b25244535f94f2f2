/** The checks of single values of a profile: each says in one sentence what is wrong. Nothing is compiled or kept here. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { checkSelector } from './page.ts';
import { canonicalTarget, isRefused } from './path.ts';
import { nameMatcher } from './patterns.ts';

/** A path as rules see it: decoded, no query. */
export const rulePath = z
  .string()
  .refine((path) => path.startsWith('/'), { message: 'a path begins with /', abort: true })
  .refine((path) => !path.includes('?'), {
    message: 'a path has no query here; put the parameters into "when"',
    abort: true,
  })
  .refine((path) => {
    const read = canonicalTarget(encodeURI(path).replaceAll('#', '%23'));
    return !isRefused(read) && read.path === path;
  }, 'write the path decoded, without dot segments, doubled slashes, backslashes and semicolons');

/** A place of the application that the gateway goes to, or sends people to: path with an optional query. */
export const target = z.string().refine((text) => {
  const read = canonicalTarget(text);
  return !isRefused(read) && read.target === text;
}, 'not a path of the application: begin with /, encode as a browser would, no host, no #');

/** A place that an answer redirects to; see placeMatcher. */
export const place = z.string().refine((text) => text.startsWith('/'), 'a place begins with /; hosts are not compared');

export const method = z.string().regex(/^[A-Z]+$/, 'a method is written in capitals: GET, POST');

export const status = z.int().min(100).max(599);

export const pointer = z.string().regex(/^(?:\/(?:[^~/]|~[01])*)*$/, 'a JSON pointer begins with /: /user/name');

export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a header name');

export const selector = z.string().refine((text) => passes(() => checkSelector(text)), 'not a CSS selector');

export const expression = z
  .string()
  .refine((text) => passes(() => new RegExp(text, 'u')), 'not a regular expression (JavaScript, with the u flag)');

/** Name of a cookie, `name*`, or `/expression/`; one that would match any name is refused, because it opens the vault. */
export const cookiePattern = z
  .string()
  .refine((text) => passes(() => nameMatcher(text)), 'not a regular expression (JavaScript, with the u flag)')
  .refine(
    (text) => !passes(() => nameMatcher(text)) || !nameMatcher(text)('x-3kq9vR7'),
    'matches every cookie there is',
  );

export const hostPattern = z
  .string()
  .regex(/^(?:\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)$/, 'a host name, *.domain, or *; without port');

export const cidr = z.string().refine(isCidr, 'not a network: 10.0.0.0/8, fd00::/8, or a single address');

/** A network or a single address, written in full: `10.1/8` and `0x0a000001` mean something else to somebody. */
export function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Name of an API client; see request/client-credential.ts. */
export const clientName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'small letters, digits and hyphens, at most 40');

/** One value or several of which any one will do. */
export function oneOrMore<T extends z.ZodType>(item: T): z.ZodUnion<[T, z.ZodArray<T>]> {
  return z.union([item, z.array(item).min(1)]);
}

function passes(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
