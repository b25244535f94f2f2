/** From a checked configuration to the rules that requests run by. Built anew at each reload and swapped as a whole. */
import type { Rules } from './assemble.ts';
import type { Clock } from './clock.ts';
import { demandsOf } from './config/demands.ts';
import type { LoadedConfig } from './config/load.ts';
import { adminsOf, policyOf } from './config/people.ts';
import { revealed } from './config/secret.ts';
import { buildFactors } from './factors/registry.ts';
import type { Identity } from './gate/types.ts';
import type { Log } from './log.ts';
import { createMailer } from './mail/smtp.ts';
import { isEmail } from './people/email.ts';
import type { KnownPerson } from './people/people.ts';
import { isInside, isPlacedIn, parseNetwork } from './request/client.ts';
import { ApiClients } from './request/client-credential.ts';
import { ScopeRules } from './request/scope.ts';
import { signInPage } from './way.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DRAFT_MS = 15 * MINUTE_MS;

export interface RuleNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly randomBytes: (count: number) => Buffer;
  readonly mac: (label: string, text: string) => Buffer;
  /** What the administrator's list says of somebody. */
  readonly known: (identity: Identity) => KnownPerson | undefined;
}

export function rulesFrom({ config, profile }: LoadedConfig, needs: RuleNeeds): Rules {
  const { limits, sessions } = config;
  const publicUrl = new URL(config.publicUrl);
  const { service } = config.branding;
  const { email } = config.factors;
  const mailer = email === undefined ? undefined : createMailer(revealed(email), { ...needs, service });
  const trustedProxies = config.trustedProxies.map(parseNetwork);
  const trustedNetworks = config.policy.trustedNetworks.map(parseNetwork);
  const isTrustedPlace = (client: string): boolean => isPlacedIn(client, trustedNetworks, trustedProxies);
  const freeNetworks = config.policy.firstEnrolment.withoutTicketFrom.map(parseNetwork);
  const factors = buildFactors(revealed(config.factors), {
    ...needs,
    site: { service, publicUrl },
    ...(mailer === undefined ? {} : { mailer }),
  });
  return {
    profile,
    publicUrl,
    gatewayPath: config.gatewayPath,
    scopeRules: new ScopeRules(publicUrl, trustedProxies, profile.isPublicHost),
    isTrustedPlace,
    loginBudgets: [
      { max: limits.logins.perMinute, perMs: MINUTE_MS },
      { max: limits.logins.perHour, perMs: HOUR_MS },
    ],
    apiClients: new ApiClients(config.clients),
    demands: demandsOf(config.policy),
    sessions: {
      idleMs: sessions.idle,
      absoluteMs: sessions.absolute,
      pendingMs: sessions.pending,
      maxAnonymous: limits.anonymousSessions,
    },
    ceremonies: {
      guesses: { free: limits.guesses.free, pausesMs: limits.guesses.pauses, hard: limits.guesses.hard },
      perLogin: limits.perLogin,
      sends: [
        { max: 1, perMs: limits.sends.gap },
        { max: limits.sends.perHour, perMs: HOUR_MS },
        { max: limits.sends.perDay, perMs: 24 * HOUR_MS },
      ],
      outlay: {
        prefix: { max: limits.sends.prefixPerHour, perMs: HOUR_MS },
        country: { max: limits.sends.countryPerHour, perMs: HOUR_MS },
        address: { max: limits.sends.addressPerHour, perMs: HOUR_MS },
        all: { max: limits.sends.allPerDay, perMs: 24 * HOUR_MS },
        countries: limits.sends.countries,
      },
      pendingMs: sessions.pending,
      stepUpMs: sessions.stepUp,
      draftMs: DRAFT_MS,
      ticketMs: config.policy.firstEnrolment.ticketLife,
    },
    factors,
    ...(mailer === undefined ? {} : { mailer }),
    site: {
      service,
      publicUrl: publicUrl.origin,
      gatewayPath: config.gatewayPath,
      home: profile.home,
      loginPage: signInPage(profile, config.gatewayPath),
      contact: config.support.contact,
      defaultCountry: config.branding.country,
      usesTickets: config.policy.firstEnrolment.needs !== 'nothing',
      usesProvider: factors.list().some((factor) => factor.provider !== undefined),
    },
    policy: policyOf(config.policy, profile.identify, {
      isFree: (address) => isInside(address, freeNetworks),
      isTrusted: isTrustedPlace,
    }),
    known: needs.known,
    // What the administrator vouches for; else only a name that the application itself gave (I3), never what was typed.
    email: (identity, named) =>
      needs.known(identity)?.email ??
      (named !== undefined && isEmail(named) ? named : undefined) ??
      (profile.whoami !== undefined && isEmail(identity) ? identity : undefined),
    isAdmin: adminsOf(config.admins, profile.identify),
  };
}
