/** When a browser stands for a factor, when it is nobody's, and when somebody has a copy of what it keeps: every line (attack 60). */
import { describe, expect, it } from 'vitest';
import {
  type BrowserFacts,
  isGood,
  judgeBrowser,
  TOGETHER_MS,
  type TrustedBrowser,
  trustFor,
  withBrowser,
} from '../../src/gate/trusted-browsers.ts';
import { FACTOR_IDS } from '../../src/gate/types.ts';

const NOW = 1_000_000;
const HERE = { address: '198.51.100.7', agent: 'Firefox' };
const FACTS: BrowserFacts = { now: NOW, factorVersion: 3, policy: { browserMs: 1000 }, from: HERE };
const BROWSER: TrustedBrowser = {
  id: 'one',
  hash: 'live',
  before: { hash: 'used', at: NOW - TOGETHER_MS + 1 },
  factor: 'totp',
  factorVersion: 3,
  createdAt: NOW - 999,
  usedAt: NOW - 500,
  until: NOW + 1,
  from: HERE,
};
const OTHER: TrustedBrowser = { ...BROWSER, id: 'other', hash: 'other-live' };

const judge = (
  over: Partial<TrustedBrowser>,
  brought: { id?: string; hash?: string },
  facts: Partial<BrowserFacts> = {},
) =>
  judgeBrowser(
    [OTHER, { ...BROWSER, ...over }],
    { id: 'one', hash: 'live', ...brought },
    { ...FACTS, ...facts },
    'next',
  );

it('the live value lets in, and is replaced; the others stay as they are', () => {
  const from = { address: '203.0.113.9', agent: 'Firefox' };
  const next = { ...BROWSER, hash: 'next', before: { hash: 'live', at: NOW }, usedAt: NOW, from };
  expect(judge({}, {}, { from })).toEqual({ is: 'trusted', browser: next, replaced: [OTHER, next] });
});

describe('the value before', () => {
  it.each([
    ['at once, by the same browser', {}, {}, 'trusted'],
    ['a little later', { before: { hash: 'used', at: NOW - TOGETHER_MS } }, {}, 'misused'],
    ['at once, from another address', {}, { from: { ...HERE, address: '203.0.113.9' } }, 'misused'],
    ['at once, by another browser', {}, { from: { ...HERE, agent: 'Chrome' } }, 'misused'],
  ] as const)('%s', (_, over, facts, expected) => {
    const ruling = judge(over, { hash: 'used' }, facts);
    expect(ruling.is).toBe(expected);
    expect(ruling).not.toHaveProperty('replaced'); // it gets nothing that it could come with again
  });
});

it.each(['older', 'other-live', ''])('any other value under a name that is known is a copy (%j)', (hash) => {
  const { before: _before, ...first } = BROWSER;
  for (const browser of [BROWSER, first]) {
    expect(judgeBrowser([browser, OTHER], { id: 'one', hash }, FACTS, 'next')).toEqual({ is: 'misused' });
  }
});

describe('what is not good any more is nobody’s, whatever is brought, and suspects nobody', () => {
  it.each([
    ['of no browser of this account', {}, { id: 'two' }, {}],
    ['its time is over', { until: NOW }, {}, {}],
    ['the policy trusts for less long now', {}, {}, { policy: { browserMs: 999 } }],
    ['the policy trusts nobody now', {}, {}, { policy: {} }],
    ['methods were changed', {}, {}, { factorVersion: 4 }],
    ['methods are of an earlier time', {}, {}, { factorVersion: 2 }],
    ['what it proved does not count any more', {}, {}, { policy: { browserMs: 1000, factors: ['passkey' as const] } }],
  ])('%s', (_, over, brought, facts) => {
    for (const hash of ['live', 'used', 'older']) {
      expect(judge(over, { hash, ...brought }, facts)).toEqual({ is: 'unknown' });
    }
  });
});

it('a list takes one more, forgets what means nothing, and has twenty at most', () => {
  const old = { ...BROWSER, id: 'old', until: NOW };
  expect(withBrowser([BROWSER, old], OTHER, FACTS).map(({ id }) => id)).toEqual(['other', 'one']);
  const many = Array.from({ length: 20 }, (_, n) => ({ ...BROWSER, id: `b${n}` }));
  const list = withBrowser(many, OTHER, FACTS).map(({ id }) => id);
  expect([list.length, list[0], list.at(-1)]).toEqual([20, 'other', 'b18']);
  expect(isGood(old, FACTS)).toBe(false);
});

it('comes to be with a proof at a login, and never with what stands in for a lost factor', () => {
  for (const factor of FACTOR_IDS) {
    const isStandIn = factor === 'recovery' || factor === 'bypass';
    expect(trustFor({ browserMs: 1000 }, factor, false), factor).toBe(isStandIn ? undefined : 1000);
    expect(trustFor({ browserMs: 1000 }, factor, true)).toBeUndefined();
    expect(trustFor({}, factor, false)).toBeUndefined();
  }
});
