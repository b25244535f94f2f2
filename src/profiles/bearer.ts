/**
 * Where an application hands out a token, and how another one is put into its place. An answer that can be read in two ways, or
 * from which the token cannot be taken without a trace, is told, never guessed at.
 */
import type { Json } from '../gate/types.ts';
import { at, parseStrictly } from './json.ts';
import type { FoundToken, TokenGiver, TokenRules } from './profile.ts';
import { methodMatcher, type PlaceMatcher, pathMatcher } from './routes.ts';
import type { BearerData } from './schema.ts';

/** Longest body, in bytes. */
const MAX_BYTES = 65_536;
/** RFC 6750 2.1, and the `|` of Laravel. Shorter ones cannot be told from the text around them; longer ones fit into no header. */
const TOKEN = /^(?=.{16,4096}$)[A-Za-z0-9._~+/|-]+=*$/;
/** A run of characters that every way of writing leaves alone, and so long that it stands nowhere by accident. */
const LONG_RUN = 16;
/** Begins like JSON, in the encodings that a script may read. */
const LIKE_JSON = /^(?:ï»¿|ÿþ|þÿ|[\s\0])*[{["]/;

/**
 * @param logins where people log in: whatever is sent there, by whatever method, may be answered with a token
 * @returns `places`: where the body of a request is read first
 */
export function compileBearer(
  { token: pointer, refresh, whoami }: BearerData,
  logins: readonly PlaceMatcher[],
): TokenRules & { readonly places: readonly PlaceMatcher[] } {
  const givers = refresh.map(({ method, path }) => ({ place: pathMatcher(path), methodFits: methodMatcher([method]) }));
  return {
    withWhoami: whoami,
    places: [...givers.map(({ place }) => place), ...logins],
    gives(method, path): TokenGiver | undefined {
      if (givers.some(({ place, methodFits }) => methodFits(method) && place.wide(path))) return 'refresh';
      return logins.some((place) => place.wide(path)) ? 'login' : undefined;
    },
    isRead: isLikeJson,
    find(body) {
      if (!isLikeJson(body)) return undefined;
      if (body.length > MAX_BYTES) return 'unfit';
      let value: Json;
      try {
        value = parseStrictly(body);
      } catch {
        return 'unfit'; // a browser may be less strict
      }
      const token = at(value, pointer);
      if (token === undefined || token === null || token === '' || token === false) return undefined;
      return typeof token === 'string' && TOKEN.test(token) ? exchangeable(body, token, pointer) : 'unfit';
    },
  };
}

function isLikeJson(body: Buffer): boolean {
  return LIKE_JSON.test(body.toString('latin1'));
}

function exchangeable(body: Buffer, token: string, pointer: string): FoundToken | 'unfit' {
  const text = body.toString('utf8');
  const spellings = [token, token.replaceAll('/', '\\/'), encodeURIComponent(token)]; // plain, as PHP writes it, in addresses
  const run = (token.match(/[\w-]+/g) ?? []).reduce((longest, one) => (one.length > longest.length ? one : longest));
  const traces = run.length < LONG_RUN ? spellings : [...spellings, run];
  const cover = (where: string, ours: string): string | undefined => {
    const covered = spellings.reduce((so, spelling) => so.replaceAll(spelling, ours), where);
    return traces.some((trace) => covered.includes(trace)) ? undefined : covered;
  };
  const trial = 'x'.repeat(43);
  try {
    const covered = cover(text, trial);
    const after = covered === undefined ? null : parseStrictly(Buffer.from(covered));
    if (at(after, pointer) !== trial || cover(JSON.stringify(after), '') !== JSON.stringify(after)) return 'unfit';
  } catch {
    return 'unfit';
  }
  return { token, putIn: (ours) => Buffer.from(cover(text, ours) ?? ''), cover };
}
