/**
 * Sessions at rest whose object the collector has taken: nobody may notice. And as long as somebody has the object it is the only
 * one, whatever it was told meanwhile. Over a store of one process, and a shared one.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Identity, LoginId, ReturnPath } from '../../src/gate/types.ts';
import type { EndReason } from '../../src/session/limits.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { TestClock } from '../fakes/clock.ts';
import { type Member, SharedStore } from '../fakes/shared-store.ts';

const MINUTE = 60_000;
const LIMITS = { idleMs: 30 * MINUTE, absoluteMs: 720 * MINUTE, pendingMs: 10 * MINUTE, maxAnonymous: 5 };
const MOST = 5;
const ALICE = 'alice@example.com' as Identity;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

let clock: TestClock;
let store: Store;
let sessions: Sessions;
let ended: [key: string, reason: EndReason][];

function begin(over: Store): void {
  store = over;
  ended = [];
  sessions = opened(store);
}

function opened(over: Store): Sessions {
  return new Sessions({
    store: over.sessions,
    clock,
    limits: () => LIMITS,
    mostAwake: MOST,
    onEnd: async ({ key }, reason) => void ended.push([key, reason]),
    onWriteError: () => undefined,
  });
}

function login(name: string) {
  const identity = `${name}@example.com` as Identity;
  return { id: 'l' as LoginId, identity, acceptedAt: clock.now(), returnTo: '/' as ReturnPath };
}

/** Of which nobody else keeps the object. */
async function loggedIn(name = 'alice'): Promise<LiveSession> {
  const { session } = sessions.create();
  session.jar.store(`sid=${name}; path=/`, '/', clock.now());
  const event = { type: 'login-accepted', login: login(name), standing: 'pass' } as const;
  const issued = await sessions.transition(session, event);
  await sessions.settled(issued.session);
  return issued.session;
}

async function othersCome(): Promise<void> {
  for (let i = 0; i < 3 * MOST; i += 1) await loggedIn(`other${i}`);
}

/** `told` is done to a session at rest, by somebody who forgets it afterwards. @returns its key once no object is left */
async function atRest(prepare: (session: LiveSession) => void, told: (session: LiveSession) => void = () => {}) {
  const { key, object } = await (async () => {
    const session = await loggedIn();
    prepare(session);
    await othersCome();
    told(session);
    return { key: session.key, object: new WeakRef(session) };
  })();
  await expectCollected(object);
  return key;
}

async function expectCollected(object: WeakRef<LiveSession>): Promise<void> {
  await othersCome();
  for (let tries = 0; tries < 20 && object.deref() !== undefined; tries += 1) {
    await nextTurn();
    collect();
    await nextTurn(); // the registry is told in a turn of its own
  }
  expect(object.deref(), 'nobody keeps the object').toBeUndefined();
}

async function found(key: string): Promise<LiveSession> {
  const session = await sessions.find(key, false);
  if (session === undefined) throw new Error('the session is gone');
  return session;
}

