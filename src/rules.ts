/** From a checked configuration to the rules that requests run by. Built anew at each reload and swapped as a whole. */
import type { Rules } from './assemble.ts';
import type { Clock } from './clock.ts';
import type { LoadedConfig } from './config/load.ts';
import { buildFactors, type FactorsOptions } from './factors/registry.ts';
import type { Identity, PolicyLevel } from './gate/types.ts';
import type { Log } from './log.ts';
import { parseNetwork } from './request/client.ts';

const HOUR_MS = 3_600_000;
const DRAFT_MS = 15 * 60_000;

export interface RuleNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly randomBytes: (count: number) => Buffer;
}

export function rulesFrom({ config, profile }: LoadedConfig, needs: RuleNeeds): Rules {
  const { limits, sessions } = config;
  const publicUrl = new URL(config.publicUrl);
  const admins = new Set(config.admins.flatMap((name) => profile.identify(name) ?? []));
  return {
    profile,
    publicUrl,
    gatewayPath: config.gatewayPath,
    trustedProxies: config.trustedProxies.map(parseNetwork),
    loginBudgets: [{ max: limits.logins.max, perMs: limits.logins.per }],
    sessions: {
      idleMs: sessions.idle,
      absoluteMs: sessions.absolute,
      pendingMs: sessions.pending,
      maxAnonymous: limits.anonymousSessions,
    },
    ceremonies: {
      guesses: { free: limits.guesses.free, pausesMs: limits.guesses.pauses, hard: limits.guesses.hard },
      perLogin: limits.guesses.perLogin,
      sends: [
        { max: 1, perMs: limits.sends.gap },
        { max: limits.sends.perHour, perMs: HOUR_MS },
        { max: limits.sends.perDay, perMs: 24 * HOUR_MS },
      ],
      pendingMs: sessions.pending,
      stepUpMs: sessions.stepUp,
      draftMs: DRAFT_MS,
    },
    factors: buildFactors(factorOptions(config), needs),
    site: {
      service: config.branding.service,
      publicUrl: publicUrl.origin,
      gatewayPath: config.gatewayPath,
      home: profile.home,
      loginPage: profile.loginPage,
      contact: config.support.contact,
      defaultCountry: config.branding.country,
      usesProvider: config.factors.authy !== undefined,
    },
    level: levels(config.policy, (name) => profile.identify(name)),
    isAdmin: (identity) => admins.has(identity),
  };
}

function factorOptions({ factors, publicUrl }: LoadedConfig['config']): FactorsOptions {
  const { authy, totp } = factors;
  return {
    ...(totp === false ? {} : { totp }),
    ...(authy === undefined
      ? {}
      : {
          authy: {
            apiKey: authy.apiKey,
            baseUrl: authy.baseUrl,
            timeoutMs: authy.timeout,
            channels: authy.channels,
            emailDomain: authy.emailDomain ?? new URL(publicUrl).hostname,
            ...(authy.locale === undefined ? {} : { locale: authy.locale }),
          },
        }),
  };
}

/** Exact names first, then the patterns in the order they stand, then the default. */
function levels(
  policy: { default: PolicyLevel; users: Readonly<Record<string, PolicyLevel>> },
  identify: (name: string) => Identity | undefined,
): (identity: Identity) => PolicyLevel {
  const exact = new Map<string, PolicyLevel>();
  const patterns: { test(name: string): boolean; level: PolicyLevel }[] = [];
  for (const [name, level] of Object.entries(policy.users)) {
    if (!name.includes('*')) {
      exact.set(identify(name) ?? name, level);
      continue;
    }
    const source = name
      .toLowerCase()
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*');
    const pattern = new RegExp(`^${source}$`, 'is');
    patterns.push({ test: (identity) => pattern.test(identity), level });
  }
  return (identity) =>
    exact.get(identity) ?? patterns.find((pattern) => pattern.test(identity))?.level ?? policy.default;
}
