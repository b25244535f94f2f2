/** When a session is over, and why. Pure; the rules of a reload are handed in. */
import { isExpired, type Session } from '../gate/session.ts';
import type { Instant } from '../gate/types.ts';
import type { SessionRecord } from '../store/store.ts';

export interface SessionLimits {
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly pendingMs: number;
  /** Sessions without a login that this process keeps; the oldest go first. */
  readonly maxAnonymous: number;
}

export type EndReason =
  | 'logout'
  | 'app-logout'
  | 'cancelled'
  | 'idle'
  | 'absolute'
  | 'pending-expired'
  | 'grace-over'
  | 'evicted'
  | 'revoked'
  | 'replaced'
  | 'refused';

/** Activity is written at most so often, in ms: what another process wrote of it may be so old. */
export const TOUCH_MS = 60_000;
/** How much longer a store keeps a record than anybody may use it, in ms: so that a gateway can still sign out of the application. */
const GRACE_MS = 300_000;

/** What decides whether a session is over; of a verified one less must be known. */
export type Aging = { readonly createdAt: Instant; readonly rightsUntil: Instant | undefined } & (
  | { readonly state: 'verified' }
  | { readonly state: Exclude<Session['state'], 'verified'>; readonly session: Session }
);

/** Why a session may not go on, or `undefined`. @param seenAt last activity that is known here */
export function overBecause(aging: Aging, seenAt: Instant, now: Instant, limits: SessionLimits): EndReason | undefined {
  if (aging.state !== 'verified') {
    const { session } = aging;
    const owes = session.state === 'pending' || session.state === 'enrolling';
    if (owes && isExpired(session.login, now, limits.pendingMs)) return 'pending-expired';
  }
  if (aging.rightsUntil !== undefined && now >= aging.rightsUntil) return 'grace-over';
  if (now - aging.createdAt >= limits.absoluteMs) return 'absolute';
  return now - seenAt >= limits.idleMs ? 'idle' : undefined;
}

/** The record with the time after which a store may forget it by itself. */
export function withExpiry(record: SessionRecord, { idleMs, absoluteMs }: SessionLimits): SessionRecord {
  const { createdAt, lastSeenAt } = record;
  const expiresAt = Math.min(createdAt + absoluteMs, lastSeenAt + TOUCH_MS + idleMs) + GRACE_MS;
  return { ...record, expiresAt };
}