describe.each(['one process', 'several'] as const)('a session without an object, with the store of %s', (kind) => {
  beforeEach(() => {
    clock = new TestClock();
    begin(kind === 'several' ? new SharedStore(clock).member() : memoryStore(clock));
  });

  it('comes back with everything that it had, believed as before, and counts as held', async () => {
    const key = await atRest((session) => {
      session.confidence.unconfirmed = false;
    });
    const before = sessions.size;
    const session = await found(key);
    expect(sessions.size).toBe(before);
    expect(session.record.session).toMatchObject({ state: 'verified', identity: ALICE });
    expect(session.jar.header('/', clock.now())).toBe('sid=alice');
    expect(session.confidence.unconfirmed).toBe(false);
    expect(session.stillVerified(session.record.version)).toBe(true);
    expect(session.stillVerified(session.record.version - 1), 'asked for before this id was held').toBe(false);
    expect(await found(key)).toBe(session);
    expect(sessions.size).toBe(before);
  });

  it('is doubted still, when it was doubted', async () => {
    const key = await atRest((session) => session.confidence.shake());
    expect((await found(key)).confidence.unconfirmed).toBe(true);
  });

  it('is doubted when somebody who still had it doubts it while it rests', async () => {
    const key = await atRest(
      (session) => {
        session.confidence.unconfirmed = false;
      },
      (session) => session.confidence.shake(),
    );
    expect((await found(key)).confidence.unconfirmed).toBe(true);
  });

  it('is doubted when an answer to its older id does it, whose jar it has', async () => {
    const first = await loggedIn();
    const key = await (async () => {
      const event = { type: 'login-accepted', login: login('alice'), standing: 'pass' } as const;
      const { session } = await sessions.transition(first, event);
      session.confidence.unconfirmed = false;
      return session.key;
    })();
    await othersCome();
    first.confidence.shake();
    expect((await found(key)).confidence.unconfirmed).toBe(true);
    await othersCome();
    await nextTurn();
    collect();
    expect((await found(key)).confidence.unconfirmed).toBe(true);
  });

  it('has the last activity that was seen, written or not, before it came to rest or later', async () => {
    const begun = clock.now();
    clock.advance(MINUTE / 2);
    const before = await atRest((session) => sessions.touch(session, clock.now()));
    const later = await atRest(
      () => undefined,
      (session) => {
        clock.advance(MINUTE / 4);
        session.seenAt = clock.now();
      },
    );
    expect((await found(before)).seenAt).toBe(begun + MINUTE / 2);
    expect((await found(later)).seenAt).toBe(begun + (3 * MINUTE) / 4);
  });

  it('ends with all others of its owner, for good', async () => {
    const key = await atRest(() => undefined);
    const held = sessions.size;
    expect(await sessions.endAll(ALICE, 'revoked')).toBe(1);
    expect(ended).toEqual([[key, 'revoked']]);
    expect(await sessions.find(key, false)).toBeUndefined();
    expect(sessions.size).toBe(held - 1);
  });

  it('has one object at a time: who got it while it rested learns of its end', async () => {
    const key = await atRest(() => undefined);
    const [mine] = await sessions.of(ALICE);
    await othersCome();
    const [again] = await sessions.of(ALICE);
    expect(again).toBe(mine);
    await othersCome();
    await sessions.end(await found(key), 'logout');
    expect(mine?.ended).toBe(true);
  });

  it('is one object for whoever looked at all of its owner while its id changed, too', async () => {
    const first = await loggedIn();
    const { issued, seen } = await (async () => {
      const changing = sessions.transition(first, { type: 'login-accepted', login: login('alice'), standing: 'pass' });
      const looks: LiveSession[] = [];
      let isDone = false;
      void changing.then(() => {
        isDone = true;
      });
      while (!isDone) {
        for (let i = 0; i < 10; i += 1) looks.push(...(await sessions.of(ALICE)));
        await nextTurn();
      }
      return { issued: await changing, seen: looks };
    })();
    const { session } = issued;
    let aborted = false;
    sessions.attach(session, {
      abort: () => {
        aborted = true;
      },
    });
    await othersCome();
    await othersCome();
    expect(await found(session.key)).toBe(session);
    expect(seen.filter((one) => one !== session && !one.ended)).toEqual([]);
    const listed = seen.find(({ key }) => key === session.key) ?? first;
    await sessions.end(listed, 'revoked'); // whoever was shown it may want it gone
    expect(session.ended).toBe(true);
    expect(aborted).toBe(true);
  });

  it('is doubted by a process that learned of it from a list of all of its owner', async () => {
    const { key } = await loggedIn();
    const later = opened(store);
    expect((await later.of(ALICE)).map((one) => one.key)).toEqual([key]);
    expect((await later.find(key, false))?.confidence.unconfirmed).toBe(true);
  });

  it('is not at rest while an exchange or an answer is under way, however it began', async () => {
    const running = { abort: () => undefined };
    const session = await loggedIn();
    await othersCome();
    session.exchangesInFlight += 1;
    await othersCome();
    sessions.attach(session, running);
    session.exchangesInFlight -= 1;
    await othersCome();
    collect();
    expect(await found(session.key)).toBe(session);
    let aborted = false;
    sessions.attach(session, {
      abort: () => {
        aborted = true;
      },
    });
    await sessions.endAll(ALICE, 'revoked');
    expect(aborted).toBe(true);
  });
});

describe('with the store of one process', () => {
  beforeEach(() => {
    clock = new TestClock();
    begin(memoryStore(clock));
  });

  it('the limits end it to the millisecond', async () => {
    const key = await atRest((session) => {
      clock.advance(10_000);
      sessions.touch(session, clock.now()); // which the store is not told
    });
    clock.advance(LIMITS.idleMs - 1);
    for (let looks = 0; looks < 10; looks += 1) {
      sessions.sweep(true);
      await nextTurn(); // the store is looked through in the background, and has not all that is known here
    }
    expect(ended.map(([one]) => one)).not.toContain(key);
    clock.advance(1);
    sessions.sweep(true);
    expect(ended).toContainEqual([key, 'idle']);
    expect(sessions.peek(key)).toBeUndefined();
  });
});

