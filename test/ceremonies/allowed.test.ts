/** Attack 16: the weakest method of an account is the one that counts, so what the policy leaves out does not exist anywhere. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveSession } from '../../src/session/live.ts';
import { ALICE, CeremonyWorld } from './ceremony-world.ts';

let w: CeremonyWorld;
let totp: string;
let authy: string;
beforeEach(async () => {
  w = await CeremonyWorld.start();
  totp = await w.enrolTotp(ALICE);
  authy = (await w.enrolAuthy(ALICE)).way;
});
afterEach(() => w.close());

async function waysOf(session: LiveSession): Promise<readonly string[]> {
  const prompt = await w.prover.prompt(session);
  if (!prompt.ok) throw new Error(prompt.code);
  return prompt.ways.map(({ id }) => id);
}

describe('a factor that does not count', () => {
  it('is not on the prompt, and neither proved nor sent nor looked at there', async () => {
    w.policy = { factors: ['totp'] };
    const session = await w.login(ALICE);
    expect(await waysOf(session)).toEqual([totp]);
    const { texts } = w.authy;
    const before = texts.length;
    const calls = {
      prove: await w.prover.prove(session, authy, '1234567'),
      send: await w.prover.send(session, authy, 'sms', true),
      look: await w.prover.look(session, authy),
    };
    for (const [call, answer] of Object.entries(calls)) expect(answer, call).toMatchObject({ code: 'way-unknown' });
    expect([texts.length - before, w.asked, await w.guesses(ALICE)]).toEqual([0, [], 0]);
  });

  it('is no fresh proof either', async () => {
    const session = await w.proved(ALICE);
    w.policy = { factors: ['authy'] };
    w.clock.advance(600_000);
    const { session: asked } = await w.prover.stepUp(session, '/_2fa/account' as never);
    expect(await waysOf(asked)).toEqual([authy]);
    expect(await w.prover.prove(asked, totp, w.totp())).toMatchObject({ code: 'way-unknown' });
  });

  it('counts no more when the policy changes while it is checked', async () => {
    const session = await w.login(ALICE);
    w.inTheGap = async () => {
      w.policy = { factors: ['authy'] };
    };
    expect(await w.prover.prove(session, totp, w.totp())).toMatchObject({ code: 'way-unknown' });
    expect(session.session.state).toBe('pending');
  });

  it('leaves somebody who has nothing else without a way in, and not with another enrolment (attack 15)', async () => {
    w.policy = { level: 'required', factors: ['passkey'] };
    const session = await w.login(ALICE);
    expect(await waysOf(session)).toEqual([]);
    expect(await w.enroller.begin(session, 'totp')).toMatchObject({ ok: false });
    expect((await w.user(ALICE))?.draft).toBeUndefined();
  });

  it('is neither offered nor set up', async () => {
    const session = await w.proved(ALICE);
    w.policy = { factors: ['totp'] };
    const { available } = await w.enroller.account(session);
    expect(available.map(({ factor }) => factor)).toEqual(['totp']);
    expect(await w.enroller.begin(session, 'authy')).toMatchObject({ code: 'factor-off' });
  });

  it('is not finished when the policy changed since it was begun', async () => {
    const session = await w.proved(ALICE);
    expect(await w.enroller.begin(session, 'totp')).toEqual({ ok: true });
    w.policy = { factors: ['authy'] };
    expect(await w.enroller.confirm(session, w.totp())).toMatchObject({ code: 'factor-off' });
  });

  it('cannot be all that is left', async () => {
    const session = await w.proved(ALICE);
    w.policy = { factors: ['totp'] };
    const { enrolled } = await w.enroller.account(session);
    expect(enrolled.map(({ id, mayRemove }) => [id, mayRemove])).toEqual([
      [totp, false],
      [authy, true],
    ]);
    expect(await w.enroller.remove(session, totp)).toMatchObject({ code: 'factor-required' });
    expect(await w.enroller.remove(session, authy)).toEqual({ ok: true });
  });
});

it('recovery codes count where they are listed, are made nowhere else, and are not said to be left', async () => {
  const session = await w.proved(ALICE);
  expect(await w.enroller.makeCodes(session)).toMatchObject({ ok: true });
  const pending = await w.login(ALICE);
  expect(await waysOf(pending)).toContain('recovery');
  w.policy = { factors: ['totp'] };
  expect(await waysOf(pending)).toEqual([totp]);
  expect(await w.prover.prove(pending, 'recovery', '0123-4567-89AB-CDEF')).toMatchObject({ code: 'way-unknown' });
  expect(await w.enroller.makeCodes(session)).toMatchObject({ code: 'factor-off' });
  expect(await w.enroller.account(session)).not.toHaveProperty('recovery');
});
