/** Names in the configuration, compared as the profile compares them. Decides nothing about a request. */
import type { FirstRule, PolicyFor } from '../gate/policy.ts';
import type { ClientFacts, FactorId, Identity, PolicyLevel } from '../gate/types.ts';
import type { Config } from './config.ts';

const DAY_MS = 86_400_000;

type Identify = (name: string) => Identity | undefined;

/** What the policy says of an identity that signed in from there. */
export type PolicyOf = (identity: Identity, from?: ClientFacts) => PolicyFor;

/** What an address is worth to somebody who signed in from there. */
export interface Places {
  /** A first method needs no ticket. */
  readonly isFree: (address: string) => boolean;
  /** Who has a factor is not asked for it. */
  readonly isTrusted: (address: string) => boolean;
}

export function policyOf(policy: Config['policy'], identify: Identify, { isFree, isTrusted }: Places): PolicyOf {
  const { firstEnrolment, graceUntil } = policy;
  const level = levelsOf(policy, identify);
  const allowed = countingFactors(policy, identify);
  const browserMs = browserMsOf(policy, identify);
  return (identity, from) => {
    const factors = allowed(identity);
    const trusting = browserMs(identity);
    return {
      level: level(identity),
      first: firstRule(firstEnrolment, from, isFree),
      isTrustedNetwork: from !== undefined && isTrusted(from.address),
      ...(graceUntil === undefined ? {} : { graceUntil }),
      ...(factors === undefined ? {} : { factors }),
      ...(trusting === undefined ? {} : { browserMs: trusting }),
    };
  };
}

function browserMsOf(
  { trustedBrowser: { days, except } }: Config['policy'],
  identify: Identify,
): (identity: Identity) => number | undefined {
  if (days === 0) return () => undefined;
  const isExcept = byName(Object.fromEntries(except.map((name) => [name, true])), identify);
  return (identity) => (isExcept(identity) === true ? undefined : days * DAY_MS);
}

function firstRule(
  { needs, withoutTicketFrom, withoutTicketUntil: until }: Config['policy']['firstEnrolment'],
  from: ClientFacts | undefined,
  isFree: (address: string) => boolean,
): FirstRule {
  if (withoutTicketFrom.length === 0 && until === undefined) return { needs };
  const here = withoutTicketFrom.length === 0 || (from !== undefined && isFree(from.address));
  return { needs, free: { here, ...(until === undefined ? {} : { until }) } };
}

/** Kinds of proof that count for an identity; `undefined`: every one that is on. */
export function countingFactors(
  policy: Pick<Config['policy'], 'factors'>,
  identify: Identify,
): (identity: Identity) => readonly FactorId[] | undefined {
  return byName(policy.factors, identify);
}

export function levelsOf(
  policy: Pick<Config['policy'], 'default' | 'users'>,
  identify: Identify,
): (identity: Identity) => PolicyLevel {
  const named = byName(policy.users, identify);
  return (identity) => named(identity) ?? policy.default;
}

/** A name as such goes first, then patterns in the order written. */
function byName<T>(entries: Readonly<Record<string, T>>, identify: Identify): (identity: Identity) => T | undefined {
  const exact = new Map<string, T>();
  const patterns: { readonly expression: RegExp; readonly value: T }[] = [];
  for (const [name, value] of Object.entries(entries)) {
    if (name.includes('*')) patterns.push({ expression: wildcard(name, identify), value });
    else exact.set(identify(name) ?? name, value);
  }
  return (identity) => exact.get(identity) ?? patterns.find(({ expression }) => expression.test(identity))?.value;
}

export function adminsOf(admins: readonly string[], identify: Identify): (identity: Identity) => boolean {
  const names = new Set<string | undefined>(admins.map((name) => identify(name)));
  return (identity) => names.has(identity);
}

function wildcard(pattern: string, identify: Identify): RegExp {
  const parts = (identify(pattern) ?? pattern).split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}/-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'su');
}
