/** Sessions under races, slow disks and a moving clock: one winner, no way back from the dead, and everything ends with them. */
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../src/gate/session.ts';
import type { Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import type { EndReason, SessionLimits } from '../../src/session/limits.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { type Issued, SessionGone, Sessions } from '../../src/session/sessions.ts';
import type { Endable } from '../../src/session/ties.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { type Change, type SessionCollection, type SessionRecord, StoreError } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';

const ALICE = 'alice@example.com' as Identity;
const LIMITS: SessionLimits = { idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 5 };

/** A disk whose writes happen when the test says so, in order, as a slow one's do. */
class SlowStore implements SessionCollection {
  readonly #inner: SessionCollection;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => {};
  failing = false;

  constructor(inner: SessionCollection) {
    this.#inner = inner;
  }

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
  }

  peek = (key: string) => this.#inner.peek(key);
  get = (key: string) => this.#inner.get(key);
  of = (identity: Identity) => this.#inner.of(identity);
  entries = () => this.#inner.entries();

  async move<R>(
    from: string,
    to: string,
    change: (current: SessionRecord | undefined) => Change<SessionRecord, R>,
  ): Promise<R> {
    await this.#gate;
    if (this.failing) throw new StoreError('unwritable', 'the disk is full');
    return this.#inner.move(from, to, change);
  }

  async update<R>(key: string, change: (current: SessionRecord | undefined) => Change<SessionRecord, R>): Promise<R> {
    await this.#gate;
    if (this.failing) throw new StoreError('unwritable', 'the disk is full');
    return this.#inner.update(key, change);
  }
}

let clock: TestClock;
let store: SlowStore;
let sessions: Sessions;
let ended: [LiveSession, EndReason][];
let writeErrors: unknown[];

function open(over: SessionCollection): Sessions {
  return new Sessions({
    store: over,
    clock,
    limits: () => LIMITS,
    onEnd: async (session, reason) => void ended.push([session, reason]),
    onWriteError: (error) => writeErrors.push(error),
  });
}

beforeEach(() => {
  clock = new TestClock();
  store = new SlowStore(memoryStore(clock).sessions);
  ended = [];
  writeErrors = [];
  sessions = open(store);
});

function accepted(standing: 'pass' | 'challenge' | 'enrol' = 'challenge', identity = ALICE): SessionEvent {
  const id = randomBytes(8).toString('hex') as LoginId;
  const login = { id, identity, acceptedAt: clock.now(), returnTo: '/admin' as ReturnPath };
  return { type: 'login-accepted', login, standing };
}

function proved(session: LiveSession): SessionEvent {
  if (session.session.state !== 'pending') throw new Error(session.session.state);
  const { id, identity } = session.session.login;
  return { type: 'factor-proved', proof: { loginId: id, identity, factor: 'totp', at: clock.now() } };
}

async function loggedIn(standing: 'pass' | 'challenge' | 'enrol' = 'pass'): Promise<Issued & { id: string }> {
  const issued = await sessions.transition(sessions.create().session, accepted(standing));
  if (issued.id === undefined) throw new Error('a login has a new id');
  return { ...issued, id: issued.id };
}

function counting(): Endable & { aborts: number } {
  return {
    aborts: 0,
    abort() {
      this.aborts += 1;
    },
  };
}

async function records(): Promise<SessionRecord[]> {
  const found: SessionRecord[] = [];
  for await (const [, record] of store.entries()) found.push(record);
  return found;
}

