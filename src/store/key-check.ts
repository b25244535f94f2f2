/**
 * What a store knows of the keys it was written with, so that another key file is found out at the start and not by people who
 * cannot be found any more: one text that only the sealing keys open, and one that only the first key makes. Names of records,
 * recovery codes, tickets and codes of administrators hang on the first key; with another one in its place an enrolled person would
 * have no factor (I6).
 */
import type { Keys } from './keys.ts';
import { StoreError } from './store.ts';

export interface KeyChecks {
  readonly keyCheck: string;
  readonly firstKeyCheck: string;
}

const FIRST = 'first-key';

/** @param owner what the checks belong to: they are worth nothing elsewhere */
export function keyChecks(keys: Keys, owner: string): KeyChecks {
  return { keyCheck: keys.seal(owner, ''), firstKeyCheck: madeByFirst(keys, owner) };
}

/**
 * @param what the data, for the sentence
 * @throws StoreError `wrong-key`
 */
export function checkKeys(keys: Keys, owner: string, { keyCheck, firstKeyCheck }: KeyChecks, what: string): void {
  try {
    keys.open(owner, keyCheck);
  } catch (error) {
    const message = `${what} was sealed with another key than the key file holds`;
    const advice = 'put the key file back that belongs to it; all gateways need the same key file (secrets.keyFile)';
    throw new StoreError('wrong-key', `${message}; ${advice}.`, { cause: error });
  }
  if (madeByFirst(keys, owner) === firstKeyCheck) return;
  const message = `${what} was begun with another first key than the key file has`;
  throw new StoreError('wrong-key', `${message}; put that key back in the first place, and new ones behind it.`);
}

function madeByFirst(keys: Keys, owner: string): string {
  return keys.hmac(FIRST, owner).toString('base64url');
}
