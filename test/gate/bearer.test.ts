/** Which token of ours a request shows, and who may have the answer of a login that was kept back. */
import { describe, expect, it } from 'vitest';
import { mayHave, shownToken } from '../../src/gate/bearer.ts';
import type { Session } from '../../src/gate/session.ts';
import { ALICE, BOB, STATES } from './samples.ts';

const OURS = `lucy2fa_${'a-_9'.repeat(10)}xyz`;

describe('what is shown', () => {
  it.each([`Bearer ${OURS}`, `bearer ${OURS}`, `BEARER   ${OURS}`])('%j is ours', (line) => {
    expect(shownToken([line])).toEqual({ is: 'ours', text: OURS });
  });

  it.each([
    [[`Bearer ${OURS}`, `Bearer ${OURS}`]],
    [[`Bearer ${OURS}`, 'Basic eA==']],
    [['Basic eA==', `Bearer ${OURS}`]],
    [[`Bearer ${OURS}, Basic eA==`]],
    [[`Bearer ${OURS}x`]],
    [[`Bearer ${OURS.slice(1)}a lucy2fa_`]],
    [[`Bearer\t${OURS}`]],
    [[` Bearer ${OURS}`]],
    [[`Bearer ${OURS} `]],
    [[OURS]],
    [[`Token ${OURS}`]],
    [[`Bearer ${OURS.toUpperCase()}`]],
  ])('%j goes nowhere', (lines) => expect(shownToken(lines)).toEqual({ is: 'void' }));

  it.each([[[]], [['']], [['Basic eA==']], [['Bearer eyJhbGciOiJIUzI1NiJ9.e30.x']], [['Bearer lucy2f_']]])(
    '%j is none of ours',
    (lines) => expect(shownToken(lines)).toEqual({ is: 'other' }),
  );
});

describe('the answer that was kept', () => {
  const owner = { identity: ALICE, user: ALICE, expiresAt: 1000 };
  const verified: Session = { state: 'verified', identity: ALICE, since: 0, grounds: { how: 'password' } };

  it('is for the person who logged in, verified, in time', () => {
    expect(mayHave(verified, ALICE, owner, 999)).toBe(true);
    expect(mayHave(verified, ALICE, owner, 1000)).toBe(false);
  });

  it('is for nobody else', () => {
    expect(mayHave({ ...verified, identity: BOB }, ALICE, owner, 0)).toBe(false);
    expect(mayHave(verified, BOB, owner, 0)).toBe(false);
    expect(mayHave(verified, undefined, owner, 0)).toBe(false);
    for (const state of STATES.filter(({ state }) => state !== 'verified')) {
      expect(mayHave(state, ALICE, owner, 0)).toBe(false);
    }
  });
});
