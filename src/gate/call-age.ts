/**
 * Calls that a provider signs say when. Nothing in a signature keeps a call from being made again, so an old one is refused, and
 * a new one is good once: it is remembered for longer than it is good, also where the clocks of two gateways differ.
 */
import type { Instant } from './types.ts';

const OLDEST_MS = 5 * 60_000;
/** Clocks differ; more than that is no difference of clocks. */
const EARLIEST_MS = 60_000;

export type CallAge =
  | { readonly is: 'fresh'; readonly rememberUntil: Instant }
  | { readonly is: 'old' }
  | { readonly is: 'early' };

export function callAge(signedAt: Instant, now: Instant): CallAge {
  if (!(now - signedAt <= OLDEST_MS)) return { is: 'old' };
  if (signedAt - now > EARLIEST_MS) return { is: 'early' };
  return { is: 'fresh', rememberUntil: signedAt + 2 * OLDEST_MS };
}
