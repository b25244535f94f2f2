/**
 * The three calls of Twilio Verify that the gateway makes, as forms, and what only an operator can mend, in the log. Reported
 * are the name of the call, the status and the service's code: never its text, which quotes numbers, and never ours.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import { exchange, jsonObject } from '../exchange.ts';
import type { FactorLog } from '../factor.ts';
import { type Answer, errorCode } from './answers.ts';

export interface ClientOptions {
  /** The account (`AC…`), or rather a key of it (`SK…`), which can be taken back by itself. */
  readonly accountSid: string;
  readonly authToken: string;
  readonly serviceSid: string;
  readonly baseUrl: string;
  /** For one whole call. */
  readonly timeoutMs: number;
}

export type CallName = 'start' | 'check' | 'withdraw';

export interface Call {
  readonly name: CallName;
  /** Below the service. Built only from checked ids, encoded addresses and fixed words. */
  readonly path: string;
  readonly form: Readonly<Record<string, string>>;
}

/** @param silent the outcome when there is no answer to read. Never throws for anything the network or the service does. */
export type Ask = <T extends object>(call: Call, read: (answer: Answer) => T, silent: T) => Promise<T>;

/** What happens to people on any day and is no news to an operator. */
const EVERYDAY: ReadonlySet<unknown> = new Set(['wrong', 'expired', 'limited', 'number']);
/** Meant for the number, but said of every parameter: one that we got wrong must not hide behind it. */
const INVALID_PARAMETER = 60_200;

export function createAsk(options: ClientOptions, pool: Dispatcher, clock: Clock, log: FactorLog): Ask {
  const { accountSid, authToken, serviceSid, baseUrl, timeoutMs } = options;
  const basePath = new URL(baseUrl).pathname.replace(/\/+$/, '');
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  return async ({ name, path, form }, read, silent) => {
    const heard = await exchange(pool, clock, timeoutMs, {
      method: 'POST',
      path: `${basePath}/v2/Services/${serviceSid}/${path}`,
      headers: { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    });
    if (!heard.ok) {
      log.warn('verify.silent', { call: name, why: heard.why });
      return silent;
    }
    const answer = { status: heard.status, body: jsonObject(heard.body) };
    const outcome = read(answer);
    const reason = 'reason' in outcome ? outcome.reason : undefined;
    const code = errorCode(answer.body) ?? null;
    if (typeof reason === 'string' && (!EVERYDAY.has(reason) || code === INVALID_PARAMETER)) {
      log.warn('verify.refused', { call: name, reason, status: answer.status, code, json: answer.body !== undefined });
    }
    return outcome;
  };
}
