/** When a signed call is of now. */
import { describe, expect, it } from 'vitest';
import { callAge } from '../../src/gate/call-age.ts';

const NOW = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

describe('a signed call', () => {
  it.each([
    ['of this moment', 0, 'fresh'],
    ['five minutes old', -5 * MINUTE, 'fresh'],
    ['older than that', -5 * MINUTE - 1, 'old'],
    ['of long ago', -NOW, 'old'],
    ['of a clock that is a minute fast', MINUTE, 'fresh'],
    ['of a clock that is faster', MINUTE + 1, 'early'],
    ['of next year', 365 * 1440 * MINUTE, 'early'],
    ['of no time at all', Number.NaN, 'old'],
  ])('%s', (_name, offset, is) => {
    expect(callAge(NOW + offset, NOW).is).toBe(is);
  });

  it('is remembered for longer than it is good, by any clock that may still take it', () => {
    for (const offset of [-5 * MINUTE, 0, MINUTE]) {
      const age = callAge(NOW + offset, NOW);
      expect(age).toMatchObject({ rememberUntil: NOW + offset + 10 * MINUTE });
    }
  });
});
