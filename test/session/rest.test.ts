/** Sessions at rest: the same object, the same rights, the same end; only less memory. Over a store of one process, and a shared one. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../src/gate/session.ts';
import type { Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import type { EndReason } from '../../src/session/limits.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { type SessionCollection, type Store, StoreError } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';
import { SharedStore } from '../fakes/shared-store.ts';

const MINUTE = 60_000;
const LIMITS = { idleMs: 30 * MINUTE, absoluteMs: 720 * MINUTE, pendingMs: 10 * MINUTE, maxAnonymous: 5 };
const MOST = 20;
/** So many that those before them are at rest, whoever was asked for last. */
const OTHERS = 3 * MOST;

let clock: TestClock;
let store: SessionCollection;
let sessions: Sessions;
let ended: [LiveSession, EndReason][];
let failing: boolean;
let reads: number;

function open(over: SessionCollection): Sessions {
  return new Sessions({
    store: over,
    clock,
    limits: () => LIMITS,
    mostAwake: MOST,
    onEnd: async (session, reason) => void ended.push([session, reason]),
    onWriteError: () => undefined,
  });
}

/** The store with what the tests look at: how often a record was read, and a disk that refuses. */
function watched(inner: SessionCollection): SessionCollection {
  return {
    peek: (key) => {
      reads += 1;
      return inner.peek(key);
    },
    get: (key) => inner.get(key),
    of: (identity) => inner.of(identity),
    entries: () => inner.entries(),
    move: (from, to, change) => inner.move(from, to, change),
    update: async (key, change) => {
      if (failing) throw new StoreError('unwritable', 'the disk is full');
      return inner.update(key, change);
    },
    ...(inner.elsewhere === undefined ? {} : { elsewhere: inner.elsewhere }),
  };
}

function accepted(name: string, standing: 'pass' | 'challenge'): SessionEvent {
  const identity = `${name}@example.com` as Identity;
  const login = { id: 'l' as LoginId, identity, acceptedAt: clock.now(), returnTo: '/admin' as ReturnPath };
  return { type: 'login-accepted', login, standing };
}

async function loggedIn(name = 'alice'): Promise<{ readonly session: LiveSession; readonly key: string }> {
  const { session } = sessions.create();
  session.jar.store(`sid=${name}; path=/`, '/', clock.now());
  const issued = await sessions.transition(session, accepted(name, 'pass'));
  return { session: issued.session, key: issued.session.key };
}

async function othersCome(): Promise<void> {
  for (let i = 0; i < OTHERS; i += 1) await loggedIn(`other${i}`);
}

/** Whether a look at the record has to be answered by the store: only tells something where the store keeps it. */
function isAtRest(session: LiveSession): boolean {
  const before = reads;
  expect(session.record.session.state).toBe('verified');
  return reads > before;
}

function begin(kind: Store): void {
  store = watched(kind.sessions);
  ended = [];
  failing = false;
  reads = 0;
  sessions = open(store);
}

describe.each(['one process', 'several'] as const)('a session at rest, with the store of %s', (kind) => {
  beforeEach(() => {
    clock = new TestClock();
    begin(kind === 'several' ? new SharedStore(clock).member() : memoryStore(clock));
  });

  it('is the same object, with everything that it had', async () => {
    const { key, session } = await loggedIn();
    sessions.setPage(session, { notice: 'hello' });
    session.confidence.unconfirmed = false;
    await sessions.settled(session);
    const before = session.record;
    await othersCome();
    expect(await sessions.find(key, false)).toBe(session);
    expect(session.record).toEqual(before);
    expect(session.record).not.toBe(before);
    expect(session.jar.header('/', clock.now())).toBe('sid=alice');
    expect(session.confidence.unconfirmed).toBe(false);
    expect(Object.isFrozen(session.record)).toBe(true);
  });

  it('ends like any other, and whoever knew it learns of it', async () => {
    const { key, session } = await loggedIn();
    await othersCome();
    expect(await sessions.endAll('alice@example.com' as Identity, 'revoked')).toBe(1);
    expect(session.ended).toBe(true);
    expect(ended.map(([one, reason]) => [one, reason])).toEqual([[session, 'revoked']]);
    expect(await sessions.find(key, false)).toBeUndefined();
    expect(session.stillVerified(session.record.version)).toBe(false);
  });

  it('is doubted still, when it was doubted', async () => {
    const { key, session } = await loggedIn();
    session.confidence.shake();
    const { doubts } = session.confidence;
    await othersCome();
    const found = await sessions.find(key, false);
    expect(found?.confidence).toMatchObject({ unconfirmed: true, doubts });
  });

  it('takes a cookie, keeps it through the next rest, and hands it to its successor', async () => {
    const { key, session } = await loggedIn();
    await othersCome();
    session.jar.store('late=1; path=/', '/', clock.now());
    sessions.save(session);
    await session.writing;
    await othersCome();
    const found = await sessions.find(key, false);
    expect(found?.jar.header('/', clock.now())).toBe('sid=alice; late=1');
    await othersCome();
    const login = {
      id: 'x' as LoginId,
      identity: 'alice@example.com' as Identity,
      acceptedAt: clock.now(),
      returnTo: '/',
    };
    const next = await sessions.transition(session, {
      type: 'login-accepted',
      login: { ...login, returnTo: '/' as ReturnPath },
      standing: 'pass',
    });
    expect(next.session.jar.header('/', clock.now())).toBe('sid=alice; late=1');
  });
});

