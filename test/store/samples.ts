/** Records as the gateway makes them, and folders that are gone after the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { openKeys } from '../../src/store/keys.ts';
import { openStore, type StoreNote } from '../../src/store/open.ts';
import { type SessionRecord, type Store, StoreError, type UserRecord } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';

export const TOTP_SECRET = 'JBSWY3DPEHPK3PXPSEEDED';
export const PHONE = '+41791234567';

export function user(name: string, factorVersion = 1): UserRecord {
  return {
    identity: name as Identity,
    phone: { e164: PHONE, callingCode: '41', country: 'CH' },
    enrolments: [{ id: 'e1', factor: 'totp', data: { secret: TOTP_SECRET }, createdAt: 1 }],
    factorVersion,
  };
}

export function session(version: number, cookie = 'PHPSESSID=abc'): SessionRecord {
  return {
    version,
    session: { state: 'anonymous' },
    jar: [cookie],
    createdAt: 1,
    lastSeenAt: 1,
    csrf: 'c',
  };
}

/** A session in which somebody logged in. */
export function sessionOf(name: string): SessionRecord {
  const identity = name as Identity;
  return { ...session(1), session: { state: 'verified', identity, since: 1, grounds: { how: 'password' } } };
}

const folders: string[] = [];
const stores: Store[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lucy-store-'));
  folders.push(folder);
  return folder;
}

export interface OpenedForTest {
  readonly store: Store;
  readonly clock: TestClock;
  readonly notes: StoreNote[];
}

/** The store in `<folder>/data` with the key file `<folder>/keys.json`, closed after the test. */
export async function openIn(folder: string, clock = new TestClock()): Promise<OpenedForTest> {
  const notes: StoreNote[] = [];
  const keys = await openKeys(join(folder, 'keys.json'), { create: true });
  const store = await openStore({
    kind: 'lowdb',
    path: join(folder, 'data'),
    keys,
    clock,
    onNote: (note) => notes.push(note),
  });
  stores.push(store);
  return { store, clock, notes };
}

/** The error that a start or an update ends with; fails when it succeeds. */
export async function errorOf(promise: Promise<unknown>): Promise<StoreError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof StoreError) return outcome;
  throw new Error(`expected a StoreError, got ${String(outcome)}`);
}
