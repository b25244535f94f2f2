/** Which queries are asked about inside a verified session. */
import { expect, it } from 'vitest';
import { mayCarryCredentials } from '../../src/gate/credentials.ts';

it.each([
  [['u', 'p'], true],
  [['LoginForm[email]', 'LoginForm[password]'], true],
  [['ticket'], true],
  [['SAMLResponse'], true],
  [['reset_token'], true],
  [['id', 'do', 'rev'], false],
  [['q', 'page', 'sort', 'offset'], false],
  [[], false],
])('%j: %s', (names, expected) => {
  expect(mayCarryCredentials(names)).toBe(expected);
});
