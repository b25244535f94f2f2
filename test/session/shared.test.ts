/** Two processes and one store: what one ends is dead in the other, and what neither knows is asked for, never assumed. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../src/gate/session.ts';
import type { Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import { DEAF_MS } from '../../src/session/following.ts';
import { type EndReason, type SessionLimits, TOUCH_MS } from '../../src/session/limits.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { type Issued, SessionGone, Sessions } from '../../src/session/sessions.ts';
import { StoreError } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';
import { type Member, SharedStore } from '../fakes/shared-store.ts';

const ALICE = 'alice@example.com' as Identity;
const LIMITS: SessionLimits = { idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 5 };

let clock: TestClock;
let shared: SharedStore;
let stores: { readonly a: Member; readonly b: Member };
let a: Sessions;
let b: Sessions;
let ended: EndReason[];

function open(store: Member): Sessions {
  return new Sessions({
    store: store.sessions,
    clock,
    limits: () => LIMITS,
    onEnd: async (_, reason) => void ended.push(reason),
    onWriteError: () => {},
  });
}

beforeEach(() => {
  clock = new TestClock();
  shared = new SharedStore(clock);
  stores = { a: shared.member(), b: shared.member() };
  ended = [];
  a = open(stores.a);
  b = open(stores.b);
});

let logins = 0;

function accepted(standing: 'pass' | 'challenge' = 'pass'): SessionEvent {
  logins += 1;
  const login = {
    id: `login-${logins}` as LoginId,
    identity: ALICE,
    acceptedAt: clock.now(),
    returnTo: '/' as ReturnPath,
  };
  return { type: 'login-accepted', login, standing };
}

function proved({ session }: LiveSession): SessionEvent {
  if (session.state !== 'pending') throw new Error(session.state);
  const { id, identity } = session.login;
  return { type: 'factor-proved', proof: { loginId: id, identity, factor: 'totp', at: clock.now() } };
}

async function loggedIn(at: Sessions, standing: 'pass' | 'challenge' = 'pass'): Promise<Issued & { id: string }> {
  const { session } = at.create();
  await at.settled(session);
  const issued = await at.transition(session, accepted(standing));
  return { ...issued, id: issued.id ?? '' };
}

async function foundBy(sessions: Sessions, id: string): Promise<LiveSession> {
  const found = await sessions.find(sessionKey(id), false);
  if (found === undefined) throw new Error('nobody has this id');
  return found;
}

/** Lets everything that is on its way in this process arrive. */
async function calm(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function counting(): { aborts: number; abort(): void } {
  return {
    aborts: 0,
    abort() {
      this.aborts += 1;
    },
  };
}

describe('finding', () => {
  it('what one process made, the other asks for once and then knows', async () => {
    const { id } = await loggedIn(a);
    expect((await foundBy(b, id)).session).toMatchObject({ state: 'verified', identity: ALICE });
    const { reads } = stores.b;
    expect(b.find(sessionKey(id), false)).not.toBeInstanceOf(Promise);
    expect(stores.b.reads).toBe(reads);
    await b.find(sessionKey(id), true);
    expect(stores.b.reads).toBe(reads + 1);
  });

  it('a session that is not verified is asked for each time', async () => {
    const { id } = await loggedIn(a, 'challenge');
    await foundBy(b, id);
    expect(b.find(sessionKey(id), false)).toBeInstanceOf(Promise);
    expect(a.find(sessionKey(id), false)).toBeInstanceOf(Promise);
  });

  it('a session that the application may have passed on elsewhere begins with a doubt', async () => {
    const { id, session } = await loggedIn(a);
    expect((await foundBy(b, id)).confidence.unconfirmed).toBe(true);
    expect(session.confidence.unconfirmed).toBe(false);
  });

  it('nobody is believed while the others are not heard, and nobody is found while the store is out of reach', async () => {
    const { id } = await loggedIn(a);
    await foundBy(b, id);
    stores.b.heard = false;
    expect(b.find(sessionKey(id), false)).toBeInstanceOf(Promise);
    shared.down = true;
    await expect(b.find(sessionKey(id), false)).rejects.toBeInstanceOf(StoreError);
    await expect(a.find(sessionKey(id), false)).rejects.toBeInstanceOf(StoreError);
    shared.down = false;
    stores.b.reconnect();
    expect((await foundBy(b, id)).session.state).toBe('verified');
  });

  it('what changes while it is read is read again', async () => {
    const { id, session } = await loggedIn(a);
    stores.b.beforeAnswer = async () => {
      stores.b.beforeAnswer = async () => {};
      await a.end(session, 'logout');
    };
    expect(await b.find(sessionKey(id), false)).toBeUndefined();
    expect(b.peek(sessionKey(id))).toBeUndefined();
  });
});

describe('an end', () => {
  it('that is on its way is not undone by a request that reads the session meanwhile', async () => {
    const { id } = await loggedIn(b);
    let ending: Promise<void> | undefined;
    stores.a.beforeAnswer = async () => {
      stores.a.beforeAnswer = async () => {};
      const session = await a.find(sessionKey(id), true);
      if (session !== undefined) ending = a.end(session, 'logout');
    };
    expect(await a.find(sessionKey(id), false)).toBeUndefined();
    await ending;
    expect(a.peek(sessionKey(id))).toBeUndefined();
    expect(await a.find(sessionKey(id), false)).toBeUndefined();
  });

  it('between the look and the moment that something runs for it ends that too', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    await a.end(session, 'revoked');
    const socket = counting();
    b.attach(there, socket);
    await calm();
    expect(socket.aborts).toBe(1);
  });

  it('in one process is an end in the other, and of everything that runs there', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    const socket = counting();
    b.attach(there, socket);
    await a.end(session, 'logout');
    await calm();
    expect(socket.aborts).toBe(1);
    expect(there.ended).toBe(true);
    expect(await b.find(sessionKey(id), false)).toBeUndefined();
    expect(ended, 'one of them signs out of the application').toEqual(['logout']);
  });

  it('is seen at once where the store is asked, and by nobody after the word has come', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    shared.telling = false;
    await a.end(session, 'revoked');
    expect(b.find(sessionKey(id), false), 'not told yet').toBe(there);
    expect(await b.find(sessionKey(id), true)).toBeUndefined();
    shared.deliver();
    expect(await b.find(sessionKey(id), false)).toBeUndefined();
  });

  it('that nobody could tell of ends what runs: after a reconnection, or after too long a silence', async () => {
    const gone = await loggedIn(a);
    const stays = await loggedIn(a);
    const sockets = [counting(), counting()] as const;
    b.attach(await foundBy(b, gone.id), sockets[0]);
    b.attach(await foundBy(b, stays.id), sockets[1]);
    shared.telling = false;
    await a.end(gone.session, 'revoked');
    stores.b.reconnect();
    await calm();
    expect(sockets.map(({ aborts }) => aborts)).toEqual([1, 0]);

    b.sweep(false);
    stores.b.heard = false;
    clock.advance(DEAF_MS - 1);
    b.sweep(false);
    expect(sockets[1].aborts).toBe(0);
    clock.advance(1);
    b.sweep(false);
    expect(sockets[1].aborts).toBe(1);
  });

  it('of all sessions of somebody reaches the ones that only another process holds', async () => {
    const { id } = await loggedIn(a);
    const pending = await loggedIn(a, 'challenge');
    expect(await b.endAll(ALICE, 'revoked')).toBe(2);
    await calm();
    expect(await a.find(sessionKey(id), false)).toBeUndefined();
    expect(await a.find(sessionKey(pending.id), false)).toBeUndefined();
  });

  it('does not miss a session whose id changes in another process meanwhile', async () => {
    const { session } = await loggedIn(a, 'challenge');
    const [risen] = await Promise.allSettled([a.transition(session, proved(session)), b.endAll(ALICE, 'revoked')]);
    await calm();
    expect(await shared.truth.sessions.of(ALICE)).toEqual([]);
    if (risen.status === 'fulfilled') expect(await a.find(sessionKey(risen.value.id ?? ''), false)).toBeUndefined();
  });
});

