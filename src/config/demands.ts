/**
 * The blocks `policy.routes` and `policy.stepUp`: addresses of the application where a verified session is not enough. Their
 * places match as rules that close do: any case, any further decoding, and what stands below (I1). Decides nothing about a request.
 */
import { z } from 'zod';
import { method, rulePath } from '../profiles/checks.ts';
import { remembered } from '../profiles/remember.ts';
import { methodMatcher, pathMatcher, prefixMatcher } from '../profiles/routes.ts';
import type { ProfileData } from '../profiles/schema.ts';
import type { Config } from './config.ts';
import { time } from './durations.ts';
import { error, type Remark } from './remark.ts';
import type { ParsedConfig } from './schema.ts';

const place = {
  methods: z.array(method).min(1).optional().describe('Any method without it; GET includes HEAD, and sockets are GET.'),
  path: rulePath.optional().describe('This path, in any case and with whatever stands below.'),
  prefix: rulePath.optional().describe('This path and everything below it; with `/` at the end only what is below.'),
};

type Place = { readonly path?: string | undefined; readonly prefix?: string | undefined };

function isOnePlace({ path, prefix }: Place): boolean {
  return (path === undefined) !== (prefix === undefined);
}

export const routesSchema = z
  .array(
    z
      .strictObject({
        ...place,
        level: z
          .literal('required', 'a route can only ask for more than the person’s level: required')
          .describe('required: a factor must have been proved in this session.'),
      })
      .refine(isOnePlace, 'give either path or prefix'),
  )
  .default([])
  .describe(
    'Addresses that ask everybody for a factor, whatever the level of the person. A route never asks for less.',
  );

export const stepUpSchema = z
  .array(
    z
      .strictObject({ ...place, within: time('1m', '12h').describe('How old the proof may be.') })
      .refine(isOnePlace, 'give either path or prefix'),
  )
  .default([])
  .describe(
    'Addresses that ask for a proof that is younger than this. A form that was sent too early is kept until the proof.',
  );

interface Demand {
  readonly withinMs: number;
  isMet(method: string, path: string): boolean;
}

type Rule = Place & { readonly methods?: readonly string[] | undefined };

function demand({ methods, path, prefix }: Rule, withinMs: number): Demand {
  const isMethod = methodMatcher(methods);
  const { wide } = prefix === undefined ? pathMatcher(path ?? '/') : prefixMatcher(prefix);
  return { withinMs, isMet: (method, asked) => isMethod(method) && wide(asked) };
}

/**
 * How old a proof may be at an address, in ms: the strictest rule counts, and `Infinity` is any proof of the session.
 * @returns `undefined` when there is no rule at all, so that nobody needs to ask
 */
export function demandsOf({
  routes,
  stepUp,
}: Pick<Config['policy'], 'routes' | 'stepUp'>): ((method: string, path: string) => number | undefined) | undefined {
  if (routes.length === 0 && stepUp.length === 0) return undefined;
  const demands = [...routes.map((rule) => demand(rule, Infinity)), ...stepUp.map((rule) => demand(rule, rule.within))];
  const strictest = remembered((method: string) =>
    remembered((path: string) => {
      const met = demands.filter((one) => one.isMet(method, path));
      return { withinMs: met.length === 0 ? undefined : Math.min(...met.map((one) => one.withinMs)) };
    }),
  );
  return (method, path) => strictest(method)(path).withinMs;
}

/** A proof that the way to the login demands could never be given, and our own pages ask for what they need by themselves. */
export function checkDemands({ gatewayPath, policy }: ParsedConfig, { login }: ProfileData): readonly Remark[] {
  const remarks: Remark[] = [];
  const page = login?.page.split('?', 1)[0];
  const check = (key: 'routes' | 'stepUp', rules: readonly Rule[]): void => {
    for (const [i, rule] of rules.entries()) {
      const { isMet } = demand(rule, 0);
      const at = ['policy', key, i, rule.prefix === undefined ? 'path' : 'prefix'];
      const isPage = page !== undefined && isMet('GET', page);
      if (isPage || login?.requests.some(({ method, path }) => isMet(method, path)) === true) {
        remarks.push(error(at, 'asks for a proof on the way to the login; name the addresses that need it'));
      } else if (isBelow(rule.path ?? rule.prefix, gatewayPath)) {
        remarks.push(error(at, 'is below gatewayPath; the gateway’s own pages ask for a proof where they need one'));
      }
    }
  };
  check('routes', policy.routes);
  check('stepUp', policy.stepUp);
  return remarks;
}

function isBelow(place: string | undefined, gatewayPath: string): boolean {
  return place === gatewayPath || place?.startsWith(`${gatewayPath}/`) === true;
}
