/** A new token of the application in an answer to a verified session: what the vault gets of it, and what the browser does. */
import { randomBytes } from 'node:crypto';
import type { FoundToken, Profile } from '../profiles/profile.ts';
import { type BearerChange, handleOf, newToken } from '../session/bearers.ts';
import { cookieName } from '../session/jar.ts';
import { type Reply, UpstreamError } from '../upstream/upstream.ts';
import { withBody } from './script.ts';

export interface NewToken {
  /** For the jar of the session, once it is known that the session still is one. */
  readonly change: BearerChange & { readonly token: string };
  /** The answer with a token of ours. */
  readonly reply: Reply;
}

/** What is known of the request. */
export interface AskedForToken {
  /** The profile lists it for its tokens; otherwise people log in at this address. */
  readonly isListed: boolean;
  /** It may be answered with a page: a safe request to where people log in. */
  readonly isPage: boolean;
}

/** @throws UpstreamError `malformed` for a token that cannot be exchanged, or an answer in which one would not be seen */
export function newTokenIn(reply: Reply, profile: Profile, asked: AskedForToken): NewToken | undefined {
  const { tokens } = profile;
  if (tokens === undefined) return undefined;
  const found = tokens.find(reply.body);
  if (found === undefined) {
    const isSeen = asked.isPage || reply.status >= 300 || reply.body.length === 0 || tokens.isRead(reply.body);
    if (!isSeen) throw new UpstreamError('malformed');
    return undefined;
  }
  // Of a login that nobody judged the token may be anybody's; without it in the question the application does not say whose.
  if (found === 'unfit' || (!asked.isListed && !tokens.withWhoami)) throw new UpstreamError('malformed');
  const ours = newToken(randomBytes);
  const change = { keep: handleOf(ours), token: found.token };
  return { change, reply: withOurs(reply, found, ours, (line) => profile.isReadable(cookieName(line) ?? '')) };
}

/**
 * The answer with a token of ours, wherever it had the application's. A header from which it cannot be taken goes no further.
 * @param leaves whether this `Set-Cookie` line would reach the browser: not with a token in it, nor with one of ours
 */
export function withOurs(reply: Reply, found: FoundToken, ours: string, leaves: (line: string) => boolean): Reply {
  const { headers, setCookies, ...rest } = withBody(reply, found.putIn(ours));
  const covered: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = found.cover(headers[i + 1] ?? '', ours);
    if (value !== undefined) covered.push(headers[i] ?? '', value);
  }
  const kept = setCookies.filter((line) => !leaves(line) || found.cover(line, ours) === line);
  return { ...rest, headers: covered, setCookies: kept };
}
