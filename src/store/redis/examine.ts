/**
 * Whether the server is set up to keep what it is given. A record that the server drops by itself would be read as "nobody
 * has a factor" (I9). It changes no setting of the server.
 */
import { StoreError } from '../store.ts';
import type { Send } from './link.ts';

export type Weakness =
  /** When memory is full, the server drops counters and sessions: guesses are forgotten, people are signed out. */
  | { readonly note: 'server-may-evict'; readonly policy: string }
  /** After a restart of the server everything is gone, enrolments too. */
  | { readonly note: 'server-not-persistent' }
  /** The user of the gateway may not ask (ACL `+info`), so nobody knows. */
  | { readonly note: 'server-not-examined' };

/** @throws StoreError `unwritable` when the server drops records of any kind */
export async function examine(send: Send): Promise<readonly Weakness[]> {
  const info = await answerOf(send(['INFO', 'everything']));
  if (info === undefined) return [{ note: 'server-not-examined' }];
  const found: Weakness[] = [];
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  if (policy.startsWith('allkeys')) {
    throw new StoreError(
      'unwritable',
      `The Redis server may drop any record when memory is full (maxmemory-policy ${policy}); set it to noeviction.`,
    );
  }
  if (policy !== 'noeviction') found.push({ note: 'server-may-evict', policy });
  if (/^aof_enabled:0/m.test(info) && (await hasNoSnapshots(send))) found.push({ note: 'server-not-persistent' });
  return found;
}

/** Whether it is certain that there are none: CONFIG is seldom allowed. */
async function hasNoSnapshots(send: Send): Promise<boolean> {
  const answer = await send(['CONFIG', 'GET', 'save']).catch(() => undefined);
  if (Array.isArray(answer)) return answer[1] === '';
  return typeof answer === 'object' && answer !== null && 'save' in answer && answer.save === '';
}

async function answerOf(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    return String(await asked);
  } catch {
    return undefined;
  }
}
