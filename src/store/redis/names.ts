/**
 * How keys are called on the server. All have one hash tag, so that in a cluster they are in one slot and a script may touch
 * any of them. No name holds an identity, a phone number or an address: those are hashed with a key that the server lacks.
 */
import type { Keys } from '../keys.ts';
import type { CollectionName } from '../manifest.ts';

export class Names {
  readonly manifest: string;
  readonly channel: string;
  readonly #tag: string;
  readonly #keys: Pick<Keys, 'hmac'>;

  /** @param prefix letters, digits and `_ . : -`: what SCAN takes literally */
  constructor(prefix: string, keys: Pick<Keys, 'hmac'>) {
    this.#tag = `{${prefix}}`;
    this.#keys = keys;
    this.manifest = manifestName(prefix);
    this.channel = channelName(prefix);
  }

  /** What stands before every name of the collection. */
  start(collection: CollectionName): string {
    return `${this.#tag}:${collection}:`;
  }

  /** The rest of the name. Keys of sessions are hashes already. */
  short(collection: CollectionName, key: string): string {
    return collection === 'sessions' ? key : this.#hashed(collection, key);
  }

  /** The set that lists the sessions of an identity. */
  index(identity: string): string {
    return `${this.#tag}:of:${this.#hashed('of', identity)}`;
  }

  #hashed(kind: string, key: string): string {
    return this.#keys.hmac('redis-name', `${kind}\0${key}`).toString('base64url');
  }
}

export function manifestName(prefix: string): string {
  return `{${prefix}}:store`;
}

export function channelName(prefix: string): string {
  return `{${prefix}}:changes`;
}
