/** Was that a login, and whose? The whole table of what two witnesses can say, and the same for verified sessions. */
import { describe, expect, it } from 'vitest';
import { confirm, type Interception, intercept, type Witnesses } from '../../src/gate/intercept.ts';
import type { Naming, Verdict } from '../../src/gate/types.ts';
import { ALICE, BOB } from './samples.ts';

const named: Naming = { is: 'named', identity: ALICE };
const nobody: Naming = { is: 'nobody' };
const unknown: Naming = { is: 'unknown', why: 'timeout' };
const VERDICTS: readonly (Verdict | undefined)[] = ['accepted', 'rejected', 'unsure', undefined];

const login = { is: 'login', identity: ALICE } as const;
const none = { is: 'no-login' } as const;
const whoKnows = { is: 'withhold', why: 'identity-unknown' } as const;
const mismatch = { is: 'withhold', why: 'identity-mismatch' } as const;

function ask(seen: Partial<Witnesses>): Interception {
  return intercept({ verdict: undefined, naming: undefined, hint: undefined, hintMustMatch: true, ...seen });
}

describe('with an application that names people (I3)', () => {
  it.each(VERDICTS)('its word stands, whatever the rules say (%s)', (verdict) => {
    expect(ask({ verdict, naming: named, hint: ALICE })).toEqual(login);
    expect(ask({ verdict, naming: named })).toEqual(login);
    expect(ask({ verdict, naming: nobody, hint: ALICE })).toEqual(none);
    expect(ask({ verdict, naming: unknown, hint: ALICE })).toEqual(whoKnows);
  });

  it.each(VERDICTS)('a form that named somebody else is a refusal, unless the profile says so (%s)', (verdict) => {
    expect(ask({ verdict, naming: named, hint: BOB })).toEqual(mismatch);
    expect(ask({ verdict, naming: named, hint: BOB, hintMustMatch: false })).toEqual(login);
  });
});

describe('with rules alone', () => {
  it.each<[Verdict | undefined, Witnesses['hint'], Interception]>([
    ['accepted', ALICE, login],
    ['accepted', undefined, whoKnows],
    ['unsure', ALICE, whoKnows],
    ['unsure', undefined, whoKnows],
    ['rejected', ALICE, none],
    ['rejected', undefined, none],
    [undefined, ALICE, none],
    [undefined, undefined, none],
  ])('%s with the name %s', (verdict, hint, expected) => {
    expect(ask({ verdict, hint })).toEqual(expected);
    expect(ask({ verdict, hint, hintMustMatch: false })).toEqual(expected);
  });
});

it.each([
  [named, 'same'],
  [{ is: 'named', identity: BOB } as Naming, 'changed'],
  [nobody, 'left'],
  [unknown, 'unknown'],
] as const)('in a verified session %o is %s', (naming, expected) => {
  expect(confirm(ALICE, naming)).toBe(expected);
});

describe('an answer that hands out a token', () => {
  it('never goes out as one by which nobody logged in', () => {
    for (const verdict of VERDICTS) {
      for (const naming of [named, nobody, unknown, undefined]) {
        for (const hint of [ALICE, undefined]) {
          const plain = ask({ verdict, naming, hint });
          const expected = plain.is === 'no-login' ? whoKnows : plain;
          expect(ask({ verdict, naming, hint, hasToken: true })).toEqual(expected);
        }
      }
    }
  });
});
