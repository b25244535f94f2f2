/** A doubt belongs to the jar: neither a new session id nor a new process makes the application believable again. */
import { describe, expect, it } from 'vitest';
import type { Identity, LoginId, PendingLogin, ReturnPath } from '../../src/gate/types.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { TestClock } from '../fakes/clock.ts';

const identity = 'alice@example.com' as Identity;

function setUp() {
  const clock = new TestClock();
  const store = memoryStore(clock);
  const open = () =>
    new Sessions({
      store: store.sessions,
      clock,
      limits: () => ({ idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 10 }),
      onEnd: async () => {},
      onWriteError: (error) => expect.unreachable(String(error)),
    });
  const login = (id: string): PendingLogin => ({
    id: id as LoginId,
    identity,
    acceptedAt: clock.now(),
    returnTo: '/' as ReturnPath,
  });
  return { clock, open, login };
}

describe('a session that may have changed hands in the application', () => {
  it('is as doubtful after a step-up as before it', async () => {
    const { clock, open, login } = setUp();
    const sessions = open();
    const { session } = await sessions.transition(sessions.create().session, {
      type: 'login-accepted',
      login: login('first'),
      standing: 'pass',
    });
    await sessions.transition(session, { type: 'step-up-asked', login: login('second') });
    session.confidence.unsafeInFlight += 1;
    session.confidence.unconfirmed = true;
    const proof = { loginId: 'second' as LoginId, identity, factor: 'totp' as const, at: clock.now() };
    const { session: heir } = await sessions.transition(session, { type: 'factor-proved', proof });
    expect(heir.key).not.toBe(session.key);
    expect(heir.confidence.unconfirmed).toBe(true);
    expect(heir.confidence.unsafeInFlight).toBe(1);
  });

  it('begins with a doubt in a new process, which cannot know what was on its way', async () => {
    const { open, login } = setUp();
    const { session } = await (async () => {
      const sessions = open();
      return sessions.transition(sessions.create().session, {
        type: 'login-accepted',
        login: login('first'),
        standing: 'pass',
      });
    })();
    expect(session.confidence.unconfirmed).toBe(false);
    expect(open().peek(session.key)?.confidence.unconfirmed).toBe(true);
  });
});

describe('after a crash between a change of factors and the end of the sessions', () => {
  it('a session from before the change ends, one from after it goes on', async () => {
    const { open, login } = setUp();
    const sessions = open();
    const signIn = async (factorVersion: number) => {
      const event = { type: 'login-accepted', login: login(`of ${factorVersion}`), standing: 'pass' } as const;
      return (await sessions.transition(sessions.create().session, event, { factorVersion })).session.key;
    };
    const before = await signIn(1);
    const after = await signIn(2);
    const restarted = open();
    await restarted.endOutdated(async () => 2);
    expect(restarted.peek(before)).toBeUndefined();
    expect(restarted.peek(after)).toBeDefined();
  });
});

it('a fresh proof does not make a session live longer than a login may', async () => {
  const { clock, open, login } = setUp();
  const sessions = open();
  const event = { type: 'login-accepted', login: login('first'), standing: 'pass' } as const;
  const { session } = await sessions.transition(sessions.create().session, event);
  for (let hour = 0; hour < 43; hour++) {
    clock.advance(1_000_000);
    sessions.touch(session, clock.now());
  }
  await sessions.transition(session, { type: 'step-up-asked', login: login('second') });
  const proof = { loginId: 'second' as LoginId, identity, factor: 'totp' as const, at: clock.now() };
  const { session: heir } = await sessions.transition(session, { type: 'factor-proved', proof });
  expect(sessions.peek(heir.key)).toBe(heir);
  clock.advance(200_000);
  expect(sessions.peek(heir.key)).toBeUndefined();
});
