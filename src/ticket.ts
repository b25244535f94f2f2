/**
 * An enrolment ticket, or a code for one sign-in, from the command line: for the first administrator and for whoever has no page
 * at hand. It needs the key file and nothing else: neither the store, which a running gateway holds, nor the gateway.
 */
import { makeTicket } from './ceremonies/tickets.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/config.ts';
import { type Env, loadConfig } from './config/load.ts';
import { createBypass } from './factors/bypass/bypass.ts';
import type { Mac } from './factors/voucher.ts';
import type { Identity } from './gate/types.ts';
import { formatProblems } from './profiles/problem.ts';
import { StartError } from './start.ts';
import { readKeyFile } from './store/key-file.ts';
import { keysFrom } from './store/keys.ts';
import { StoreError } from './store/store.ts';

export interface TicketOptions {
  readonly configPath: string;
  readonly account: string;
  readonly env: Env;
  readonly clock: Clock;
}

/** @throws StartError with one sentence that says what to do */
export async function ticketFor(options: TicketOptions) {
  const { config, identity, mac } = await open(options);
  const { firstEnrolment } = config.policy;
  const now = options.clock.now();
  return {
    identity,
    ticket: makeTicket(mac, identity, now),
    until: now + firstEnrolment.ticketLife,
    isNeeded: firstEnrolment.needs !== 'nothing',
  };
}

/** @throws StartError with one sentence that says what to do */
export async function bypassFor(options: TicketOptions) {
  const { config, identity, mac } = await open(options);
  const { bypass } = config.factors;
  if (bypass === undefined)
    throw new StartError('config', 'Codes of an administrator are off: factors.bypass is false.');
  return { identity, ...createBypass(bypass, { mac }).make(identity, options.clock.now()) };
}

async function open({
  account,
  configPath,
  env,
}: TicketOptions): Promise<{ readonly config: Config; readonly identity: Identity; readonly mac: Mac }> {
  const loaded = await loadConfig(configPath, env);
  if (!loaded.ok) throw new StartError('config', formatProblems(loaded.problems, configPath));
  const { config, profile } = loaded;
  const identity = profile.identify(account);
  if (identity === undefined) throw new StartError('store', `"${account}" cannot be the name of an account.`);
  const master = await readKeyFile(config.secrets.keyFile).catch((error: unknown) => {
    if (error instanceof StoreError) throw new StartError('store', error.message, { cause: error });
    throw error;
  });
  if (master === 'missing') {
    const path = config.secrets.keyFile;
    throw new StartError('store', `There is no key file "${path}" yet; start the gateway once, it makes one.`);
  }
  return { config, identity, mac: keysFrom(master).hmac };
}
