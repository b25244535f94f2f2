/**
 * Twilio Verify as a factor: codes by text, call, WhatsApp or e-mail, which the service makes, sends and judges. This file
 * decides what is asked. A verification belongs to the one question that opened it: answers are checked by its id and never by
 * the number, and what another login left pending is withdrawn first (I4). It never says yes on its own account.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import type { Enrolment, Json } from '../../gate/types.ts';
import { openPool } from '../exchange.ts';
import type { Asked, Begun, Channel, Disclosure, Factor, FactorLog, Person, Sending, Verification } from '../factor.ts';
import { numberData, numberIn } from '../number.ts';
import { readCheck, readStart, readWithdrawal, type Started, VERIFICATION_SID, type Withdrawn } from './answers.ts';
import { type ClientOptions, createAsk } from './client.ts';

export type VerifyChannel = Exclude<Channel, 'push'>;

/** Checked by the configuration: see config/factors/verify.ts. */
export interface VerifyOptions extends ClientOptions {
  /** Either `email` alone or any of the others: the first code proves an address or a number, and not both. */
  readonly channels: readonly VerifyChannel[];
  /** Language of the messages; default is the service's choice, by the number. */
  readonly locale?: string;
}

export interface VerifyNeeds {
  readonly clock: Clock;
  readonly log: FactorLog;
  /** How connections are made; a pool of undici outside tests. */
  readonly open?: ((origin: string, timeoutMs: number) => Dispatcher) | undefined;
}

/** How long the service keeps a verification, in ms. Where it was told another time, its own answer counts. */
const LIFE_MS = 10 * 60_000;
/** Wrong codes after which the service makes no verification for that number until the old one is over. */
const CHECKS = 5;
/** What a person gets when the service did not answer (I6, T8). */
const SILENT = { ok: false, reason: 'unavailable' } as const;

export function createVerify(options: VerifyOptions, needs: VerifyNeeds): Factor {
  const { channels } = options;
  const byMail = channels.includes('email');
  const pool = (needs.open ?? openPool)(new URL(options.baseUrl).origin, options.timeoutMs);
  const ask = createAsk(options, pool, needs.clock, needs.log);

  async function start(to: string, channel: Channel): Promise<Started> {
    const form = { To: to, Channel: channel, ...(options.locale === undefined ? {} : { Locale: options.locale }) };
    return ask({ name: 'start', path: 'Verifications', form }, readStart, SILENT);
  }

  async function withdraw(which: string): Promise<Withdrawn> {
    const path = `Verifications/${encodeURIComponent(which)}`;
    return ask({ name: 'withdraw', path, form: { Status: 'canceled' } }, readWithdrawal, SILENT);
  }

  /**
   * While a verification is pending for a number, the service answers every start with that one, and sends its code again: two
   * logins would share a code, and one person would answer for the other (attacks 43, 46).
   * @param mine the verification that this question has already
   */
  async function open(to: string, channel: Channel, mine: string | undefined): Promise<Started> {
    if (mine === undefined) {
      const withdrawn = await withdraw(to);
      // What the service cannot find by an address, the start will bring to light.
      if (!withdrawn.ok && withdrawn.reason !== 'number') return withdrawn;
    }
    const started = await start(to, channel);
    if (!started.ok || started.isNew || started.verification === mine) return started;
    // Another login was faster: neither has it now.
    const withdrawn = await withdraw(started.verification);
    if (!withdrawn.ok) return withdrawn;
    const again = await start(to, channel);
    return !again.ok || again.isNew ? again : SILENT;
  }

  return {
    id: 'verify',
    provider: 'Verify, a service of Twilio',
    answer: 'digits',
    digits: { min: 4, max: 10 },
    channels,
    needs: byMail ? 'email' : 'phone',
    several: false,
    singleUse: 'success',
    checksPerAddress: CHECKS,

    discloses({ phone, email }: Person): readonly Disclosure[] {
      const what = byMail ? 'email' : 'phone';
      const value = byMail ? email : phone?.e164;
      return [value === undefined ? { what } : { what, value }, { what: 'login-time' }];
    },

    async begin({ phone, email }: Person): Promise<Begun> {
      if (byMail) return email === undefined ? { ok: false, reason: 'email-missing' } : { ok: true, data: { email } };
      return phone === undefined ? { ok: false, reason: 'phone-missing' } : { ok: true, data: numberData(phone) };
    },

    async instructions({ data }: Enrolment) {
      const known = numberIn(data);
      return known === undefined ? {} : { phoneEnding: known.e164.slice(-2) };
    },

    async verify({ state }: Asked, code: string): Promise<Verification> {
      const mine = verificationIn(state);
      if (mine === undefined) return { ok: false, reason: 'expired' };
      const form = { VerificationSid: mine, Code: code };
      return ask({ name: 'check', path: 'VerificationCheck', form }, (answer) => readCheck(answer, mine), SILENT);
    },

    async send(asked: Asked, channel: Channel): Promise<Sending> {
      if (!channels.some((one) => one === channel)) return { sent: false, reason: 'channel-off' };
      const known = numberIn(asked.enrolment.data);
      const to = byMail ? addressOf(asked) : known?.e164;
      if (to === undefined) return { sent: false, reason: 'gone' };
      const started = await open(to, channel, verificationIn(asked.state));
      if (!started.ok) return { sent: false, reason: started.reason };
      const state = { verification: started.verification };
      return {
        sent: true,
        open: { state, lifeMs: LIFE_MS },
        ...(known === undefined ? {} : { ending: known.e164.slice(-2) }),
      };
    },

    async remove(): Promise<void> {
      // The service keeps a verification and nothing else, and that for minutes.
    },

    close: () => pool.close(),
  };
}

/** Only where the account still has the address that was proved: the old one may be somebody else's by now. */
function addressOf({ enrolment: { data }, person }: Asked): string | undefined {
  if (data === null || typeof data !== 'object' || !('email' in data)) return undefined;
  const { email } = data;
  return typeof email === 'string' && email === person.email ? email : undefined;
}

/** Stored data is checked like any other input: the id goes into a path. */
function verificationIn(state: Json | undefined): string | undefined {
  if (state === undefined || state === null || typeof state !== 'object' || !('verification' in state))
    return undefined;
  const { verification } = state;
  return typeof verification === 'string' && VERIFICATION_SID.test(verification) ? verification : undefined;
}
