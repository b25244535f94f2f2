/** Reads the beginning of a request body, for logins and for routes that the body decides; never more than it is told to. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';

export interface BodyStart {
  readonly bytes: Buffer;
  /** The body ended within the limit. */
  readonly complete: boolean;
}

/**
 * Resolves with `undefined` when the client went away before the body ended, or took longer than `timeoutMs` and was sent
 * away (attack "slow and big"). What comes after the limit stays unread in `req`.
 */
export function readBodyStart(
  req: IncomingMessage,
  limit: number,
  clock: Clock,
  timeoutMs: number,
): Promise<BodyStart | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(timeoutMs, () => req.destroy());
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (start: BodyStart | undefined) => {
      cancel();
      req.off('data', onData);
      req.off('end', onEnd);
      req.off('close', onGone);
      req.off('error', onGone);
      req.pause();
      resolve(start);
    };
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) done({ bytes: Buffer.concat(chunks), complete: false });
    };
    const onEnd = () => done({ bytes: Buffer.concat(chunks), complete: true });
    const onGone = () => done(undefined);
    if (req.readableEnded) return onEnd();
    req.on('data', onData);
    req.on('end', onEnd);
    req.on('close', onGone);
    req.on('error', onGone);
    req.resume();
  });
}

/**
 * The `Content-Type` to read a body by. Of two, applications believe either; and what a content coding hides is read by some and
 * not by others (attack "body-type confusion"). Both are told as a type that nobody reads, so that a login is not guessed at (I7).
 */
export function bodyType(req: IncomingMessage): string | undefined {
  const { 'content-type': types = [], 'content-encoding': codings = [] } = req.headersDistinct;
  if (types.length > 1 || codings.some((coding) => coding.trim().toLowerCase() !== 'identity')) return '';
  return types[0];
}