describe('with a store of several processes', () => {
  let shared: SharedStore;
  let member: Member;

  beforeEach(() => {
    clock = new TestClock();
    shared = new SharedStore(clock);
    member = shared.member();
    begin(member);
  });

  it('it is asked for when another process changed it, and when any may have been changed; else not', async () => {
    const other = opened(shared.member());
    const key = await atRest(() => undefined);
    const { reads } = member;
    const first = await found(key);
    expect(first.jar.header('/', clock.now())).toBe('sid=alice');
    expect(member.reads, 'nobody changed it').toBe(reads);

    const changed = await atRest(() => undefined);
    const elsewhere = await other.find(changed, true);
    elsewhere?.jar.store('sid=bob; path=/', '/', clock.now());
    if (elsewhere !== undefined) other.save(elsewhere);
    await elsewhere?.writing;
    const session = await found(changed);
    expect(session.jar.header('/', clock.now())).toBe('sid=bob');
    expect(session.confidence.unconfirmed, 'its jar is another one').toBe(true);

    const missed = await atRest(() => undefined);
    shared.setDown(true);
    shared.setDown(false);
    const before = member.reads;
    await found(missed);
    expect(member.reads).toBe(before + 1);
  });

  it('whoever still has its object is asked about, too, and so is what runs for it', async () => {
    const other = opened(shared.member());
    const session = await loggedIn();
    await othersCome();
    shared.setDown(true);
    shared.setDown(false);
    const before = member.reads;
    expect(await found(session.key)).toBe(session);
    expect(member.reads).toBe(before + 1);
    await othersCome();
    let aborted = false;
    sessions.attach(session, {
      abort: () => {
        aborted = true;
      },
    });
    await othersCome();
    await other.endAll(ALICE, 'revoked');
    await nextTurn();
    expect(aborted).toBe(true);
  });

  it('it keeps its object while others doubt it because of a request of ours', async () => {
    const key = await (async () => {
      const session = await loggedIn();
      session.confidence.unsafeInFlight += 1;
      await sessions.announceDoubt(session);
      await othersCome();
      session.confidence.unsafeInFlight -= 1;
      await othersCome();
      return session.key;
    })();
    await nextTurn();
    collect();
    await nextTurn();
    const session = await found(key);
    expect(sessions.isDoubtedElsewhere(session), 'it is our own doubt').toBe(false);
    sessions.withdrawDoubt(session);
    await session.writing;
    expect(session.record.doubts).toBeUndefined();
  });

  it('what somebody writes down about it while it rests is not lost', async () => {
    let record: LiveSession['record'];
    const key = await atRest(
      (session) => {
        record = session.record;
      },
      (session) => {
        session.record = { ...record, csrf: 'another' };
      },
    );
    expect((await found(key)).csrf).toBe('another');
  });

  it('it is asked for when it ended while a list of all of its owner was on its way', async () => {
    const other = opened(shared.member());
    const { key } = await loggedIn();
    const late = shared.member();
    const third = opened(late);
    late.beforeAnswer = async () => {
      late.beforeAnswer = async () => undefined;
      await other.endAll(ALICE, 'revoked');
    };
    await third.of(ALICE);
    expect(await third.find(key, false)).toBeUndefined();
  });

  it('it rests again once the store has told what became of it after a write that failed', async () => {
    const { key, object } = await (async () => {
      const session = await loggedIn();
      shared.setDown(true);
      sessions.save(session);
      await session.writing?.catch(() => undefined);
      shared.setDown(false);
      expect(await found(session.key)).toBe(session);
      return { key: session.key, object: new WeakRef(session) };
    })();
    await expectCollected(object);
    expect((await found(key)).jar.header('/', clock.now())).toBe('sid=alice');
  });

  it('it is gone when another process ended it', async () => {
    const other = opened(shared.member());
    const key = await atRest(() => undefined);
    await other.endAll(ALICE, 'revoked');
    expect(await sessions.find(key, false)).toBeUndefined();
    expect(sessions.peek(key)).toBeUndefined();
  });
});