describe('the id', () => {
  it('is new at each rise of rights, and the old one is dead at once, before the disk knows', async () => {
    const first = sessions.create();
    store.hold();
    const rising = sessions.transition(first.session, accepted());
    expect(sessions.peek(sessionKey(first.id ?? ''))).toBeUndefined();
    store.release();
    const second = await rising;
    const third = await sessions.transition(second.session, proved(second.session));
    expect(new Set([first.id, second.id, third.id]).size).toBe(3);
    expect(sessions.peek(sessionKey(first.id ?? ''))).toBeUndefined();
    expect(sessions.peek(sessionKey(second.id ?? ''))).toBeUndefined();
    expect(sessions.peek(sessionKey(third.id ?? ''))?.session.state).toBe('verified');
    expect(await records()).toHaveLength(1);
  });

  it('carries the jar along, and not the form token', async () => {
    const first = sessions.create();
    first.session.jar.store('sid=1; path=/', '/', clock.now());
    const next = await sessions.transition(first.session, accepted());
    expect(next.session.jar.header('/', clock.now())).toBe('sid=1');
    expect(next.session.csrf).not.toBe(first.session.csrf);
  });

  it('is not in the store, and an unknown or broken one finds nobody', async () => {
    const { id } = await loggedIn();
    expect(JSON.stringify(await records())).not.toContain(id);
    expect(store.peek(sessionKey(id))).toBeDefined();
    expect(sessions.peek(undefined)).toBeUndefined();
    expect(sessions.peek('')).toBeUndefined();
    expect(sessions.peek(id)).toBeUndefined();
  });
});

