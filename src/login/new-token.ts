/** A new token of the application in an answer to a verified session: what the vault gets of it, and what the browser does. */
import { randomBytes } from 'node:crypto';
import type { TokenRules } from '../profiles/profile.ts';
import { type BearerChange, handleOf, newToken } from '../session/bearers.ts';
import { type Reply, UpstreamError } from '../upstream/upstream.ts';
import { withBody } from './script.ts';

export interface NewToken {
  /** For the jar of the session, once it is known that the session still is one. */
  readonly change: BearerChange;
  /** The answer with a token of ours. */
  readonly reply: Reply;
}

/** @throws UpstreamError `malformed` for a token that cannot be exchanged */
export function newTokenIn(reply: Reply, rules: TokenRules | undefined): NewToken | undefined {
  const found = rules?.find(reply.body);
  if (found === undefined) return undefined;
  if (found === 'unfit') throw new UpstreamError('malformed');
  const ours = newToken(randomBytes);
  return { change: { keep: handleOf(ours), token: found.token }, reply: withBody(reply, found.putIn(ours)) };
}