describe('a change', () => {
  it('of rights is made once, however many processes try', async () => {
    const { id } = await loggedIn(a, 'challenge');
    const tries = await Promise.all(
      [a, b].flatMap((sessions) =>
        Array.from({ length: 25 }, async () => {
          const session = await sessions.find(sessionKey(id), true);
          if (session === undefined) return 'gone';
          return sessions.transition(session, proved(session)).then(
            () => 'proved',
            (error: unknown) => (error instanceof SessionGone ? 'gone' : error),
          );
        }),
      ),
    );
    expect(tries.filter((one) => one === 'proved')).toHaveLength(1);
    expect(tries.filter((one) => one === 'gone')).toHaveLength(49);
  });

  it('to the old id of a session that moved on elsewhere changes nothing', async () => {
    const { id, session } = await loggedIn(a, 'challenge');
    const there = await foundBy(b, id);
    const next = await a.transition(session, proved(session));
    b.setPage(there, { notice: 'late' });
    await expect(b.transition(there, { type: 'dropped' })).rejects.toBeInstanceOf(SessionGone);
    expect((await foundBy(b, next.id ?? '')).session.state).toBe('verified');
  });

  it('that drops the rights stops what runs for it elsewhere', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    const answer = counting();
    b.attach(there, answer);
    const { version } = there.record;
    await a.transition(session, { type: 'dropped' });
    await calm();
    expect(answer.aborts).toBe(1);
    expect(there.stillVerified(version)).toBe(false);
  });

  it('of the jar in two processes at once keeps the cookies of both, and is a doubt for the other', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    there.confidence.unconfirmed = false;
    session.jar.store('one=1; path=/', '/', clock.now());
    a.save(session);
    there.jar.store('two=2; path=/', '/', clock.now());
    b.save(there);
    await Promise.all([a.settled(session), b.settled(there)]);
    for (const sessions of [a, b]) {
      expect((await sessions.find(sessionKey(id), true))?.jar.header('/', clock.now())?.split('; ').sort()).toEqual([
        'one=1',
        'two=2',
      ]);
    }
    expect(there.confidence.unconfirmed).toBe(true);
  });

  it('of ours that is still on its way is not undone by what was read before it', async () => {
    const { id, session } = await loggedIn(a, 'challenge');
    stores.a.beforeAnswer = async () => {
      stores.a.beforeAnswer = async () => {};
      a.setPage(session, { notice: 'ours' });
    };
    expect((await a.find(sessionKey(id), true))?.record.page).toEqual({ notice: 'ours' });
  });

  it('that another process made during a step-up is not lost with the new id', async () => {
    const { id, session } = await loggedIn(a, 'challenge');
    const there = await foundBy(b, id);
    there.jar.store('late=1; path=/', '/', clock.now());
    b.save(there);
    await b.settled(there);
    const { session: next } = await a.transition(session, proved(session));
    expect(next.jar.header('/', clock.now())).toBe('late=1');
  });

  it('is waited for by whoever answers, and not waited for in vain', async () => {
    const { session } = await loggedIn(a);
    expect(a.settled(session)).toBeUndefined();
    a.setPage(session, { notice: 'x' });
    await a.settled(session);
    expect((await shared.truth.sessions.get(session.key))?.page).toEqual({ notice: 'x' });
    shared.down = true;
    a.setPage(session, { notice: 'y' });
    await expect(a.settled(session)).rejects.toBeInstanceOf(StoreError);
  });
});

