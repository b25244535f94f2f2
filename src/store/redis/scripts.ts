/** What must happen in one step in the server, as Lua: no other command runs while a script does. It knows no records. */
import { createHash } from 'node:crypto';
import type { Send } from './link.ts';

/** What a script answers on a server without a manifest: it was emptied, and has nothing to say about anybody (I9). */
export const LOST = 'LOST the manifest is gone';

export interface Script {
  readonly source: string;
  readonly sha1: string;
}

/**
 * Compare and set, for a record that stays where it is (both keys the same) or moves.
 * KEYS: from, to, index that `from` leaves, index that `to` joins, manifest.
 * ARGV: text that must be stored under `from` ('' for none), new text ('' removes), time to live in ms (0 for ever),
 * member that leaves ('' for none), member that joins ('' for none), channel, messages.
 * Answers 1, or the text that is stored instead (nothing for none). An empty text is never ours, and not the same as none.
 */
export const SWAP = script(`
if redis.call('EXISTS', KEYS[5]) == 0 then return redis.error_reply('${LOST}') end
local stored = redis.call('GET', KEYS[1])
if stored == '' or (stored or '') ~= ARGV[1] then return stored end
local text, ttl = ARGV[2], tonumber(ARGV[3])
if text == '' or KEYS[1] ~= KEYS[2] then redis.call('DEL', KEYS[1]) end
if text ~= '' then
  if ttl > 0 then redis.call('SET', KEYS[2], text, 'PX', ttl) else redis.call('SET', KEYS[2], text) end
end
if ARGV[4] ~= '' then redis.call('SREM', KEYS[3], ARGV[4]) end
if ARGV[5] ~= '' then
  local left = redis.call('PTTL', KEYS[4])
  redis.call('SADD', KEYS[4], ARGV[5])
  if ttl == 0 then redis.call('PERSIST', KEYS[4])
  elseif left == -2 or (left >= 0 and left < ttl) then redis.call('PEXPIRE', KEYS[4], ttl) end
end
for i = 7, #ARGV do redis.call('PUBLISH', ARGV[6], ARGV[i]) end
return 1`);

/**
 * Members of an index with their texts, as they are at one moment; members whose record is gone are forgotten.
 * KEYS: the index, the manifest. ARGV: what stands before a member in the name of its record. Answers member, text, member, text.
 */
export const MEMBERS = script(`
if redis.call('EXISTS', KEYS[2]) == 0 then return redis.error_reply('${LOST}') end
local found = {}
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local text = redis.call('GET', ARGV[1] .. member)
  if text then
    found[#found + 1] = member
    found[#found + 1] = text
  else
    redis.call('SREM', KEYS[1], member)
  end
end
return found`);

/** Runs a script by its name, and sends it when the server does not know it (yet, or after a restart). */
export async function run(
  send: Send,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await send(['EVALSHA', script.sha1, ...rest]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return await send(['EVAL', script.source, ...rest]);
  }
}

function script(source: string): Script {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}
