/**
 * What somebody with one session can try against processes that share a store: keep a dead session alive by keeping them busy,
 * and let a request out of which the others never hear.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../src/gate/session.ts';
import type { Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import { sessionKey } from '../../src/session/cookie.ts';
import type { SessionLimits } from '../../src/session/limits.ts';
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

function open(store: Member): Sessions {
  return new Sessions({
    store: store.sessions,
    clock,
    limits: () => LIMITS,
    onEnd: async () => {},
    onWriteError: () => {},
  });
}

beforeEach(() => {
  clock = new TestClock();
  shared = new SharedStore(clock);
  stores = { a: shared.member(), b: shared.member() };
  a = open(stores.a);
  b = open(stores.b);
});

function login(): SessionEvent & { type: 'login-accepted' } {
  const pending = { id: 'l' as LoginId, identity: ALICE, acceptedAt: clock.now(), returnTo: '/' as ReturnPath };
  return { type: 'login-accepted', login: pending, standing: 'pass' };
}

async function loggedIn(at: Sessions): Promise<Issued & { id: string }> {
  const { session } = at.create();
  await at.settled(session);
  const issued = await at.transition(session, login());
  return { ...issued, id: issued.id ?? '' };
}

async function foundBy(sessions: Sessions, id: string): Promise<LiveSession> {
  const found = await sessions.find(sessionKey(id), true);
  if (found === undefined) throw new Error('nobody has this id');
  return found;
}

function stepUp(): SessionEvent {
  return { type: 'step-up-asked', login: login().login };
}

async function proveAgain(at: Sessions, session: LiveSession): Promise<Issued> {
  await at.transition(session, stepUp());
  const proof = { loginId: 'l' as LoginId, identity: ALICE, factor: 'totp' as const, at: clock.now() };
  return at.transition(session, { type: 'factor-proved', proof });
}

/** Writes of this process wait until they are let go. */
function heldWrites(member: Member): () => void {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  member.beforeWrite = () => released;
  return release;
}

describe('a process that is kept busy with writes', () => {
  it('finds nobody where the store has nobody', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    const release = heldWrites(stores.b);
    b.setPage(there, { notice: 'one of many' });
    await a.end(session, 'revoked');
    expect(await b.find(sessionKey(id), true)).toBeUndefined();
    expect(there.ended).toBe(true);
    release();
  });

  it('does not forget a session that it is just making', async () => {
    const release = heldWrites(stores.a);
    const { id, session } = a.create();
    expect(await a.find(sessionKey(id ?? ''), true)).toBe(session);
    release();
    await a.settled(session);
    expect(await a.find(sessionKey(id ?? ''), true)).toBe(session);
  });

  it('sees that the rights fell, whatever change of its own is under way', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    const { version } = there.record;
    const release = heldWrites(stores.b);
    const changes = [b.transition(there, stepUp()), b.transition(there, { type: 'step-up-cancelled' })];
    await a.transition(session, { type: 'dropped' });
    expect((await b.find(sessionKey(id), true))?.session.state).not.toBe('verified');
    expect(there.stillVerified(version)).toBe(false);
    release();
    expect((await Promise.allSettled(changes)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('asks for a proof at the same moment as another one, and neither ends the session', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    const release = heldWrites(stores.b);
    const asked = b.transition(there, stepUp());
    await a.transition(session, stepUp());
    release();
    expect((await asked).session.ended).toBe(false);
    for (const process of [a, b]) {
      expect((await foundBy(process, id)).session).toMatchObject({ state: 'verified', stepUp: { id: 'l' } });
    }
  });

  it('heeds the doubts of the others', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    const release = heldWrites(stores.b);
    b.setPage(there, { notice: 'one of many' });
    await a.announceDoubt(session);
    expect(b.isDoubtedElsewhere(await foundBy(b, id))).toBe(true);
    release();
    await b.settled(there);
    expect((await foundBy(b, id)).record.page).toEqual({ notice: 'one of many' });
  });

  it('learns of an end by the write that did not arrive', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    shared.telling = false;
    await a.end(session, 'revoked');
    b.setPage(there, { notice: 'late' });
    await b.settled(there);
    expect(there.ended).toBe(true);
  });

  it('does not believe for longer what changed each time that it was read', async () => {
    const { id, session } = await loggedIn(a);
    let reads = 0;
    stores.b.beforeAnswer = async () => {
      reads += 1;
      if (reads < 5) {
        a.setPage(session, { notice: String(reads) });
        await a.settled(session);
      } else if (reads === 5) await a.end(session, 'revoked');
    };
    await b.find(sessionKey(id), false);
    expect(await b.find(sessionKey(id), false)).toBeUndefined();
  });
});

describe('a doubt', () => {
  it('of a request under an id that the session has left is not told, and its session is over', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    shared.telling = false;
    await proveAgain(a, session);
    await expect(b.announceDoubt(there)).rejects.toBeInstanceOf(SessionGone);
    expect(there.ended).toBe(true);
  });

  it('is told when everybody who is listening has heard it, and not before', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    shared.telling = false;
    let isTold = false;
    const telling = a.announceDoubt(session)?.then(() => {
      isTold = true;
    });
    await a.settled(session); // published
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([isTold, there.stale]).toEqual([false, false]);
    shared.deliver();
    await telling;
    expect(there.stale).toBe(true);

    a.withdrawDoubt(session);
    await a.settled(session);
    shared.telling = false;
    stores.b.heard = false; // it asks for everything
    await a.announceDoubt(session);
  });

  it('that could not be told once has to be told the next time', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    stores.a.beforeWrite = async () => {
      throw new StoreError('unwritable', 'The server is full.');
    };
    await expect(a.announceDoubt(session)).rejects.toBeInstanceOf(StoreError);
    await expect(async () => a.announceDoubt(session)).rejects.toBeInstanceOf(StoreError);
    stores.a.beforeWrite = async () => {};
    await a.announceDoubt(session);
    await foundBy(b, id);
    expect(b.isDoubtedElsewhere(there)).toBe(true);
  });

  it('outlives the id under which it was told, also in the process that told it', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    await a.announceDoubt(session); // and its request is on its way
    const next = await proveAgain(b, there);
    const again = await foundBy(a, next.id ?? '');
    expect(a.isDoubtedElsewhere(again)).toBe(true);
    await a.announceDoubt(again);
    a.withdrawDoubt(again);
    await a.settled(again);
    expect(b.isDoubtedElsewhere(await foundBy(b, next.id ?? ''))).toBe(true);
  });

  it('about a password ends with the login that it led to, and is not carried through the prompt', async () => {
    const { session } = a.create();
    await a.announceDoubt(session);
    const { id = '' } = await a.transition(session, login());
    expect(b.isDoubtedElsewhere(await foundBy(b, id))).toBe(false);
  });

  it('is a jar that came to be another one while the session got its new id', async () => {
    const { id, session } = await loggedIn(a);
    const there = await foundBy(b, id);
    there.jar.store('SID=somebody-else; path=/', '/', clock.now());
    b.save(there);
    await b.settled(there);
    session.confidence.unconfirmed = false;
    await a.transition(session, stepUp());
    const next = await proveAgain(a, session);
    expect(next.session.confidence.unconfirmed).toBe(true);
  });
});
