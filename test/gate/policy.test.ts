/** What an accepted password is worth, until when a factor may wait, and who may change factors: every line of each table. */
import { describe, expect, it } from 'vitest';
import {
  type FirstRule,
  isAllowed,
  mayChangeFactors,
  mayKeepOnly,
  mayWaitUntil,
  standing,
} from '../../src/gate/policy.ts';

const NOW = 1_000_000;
const ANYBODY: FirstRule = { needs: 'nothing' };
const TICKET: FirstRule = { needs: 'ticket' };

it.each([
  ['off', false, 'pass'],
  ['off', true, 'pass'],
  ['optional', false, 'pass'],
  ['optional', true, 'challenge'],
  ['required', false, 'enrol'],
  ['required', true, 'challenge'],
] as const)('policy %s, has a factor: %s → %s', (level, hasFactor, expected) => {
  expect(standing({ level }, hasFactor)).toBe(expected);
});

it.each([
  ['required', false, undefined, undefined],
  ['required', false, NOW + 1, NOW + 1],
  ['required', false, NOW, undefined], // the minute has come
  ['required', false, NOW - 1, undefined],
  ['required', true, NOW + 1, undefined], // who has one is asked for it
  ['optional', false, NOW + 1, undefined],
  ['off', false, NOW + 1, undefined],
] as const)('policy %s, has a factor: %s, grace until %s → may wait until %s', (level, hasFactor, grace, expected) => {
  const policy = { level, first: ANYBODY, ...(grace === undefined ? {} : { graceUntil: grace }) };
  expect(mayWaitUntil(policy, hasFactor, NOW)).toBe(expected);
});

describe('who may change factors (T6)', () => {
  it.each([
    [false, 'fresh-proof-needed'],
    [true, 'yes'],
  ] as const)('with a factor only a fresh proof counts (%s), whatever the rule and the ticket', (fresh, expected) => {
    for (const first of [ANYBODY, TICKET]) {
      for (const hasTicket of [false, true]) {
        const changing = { hasFactor: true, provedFreshly: fresh, hasTicket };
        expect(mayChangeFactors({ first }, changing, NOW)).toBe(expected);
      }
    }
  });

  it('whoever has just proved one and removed it needs no ticket for the next', () => {
    const changing = { hasFactor: false, hasTicket: false, provedFreshly: true };
    expect(mayChangeFactors({ first: TICKET }, changing, NOW)).toBe('yes');
  });

  it.each([
    ['anybody', ANYBODY, false, 'yes'],
    ['a ticket, and there is none', TICKET, false, 'ticket-needed'],
    ['a ticket, and there is one', TICKET, true, 'yes'],
    ['a ticket but here, and this is here', ticketBut(true), false, 'yes'],
    ['a ticket but there, and this is elsewhere', ticketBut(false), false, 'ticket-needed'],
    ['a ticket from now on', ticketBut(true, NOW), false, 'ticket-needed'],
    ['a ticket, a little later', ticketBut(true, NOW + 1), false, 'yes'],
    ['a ticket a little later, but this is elsewhere', ticketBut(false, NOW + 1), false, 'ticket-needed'],
    ['a ticket from now on, and there is one', ticketBut(false, NOW), true, 'yes'],
  ] as const)('without a factor: %s (attack 53)', (_name, first, hasTicket, expected) => {
    expect(mayChangeFactors({ first }, { hasFactor: false, hasTicket, provedFreshly: false }, NOW)).toBe(expected);
  });
});

it('counts every factor where nothing is said, and none but the listed ones otherwise (attack 16)', () => {
  expect(isAllowed({}, 'totp')).toBe(true);
  expect(isAllowed({ factors: ['passkey'] }, 'passkey')).toBe(true);
  expect(isAllowed({ factors: ['passkey'] }, 'totp')).toBe(false);
  expect(isAllowed({ factors: ['passkey'] }, 'recovery')).toBe(false);
  expect(isAllowed({ factors: [] }, 'passkey')).toBe(false);
});

it.each([
  ['off', undefined, [], true],
  ['optional', undefined, [], true],
  ['required', undefined, [], false],
  ['required', undefined, ['totp'], true],
  ['required', ['passkey'], ['totp', 'passkey'], true],
  ['required', ['passkey'], ['totp'], false],
  ['optional', ['passkey'], ['totp'], false],
  ['optional', ['passkey'], [], true],
] as const)('policy %s, counting %s: may keep only %s → %s', (level, factors, left, expected) => {
  expect(mayKeepOnly({ level, ...(factors === undefined ? {} : { factors }) }, left)).toBe(expected);
});

function ticketBut(here: boolean, until?: number): FirstRule {
  return { needs: 'ticket', free: { here, ...(until === undefined ? {} : { until }) } };
}
