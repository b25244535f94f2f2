/** What an accepted password becomes while somebody changes the account: nobody keeps what was taken away meanwhile (I6). */
import { expect, it } from 'vitest';
import type { Identity, ReturnPath } from '../../src/gate/types.ts';
import { silentLog } from '../../src/log.ts';
import { type AcceptParts, acceptLogin } from '../../src/login/accept.ts';
import { Sessions } from '../../src/session/sessions.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { TestClock } from '../fakes/clock.ts';

const ALICE = 'alice@example.com' as Identity;
const HERE = { address: '192.0.2.7', agent: '' };

it.each([
  [true, 'pass', 'verified'],
  [false, 'challenge', 'pending'],
] as const)('a browser that is still trusted when the session is written: %s → %s', async (stands, standing, state) => {
  const clock = new TestClock();
  const store = memoryStore(clock);
  const enrolment = { id: 'e', factor: 'totp', data: {}, createdAt: 0 } as const;
  const write = { identity: ALICE, enrolments: [enrolment], factorVersion: 1 };
  await store.users.update(ALICE, () => ({ write, result: undefined }));
  const sessions = new Sessions({
    store: store.sessions,
    clock,
    limits: () => ({ idleMs: 1_800_000, absoluteMs: 43_200_000, pendingMs: 600_000, maxAnonymous: 10 }),
    onEnd: async () => undefined,
    onWriteError: (error) => {
      throw error;
    },
  });
  let uses = 0;
  const parts: AcceptParts = {
    users: store.users,
    sessions,
    clock,
    log: silentLog,
    noteWithoutFactor: async () => undefined,
    policy: () => ({ level: 'optional', first: { needs: 'nothing' }, browserMs: 1000 }),
    browsers: {
      use: async () => {
        uses += 1;
        return { id: 'b' };
      },
      stands: async () => stands,
    },
  };
  const accepted = await acceptLogin(parts, sessions.create().session, ALICE, '/' as ReturnPath, HERE, 'brought');
  expect([accepted.standing, accepted.issued.session.state, uses]).toEqual([standing, state, 1]);
});
