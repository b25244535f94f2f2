/** Puts people and sessions into a store before a gateway opens it, as if they had come through it. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../src/clock.ts';
import type { Identity } from '../src/gate/types.ts';
import { sessionKey } from '../src/session/cookie.ts';
import { openKeys } from '../src/store/keys.ts';
import { openStore } from '../src/store/open.ts';
import type { RedisServer } from '../src/store/redis/dial.ts';
import { openRedisStore } from '../src/store/redis/open.ts';
import type { SessionRecord } from '../src/store/store.ts';
import { type GatewayOptions, placesOf, prefixOf } from './gateways.ts';
import { TOTP_SECRET } from './people.ts';
import type { Setting } from './setting.ts';

export interface Filling {
  /** Each gets a confirmed authenticator app. */
  readonly users?: readonly { readonly email: string }[];
  readonly sessions?: {
    readonly count: number;
    readonly identity: string;
    /** Value of the application's session cookie, the same in all jars. */
    readonly appSession: string;
    readonly jarBytes: number;
  };
}

/** Updates on their way at a time: as many as a busy gateway writes together. */
const AT_ONCE = 50;

/** @returns the session ids. */
export async function fillStore(
  setting: Setting,
  { name, store: where }: Pick<GatewayOptions, 'name' | 'store'>,
  filling: Filling,
): Promise<string[]> {
  const { data, keys } = placesOf(setting, name);
  const clock = systemClock;
  const store =
    where.kind === 'lowdb'
      ? await openStore({ kind: 'lowdb', path: data, keys: await openKeys(keys, { create: true }), clock })
      : await openRedisStore({
          server: serverAt(new URL(where.url)),
          prefix: prefixOf(name),
          openKeys: (options) => openKeys(keys, options),
          clock,
        });
  const now = Date.now();
  await inBatches(filling.users ?? [], ({ email }) => {
    const enrolment = { id: `e-${email}`, factor: 'totp' as const, data: { secret: TOTP_SECRET }, createdAt: now };
    const record = { identity: email as Identity, enrolments: [enrolment], factorVersion: 1 };
    return store.users.update(email, () => ({ write: record, result: undefined }));
  });
  const ids = Array.from({ length: filling.sessions?.count ?? 0 }, () => randomBytes(32).toString('base64url'));
  const { sessions } = filling;
  if (sessions !== undefined) {
    await inBatches(ids, (id) => {
      const record = verified(sessions, now);
      return store.sessions.update(sessionKey(id), () => ({ write: record, result: undefined }));
    });
  }
  await store.close();
  return ids;
}

function verified(sessions: NonNullable<Filling['sessions']>, now: number): SessionRecord {
  const padding = randomBytes(sessions.jarBytes / 2)
    .toString('hex')
    .slice(sessions.appSession.length);
  return {
    version: 2,
    session: { state: 'verified', identity: sessions.identity as Identity, since: now, grounds: { how: 'password' } },
    jar: [
      ['PHPSESSID', sessions.appSession, '/', null],
      ['preferences', padding, '/', null],
    ],
    createdAt: now,
    lastSeenAt: now,
    csrf: randomBytes(24).toString('base64url'),
    factorVersion: 0,
  };
}

function serverAt({ hostname, port }: URL): RedisServer {
  return { kind: 'single', addresses: [{ host: hostname, port: Number(port) }], database: 0, timeoutMs: 10_000 };
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(work));
}
