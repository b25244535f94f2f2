/** What no single key can know: keys that contradict each other (errors) and what is allowed but dangerous (warnings). */
import { FACTOR_IDS, type FactorId } from '../gate/types.ts';
import { hostMatcher } from '../profiles/patterns.ts';
import type { Profile } from '../profiles/profile.ts';
import type { ProfileData } from '../profiles/schema.ts';
import { isInside, parseNetwork } from '../request/client.ts';
import { checkDemands } from './demands.ts';
import { isAnyOn, isOneOn } from './factors/factors.ts';
import { isLoopback } from './loopback.ts';
import { countingFactors } from './people.ts';
import { error, type Remark, warning } from './remark.ts';
import type { ParsedConfig } from './schema.ts';
import { checkStore } from './store.ts';

export function crossCheck(config: ParsedConfig): readonly Remark[] {
  const { upstream, sessions, limits, policy, factors } = config;
  const remarks: Remark[] = [...checkStore(config.store)];
  const application = new URL(upstream.url);
  if (application.protocol === 'http:') {
    for (const key of ['ca', 'pin', 'servername'] as const) {
      if (upstream[key] !== undefined) remarks.push(error(['upstream', key], 'needs an https address in upstream.url'));
    }
    if (!isLoopback(application.hostname)) {
      remarks.push(warning(['upstream', 'url'], 'passwords and sessions cross the network in the clear; use https'));
    }
  }
  const own = new URL(config.publicUrl);
  if (own.protocol === 'http:' && !isLoopback(own.hostname)) {
    remarks.push(warning(['publicUrl'], 'without https passwords, codes and sessions can be read on the way'));
  }
  for (const [i, network] of config.trustedProxies.entries()) {
    if (network.endsWith('/0')) {
      remarks.push(
        warning(['trustedProxies', i], 'every client may claim any address, and no limit per address holds'),
      );
    }
  }
  const names = config.clients.map(({ name }) => name);
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i) remarks.push(error(['clients', i, 'name'], 'is there twice'));
  }
  if (config.management !== undefined && !isLoopback(config.management.host)) {
    remarks.push(warning(['management', 'host'], 'probes and metrics can be read from other machines'));
  }
  if (sessions.idle > sessions.absolute)
    remarks.push(error(['sessions', 'idle'], 'must not be longer than sessions.absolute'));
  if (sessions.pending > sessions.absolute) {
    remarks.push(error(['sessions', 'pending'], 'must not be longer than sessions.absolute'));
  }
  if (limits.guesses.free > limits.guesses.hard) {
    remarks.push(error(['limits', 'guesses', 'free'], 'must not be more than limits.guesses.hard'));
  }
  if (limits.sends.perHour > limits.sends.perDay) {
    remarks.push(error(['limits', 'sends', 'perHour'], 'must not be more than limits.sends.perDay'));
  }
  const levels = [policy.default, ...Object.values(policy.users)];
  if (policy.graceUntil !== undefined && !levels.includes('required')) {
    remarks.push(warning(['policy', 'graceUntil'], 'has no effect: nobody is required to have a second factor'));
  }
  for (const [name, counting] of Object.entries(policy.factors)) {
    if (!isOneOn(factors, counting)) {
      remarks.push(error(['policy', 'factors', name], 'none of these is on: nobody of them could sign in'));
    }
  }
  const { firstEnrolment } = policy;
  for (const key of ['withoutTicketFrom', 'withoutTicketUntil'] as const) {
    const isGiven = key === 'withoutTicketFrom' ? firstEnrolment[key].length > 0 : firstEnrolment[key] !== undefined;
    if (isGiven && firstEnrolment.needs === 'nothing') {
      remarks.push(error(['policy', 'firstEnrolment', key], 'needs policy.firstEnrolment.needs: ticket, or known'));
    }
  }
  for (const [i, network] of firstEnrolment.withoutTicketFrom.entries()) {
    if (network.endsWith('/0')) {
      remarks.push(
        warning(
          ['policy', 'firstEnrolment', 'withoutTicketFrom', i],
          'nobody needs a ticket: everybody is in this network',
        ),
      );
    }
  }
  remarks.push(...checkTrust(config));
  if (!isAnyOn(factors)) {
    if (levels.includes('required') || policy.routes.length > 0 || policy.stepUp.length > 0) {
      remarks.push(error(['policy'], 'requires a second factor, but every factor is off: nobody could sign in'));
    } else {
      remarks.push(warning(['factors'], 'every factor is off: passwords alone open the application'));
    }
  }
  return remarks;
}

/** What stands for a second factor must not stand for everybody's. */
function checkTrust({ listen, policy, trustedProxies }: ParsedConfig): readonly Remark[] {
  const remarks: Remark[] = [];
  const proxies = trustedProxies.map(parseNetwork);
  for (const [i, network] of policy.trustedNetworks.entries()) {
    const at = ['policy', 'trustedNetworks', i];
    if (network.endsWith('/0')) {
      remarks.push(error(at, 'everybody is in this network; to ask nobody, set policy.default to off'));
    } else if (isInside(network.split('/', 1)[0] ?? '', proxies)) {
      remarks.push(
        warning(at, 'is one of trustedProxies, and the address of a proxy is nobody’s: trusts nobody there'),
      );
    }
  }
  if (policy.trustedNetworks.length > 0 && proxies.length === 0 && listen.tls === undefined) {
    remarks.push(
      warning(
        ['policy', 'trustedNetworks'],
        'behind a proxy that trustedProxies do not name, everybody has its address',
      ),
    );
  }
  return remarks;
}

