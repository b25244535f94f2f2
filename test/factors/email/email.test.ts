/** Codes by e-mail: to whom, what the mail says, and which answer is right. Budgets and single use are the ceremonies' to hold. */
import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createEmail } from '../../../src/factors/email/email.ts';
import type { Asked, Factor, Mailed, Purpose, Sending } from '../../../src/factors/factor.ts';
import type { Identity, Json } from '../../../src/gate/types.ts';

const ALICE = 'alice@example.com';
let mails: { to: string; subject: string; text: string }[];
let next: Mailed;
let factor: Factor;

beforeEach(() => {
  mails = [];
  next = { sent: true };
  factor = createEmail({
    mac: (label, text) => createHmac('sha256', 'a key').update(`${label}\0${text}`).digest(),
    mailer: {
      async send(mail) {
        if (next.sent) mails.push(mail);
        return next;
      },
    },
    site: { service: 'Lucy' },
  });
});

function asked(given: Partial<Asked> = {}): Asked {
  return {
    enrolment: { id: 'e1', factor: 'email', data: { email: ALICE }, createdAt: 0 },
    others: [],
    person: { identity: 'alice' as Identity, email: ALICE },
    purpose: 'login',
    question: 'q1',
    now: 0,
    ...given,
  };
}

function stateOf(sending: Sending): Json {
  if (!sending.sent || sending.open === undefined) throw new Error('nothing was sent');
  return sending.open.state;
}

const code = (n = -1): string => /^\d{6}/.exec(mails.at(n)?.text ?? '')?.[0] ?? '';

describe('the address', () => {
  it('is what the application or an administrator says, and kept with the enrolment', async () => {
    expect(await factor.begin({ identity: 'alice' as Identity, email: ALICE }, 0)).toEqual({
      ok: true,
      data: { email: ALICE },
    });
    expect(await factor.begin({ identity: 'alice' as Identity }, 0)).toEqual({ ok: false, reason: 'email-missing' });
    expect(factor.discloses({ identity: 'alice' as Identity, email: ALICE })).toEqual([
      { what: 'email', value: ALICE },
    ]);
  });

  it.each([
    ['is another one by now', { identity: 'alice' as Identity, email: 'new@example.com' }, { email: ALICE }],
    ['is known no more', { identity: 'alice' as Identity }, { email: ALICE }],
    ['is damaged', { identity: 'alice' as Identity, email: ALICE }, { email: 7 }],
    ['is missing', { identity: 'alice' as Identity }, {}],
    ['is not there at all', { identity: 'alice' as Identity }, null],
  ])('that %s gets nothing', async (_name, person, data) => {
    const enrolment = { id: 'e1', factor: 'email' as const, data, createdAt: 0 };
    expect(await factor.send(asked({ person, enrolment }), 'email', false)).toEqual({ sent: false, reason: 'gone' });
    expect(mails).toEqual([]);
  });
});

describe('the mail', () => {
  it('has the code in its text alone, and nothing to click', async () => {
    await factor.send(asked(), 'email', false);
    expect(mails).toHaveLength(1);
    const [mail] = mails;
    expect(mail?.to).toBe(ALICE);
    expect(mail?.subject).toBe('Lucy: your security code');
    expect(mail?.text).toMatch(/^\d{6} is your Lucy security code\.\n/);
    expect(mail?.text).toContain('If you did not try to sign in');
    expect(mail?.text).not.toMatch(/https?:|www\.|<|@/);
  });

  it('goes by mail only', async () => {
    for (const channel of ['sms', 'call', 'whatsapp', 'push'] as const) {
      expect(await factor.send(asked(), channel, false)).toEqual({ sent: false, reason: 'channel-off' });
    }
  });

  it.each(['unavailable', 'misconfigured', 'number', 'limited', 'gone'] as const)(
    'that could not be sent (%s) opens nothing: an earlier code stays good',
    async (reason) => {
      next = { sent: false, reason };
      expect(await factor.send(asked(), 'email', false)).toEqual({ sent: false, reason });
    },
  );
});

describe('a code', () => {
  it('is good for five minutes, and only its hash is kept', async () => {
    const sending = await factor.send(asked(), 'email', false);
    expect(sending).toMatchObject({ sent: true, open: { lifeMs: 300_000 } });
    expect(JSON.stringify(sending)).not.toContain(code());
    expect(await factor.verify(asked({ state: stateOf(sending) }), code())).toEqual({ ok: true });
  });

  it('is good for its question, its enrolment and its purpose alone (attacks 43, 46)', async () => {
    const state = stateOf(await factor.send(asked(), 'email', false));
    const elsewhere: Partial<Asked>[] = [
      { question: 'q2' },
      { enrolment: { id: 'e2', factor: 'email', data: { email: ALICE }, createdAt: 0 } },
      ...(['step-up', 'enrol'] as Purpose[]).map((purpose) => ({ purpose })),
    ];
    for (const given of elsewhere) {
      expect(await factor.verify(asked({ ...given, state }), code())).toEqual({ ok: false, reason: 'wrong' });
    }
  });

  it('is void when a newer one was sent, and says so', async () => {
    const first = stateOf(await factor.send(asked(), 'email', false));
    const state = stateOf(await factor.send(asked({ state: first }), 'email', false));
    expect(code(0)).not.toBe(code(1));
    expect(await factor.verify(asked({ state }), code(0))).toEqual({ ok: false, reason: 'superseded' });
    expect(await factor.verify(asked({ state }), code(1))).toEqual({ ok: true });
  });

  it.each([undefined, null, [], {}, 'text', [7]])('is judged by nothing when the state is %j', async (state) => {
    await factor.send(asked(), 'email', false);
    const given = state === undefined ? asked() : asked({ state });
    expect(await factor.verify(given, code())).toEqual({ ok: false, reason: 'expired' });
  });
});
