/**
 * What marks a server as holding our data, written before any of it: so a server that lost everything is told from a new
 * one, and a gateway with another key file is turned away before it writes anything.
 */
import { checkKeys, keyChecks } from '../key-check.ts';
import type { Keys } from '../keys.ts';
import { isObject } from '../records.ts';
import { StoreError } from '../store.ts';
import type { Send } from './link.ts';

const KEY_CHECK = 'redis-store';

/** The text of the manifest, when there is one. */
export async function readManifest(send: Send, name: string): Promise<string | undefined> {
  const text = await send(['GET', name]);
  return typeof text === 'string' ? text : undefined;
}

/**
 * The manifest that all gateways have from now on: the one that is there, or a new one. Of two that start at once on an empty
 * server one writes it, and the other one finds it.
 * @throws StoreError `wrong-key` or `damaged`
 */
export async function claim(send: Send, name: string, keys: Keys): Promise<string> {
  const own = JSON.stringify({ format: 1, ...keyChecks(keys, KEY_CHECK) });
  await send(['SET', name, own, 'NX']);
  const text = await readManifest(send, name);
  if (text === undefined) throw new StoreError('unwritable', `the key "${name}" could not be written`);
  if (text !== own) checkManifest(text, name, keys);
  return text;
}

function checkManifest(text: string, name: string, keys: Keys): void {
  const content = parsed(text);
  const { format, keyCheck, firstKeyCheck } = isObject(content) ? content : {};
  if (format !== 1 || typeof keyCheck !== 'string' || typeof firstKeyCheck !== 'string') {
    throw new StoreError(
      'damaged',
      `The key "${name}" on the Redis server was not written by this version; use the version that did, or another store.prefix.`,
    );
  }
  checkKeys(keys, KEY_CHECK, { keyCheck, firstKeyCheck }, 'The data on the Redis server');
}

/** @throws StoreError `damaged` when the server is not the one that was known before, or lost what it held */
export async function recognise(send: Send, name: string, known: string): Promise<void> {
  if ((await readManifest(send, name)) === known) return;
  throw new StoreError(
    'damaged',
    'The Redis server lost the data of the gateway, or is another one; restore it, or restart all gateways to begin anew.',
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