describe('with the store of one process', () => {
  beforeEach(() => {
    clock = new TestClock();
    begin(memoryStore(clock));
  });

  it('only so many are awake, and a session that is in use stays so', async () => {
    const used = await loggedIn('used');
    const unused = await loggedIn('unused');
    for (let i = 0; i < OTHERS; i += 1) {
      expect(sessions.peek(used.key)).toBe(used.session);
      await loggedIn(`other${i}`);
    }
    expect(isAtRest(used.session)).toBe(false);
    expect(isAtRest(unused.session)).toBe(true);
    expect(isAtRest(unused.session), 'and only the first look wakes it').toBe(false);
  });

  it('none rests while something runs for it, while a cookie is unsaved, or when its last write was refused', async () => {
    const running = await loggedIn('running');
    let aborts = 0;
    const abort = (): void => {
      aborts += 1;
    };
    const answer = { abort };
    sessions.attach(running.session, answer);
    const unsaved = await loggedIn('unsaved');
    unsaved.session.jar.store('new=1; path=/', '/', clock.now());
    const refused = await loggedIn('refused');
    refused.session.jar.store('new=1; path=/', '/', clock.now());
    failing = true;
    sessions.save(refused.session);
    await refused.session.writing?.catch(() => undefined);
    failing = false;
    const exchanging = await loggedIn('exchanging');
    exchanging.session.exchangesInFlight = 1;
    await othersCome();
    for (const { session } of [running, unsaved, refused, exchanging]) expect(isAtRest(session)).toBe(false);
    expect(unsaved.session.jar.header('/', clock.now())).toBe('sid=unsaved; new=1');
    expect(refused.session.jar.header('/', clock.now())).toBe('sid=refused; new=1');
    sessions.detach(running.session, answer);
    await othersCome();
    expect(isAtRest(running.session)).toBe(true);
    sessions.attach(running.session, answer);
    await sessions.end(running.session, 'logout');
    expect(aborts).toBe(1);
  });

  it('none without a login rests, nor one that owes a factor', async () => {
    const anonymous = sessions.create();
    const { session } = sessions.create();
    const pending = await sessions.transition(session, accepted('alice', 'challenge'));
    await othersCome();
    const before = reads;
    expect([anonymous.session, pending.session].map((one) => one.record.session.state)).toEqual([
      'anonymous',
      'pending',
    ]);
    expect(reads).toBe(before);
  });

  it('only so many are awake, however many there are without a login', async () => {
    const limits = { ...LIMITS, maxAnonymous: 1_000 };
    const options = { clock, limits: () => limits, onEnd: async () => undefined, onWriteError: () => undefined };
    sessions = new Sessions({ ...options, store, mostAwake: MOST });
    for (let i = 0; i < limits.maxAnonymous; i += 1) sessions.create();
    const logins = await Promise.all(Array.from({ length: 300 }, (_, i) => loggedIn(`one${i}`)));
    for (const { key } of logins) sessions.peek(key);
    const awake = logins.filter(({ session }) => !isAtRest(session)).length;
    expect(awake).toBeLessThanOrEqual(MOST);
  });

  it('activity that is not written yet counts after the rest too, and the limits end it; a look at them wakes nobody', async () => {
    const { key, session } = await loggedIn();
    clock.advance(59_000);
    sessions.touch(session, clock.now());
    await othersCome();
    clock.advance(LIMITS.idleMs - 1);
    expect(sessions.peek(key)).toBe(session);
    await othersCome();
    const before = reads;
    sessions.sweep(true);
    expect(reads).toBe(before);
    expect(session.ended).toBe(false);
    clock.advance(1);
    sessions.sweep(true);
    expect(session.ended).toBe(true);
    expect(ended).toContainEqual([session, 'idle']);
  });

  it('one whose record can no longer be had is an error, never a session', async () => {
    const { key, session } = await loggedIn();
    await othersCome();
    await store.update(session.key, () => ({ write: null, result: undefined }));
    expect(() => sessions.peek(key)?.record).toThrow(StoreError);
  });
});