describe('a doubt', () => {
  it('is announced before anything leaves, holds for the others, and ends with the answer or in time', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    await a.announceDoubt(session);
    expect(b.isDoubtedElsewhere(await foundBy(b, id))).toBe(true);
    expect(a.isDoubtedElsewhere(session)).toBe(false);
    a.withdrawDoubt(session);
    await a.settled(session);
    await foundBy(b, id);
    expect(b.isDoubtedElsewhere(there)).toBe(false);

    await a.announceDoubt(session); // and this process is killed
    await foundBy(b, id);
    clock.advance(599_999);
    expect(b.isDoubtedElsewhere(there)).toBe(true);
    clock.advance(1);
    expect(b.isDoubtedElsewhere(there)).toBe(false);
  });

  it('survives a change of rights that another process makes', async () => {
    const { id, session } = await loggedIn(a, 'challenge');
    const there = await foundBy(b, id);
    await a.announceDoubt(session);
    const { session: next } = await b.transition(there, proved(there));
    expect(b.isDoubtedElsewhere(next)).toBe(true);
  });

  it('that cannot be announced is an error: nothing may leave', async () => {
    const { session } = await loggedIn(a);
    shared.down = true;
    await expect(a.announceDoubt(session)).rejects.toBeInstanceOf(StoreError);
  });
});

describe('time', () => {
  it('somebody active in one process is not idle in another', async () => {
    const { id, session } = await loggedIn(a);
    await foundBy(b, id);
    for (let minutes = 0; minutes < 40; minutes += 2) {
      clock.advance(120_000);
      a.touch(session, clock.now());
      await a.settled(session);
      b.sweep(true);
      await calm();
    }
    expect((await foundBy(b, id)).ended).toBe(false);
    expect(ended).toEqual([]);
  });

  it('what another process told last is up to a minute behind its last activity', async () => {
    const { id } = await loggedIn(a);
    clock.advance(LIMITS.idleMs + TOUCH_MS - 1);
    expect((await b.find(sessionKey(id), false))?.ended).toBe(false);
  });

  it('a session that nobody uses ends, once', async () => {
    const { id } = await loggedIn(a);
    await foundBy(b, id);
    clock.advance(LIMITS.idleMs + TOUCH_MS);
    a.sweep(true);
    await calm();
    b.sweep(true);
    await calm();
    expect(ended).toEqual(['idle']);
    expect(await b.find(sessionKey(id), false)).toBeUndefined();
  });

  it('a record says when the store may forget it by itself: later than any gateway would use it', async () => {
    const { session } = await loggedIn(a);
    const { expiresAt = 0 } = (await shared.truth.sessions.get(session.key)) ?? {};
    expect(expiresAt).toBeGreaterThan(clock.now() + LIMITS.idleMs + TOUCH_MS);
    expect(expiresAt).toBeLessThan(clock.now() + LIMITS.absoluteMs);
  });
});
