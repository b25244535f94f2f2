/**
 * Which rule is a request's? Rules that open match exactly what they say; rules that close match every reading of it that
 * an obliging server might have (I1, attacks 64 to 67). Nothing here knows sessions.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { RouteClass } from '../gate/types.ts';
import { condition } from './conditions.ts';
import { widest } from './path.ts';
import { anyOf, hostMatcher } from './patterns.ts';
import type { RouteQuestion } from './profile.ts';
import type { RouteRuleData } from './schema.ts';

export interface PlaceMatcher {
  /** The path as it is written, and nothing else. */
  exact(path: string): boolean;
  /** Any case, any further decoding, and what stands below: PHP runs `/index.php` for `/index.php/x` (attack 65). */
  wide(path: string): boolean;
}

export interface RouteRule {
  readonly class: RouteClass;
  readonly place: PlaceMatcher;
  readonly readsBody: boolean;
  matches(question: RouteQuestion): boolean;
  /** The same rule read as one that closes, whatever its class. */
  mightMatch(question: RouteQuestion): boolean;
}

export function pathMatcher(path: string): PlaceMatcher {
  const wide = withoutSlash(widest(path));
  return {
    exact: (asked) => asked === path,
    wide(asked) {
      const reading = withoutSlash(widest(asked));
      return reading === wide || (wide !== '' && reading.startsWith(`${wide}/`));
    },
  };
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** `/lib` is itself and everything below; `/lib/` only what is below. Never `/library`. */
export function prefixMatcher(prefix: string): PlaceMatcher {
  const folder = prefix.endsWith('/') ? prefix : `${prefix}/`;
  const wideFolder = widest(folder);
  return {
    exact: (asked) => asked.startsWith(folder) || asked === prefix,
    wide(asked) {
      return `${widest(asked)}/`.startsWith(wideFolder);
    },
  };
}

export function compileRoute(rule: RouteRuleData): RouteRule {
  const place = rule.prefix === undefined ? pathMatcher(rule.path ?? '/') : prefixMatcher(rule.prefix);
  const methodFits = methodMatcher(rule.methods ?? DEFAULT_METHODS[rule.class]);
  const when = condition(rule.when);
  const onHost = rule.hosts === undefined ? undefined : anyOf(rule.hosts.map(hostMatcher));
  const isClient = rule.clients === undefined ? undefined : new Set(rule.clients);
  const fromNetwork = rule.from === undefined ? undefined : networkMatcher(rule.from);

  const mightMatch = (question: RouteQuestion): boolean =>
    methodFits(question.method) &&
    place.wide(question.path) &&
    (onHost === undefined || question.host === undefined || onHost(question.host)) &&
    when(question) !== 'no';

  const matchesExactly = (question: RouteQuestion): boolean =>
    methodFits(question.method) &&
    place.exact(question.path) &&
    (onHost === undefined || (question.host !== undefined && onHost(question.host))) &&
    (fromNetwork === undefined || fromNetwork(question.client)) &&
    (isClient === undefined || (question.apiClient !== undefined && isClient.has(question.apiClient))) &&
    when(question) === 'yes';

  return {
    class: rule.class,
    place,
    readsBody: rule.when !== undefined,
    matches: rule.class === 'protected' ? mightMatch : matchesExactly,
    mightMatch,
  };
}

const DEFAULT_METHODS: Readonly<Record<RouteClass, readonly string[] | undefined>> = {
  login: ['GET', 'POST'],
  static: ['GET'],
  public: undefined,
  protected: undefined,
  service: undefined,
};

export function methodMatcher(methods: readonly string[] | undefined): (method: string) => boolean {
  if (methods === undefined) return () => true;
  const names = new Set(methods);
  if (names.has('GET')) names.add('HEAD');
  return (method) => names.has(method);
}

/** Single addresses and CIDRs; an address that cannot be read is in no network. */
export function networkMatcher(networks: readonly string[]): (client: string) => boolean {
  const parsed = networks.map((network) => {
    if (network.includes('/')) return ipaddr.parseCIDR(network);
    const address = ipaddr.parse(network);
    return [address, address.kind() === 'ipv4' ? 32 : 128] as const;
  });
  return (client) => {
    if (isIP(client) === 0) return false; // ipaddr.js also takes 10.1 and 0x0a000001
    const address = ipaddr.process(client); // ::ffff:10.0.0.1 is 10.0.0.1
    return parsed.some(([range, bits]) => address.kind() === range.kind() && address.match(range, bits));
  };
}
