/**
 * The tokens of the application that one session has, each under the SHA-256 of the token of ours that stands for it. They lie
 * in the jar and are stored, shared and moved with it. The application's token never leaves here but for the application.
 */
import { createHash } from 'node:crypto';
import { OUR_PREFIX } from '../gate/bearer.ts';
import type { Json } from '../gate/types.ts';

/** What was done since the jar was last written. */
export type BearerChange =
  | { readonly keep: string; readonly token: string }
  /** Another token of ours stands for the same one from now on. */
  | { readonly rename: string; readonly to: string }
  | { readonly forget: 'all' };

/** A page that asks for a new token goes on with the one before for a moment. */
const MOST = 4;

export class Bearers {
  /** Key: handle. The last one is the newest. */
  readonly #tokens = new Map<string, string>();

  get isEmpty(): boolean {
    return this.#tokens.size === 0;
  }

  /** The handle and the token that came last. */
  get newest(): { readonly handle: string; readonly token: string } | undefined {
    const last = [...this.#tokens].at(-1);
    return last === undefined ? undefined : { handle: last[0], token: last[1] };
  }

  /** @param ours what a browser showed @returns the application's token that it stands for in this session */
  tokenFor(ours: string): string | undefined {
    return this.#tokens.get(handleOf(ours));
  }

  apply(change: BearerChange): void {
    if ('forget' in change) return this.#tokens.clear();
    if ('rename' in change) {
      const token = this.#tokens.get(change.rename);
      if (token === undefined) return;
      this.#tokens.delete(change.rename);
      return this.#add(change.to, token);
    }
    this.#add(change.keep, change.token);
  }

  #add(handle: string, token: string): void {
    this.#tokens.delete(handle);
    this.#tokens.set(handle, token);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= MOST) return;
      this.#tokens.delete(oldest);
    }
  }

  /** @param item of a stored jar that is no cookie */
  read(item: Json): void {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) return;
    const { bearer, token } = item as { readonly [key: string]: Json };
    if (typeof bearer === 'string' && typeof token === 'string') this.#add(bearer, token);
  }

  clear(): void {
    this.#tokens.clear();
  }

  toJson(): Json[] {
    return [...this.#tokens].map(([bearer, token]) => ({ bearer, token }));
  }
}

/** Under which a token of ours is known; nobody finds the token from it. */
export function handleOf(ours: string): string {
  return createHash('sha256').update(ours).digest('base64url');
}

/** A token for a browser: 256 random bits. */
export function newToken(randomBytes: (size: number) => Buffer): string {
  return `${OUR_PREFIX}${randomBytes(32).toString('base64url')}`;
}
