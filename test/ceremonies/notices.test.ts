/** By mail, or at the next sign-in, or after the mail failed: people hear of a change once, and nothing waits for it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Notices } from '../../src/ceremonies/notices.ts';
import { type Happening, Occasions } from '../../src/ceremonies/notifying.ts';
import type { Mailed, Mailer } from '../../src/factors/factor.ts';
import type { FactorId, LoginId, ReturnPath } from '../../src/gate/types.ts';
import { silentLog } from '../../src/log.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { noticeMail } from '../../src/web/notice-mail.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';

const EVERY: readonly Happening[] = [
  { kind: 'factor-added', factor: 'totp' },
  { kind: 'factor-removed', factor: 'email' },
  { kind: 'number-changed' },
  { kind: 'reset-by-administrator' },
  { kind: 'push-denied' },
  { kind: 'recovery-made' },
  { kind: 'recovery-used', left: 7 },
  { kind: 'signed-in-after-failures', failures: 3 },
];
const FROM = { address: '192.0.2.7', agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' };

let w: CeremonyWorld;
let mails: { to: string; subject: string; text: string }[];
let answer: () => Promise<Mailed>;
let mailer: Mailer | undefined;
let notices: Notices;

beforeEach(async () => {
  w = await CeremonyWorld.start();
  mails = [];
  answer = async () => ({ sent: true });
  mailer = {
    send(mail) {
      mails.push(mail);
      return answer();
    },
  };
  notices = new Notices({
    kept: new Occasions(w.store.counters, w.clock, silentLog),
    audit: { happened: async () => undefined },
    unread: new Occasions(w.store.counters, w.clock, silentLog, 'news'),
    mailer: () => mailer,
    email: (identity) => (identity === BOB ? undefined : identity),
    compose: (identity, occasion) => noticeMail({ service: 'Lucy', contact: undefined }, identity, occasion),
    clock: w.clock,
    log: silentLog,
  });
  return () => w.close();
});

/** A session that was proved with a factor, or with the password alone. */
async function session(identity = ALICE, factor: FactorId | 'password' = 'totp'): Promise<LiveSession> {
  if (factor === 'password') return w.login(identity, 'pass');
  const pending = await w.login(identity);
  const id = `login-${w.clock.now()}` as LoginId;
  const login = { id, identity, acceptedAt: w.clock.now(), returnTo: '/' as ReturnPath };
  const { session } = w.sessions.create();
  const waiting = await w.sessions.transition(session, { type: 'login-accepted', login, standing: 'challenge' });
  await w.sessions.end(pending, 'cancelled');
  const proof = { loginId: id, identity, factor, at: w.clock.now() };
  return (await w.sessions.transition(waiting.session, { type: 'factor-proved', proof })).session;
}

const unseen = async (identity = ALICE, factor: FactorId | 'password' = 'email') =>
  (await notices.unseen(await session(identity, factor))).map(({ happening }) => happening);
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('with a mail server', () => {
  it.each(EVERY)('$kind is one mail, and is not shown again', async (happening) => {
    await notices.tell(ALICE, happening, FROM);
    await settled();
    expect(mails).toHaveLength(1);
    const [mail] = mails;
    expect([mail?.to, mail?.subject]).toEqual([ALICE, 'Lucy: a notice about your account']);
    expect(mail?.text).toContain(
      `Account: ${ALICE}\nTime: 1 January 2026 at 12:00 UTC\nFrom: Firefox on Linux, 192.0.2.7\n`,
    );
    expect(mail?.text).not.toMatch(/https?:|www\./);
    expect(await unseen()).toEqual([]);
    expect((await notices.recent(ALICE)).map((one) => one.happening)).toEqual([happening]);
  });

  it('says nothing of a code that was mistyped once or twice, and keeps it', async () => {
    await notices.tell(ALICE, { kind: 'signed-in-after-failures', failures: 2 });
    expect([mails, await unseen()]).toEqual([[], []]);
    expect(await notices.recent(ALICE)).toHaveLength(1);
  });

  it('delays nothing: who is told does not wait for the server', async () => {
    answer = () => new Promise(() => {});
    await notices.tell(ALICE, { kind: 'number-changed' });
    expect(mails).toHaveLength(1);
  });

  it.each([
    ['says no', async () => ({ sent: false, reason: 'unavailable' }) as const],
    ['breaks', () => Promise.reject(new Error('bug'))],
  ])('that %s: it is shown at the next sign-in', async (_name, how) => {
    answer = how;
    await notices.tell(ALICE, { kind: 'factor-removed', factor: 'totp' });
    await settled();
    expect(await unseen()).toEqual([{ kind: 'factor-removed', factor: 'totp' }]);
  });

  it('and nobody’s address: it is shown at the next sign-in', async () => {
    await notices.tell(BOB, { kind: 'factor-removed', factor: 'totp' });
    expect(mails).toEqual([]);
    expect(await unseen(BOB)).toEqual([{ kind: 'factor-removed', factor: 'totp' }]);
  });
});

describe('without a mail server', () => {
  beforeEach(() => {
    mailer = undefined;
  });

  it.each(EVERY)('$kind is shown at the next sign-in until it was read', async (happening) => {
    await notices.tell(ALICE, happening, FROM);
    const first = await session(ALICE, 'email');
    expect(await notices.unseen(first)).toMatchObject([{ happening, from: FROM }]);
    expect(await unseen()).toEqual([happening]);
    await notices.seen(first);
    expect(await unseen()).toEqual([]);
    expect(await unseen(BOB)).toEqual([]);
  });

  it('a factor that was set up is no news to who signs in with it, and is to everybody else', async () => {
    await notices.tell(ALICE, { kind: 'factor-added', factor: 'totp' });
    expect(await unseen(ALICE, 'password')).toHaveLength(1);
    expect(await unseen(ALICE, 'email')).toHaveLength(1);
    expect(await unseen(ALICE, 'totp')).toEqual([]);
    expect(await unseen(ALICE, 'email')).toEqual([]);
  });

  it('a store that cannot be read keeps nobody out', async () => {
    const live = await session();
    const broken = new Notices({
      kept: new Occasions(w.store.counters, w.clock, silentLog),
      audit: { happened: async () => undefined },
      unread: Object.assign(new Occasions(w.store.counters, w.clock, silentLog), {
        recent: () => Promise.reject(new Error('gone')),
      }),
      mailer: () => undefined,
      email: () => undefined,
      compose: () => ({ subject: '', text: '' }),
      clock: w.clock,
      log: silentLog,
    });
    expect(await broken.unseen(live)).toEqual([]);
  });
});
