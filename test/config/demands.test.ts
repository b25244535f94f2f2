/** Which addresses demand a proof, and of what age; places match as rules that close do. */
import { describe, expect, it } from 'vitest';
import { demandsOf } from '../../src/config/demands.ts';

const MINUTE = 60_000;
const demands = demandsOf({
  routes: [{ path: '/billing', level: 'required' }],
  stepUp: [
    { prefix: '/billing/pay', within: 10 * MINUTE },
    { path: '/users/delete', methods: ['POST'], within: 5 * MINUTE },
    { prefix: '/users/', methods: ['GET', 'POST'], within: 60 * MINUTE },
  ],
});

it('costs nothing where there is no rule', () => {
  expect(demandsOf({ routes: [], stepUp: [] })).toBeUndefined();
});

describe('the strictest rule counts', () => {
  it.each([
    ['GET', '/billing', Infinity],
    ['GET', '/billing/pay', 10 * MINUTE],
    ['DELETE', '/billing/pay/now', 10 * MINUTE],
    ['POST', '/users/delete', 5 * MINUTE],
    ['GET', '/users/delete', 60 * MINUTE],
    ['HEAD', '/users/delete', 60 * MINUTE],
    ['PUT', '/users/delete', undefined],
    ['GET', '/usersdelete', undefined],
    ['GET', '/', undefined],
  ])('%s %s', (method, path, within) => {
    expect(demands?.(method, path)).toBe(within);
    expect(demands?.(method, path), 'the same again').toBe(within);
  });
});

describe('every reading of an address that an obliging server might have (attacks 64 to 67)', () => {
  it.each(['/BILLING', '/billing/', '/billing/x', '/Billing/Pay', '/%62illing', '/billing./pay '])('%s', (path) => {
    expect(demands?.('GET', path)).toBeDefined();
  });
});
