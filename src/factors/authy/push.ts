/**
 * Requests in the Authy app ("OneTouch"): made with an end of their own and with a word that the page shows as well, because
 * the app has only "approve" and "deny" (OWASP ASVS 6.6.4). Nothing here says yes; reading an answer does, in answers.ts.
 */
import { randomInt } from 'node:crypto';
import type { ClientFacts, Json } from '../../gate/types.ts';
import type { Asked, Look, Sending } from '../factor.ts';
import { APPROVAL_ID, readApproval, readRequested } from './answers.ts';
import type { Asking } from './asking.ts';
import { nameOfCall } from './callback.ts';

/** How long a request may be answered. Without an end of ours the service keeps it for a day. */
const LIFE_SECONDS = 120;
/** Longest message that all clients of the service agree on, in characters. */
const LONGEST_MESSAGE = 144;
const LONGEST_DETAIL = 100;

/** Short, plain, and unlike each other when read aloud. */
const WORDS = [
  ...['amber', 'anchor', 'apple', 'basket', 'bridge', 'button', 'candle', 'castle', 'cherry', 'copper', 'coral'],
  ...['desert', 'dolphin', 'eagle', 'engine', 'falcon', 'feather', 'forest', 'garden', 'ginger', 'glacier', 'hammer'],
  ...['harbour', 'island', 'ivory', 'jacket', 'jungle', 'kettle', 'ladder', 'lemon', 'magnet', 'maple', 'meadow'],
  ...['mirror', 'needle', 'olive', 'orange', 'oyster', 'paper', 'pebble', 'pepper', 'pillow', 'planet', 'purple'],
  ...['rabbit', 'ribbon', 'river', 'saddle', 'silver', 'spider', 'summer', 'table', 'ticket', 'tiger', 'tunnel'],
  ...['velvet', 'violin', 'walnut', 'window', 'winter', 'yellow', 'zebra'],
];

/** @param site what people know the service by, and whether Authy calls back when a request is answered */
export async function requestApproval(
  ask: Asking,
  authyId: string,
  asked: Asked,
  site: { readonly service: string; readonly isCalled: boolean },
): Promise<Sending> {
  const word = `${WORDS[randomInt(WORDS.length)]} ${randomInt(10, 100)}`;
  const requested = await ask(
    'push',
    {
      api: 'onetouch',
      method: 'POST',
      path: `users/${authyId}/approval_requests`,
      form: {
        message: messageOf(site.service, word),
        ...detailsOf(asked, word),
        seconds_to_expire: String(LIFE_SECONDS),
      },
    },
    readRequested,
    { ok: false, reason: 'unavailable' },
  );
  if (!requested.ok) return { sent: false, reason: requested.reason };
  const { uuid } = requested;
  const calledBy = site.isCalled ? { calledBy: nameOfCall(uuid, authyId) } : {};
  return { sent: true, open: { state: { uuid }, shown: { word }, lifeMs: LIFE_SECONDS * 1000, ...calledBy } };
}

/** Asks about the one request that was made for this question; what a request of somebody else says is no answer. */
export async function lookAtApproval(ask: Asking, authyId: string, state: Json | undefined): Promise<Look> {
  const uuid = uuidOf(state);
  if (uuid === undefined) return { is: 'expired' };
  return ask(
    'poll',
    { api: 'onetouch', method: 'GET', path: `approval_requests/${uuid}` },
    (answer) => readApproval(answer, { uuid, authyId }),
    { is: 'unknown', reason: 'unavailable' },
  );
}

function messageOf(service: string, word: string): string {
  const rest = ` Approve only if your screen shows: ${word}`;
  return `Sign in to ${clean(service, LONGEST_MESSAGE - rest.length - 12)}?${rest}`;
}

function detailsOf({ person, from, now }: Asked, word: string): Readonly<Record<string, string>> {
  return {
    'details[Your screen shows]': word,
    'details[Account]': clean(person.identity, LONGEST_DETAIL),
    'details[Time]': `${new Date(now).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    ...(from === undefined ? {} : originOf(from)),
  };
}

function originOf({ address, agent }: ClientFacts): Readonly<Record<string, string>> {
  return { 'details[Address]': clean(address, LONGEST_DETAIL), 'details[Browser]': browserOf(agent) };
}

/** What a person would call it. Browsers name the ones they descend from as well, so the order counts. */
function browserOf(agent: string): string {
  const browser = ['Firefox', 'Edg', 'OPR', 'Chrome', 'Safari'].find((name) => agent.includes(`${name}/`));
  const system = ['Windows', 'Android', 'iPhone', 'iPad', 'Mac OS X', 'Linux'].find((name) => agent.includes(name));
  if (browser === undefined) return 'unknown';
  const name = { Edg: 'Edge', OPR: 'Opera' }[browser] ?? browser;
  return system === undefined ? name : `${name} on ${system}`;
}

/** One line, of limited length: part of it may come from a browser. */
function clean(text: string, most: number): string {
  return text.replace(/\p{C}/gu, ' ').trim().slice(0, most);
}

/** Stored data is checked like any other input: the id goes into a path. */
function uuidOf(state: Json | undefined): string | undefined {
  if (state === undefined || state === null || typeof state !== 'object' || !('uuid' in state)) return undefined;
  const { uuid } = state;
  return typeof uuid === 'string' && APPROVAL_ID.test(uuid) ? uuid : undefined;
}
