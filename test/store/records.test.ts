/** A record that is not understood is no record: half of somebody's recovery codes must not pass for all of them (I6). */
import { expect, it } from 'vitest';
import { isUserRecord } from '../../src/store/records.ts';

const user = { identity: 'a', enrolments: [], factorVersion: 1 };
const code = { index: '00ff', salt: 'c2FsdA', hash: 'aGFzaA' };

it.each([
  [undefined, true],
  [{ codes: [], madeAt: 1 }, true],
  [{ codes: [code, code], madeAt: 1 }, true],
  [null, false],
  [[], false],
  [{ codes: [code] }, false],
  [{ codes: code, madeAt: 1 }, false],
  [{ codes: [code, { ...code, hash: 5 }], madeAt: 1 }, false],
  [{ codes: [code, 'code'], madeAt: 1 }, false],
])('recovery codes stored as %j: %s', (recovery, isRecord) => {
  expect(isUserRecord('a', recovery === undefined ? user : { ...user, recovery })).toBe(isRecord);
});
