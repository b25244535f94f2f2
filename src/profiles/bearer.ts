/**
 * Where an application hands out a token, and how another one is put into its place. An answer that can be read in two ways, or
 * from which the token cannot be taken without a trace, is told, never guessed at.
 */
import type { Json } from '../gate/types.ts';
import { at, parseStrictly } from './json.ts';
import type { FoundToken, TokenRules } from './profile.ts';
import { methodMatcher, type PlaceMatcher, pathMatcher } from './routes.ts';
import type { BearerData } from './schema.ts';

/** Longest body, in bytes. */
const MAX_BYTES = 65_536;
/** RFC 6750 2.1. Shorter ones cannot be told from the text around them; longer ones fit into no header. */
const TOKEN = /^(?=.{16,4096}$)[A-Za-z0-9._~+/-]+=*$/;
/** Begins like JSON, in the encodings that a script may read. */
const LIKE_JSON = /^(?:ï»¿|ÿþ|þÿ|[\s\0])*[{["]/;

/** `places`: where the body of a request is read first. */
export function compileBearer({ token: pointer, refresh, whoami }: BearerData): TokenRules & {
  readonly places: readonly PlaceMatcher[];
} {
  const givers = refresh.map(({ method, path }) => ({ place: pathMatcher(path), methodFits: methodMatcher([method]) }));
  return {
    withWhoami: whoami,
    places: givers.map(({ place }) => place),
    gives: (method, path) => givers.some(({ place, methodFits }) => methodFits(method) && place.wide(path)),
    find(body) {
      if (!LIKE_JSON.test(body.subarray(0, 256).toString('latin1'))) return undefined;
      if (body.length > MAX_BYTES) return 'unfit';
      let value: Json;
      try {
        value = parseStrictly(body);
      } catch {
        return 'unfit'; // a browser may be less strict
      }
      const token = at(value, pointer);
      if (token === undefined || token === null || token === '') return undefined;
      return typeof token === 'string' && TOKEN.test(token) ? exchangeable(body, token, pointer) : 'unfit';
    },
  };
}

function exchangeable(body: Buffer, token: string, pointer: string): FoundToken | 'unfit' {
  const text = body.toString('utf8');
  const putIn = (ours: string): string => text.replaceAll(token, ours).replaceAll(token.replaceAll('/', '\\/'), ours); // as PHP writes it
  const trial = 'x'.repeat(43);
  try {
    const after = parseStrictly(Buffer.from(putIn(trial)));
    if (at(after, pointer) !== trial || JSON.stringify(after).includes(token)) return 'unfit';
  } catch {
    return 'unfit';
  }
  return { token, putIn: (ours) => Buffer.from(putIn(ours)) };
}
