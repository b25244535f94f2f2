/** What an accepted password is worth, and who may change factors: every line of both tables. */
import { expect, it } from 'vitest';
import { mayChangeFactors, standing } from '../../src/gate/policy.ts';

it.each([
  ['off', false, 'pass'],
  ['off', true, 'pass'],
  ['optional', false, 'pass'],
  ['optional', true, 'challenge'],
  ['required', false, 'enrol'],
  ['required', true, 'challenge'],
] as const)('policy %s, has a factor: %s → %s', (level, hasFactor, expected) => {
  expect(standing(level, hasFactor)).toBe(expected);
});

it.each([
  [false, false, true],
  [false, true, true],
  [true, false, false],
  [true, true, true],
])('has a factor: %s, proved freshly: %s → may change factors: %s (T6)', (hasFactor, fresh, may) => {
  expect(mayChangeFactors(hasFactor, fresh)).toBe(may);
});
