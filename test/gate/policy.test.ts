/** What an accepted password is worth, until when a factor may wait, and who may change factors: every line of each table. */
import { describe, expect, it } from 'vitest';
import {
  type FirstRule,
  isAllowed,
  mayChangeFactors,
  mayKeepOnly,
  mayWaitUntil,
  standing,
  worthOf,
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

describe('everything that may stand for a factor', () => {
  const LEVELS = ['off', 'optional', 'required'] as const;
  const BROWSERS = [undefined, 'misused', { id: 'b' }] as const;

  it('an enrolled person is let in without the factor by these, and by nothing else', () => {
    const skipped: string[] = [];
    for (const level of LEVELS) {
      for (const isTrustedNetwork of [undefined, false, true]) {
        for (const browserMs of [undefined, 1000]) {
          for (const browser of BROWSERS) {
            const policy = { level, ...(isTrustedNetwork === undefined ? {} : { isTrustedNetwork }) };
            const worth = worthOf({ ...policy, ...(browserMs === undefined ? {} : { browserMs }) }, true, browser);
            if (worth.standing === 'challenge') {
              expect(worth.trust).toBeUndefined();
              continue;
            }
            expect(worth.standing).toBe('pass'); // never to another enrolment
            const because = level === 'off' ? 'off' : worth.trust?.how;
            if (because === 'network') expect([isTrustedNetwork, browser]).not.toContain('misused');
            if (because === 'trusted-browser') expect([browser, browserMs]).toEqual([{ id: 'b' }, 1000]);
            skipped.push(`${because}`);
          }
        }
      }
    }
    // Of 18 cases for each level: all where nobody is asked; else three by a browser, and three by the network without one.
    const count = (why: string): number => skipped.filter((one) => one === why).length;
    expect([count('off'), count('trusted-browser'), count('network')]).toEqual([18, 6, 6]);
    expect(skipped).toHaveLength(30);
  });

  it.each(LEVELS)('changes nothing for whoever has no factor: policy %s', (level) => {
    for (const browser of BROWSERS) {
      const worth = worthOf({ level, isTrustedNetwork: true, browserMs: 1000 }, false, browser);
      expect(worth).toEqual({ standing: standing({ level }, false) });
    }
  });

  it('prefers the browser, whose rights hold everywhere', () => {
    const policy = { level: 'optional', isTrustedNetwork: true, browserMs: 1000 } as const;
    expect(worthOf(policy, true, { id: 'b' }).trust).toEqual({ how: 'trusted-browser', browser: 'b' });
    expect(worthOf(policy, true, undefined).trust).toEqual({ how: 'network' });
    expect(worthOf(policy, true, 'misused')).toEqual({ standing: 'challenge' });
  });
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
    ['a known address or a ticket, and neither was shown', { needs: 'known' }, false, 'ticket-needed'],
    ['a known address or a ticket, and one was shown', { needs: 'known' }, true, 'yes'],
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