describe('races', () => {
  it.each(['at once', 'with a slow disk'])('of 50 right codes one wins, %s', async (how) => {
    const { session } = await loggedIn('challenge');
    const event = proved(session);
    if (how === 'with a slow disk') store.hold();
    const racing = Array.from({ length: 50 }, () => sessions.transition(session, event));
    store.release();
    const settled = await Promise.allSettled(racing);
    expect(settled.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    for (const one of settled) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(SessionGone);
    expect((await records()).map((record) => record.session.state)).toEqual(['verified']);
  });

  it('two processes on one store: the slower one gets nothing, and its session is over', async () => {
    const { session, id } = await loggedIn('challenge');
    const elsewhere = open(store);
    const twin = elsewhere.peek(sessionKey(id));
    if (twin === undefined) throw new Error('the other process sees the record');
    const results = await Promise.allSettled([
      sessions.transition(session, proved(session)),
      elsewhere.transition(twin, proved(twin)),
    ]);
    expect(results.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    expect((await records()).map((record) => record.session.state)).toEqual(['verified']);
  });

  it('a drop is seen by the very next request, before the disk knows', async () => {
    const { session } = await loggedIn();
    const { version } = session.record;
    expect(session.stillVerified(version)).toBe(true);
    store.hold();
    const dropping = sessions.transition(session, { type: 'dropped' });
    expect(session.session.state).toBe('anonymous');
    expect(session.stillVerified(version)).toBe(false);
    store.release();
    await dropping;
  });

  it('a save that is still on its way to a slow disk spoils no change of rights', async () => {
    const { session } = await loggedIn();
    store.hold();
    sessions.setPage(session, { notice: 'x' });
    const dropping = sessions.transition(session, { type: 'dropped' });
    store.release();
    await dropping;
    expect((await records()).map((record) => record.session.state)).toEqual(['anonymous']);
  });

  it('a revocation does not miss a session that is between two ids', async () => {
    const { session } = await loggedIn('challenge');
    const bob = sessions.create().session;
    store.hold();
    const rising = sessions.transition(session, proved(session));
    const innocent = sessions.transition(bob, accepted('pass', 'bob@example.com' as Identity));
    const revoking = sessions.endAll(ALICE, 'revoked');
    store.release();
    await revoking;
    const risen = await rising.catch((error: unknown) => error);
    expect(risen instanceof SessionGone || (risen as Issued).session.ended).toBe(true);
    expect((await innocent).session.ended).toBe(false);
    expect((await records()).map((record) => record.session)).toMatchObject([{ identity: 'bob@example.com' }]);
  });

  it('an answer that was asked for under the old rights may not go out under equal new ones', async () => {
    const { session } = await loggedIn();
    const { version } = session.record;
    await sessions.transition(session, { type: 'dropped' });
    const again = await sessions.transition(session, accepted('pass'));
    expect(session.stillVerified(version)).toBe(false);
    expect(again.session.stillVerified(version)).toBe(false);
  });
});

describe('an ended session', () => {
  const comebacks: readonly [string, (session: LiveSession) => unknown][] = [
    ['a save', (session) => sessions.save(session)],
    ['a touch after minutes', (session) => sessions.touch(session, clock.now() + 120_000)],
    ['a page memory', (session) => sessions.setPage(session, { notice: 'x' })],
    ['a second end', (session) => sessions.end(session, 'idle')],
    ['a transition', (session) => sessions.transition(session, accepted('pass')).catch(() => undefined)],
    ['a drop', (session) => sessions.transition(session, { type: 'dropped' }).catch(() => undefined)],
  ];

  it.each(comebacks)('never comes back by %s', async (_, act) => {
    const { session, id } = await loggedIn();
    const ending = sessions.end(session, 'logout');
    await act(session);
    await ending;
    await act(session);
    expect(sessions.peek(sessionKey(id))).toBeUndefined();
    expect(await records()).toEqual([]);
    expect(open(store).peek(sessionKey(id)), 'nor after a restart').toBeUndefined();
    expect(ended.filter(([one]) => one === session)).toHaveLength(1);
  });

  it.each(comebacks)('with a slow disk: %s that began before the end does not survive it', async (_, act) => {
    const { session } = await loggedIn();
    store.hold();
    const acting = act(session);
    const ending = sessions.end(session, 'logout');
    store.release();
    await Promise.allSettled([acting, ending]);
    expect(session.ended).toBe(true);
    expect(store.peek(session.key)).toBeUndefined();
  });

  it('never comes back by another process that still has it', async () => {
    const { session, id } = await loggedIn();
    const elsewhere = open(store);
    const twin = elsewhere.peek(sessionKey(id));
    if (twin === undefined) throw new Error('the other process sees the record');
    await sessions.end(session, 'logout');
    elsewhere.setPage(twin, { notice: 'x' });
    elsewhere.touch(twin, clock.now() + 120_000);
    await expect(elsewhere.transition(twin, { type: 'dropped' })).rejects.toBeInstanceOf(SessionGone);
    await store.update('another', () => ({ write: null, result: undefined }));
    expect(await records()).toEqual([]);
    expect(elsewhere.peek(sessionKey(id))).toBeUndefined();
  });

  it('is invisible while its removal is on the way, and for good when the disk refuses', async () => {
    const { session, id } = await loggedIn();
    store.hold();
    const ending = sessions.end(session, 'logout');
    expect(store.peek(session.key)).toBeDefined();
    expect(sessions.peek(sessionKey(id))).toBeUndefined();
    store.failing = true;
    store.release();
    await expect(ending).rejects.toBeInstanceOf(StoreError);
    expect(store.peek(session.key)).toBeDefined();
    expect(sessions.peek(sessionKey(id))).toBeUndefined();
  });

  it('a rise of rights that the disk refused leaves nobody with rights', async () => {
    const { session, id } = await loggedIn('challenge');
    store.failing = true;
    await expect(sessions.transition(session, proved(session))).rejects.toBeInstanceOf(StoreError);
    expect(sessions.peek(sessionKey(id))).toBeUndefined();
  });

  it('everybody of an identity, pending ones included, but one', async () => {
    const all = [await loggedIn('pass'), await loggedIn('challenge'), await loggedIn('enrol')];
    const bob = await sessions.transition(sessions.create().session, accepted('pass', 'bob@example.com' as Identity));
    expect(await sessions.endAll(ALICE, 'revoked', all[0]?.session)).toBe(2);
    expect(all.map(({ id }) => sessions.peek(sessionKey(id))?.session.state)).toEqual([
      'verified',
      undefined,
      undefined,
    ]);
    expect(sessions.peek(sessionKey(bob.id ?? ''))).toBeDefined();
  });
});

describe('time', () => {
  it.each([
    ['idle', 'pass', LIMITS.idleMs],
    ['pending-expired', 'challenge', LIMITS.pendingMs],
    ['pending-expired', 'enrol', LIMITS.pendingMs],
  ] as const)('%s: a session after "%s" ends to the millisecond', async (reason, standing, ms) => {
    const { id, session } = await loggedIn(standing);
    clock.advance(ms - 1);
    expect(sessions.peek(sessionKey(id))).toBe(session);
    clock.advance(1);
    expect(sessions.peek(sessionKey(id))).toBeUndefined();
    expect(ended).toEqual([[session, reason]]);
  });

  it('absolute: no activity prolongs it', async () => {
    const { id, session } = await loggedIn();
    for (let at = 60_000; at < LIMITS.absoluteMs; at += 60_000) {
      clock.advance(60_000);
      const found = sessions.peek(sessionKey(id));
      if (found !== undefined) sessions.touch(found, clock.now());
    }
    expect(sessions.peek(sessionKey(id))).toBe(session);
    clock.advance(60_000);
    expect(sessions.peek(sessionKey(id))).toBeUndefined();
    expect(ended).toEqual([[session, 'absolute']]);
  });

  it('activity prolongs the idle time, also over a restart', async () => {
    const { id, session } = await loggedIn();
    clock.advance(LIMITS.idleMs - 1);
    sessions.touch(session, clock.now());
    await expect.poll(() => store.peek(session.key)?.lastSeenAt).toBe(clock.now());
    clock.advance(LIMITS.idleMs - 1);
    expect(sessions.peek(sessionKey(id))).toBe(session);
    expect(open(store).peek(sessionKey(id))?.session.state).toBe('verified');
  });

  it('sweeps end, after a restart, what nobody has asked for since, and nothing else', async () => {
    const many = await Promise.all(Array.from({ length: 60 }, () => loggedIn()));
    clock.advance(LIMITS.idleMs / 2);
    const fresh = await loggedIn();
    clock.advance(LIMITS.idleMs / 2);
    const restarted = open(store);
    for (let sweep = 1; sweep <= 21; sweep += 1) {
      restarted.sweep(false);
      await new Promise((resolve) => setImmediate(resolve));
      expect(ended.length, 'the application is not flooded').toBeLessThanOrEqual(3 * sweep);
    }
    await expect.poll(() => many.filter(({ session }) => store.peek(session.key) !== undefined)).toEqual([]);
    expect(ended.map(([, reason]) => reason)).toEqual(many.map(() => 'idle'));
    expect(store.peek(fresh.session.key)).toBeDefined();
    expect(restarted.size).toBe(0);

    clock.advance(LIMITS.idleMs / 2);
    for (let sweep = 0; sweep < 2; sweep += 1) {
      restarted.sweep(false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => store.peek(fresh.session.key)).toBeUndefined();
  });

  it('a sweep ends what nobody asks for: busy sessions each time, all with everything', async () => {
    const busy = await loggedIn();
    const quiet = await loggedIn();
    const running = counting();
    sessions.attach(busy.session, running);
    clock.advance(LIMITS.idleMs);
    sessions.sweep(false);
    expect([busy.session.ended, quiet.session.ended, running.aborts]).toEqual([true, false, 1]);
    sessions.sweep(true);
    expect(quiet.session.ended).toBe(true);
  });
});

describe('what runs on behalf of a session', () => {
  it.each<[string, (session: LiveSession) => Promise<unknown>]>([
    ['its end', (session) => sessions.end(session, 'logout')],
    ['a drop', (session) => sessions.transition(session, { type: 'dropped' })],
    ['a new id', (session) => sessions.transition(session, accepted())],
  ])('is aborted by %s, at once, unless it was let go', async (_, act) => {
    const { session } = await loggedIn();
    const [running, gone] = [counting(), counting()];
    sessions.attach(session, running);
    sessions.attach(session, gone);
    sessions.detach(session, gone);
    store.hold();
    const acting = act(session);
    expect([running.aborts, gone.aborts]).toEqual([1, 0]);
    store.release();
    await acting;
  });

  it('that comes too late is aborted on the spot', async () => {
    const { session } = await loggedIn();
    await sessions.end(session, 'logout');
    const late = counting();
    sessions.attach(session, late);
    expect(late.aborts).toBe(1);
  });
});

describe('sessions without a login', () => {
  it('are limited, the oldest go first, and no login is ever evicted', async () => {
    const { id } = await loggedIn();
    const created = Array.from({ length: 8 }, () => sessions.create());
    expect(created.map((one) => sessions.peek(sessionKey(one.id ?? '')) !== undefined)).toEqual([
      ...Array.from({ length: 3 }, () => false),
      ...Array.from({ length: 5 }, () => true),
    ]);
    expect(sessions.peek(sessionKey(id))).toBeDefined();
    expect(ended.map(([, reason]) => reason)).toEqual(['evicted', 'evicted', 'evicted']);
  });

  it('a write that nobody waits for is reported when it fails', async () => {
    store.failing = true;
    sessions.create();
    await expect.poll(() => writeErrors).toHaveLength(1);
  });
});