/** What the configuration and the profile must agree on. */
export function checkAgainstProfile(config: ParsedConfig, profile: ProfileData): readonly Remark[] {
  const remarks: Remark[] = [];
  const own = new URL(config.publicUrl).hostname;
  const taken = profile.hosts.public.find((pattern) => pattern !== '*' && hostMatcher(pattern)(own));
  if (taken !== undefined) {
    remarks.push(error(['publicUrl'], 'is one of hosts.public, which are passed through without a second factor'));
  }
  const clients = new Set(config.clients.map(({ name }) => name));
  for (const rule of profile.routes) {
    for (const name of rule.clients ?? []) {
      if (!clients.has(name))
        remarks.push(error(['clients'], `has no "${name}", which a route of class service names`));
    }
  }
  if (config.policy.trustedBrowser.days > 0 && profile.whoami === undefined) {
    remarks.push(
      error(
        ['policy', 'trustedBrowser', 'days'],
        'needs whoami in the profile: only the application says whose password it was',
      ),
    );
  }
  if (profile.mode === 'gateway-first') remarks.push(...checkGatewayFirst(config));
  const places = [['login', 'page', profile.login?.page] as const, ['home', undefined, profile.home] as const];
  for (const [key, inner, place] of places) {
    if (place === undefined) continue;
    if (place === config.gatewayPath || place.startsWith(`${config.gatewayPath}/`)) {
      remarks.push(error(['gatewayPath'], `hides ${inner === undefined ? key : `${key}.${inner}`} of the application`));
    }
  }
  remarks.push(...checkDemands(config, profile));
  return remarks;
}

/** Ways in that a stranger who types a name may use: nothing is sent to anybody, and no service is asked about a name. */
const AT_THE_ENTRANCE: readonly FactorId[] = ['passkey', 'totp', 'recovery', 'bypass'];
/** What a stranger cannot guess in a lifetime. */
const UNGUESSABLE: readonly FactorId[] = ['passkey', 'recovery', 'bypass'];

/** The factor is the way in, so everybody has one, and who may set up the first is an administrator's word. */
function checkGatewayFirst({ factors, policy }: ParsedConfig): readonly Remark[] {
  const mode = 'with upstream.mode: gateway-first';
  const remarks: Remark[] = [];
  if (policy.default !== 'required') remarks.push(error(['policy', 'default'], `must be required ${mode}`));
  for (const [name, level] of Object.entries(policy.users)) {
    if (level !== 'required') remarks.push(error(['policy', 'users', name], `must be required ${mode}`));
  }
  if (policy.graceUntil !== undefined) remarks.push(error(['policy', 'graceUntil'], `cannot be ${mode}`));
  // Nothing stands for a factor where nothing else was proved.
  if (policy.trustedNetworks.length > 0) remarks.push(error(['policy', 'trustedNetworks'], `cannot be ${mode}`));
  if (policy.trustedBrowser.days > 0) remarks.push(error(['policy', 'trustedBrowser', 'days'], `must be 0 ${mode}`));
  const { firstEnrolment } = policy;
  if (firstEnrolment.needs !== 'ticket') {
    remarks.push(error(['policy', 'firstEnrolment', 'needs'], `must be ticket ${mode}: nobody has proved a password`));
  }
  for (const key of ['withoutTicketFrom', 'withoutTicketUntil'] as const) {
    const isGiven = key === 'withoutTicketFrom' ? firstEnrolment[key].length > 0 : firstEnrolment[key] !== undefined;
    if (isGiven) remarks.push(error(['policy', 'firstEnrolment', key], `cannot be ${mode}`));
  }
  for (const factor of FACTOR_IDS) {
    if (!AT_THE_ENTRANCE.includes(factor) && isOneOn(factors, [factor])) {
      remarks.push(error(['factors', factor], `lets nobody in ${mode}; switch it off, and passkey or totp on`));
    }
  }
  return remarks;
}

/** An administrator of the gateway signs in by the factor alone there. */
export function checkAdministrators({ admins, policy }: ParsedConfig, profile: Profile): readonly Remark[] {
  if (profile.mode !== 'gateway-first') return [];
  const counting = countingFactors(policy, profile.identify);
  const isSafe = (name: string): boolean => {
    const identity = profile.identify(name);
    const factors = identity === undefined ? undefined : counting(identity);
    return factors?.every((factor) => UNGUESSABLE.includes(factor)) === true;
  };
  const rule =
    'with upstream.mode: gateway-first needs a line in policy.factors without codes that can be guessed: [passkey, recovery]';
  return admins.flatMap((name, i) => (isSafe(name) ? [] : [error(['admins', i], rule)]));
}
